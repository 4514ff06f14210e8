"""What this project writes is read back: voxels, and the voxel size that the format can tell."""

from __future__ import annotations

import numpy as np
import pytest

from a2ibench.data.formats import open_lazy
from a2ibench.data.writing import create

SIZE = (8.25, 4.6, 4.7)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
@pytest.mark.parametrize("name", ["a.ome.zarr", "a.tif", "a.h5", "a.mrc"])
def test_an_output_is_read_back(tmp_path, name, dtype):
    voxels = np.random.default_rng(0).integers(0, 99, (20, 50, 70)).astype(dtype)
    with create(tmp_path / name, voxels.shape, dtype, SIZE, identity={}) as writer:
        for z in range(0, 20, writer.block[0]):
            for y in range(0, 50, writer.block[1]):
                for x in range(0, 70, writer.block[2]):
                    block = (slice(at, at + n) for at, n in zip((z, y, x), writer.block, strict=True))
                    writer.write((z, y, x), voxels[tuple(block)])
        writer.finish()
    with open_lazy(tmp_path / name) as volume:
        # MRC has no unsigned bytes, and its lengths are float32.
        assert volume.dtype == ("uint16" if (name, dtype) == ("a.mrc", "uint8") else dtype)
        assert volume.voxel_size == pytest.approx(SIZE, rel=1e-6 if name == "a.mrc" else 1e-12)
        np.testing.assert_array_equal(volume[:, :, :], voxels)
        np.testing.assert_array_equal(volume[3:9, 10:40, 5:], voxels[3:9, 10:40, 5:])
