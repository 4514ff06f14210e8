"""HDF5 files of BigDataViewer and BigStitcher: unsigned voxels, levels, setups, and their voxel size."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from bigdataviewer_files import DATA, SETUP, XML, written

from a2ibench.data.formats import open_lazy
from a2ibench.errors import InputError


@pytest.mark.parametrize(
    "options",
    [{}, {"level": 0}, {"key": "t00000/s00"}, {"key": "t00000/s00/0"}, {"key": "/t00000/s00/0/cells"}],
)
def test_voxels_are_unsigned(tmp_path, options):
    with open_lazy(written(tmp_path), **options) as volume:
        assert (volume.dtype, volume.level, volume.key) == (np.uint16, 0, "t00000/s00/0/cells")
        np.testing.assert_array_equal(volume[:, :, :], DATA)
        np.testing.assert_array_equal(volume[3:6, 1:, 7:9], DATA[3:6, 1:, 7:9])
        assert volume.voxel_size is None


@pytest.mark.parametrize(
    "options", [{"level": 1}, {"key": "t00000/s00", "level": 1}, {"key": "t00000/s00/1"}]
)
def test_levels(tmp_path, options):
    with open_lazy(written(tmp_path), **options) as volume:
        np.testing.assert_array_equal(volume[:, :, :], DATA[:, ::2, ::2])
        assert (volume.level, volume.key) == (1, "t00000/s00/1/cells")
    with pytest.raises(InputError, match=r"level is 2, but there are 2; give 0 to 1$"):
        open_lazy(tmp_path / "b.h5", level=2)
    with pytest.raises(InputError, match=r"level is 1, but t00000/s00/0/cells is one array; remove it$"):
        open_lazy(tmp_path / "b.h5", key="t00000/s00/0/cells", level=1)


@pytest.mark.parametrize("declared", ["int16", b"int16", "UINT16"])
def test_what_a_setup_states_holds(tmp_path, declared):
    with open_lazy(written(tmp_path, declared=declared)) as volume:
        wanted = np.uint16 if declared == "UINT16" else np.int16
        assert volume.dtype == wanted
        np.testing.assert_array_equal(volume[:, :, :], DATA.view(wanted))


def test_types_of_other_sizes_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"dtype is int16, but its setup states 'uint8'; correct dataType"):
        open_lazy(written(tmp_path, declared="uint8"))


def test_bytes_stay_what_they_are(tmp_path):
    with open_lazy(written(tmp_path, dtype=np.uint8)) as volume:
        assert volume.dtype == np.uint8


def test_int16_of_other_layouts_stays_signed(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["t00000/s00/0/cells"] = DATA.view(np.int16)
    with open_lazy(tmp_path / "a.h5") as volume:
        assert volume.dtype == np.int16


def test_several_setups_and_times_need_a_key(tmp_path):
    path = written(tmp_path, setups=2, times=2)
    with pytest.raises(
        InputError, match="give key, the time point and setup to read; there are: t00000/s00, "
    ):
        open_lazy(path)
    with open_lazy(path, key="t00001/s01") as volume:
        assert volume.key == "t00001/s01/0/cells"


@pytest.mark.parametrize(
    ("unit", "size", "expected"),
    [
        ("nm", "6 5 30", (30, 5, 6)),
        ("\u00b5m", "0.006 0.005 0.03", (30, 5, 6)),
        ("micron", "0.006 0.005 0.03", (30, 5, 6)),
        ("pixel", "1.0 1.0 5.0", None),
        ("nm", "6 5", None),
    ],
)
def test_the_voxel_size_is_in_the_file_beside_it(tmp_path, unit, size, expected):
    path = written(tmp_path, setups=2)
    setups = SETUP.format(number=0, unit="nm", size="1 1 1") + SETUP.format(number=1, unit=unit, size=size)
    (tmp_path / "b.xml").write_text(XML.format(setups=setups), encoding="utf-8")
    for level, factor in enumerate((1, 2)):
        with open_lazy(path, key="t00000/s01", level=level) as volume:
            if expected is None:
                assert volume.voxel_size is None
            else:
                z, y, x = expected
                np.testing.assert_allclose(volume.voxel_size, (z, y * factor, x * factor))
    (tmp_path / "b.xml").write_text("<SpimData><Seq")
    with open_lazy(path, key="t00000/s01") as volume:
        assert volume.voxel_size is None
