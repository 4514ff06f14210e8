"""DM3 and DM4 files, written here tag by tag, read through the library of the extra."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from dm_files import written

from a2ibench.data.formats import open_lazy
from a2ibench.data.opening import open_volume
from a2ibench.errors import InputError

pytest.importorskip("rsciio", reason="a2ibench[formats] is not installed")

DATA = np.random.default_rng(6).integers(0, 60_000, (5, 20, 33)).astype(np.uint16)
NM = ("nm", "nm", "nm")


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
def test_a_stack_with_its_voxel_size(tmp_path, version, dtype):
    data = (DATA // 256 if dtype == "uint8" else DATA // 2).astype(dtype)
    path = written(tmp_path, (data, (30, 5, 6), NM), version=version)
    with open_lazy(path) as volume:
        assert volume.dtype == dtype
        np.testing.assert_array_equal(volume[:, :, :], data)
        np.testing.assert_array_equal(volume[1:4, 3:9, 7:30], data[1:4, 3:9, 7:30])
        np.testing.assert_allclose(volume.voxel_size, (30, 5, 6))
    assert open_volume(written(tmp_path, (data, (30, 5, 5), NM), version=version)).ratio == 6


@pytest.mark.parametrize(
    ("scales", "units", "expected"),
    [
        ((0.03, 0.005, 0.006), ("\u00b5m",) * 3, (30, 5, 6)),
        ((0.03, 5, 6), ("um", "nm", "nm"), (30, 5, 6)),
        ((1, 5, 6), ("", "nm", "nm"), None),
        ((1, 1, 1), ("", "", ""), None),
        ((0, 5, 6), NM, None),
    ],
)
def test_units(tmp_path, scales, units, expected):
    with open_lazy(written(tmp_path, (DATA, scales, units), version=4)) as volume:
        if expected is None:
            assert volume.voxel_size is None
        else:
            np.testing.assert_allclose(volume.voxel_size, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("units", "axis"),
    [(("", "1/nm", "1/nm"), "y in 1/nm"), (("eV", "nm", "nm"), "z in eV"), (("s", "nm", "nm"), "z in s")],
)
def test_axes_that_are_no_lengths_are_refused(tmp_path, units, axis):
    message = f"its axis {axis.replace(' in', ' is in')}, no length; give a stack of images"
    with pytest.raises(InputError, match=message):
        open_lazy(written(tmp_path, (DATA, (1, 1, 1), units)))


@pytest.mark.parametrize("version", [3, 4])
def test_one_slice_is_refused_and_a_folder_of_them_is_a_stack(tmp_path, version):
    folder = tmp_path / "slices"
    folder.mkdir()
    for number in (9, 10, 11):
        path = written(tmp_path, (DATA[number - 9], (5, 6), ("nm", "nm")), version=version)
        path.rename(folder / f"block_{number}{path.suffix}")
    with pytest.raises(
        InputError, match=r"holds no stack but images of shape \(20, 33\); give a stack, or the"
    ):
        open_lazy(folder / f"block_9.dm{version}")
    with open_lazy(folder) as volume:
        assert volume.voxel_size is None
        np.testing.assert_array_equal(volume[:, :, :], DATA[:3])
        np.testing.assert_array_equal(volume[1:2, 3:9, 4:5], DATA[1:2, 3:9, 4:5])
    path = written(tmp_path, (DATA, (1, 1, 1), NM), version=version)
    path.rename(folder / f"block_12{path.suffix}")
    with open_lazy(folder) as volume, pytest.raises(InputError, match=r"give slices of one 2D image each"):
        volume[:, :, :]


def test_several_stacks_need_a_key(tmp_path):
    path = written(tmp_path, (DATA, (30, 5, 5), NM), (DATA[:3], (60, 5, 5), NM))
    with pytest.raises(InputError, match=r"stack to read; there are: 0 \(5, 20, 33\), 1 \(3, 20, 33\)"):
        open_lazy(path)
    with pytest.raises(InputError, match=r"key '2' does not exist; stacks: 0 "):
        open_lazy(path, key="2")
    with open_lazy(path, key="1") as volume:
        np.testing.assert_array_equal(volume[:, :, :], DATA[:3])


def test_files_cut_anywhere(tmp_path):
    path = written(tmp_path, (DATA, (30, 5, 5), NM), version=4)
    content = path.read_bytes()
    for length in range(0, len(content) - 1000, 391):
        path.write_bytes(content[:length])
        with pytest.raises(InputError) as caught, open_lazy(path) as volume:
            volume[:, :, :]
        assert str(caught.value).startswith(str(path))
        assert str(caught.value).isprintable()


def test_types_that_are_no_images(tmp_path):
    with pytest.raises(InputError, match="dtype is int32; give 8- or 16-bit integers, or floats"):
        open_lazy(written(tmp_path, (DATA.astype(np.int32), (30, 5, 5), NM)))


def test_a_remote_file_is_refused(tmp_path, web):
    written(tmp_path, (DATA, (30, 5, 5), NM))
    with pytest.raises(InputError, match=r"a\.dm3: DM3 is read from local files only; download it"):
        open_lazy(f"http://127.0.0.1:{web.server_port}/a.dm3")


def test_without_the_library_the_extra_is_named(tmp_path, monkeypatch):
    path = written(tmp_path, (DATA, (30, 5, 5), NM), version=4)
    monkeypatch.setitem(sys.modules, "rsciio.digitalmicrograph", None)
    with pytest.raises(InputError) as caught:
        open_lazy(path)
    wanted = f"{path}: reading DM4 takes rosettasciio; pip install rosettasciio"
    assert str(caught.value) == wanted
