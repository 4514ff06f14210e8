"""MRC files: the sign of bytes by every kind of evidence, stacks of volumes, and files of another size."""

from __future__ import annotations

import logging
import struct

import mrcfile
import numpy as np
import pytest
from mrc_files import tissue, written

from a2ibench.data.formats import open_lazy
from a2ibench.errors import InputError

UNSIGNED, SIGNED = tissue(3, 251), tissue(-120, 117)


@pytest.mark.parametrize(
    ("voxels", "how", "said"),
    [
        (UNSIGNED, {"range_": (3, 251)}, ""),
        (UNSIGNED, {"range_": (0, 255), "version": 20141}, ""),
        (UNSIGNED, {"stamp": 0}, ""),
        (SIGNED, {"range_": (-120, 117)}, ""),
        (SIGNED, {"range_": (-128, 127), "version": 20140}, ""),
        (SIGNED, {"stamp": 1}, ""),
        # Nothing is stated: the voxels tell.
        (UNSIGNED, {}, "read as unsigned, in which neighbours differ less"),
        (UNSIGNED, {"version": 20140}, "read as unsigned, in which neighbours differ less"),
        (SIGNED, {}, "read as signed, in which neighbours differ less"),
        (SIGNED, {"range_": (0, -1), "version": 20140}, "read as signed, in which neighbours differ less"),
        # What is stated is of other voxels.
        (UNSIGNED, {"range_": (0, 100)}, "read as unsigned"),
        (UNSIGNED, {"range_": (-3e4, 3e4)}, "read as unsigned"),
        (UNSIGNED, {"range_": (float("nan"), 251)}, "read as unsigned"),
        (UNSIGNED, {"range_": (-120, 117), "stamp": 0}, "stated range is -120 to 117; the flag is obeyed"),
        (SIGNED, {"range_": (3, 251), "stamp": 1}, "stated range is 3 to 251; the flag is obeyed"),
        # They are the same either way.
        (tissue(0, 127), {}, ""),
        (tissue(0, 127), {"range_": (0, 127), "version": 20140}, ""),
    ],
)
def test_the_sign_of_bytes(tmp_path, caplog, voxels, how, said):
    with caplog.at_level(logging.WARNING, "a2ibench"), open_lazy(written(tmp_path, voxels, **how)) as volume:
        np.testing.assert_array_equal(volume[:, :, :].astype(np.int16), voxels)
        np.testing.assert_allclose(volume.voxel_size, (30, 5, 5))
    assert said in caplog.text
    assert bool(said) == bool(caplog.records)


@pytest.mark.parametrize(("version", "dtype"), [(0, "uint8"), (20140, "int8")])
def test_voxels_that_tell_nothing_are_of_the_version(tmp_path, caplog, version, dtype):
    dark = 130 + np.arange(6 * 30 * 44).reshape(6, 30, 44) % 100
    with open_lazy(written(tmp_path, dark, version=version)) as volume:
        assert volume.dtype == dtype
    assert "as the version of its format says" in caplog.text


def test_signed_bytes_of_the_reference_library(tmp_path, caplog):
    with mrcfile.new(tmp_path / "a.mrc") as file:
        file.set_data(SIGNED.astype(np.int8))
    with open_lazy(tmp_path / "a.mrc") as volume:
        np.testing.assert_array_equal(volume[:, :, :], SIGNED)
    assert not caplog.records


def stack(path, volumes: int):
    with mrcfile.new(path / "s.mrc", overwrite=True) as file:
        file.set_data(np.stack([SIGNED] * volumes))
        file.voxel_size = (50, 50, 300)
        assert file.is_volume_stack()
    return path / "s.mrc"


def test_a_stack_of_volumes_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"s\.mrc: holds 4 volumes of 6 sections each; store one of them in"):
        open_lazy(stack(tmp_path, 4))
    with open_lazy(stack(tmp_path, 1)) as volume:
        np.testing.assert_array_equal(volume[:, :, :], SIGNED)


@pytest.mark.parametrize("each", [0, -1, 5])
def test_a_stack_of_broken_volumes_is_refused(tmp_path, each):
    path = stack(tmp_path, 2)
    content = bytearray(path.read_bytes())
    content[36:40] = struct.pack("<i", each)
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"12 sections are no whole number of volumes of {each} each"):
        open_lazy(path)


def padded_array(path):
    np.save(path / "a.npy", SIGNED)
    return path / "a.npy"


@pytest.mark.parametrize("write", [lambda path: written(path, UNSIGNED, range_=(3, 251)), padded_array])
def test_files_that_are_longer_than_they_say(tmp_path, caplog, write):
    path = write(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content + bytes(512))
    with open_lazy(path) as volume:
        assert volume.shape == SIGNED.shape
    assert "512 bytes of zeros behind its voxels are taken for padding" in caplog.text
    for more in (b"\1", bytes(100) + b"\1", content, bytes(2**16 + 1)):
        path.write_bytes(content + more)
        said = "1 byte" if len(more) == 1 else f"{len(more)} bytes"
        with pytest.raises(InputError, match=f"holds {said} more than its header says: "):
            open_lazy(path)
