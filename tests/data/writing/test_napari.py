"""napari's own readers open what is written with its voxel size; no viewer is needed for it."""

from __future__ import annotations

import numpy as np
import pytest
from written import noise, write

SIZE = (9.2, 4.6, 4.7)
_NM = {"nm": 1, "nanometer": 1, "um": 1000, "µm": 1000}


def layer(reader, path):
    """The one image layer that a reader makes of a file: its voxels, and what it tells of them."""
    ((data, told, kind),) = reader(str(path))(str(path))
    assert kind == "image"
    return data, told


def voxel_size(told):
    return [_NM[unit] * size for unit, size in zip(told["units"], told["scale"], strict=True)]


@pytest.mark.parametrize(
    ("name", "dtype"),
    [("a.tif", "uint8"), ("a.tif", "float32"), ("a.tif", "int8"), ("a.ome.tif", "uint16")],
)
def test_tiff(tmp_path, name, dtype):
    plugin = pytest.importorskip("napari_tiff.napari_tiff_reader", reason="napari-tiff is not installed")
    voxels = noise((5, 20, 30), dtype)
    data, told = layer(plugin.napari_get_reader, write(tmp_path / name, voxels, voxel_size=SIZE))
    np.testing.assert_array_equal(data, voxels)
    assert voxel_size(told) == pytest.approx(SIZE)
    assert tuple(told["axis_labels"]) == ("z", "y", "x")
    # napari names the layer after the file then.
    assert told["name"] is None
    assert not told["rgb"]


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_ome_zarr(tmp_path, version):
    plugin = pytest.importorskip(
        "napari_ome_zarr", reason="napari-ome-zarr, which brings napari, is not installed"
    )
    voxels = noise((30, 150, 140), "uint16")
    path = write(tmp_path / "a.ome.zarr", voxels, voxel_size=SIZE, ome_version=version)
    levels, told = layer(plugin.napari_get_reader, path)
    np.testing.assert_array_equal(levels[0], voxels)
    assert [level.shape for level in levels[1:]] == [(30, 75, 70), (15, 38, 35)]
    assert voxel_size(told) == pytest.approx(SIZE)
    assert tuple(told["axis_labels"]) == ("z", "y", "x")
    np.testing.assert_allclose(told["affine"].translate, 0)


def test_mrc(tmp_path):
    plugin = pytest.importorskip("napari_mrcfile_reader", reason="napari-mrcfile-reader is not installed")
    voxels = noise((5, 20, 30), "int16")
    data, told = layer(plugin.napari_get_reader, write(tmp_path / "a.mrc", voxels, voxel_size=SIZE))
    np.testing.assert_array_equal(data, voxels)
    # Its release 0.2.0 tells no voxel size; the header does.
    assert "scale" not in told or np.ptp(np.asarray(told["scale"]) / SIZE) == pytest.approx(0, abs=1e-6)
