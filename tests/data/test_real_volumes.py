"""Every real volume of the catalogue beside the repository, where there is one."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import tifffile
from skimage.measure import block_reduce

from a2ibench.data.catalogue import load_catalogue
from a2ibench.data.fetch import fetch
from a2ibench.data.opening import open_dataset, open_volume
from a2ibench.errors import InputError

SHAPES = {
    "epfl-ca1-15nm": (50, 240, 341),
    "epfl-ca1-5nm": (50, 170, 256),
    "fib25-val": (320, 320, 320),
    "fib25-train2": (250, 250, 250),
    "hemibrain-128": (128, 128, 128),
    "vnc-sstem": (20, 1024, 1024),
    "isbi2012": (30, 512, 512),
    "tiny-epfl": (64, 64, 64),
    "tiny-fib25": (64, 64, 64),
}


@pytest.fixture(scope="module")
def catalogue(shared_data):
    return load_catalogue(shared_data / "datasets.toml")


def test_every_entry_is_opened_below(catalogue):
    assert set(SHAPES) == set(catalogue)


@pytest.mark.parametrize("name", SHAPES)
def test_an_entry_opens_as_described(catalogue, name):
    spec = catalogue[name]
    path = fetch(spec)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == spec.sha256
    volume = open_dataset(spec)
    assert volume.shape == SHAPES[name]
    assert volume.data.dtype == np.uint8
    assert volume.data.flags.c_contiguous
    assert volume.intensity == (0, 255)
    assert volume.voxel_size == tuple(size * spec.bin for size in spec.voxel_size)
    stored = tifffile.imread(path)
    expected = stored
    if spec.bin > 1:
        whole = stored[tuple(slice(size // spec.bin * spec.bin) for size in stored.shape)]
        expected = np.rint(block_reduce(whole.astype(np.float64), (spec.bin,) * 3, np.mean))
    np.testing.assert_array_equal(volume.data, expected)


def test_a_real_file_without_metadata_needs_a_voxel_size(shared_data):
    with pytest.raises(InputError, match="tells no voxel size"):
        open_volume(shared_data / "tiny_epfl_ca1_64.tif")
    assert open_volume(shared_data / "tiny_epfl_ca1_64.tif", voxel_size=(5, 5, 5)).shape == (64, 64, 64)
