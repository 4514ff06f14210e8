"""OME-Zarr 0.4: what readers of Zarr v2 open, with the voxels and levels of 0.5."""

from __future__ import annotations

import json

import numpy as np
import ome_zarr.io
import ome_zarr.reader
import pytest
import tensorstore
import zarr
from ome_zarr_models import open_ome_zarr
from ome_zarr_models.v04 import Image
from written import IDENTITY, NM, at, block_starts, content, hidden, noise, write

from a2ibench.data.formats import open_lazy
from a2ibench.data.writing import create
from a2ibench.errors import InputError

SHAPE = (150, 300, 270)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """The same voxels in both versions."""
    folder, voxels = tmp_path_factory.mktemp("images"), noise(SHAPE, "uint16")
    old, new = (
        write(folder / f"{version}.ome.zarr", voxels, voxel_size=(9.2, 4.6, 4.6), ome_version=version)
        for version in ("0.4", "0.5")
    )
    return old, new, voxels


def test_the_validator_accepts_it(images):
    group = zarr.open_group(images[0], mode="r", zarr_format=2)
    assert isinstance(open_ome_zarr(group), Image)
    (multiscale,) = Image.from_zarr(group).attributes.multiscales
    assert multiscale.version == "0.4"
    assert [(axis.name, axis.type, axis.unit) for axis in multiscale.axes] == [
        (name, "space", "nanometer") for name in "zyx"
    ]


def test_the_reference_reader_opens_it(images):
    location = ome_zarr.io.parse_url(images[0])
    assert location.fmt.version == "0.4"
    (node,) = ome_zarr.reader.Reader(location)()
    np.testing.assert_array_equal(np.asarray(node.data[0]), images[2])
    assert node.metadata["coordinateTransformations"][0][0]["scale"] == [9.2, 4.6, 4.6]


def test_its_levels_are_those_of_the_newer_version(images):
    groups = [zarr.open_group(path, mode="r") for path in images[:2]]
    old, new = (dict(group.arrays()) for group in groups)
    assert sorted(old) == sorted(new)
    for name, array in old.items():
        assert array.metadata.zarr_format == 2
        np.testing.assert_array_equal(array[:], new[name][:])
    described, newer = groups[0].attrs["multiscales"][0], groups[1].attrs["ome"]["multiscales"][0]
    assert described["datasets"] == newer["datasets"]


def test_chunks_are_files_in_folders_with_a_slash(images):
    array = json.loads((images[0] / "0" / ".zarray").read_text())
    assert (array["chunks"], array["dimension_separator"]) == ([128, 128, 128], "/")
    names = {file.relative_to(images[0] / "0").as_posix() for file in (images[0] / "0").rglob("*/*/*")}
    assert names == {f"{z}/{y}/{x}" for z in range(2) for y in range(3) for x in range(3)}


def test_tensorstore_and_our_own_reader_open_it(images):
    spec = {"driver": "zarr", "kvstore": {"driver": "file", "path": f"{images[0]}/0/"}}
    np.testing.assert_array_equal(tensorstore.open(spec).result().read().result(), images[2])
    with open_lazy(images[0]) as volume:
        assert volume.voxel_size == (9.2, 4.6, 4.6)
        np.testing.assert_array_equal(volume[100:140, :, :], images[2][100:140])


def test_anisotropic_levels_whose_blocks_meet(tmp_path):
    voxels = noise((270, 300, 270), "uint8")
    old, new = (
        write(tmp_path / f"{version}.zarr", voxels, voxel_size=(40.0, 10.0, 10.0), ome_version=version)
        for version in ("0.4", "0.5")
    )
    levels = [dict(zarr.open_group(path, mode="r").arrays()) for path in (old, new)]
    for name in levels[1]:
        np.testing.assert_array_equal(levels[0][name][:], levels[1][name][:])


def test_a_lost_chunk_costs_its_block_alone(tmp_path):
    path, voxels = tmp_path / "a.ome.zarr", noise(SHAPE, "uint8")
    whole = content(write(tmp_path / "whole.ome.zarr", voxels, ome_version="0.4"))
    with create(path, SHAPE, "uint8", NM, identity=IDENTITY, ome_version="0.4") as writer:
        for start in block_starts(writer, SHAPE):
            writer.write(start, at(voxels, start, writer.block))
    (hidden(path) / path.name / "1" / "0" / "0" / "0").unlink()
    with create(path, SHAPE, "uint8", NM, identity=IDENTITY, ome_version="0.4") as writer:
        assert set(block_starts(writer, SHAPE)) - writer.done == {(0, 0, 0)}
        writer.write((0, 0, 0), at(voxels, (0, 0, 0), writer.block))
        writer.finish()
    assert content(path) == whole


def test_the_other_version_is_another_output(tmp_path):
    path, voxels = tmp_path / "a.ome.zarr", noise(SHAPE, "uint8")
    write(path, voxels, count=1)
    with pytest.raises(InputError, match=r'other settings \(.*ome_version was "0\.5", is "0\.4"'):
        create(path, SHAPE, "uint8", NM, identity=IDENTITY, ome_version="0.4")
    with create(path, SHAPE, "uint8", NM, identity=IDENTITY, ome_version="0.5") as writer:
        assert len(writer.done) == 1


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif", "a.h5", "a.mrc"])
def test_other_formats_have_no_such_version(tmp_path, name):
    with pytest.raises(InputError, match=r"ome_version: .* is no OME-Zarr; give an output that ends in"):
        create(tmp_path / name, SHAPE, "uint8", NM, identity={}, ome_version="0.5")
    with pytest.raises(InputError, match=r"ome_version: got 0\.3; give 0\.4 or 0\.5"):
        create(tmp_path / "a.zarr", SHAPE, "uint8", NM, identity={}, ome_version="0.3")
    assert list(tmp_path.iterdir()) == []
