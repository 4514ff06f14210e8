"""OME-Zarr: valid, sharded, and coarser levels that are means of the finer ones."""

from __future__ import annotations

import itertools
import json

import numpy as np
import ome_zarr.io
import ome_zarr.reader
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from ome_zarr_models import open_ome_zarr
from ome_zarr_models.v05 import Image
from skimage.measure import block_reduce
from written import SHAPE, noise, write

from a2ibench.data.formats.zarr_writer import averaged, plan_levels
from a2ibench.data.writing import create
from a2ibench.errors import InputError


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    voxels = noise((300, 280, 70), "uint8")
    return write(tmp_path_factory.mktemp("image") / "a.ome.zarr", voxels, voxel_size=(8.0, 8.0, 8.0)), voxels


def test_the_validator_accepts_it(image):
    group = zarr.open_group(image[0], mode="r")
    assert isinstance(open_ome_zarr(group), Image)
    (multiscale,) = Image.from_zarr(group).attributes.ome.multiscales
    assert [(axis.name, axis.type, axis.unit) for axis in multiscale.axes] == [
        (name, "space", "nanometer") for name in "zyx"
    ]


def test_the_reference_reader_opens_it(image):
    (node,) = ome_zarr.reader.Reader(ome_zarr.io.parse_url(image[0]))()
    assert [level.shape for level in node.data] == [(300, 280, 70), (150, 140, 35), (75, 70, 18), (38, 35, 9)]
    np.testing.assert_array_equal(np.asarray(node.data[0]), image[1])


def test_levels_tell_their_scale_and_the_shift_of_their_centres(image):
    attributes = json.loads((image[0] / "zarr.json").read_text())["attributes"]["ome"]
    assert attributes["version"] == "0.5"
    for number, dataset in enumerate(attributes["multiscales"][0]["datasets"]):
        scale, translation = dataset["coordinateTransformations"]
        assert dataset["path"] == str(number)
        assert scale == {"type": "scale", "scale": [8.0 * 2**number] * 3}
        assert translation == {"type": "translation", "translation": [4.0 * (2**number - 1)] * 3}


def test_levels_are_sharded_in_chunks_of_64(image):
    group = zarr.open_group(image[0], mode="r")
    assert [array.shards for _, array in sorted(group.arrays())] == [
        (256, 256, 128),
        (128, 128, 64),
        (64, 64, 64),
        (64, 64, 64),
    ]
    for _, array in group.arrays():
        assert array.chunks == (64, 64, 64)
        assert array.metadata.dimension_names == ("z", "y", "x")


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "float32"])
def test_each_level_is_the_mean_of_the_one_before(tmp_path, dtype):
    group = zarr.open_group(write(tmp_path / "a.zarr", noise((140, 520, 30), dtype)), mode="r")
    levels = [array[:] for _, array in sorted(group.arrays())]
    assert [level.shape[1] for level in levels] == [520, 260, 130, 65, 33]
    for finer, coarser in itertools.pairwise(levels):
        padded = np.pad(finer.astype(float), [(0, n % 2) for n in finer.shape], mode="edge")
        means = block_reduce(padded, 2, np.mean)
        if coarser.dtype.kind == "f":
            np.testing.assert_allclose(coarser, means, rtol=1e-5, atol=1e-6)
        else:
            np.testing.assert_array_equal(coarser, np.rint(means))


@given(
    shape=st.tuples(*[st.integers(1, 9)] * 3),
    step=st.tuples(*[st.sampled_from([1, 2])] * 3),
    dtype=st.sampled_from(["uint8", "int8", "uint16", "int16"]),
    seed=st.integers(0, 99),
)
@settings(deadline=None)
def test_means_round_half_to_even(shape, step, dtype, seed):
    limits = np.iinfo(dtype)
    array = np.random.default_rng(seed).choice([limits.min, limits.max, 0, 1, 2, 3], shape).astype(dtype)
    padded = np.pad(
        array.astype(float), [(0, n % by) for n, by in zip(shape, step, strict=True)], mode="edge"
    )
    found = averaged(array, step)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, np.rint(block_reduce(padded, step, np.mean)))


def test_means_of_large_floats_are_finite():
    array = np.full((2, 2, 2), np.finfo(np.float32).max)
    np.testing.assert_array_equal(averaged(array, (2, 2, 2)), array[:1, :1, :1])


def test_coarse_axes_wait_for_the_others():
    levels = plan_levels((50, 400, 400), (40.0, 10.0, 10.0))
    assert [level.scale((40.0, 10.0, 10.0)) for level in levels] == [
        [40.0, 10.0, 10.0],
        [40.0, 20.0, 20.0],
        [40.0, 40.0, 40.0],
        [80.0, 80.0, 80.0],
    ]
    assert [level.shape for level in levels] == [(50, 400, 400), (50, 200, 200), (50, 100, 100), (25, 50, 50)]
    assert [level.translation((40.0, 10.0, 10.0)) for level in levels[1:]] == [
        [0.0, 5.0, 5.0],
        [0.0, 15.0, 15.0],
        [20.0, 35.0, 35.0],
    ]


def test_anisotropic_levels_are_right_where_blocks_meet(tmp_path):
    voxels = noise((270, 300, 270), "uint8")
    path = write(tmp_path / "a.zarr", voxels, voxel_size=(40.0, 10.0, 10.0))
    group = zarr.open_group(path, mode="r")
    assert isinstance(open_ome_zarr(group), Image)
    expected = np.rint(block_reduce(voxels.astype(float), (1, 2, 2), np.mean))
    np.testing.assert_array_equal(group["1"][:], expected)


def test_a_block_of_zeros_is_stored_and_its_loss_noticed(tmp_path):
    path = tmp_path / "a.zarr"
    with create(path, SHAPE, "uint8", (8.0, 8.0, 8.0), identity={}) as writer:
        for start in [(0, 0, 0), (0, 0, 256), (0, 256, 0), (0, 256, 256)]:
            size = [min(by, n - at) for at, by, n in zip(start, writer.block, SHAPE, strict=True)]
            writer.write(start, np.zeros(size, np.uint8))
    shards = [file for file in tmp_path.rglob("0/c/*/*/*") if file.is_file()]
    assert len(shards) == 4
    shards[0].unlink()
    with create(path, SHAPE, "uint8", (8.0, 8.0, 8.0), identity={}) as writer:
        assert len(writer.done) == 3
        (lost,) = {(0, 0, 0), (0, 0, 256), (0, 256, 0), (0, 256, 256)} - writer.done
        size = [min(by, n - at) for at, by, n in zip(lost, writer.block, SHAPE, strict=True)]
        writer.write(lost, np.zeros(size, np.uint8))
    with create(path, SHAPE, "uint8", (8.0, 8.0, 8.0), identity={}) as writer:
        assert len(writer.done) == 4
        next(file for file in tmp_path.rglob("0/c/*/*/*") if file.is_file()).unlink()
        with pytest.raises(InputError, match=r"is gone; give the same command again"):
            writer.finish()
    assert not path.exists()
