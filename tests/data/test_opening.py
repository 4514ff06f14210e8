"""Opening files and catalogue entries: dispatch, preparation, and the volumes that are refused."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from skimage.measure import block_reduce

from a2ibench.contracts import DatasetSpec
from a2ibench.data.opening import open_dataset, open_volume
from a2ibench.errors import InputError

RANDOM = np.random.default_rng(0)
STACK = RANDOM.integers(0, 255, (8, 21, 34)).astype(np.uint8)
NM = (15.0, 5.0, 5.0)


def saved(path: Path, data: np.ndarray) -> Path:
    tifffile.imwrite(path, data, photometric="minisblack")
    return path


@pytest.fixture
def spec(tmp_path) -> DatasetSpec:
    return DatasetSpec("tiny", "Tiny", NM, path=saved(tmp_path / "a.tif", STACK))


def test_texts_are_accepted_as_paths(tmp_path):
    path = saved(tmp_path / "my volume.tif", STACK)
    assert open_volume(str(path), voxel_size=NM).name == "my volume"
    assert open_volume(str(path), voxel_size=NM, name="mine").name == "mine"


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        ("a.tif", lambda path: None, "no such file; check the path"),
        ("a.tif", lambda path: path.mkdir(), "is a folder; give one file"),
        (
            "a.bmp",
            lambda path: path.write_bytes(b"\x89PNG"),
            "unknown format; give a file that ends in .tif, .tiff",
        ),
        (
            "a",
            lambda path: path.write_bytes(b""),
            "unknown format; give a file that ends in .tif, .tiff, .h5",
        ),
    ],
)
def test_a_path_that_leads_to_no_volume(tmp_path, name, make, message):
    path = tmp_path / name
    make(path)
    with pytest.raises(InputError) as caught:
        open_volume(path, voxel_size=NM)
    assert str(caught.value).startswith(f"{path}: {message}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"voxel_size": (5, 5)}, "a: voxel_size: got (5, 5); give 3 positive numbers (z, y, x) in nm"),
        (
            {"voxel_size": ("x", 5, 5)},
            "a: voxel_size: got ('x', 5, 5); give 3 positive numbers (z, y, x) in nm",
        ),
        ({"voxel_size": 5}, "a: voxel_size: got 5; give 3 positive numbers (z, y, x) in nm"),
        ({"voxel_size": (5, -5, 5)}, "a: voxel_size: got (5, -5, 5); give 3 positive numbers"),
        ({"voxel_size": NM, "intensity": (1,)}, "a: intensity is (1,); give 2 numbers (low, high)"),
        (
            {"voxel_size": NM, "intensity": (9, 1)},
            "a: intensity range is (9.0, 1.0); give two finite numbers",
        ),
    ],
)
def test_arguments_that_make_no_sense(tmp_path, arguments, message):
    path = saved(tmp_path / "a.tif", STACK)
    with pytest.raises(InputError, match=f"^{re.escape(message)}"):
        open_volume(path, **arguments)


def test_a_declared_intensity_wins(tmp_path):
    path = saved(tmp_path / "a.tif", STACK)
    assert open_volume(path, voxel_size=NM).intensity == (0, 255)
    assert open_volume(path, voxel_size=NM, intensity=(10, 200)).intensity == (10, 200)
    floats = saved(tmp_path / "b.tif", STACK.astype(np.float32) / 3)
    assert open_volume(floats, voxel_size=NM).intensity == (
        STACK.min() / np.float32(3),
        STACK.max() / np.float32(3),
    )
    assert open_volume(floats, voxel_size=NM, intensity=(0, 1)).intensity == (0, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data * np.float32("nan"), "a: 5712 of 5712 voxels are NaN or infinite"),
        (
            lambda data: np.where(data == data[0, 0, 0], np.inf, data).astype(np.float32),
            "are NaN or infinite",
        ),
        (lambda data: data * 0 + 3, "a: every voxel is 3; give a volume that shows something"),
    ],
    ids=["nan", "inf", "constant"],
)
def test_volumes_that_show_nothing_usable(tmp_path, change, message):
    path = saved(tmp_path / "a.tif", change(STACK))
    with pytest.raises(InputError, match=message):
        open_volume(path, voxel_size=NM)


def test_doubles_too_large_for_float32_are_reported(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["raw"] = np.where(STACK == 0, 1e300, STACK)
    with pytest.raises(InputError, match=f"a: {(STACK == 0).sum()} of 5712 voxels are NaN or infinite"):
        open_volume(tmp_path / "a.h5", voxel_size=NM)


def test_a_dataset_is_its_file(spec):
    volume = open_dataset(spec)
    np.testing.assert_array_equal(volume.data, STACK)
    assert (volume.name, volume.voxel_size, volume.intensity) == ("tiny", NM, (0, 255))


def test_a_dataset_is_cropped_then_binned(spec):
    volume = open_dataset(replace(spec, crop=((1, 8), (0, 20), (3, 30)), bin=3, intensity=(5, 250)))
    expected = np.rint(block_reduce(STACK[1:7, :18, 3:30].astype(float), (3, 3, 3), np.mean))
    np.testing.assert_array_equal(volume.data, expected)
    assert volume.data.dtype == np.uint8
    assert volume.data.flags.c_contiguous
    assert volume.data.base is None
    assert (volume.voxel_size, volume.intensity) == ((45, 15, 15), (5, 250))


def test_the_range_of_floats_is_that_of_the_prepared_volume(tmp_path, spec):
    data = STACK.astype(np.float32)
    data[0, 0, 0] = 1e6
    cropped = replace(spec, path=saved(tmp_path / "b.tif", data), crop=((1, 8), (0, 21), (0, 34)))
    assert open_dataset(cropped).intensity == (STACK[1:].min(), STACK[1:].max())


def test_voxels_that_are_not_finite_can_be_cropped_off(tmp_path, spec):
    data = STACK.astype(np.float32)
    data[0, 3] = np.nan
    bad = replace(spec, path=saved(tmp_path / "b.tif", data))
    with pytest.raises(InputError, match="tiny: 34 of 5712 voxels are NaN or infinite"):
        open_dataset(bad)
    assert open_dataset(replace(bad, crop=((1, 8), (0, 21), (0, 34)))).shape == (7, 21, 34)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"crop": ((0, 9), (0, 21), (0, 34))},
            r"tiny: crop is \[0, 9\] along z, but the volume has 8 voxels",
        ),
        ({"bin": 30}, "tiny: bin is 30, but the volume is"),
        ({"bin": 5}, r"tiny: shape \(z, y, x\) is \(1, 4, 6\); give at least 2 slices"),
        ({"key": "raw"}, "key is 'raw', but a TIFF file holds no named datasets"),
    ],
)
def test_entries_that_do_not_fit_their_file(spec, change, message):
    with pytest.raises(InputError, match=message):
        open_dataset(replace(spec, **change))


def test_opening_imports_no_heavy_library():
    code = (
        "import sys, a2ibench.data.catalogue, a2ibench.data;"
        "print({'torch', 'tifffile', 'h5py', 'skimage', 'pandas', 'requests'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_the_catalogue_imports_no_numpy():
    code = "import sys, a2ibench.data.catalogue; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
