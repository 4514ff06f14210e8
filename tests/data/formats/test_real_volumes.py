"""Blocks of the real volumes beside the repository are those of the whole file."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from a2ibench.data.catalogue import load_catalogue
from a2ibench.data.formats import open_lazy


@pytest.mark.parametrize(
    "name",
    ["epfl-ca1-15nm", "fib25-val", "hemibrain-128", "vnc-sstem", "isbi2012", "tiny-epfl", "tiny-fib25"],
)
def test_blocks_of_real_volumes(shared_data, name):
    path = load_catalogue(shared_data / "datasets.toml")[name].path
    whole = tifffile.imread(path)
    random = np.random.default_rng(0)
    with open_lazy(path) as volume:
        assert volume.shape == whole.shape
        for _ in range(20):
            bounds = (np.sort(random.integers(0, size + 1, 2)) for size in volume.shape)
            block = tuple(slice(int(start), int(stop)) for start, stop in bounds)
            np.testing.assert_array_equal(volume[block], whole[block])
