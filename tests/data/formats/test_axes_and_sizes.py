"""Axis orders and voxel sizes that the metadata of each format state."""

from __future__ import annotations

import itertools
import json
import struct

import h5py
import mrcfile
import numpy as np
import pytest
import tensorstore
import tifffile
import zarr

from a2ibench.data.formats import open_lazy
from a2ibench.data.formats.metadata import nanometres, usable
from a2ibench.data.opening import open_volume
from a2ibench.errors import InputError

DATA = np.random.default_rng(0).integers(1, 99, (5, 8, 13)).astype(np.int16)
ORDERS = ["".join(order) for order in itertools.permutations("zyx")]


def arranged(order: str) -> np.ndarray:
    """Return the voxels with their axes in another order."""
    return np.ascontiguousarray(DATA.transpose(["zyx".index(letter) for letter in order]))


def check(path, size=None, **options) -> None:
    with open_lazy(path, **options) as volume:
        assert volume.shape == DATA.shape
        np.testing.assert_array_equal(volume[1:4, 2:, 3:11], DATA[1:4, 2:, 3:11])
        if size is None:
            assert volume.voxel_size is None
        else:
            np.testing.assert_allclose(volume.voxel_size, size)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_tiff(tmp_path, order, compression):
    options = {"photometric": "minisblack", "compression": compression}
    tifffile.imwrite(tmp_path / "a.tif", arranged(order), metadata={"axes": order.upper()}, **options)
    check(tmp_path / "a.tif")
    sizes = {f"PhysicalSize{axis}": size for axis, size in zip("ZYX", (40, 4, 5), strict=True)}
    units = {f"{name}Unit": "nm" for name in sizes}
    metadata = {"axes": "ZYX"} | sizes | units
    tifffile.imwrite(tmp_path / "a.ome.tif", DATA, metadata=metadata, compression=compression)
    check(tmp_path / "a.ome.tif", (40, 4, 5))


@pytest.mark.parametrize("order", ORDERS)
def test_mrc(tmp_path, order):
    with mrcfile.new(tmp_path / "a.mrc") as file:
        file.set_data(arranged(order))
        file.header.maps, file.header.mapr, file.header.mapc = (" xyz".index(letter) for letter in order)
        file.header.mx, file.header.my, file.header.mz = 26, 8, 5
        file.header.cella = (26 * 40, 8 * 40, 5 * 400)
    check(tmp_path / "a.mrc", (40, 4, 4))


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("extended", [b"", b"x" * 1024])
def test_mrc_of_both_byte_orders_with_and_without_an_extended_header(tmp_path, byteorder, extended):
    with mrcfile.new(tmp_path / "a.mrc") as file:
        file.set_data(DATA.astype(f"{byteorder}i2"))
        file.set_extended_header(np.frombuffer(extended, "V1") if extended else np.array(b"", "V"))
        file.voxel_size = (40, 50, 400)
    assert (tmp_path / "a.mrc").read_bytes()[212:213] == (b"D" if byteorder == "<" else b"\x11")
    check(tmp_path / "a.mrc", (40, 5, 4))


@pytest.mark.parametrize(("flags", "dtype"), [(0, np.uint8), (1, np.int8)])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_bytes_of_imod_are_unsigned_unless_it_says_otherwise(tmp_path, flags, dtype, byteorder):
    path = tmp_path / "a.mrc"
    with mrcfile.new(path) as file:
        file.set_data((DATA - 50).astype("i1").astype(f"{byteorder}i1"))
    content = bytearray(path.read_bytes())
    if byteorder == ">":
        content[:224] = np.frombuffer(content[:224], "<u4").byteswap().tobytes()
        content[208:216] = b"MAP \x11\x11\0\0"
    content[152:160] = struct.pack(f"{byteorder}ii", 1146047817, flags)
    path.write_bytes(content)
    with open_lazy(path) as volume:
        assert volume.dtype == dtype
        np.testing.assert_array_equal(volume[:, :, :], (DATA - 50).astype("i1").view(dtype))


def test_mrc_without_a_cell_tells_no_size(tmp_path):
    with mrcfile.new(tmp_path / "a.mrc") as file:
        file.set_data(DATA)
        file.header.cella = (0, 0, 0)
    check(tmp_path / "a.mrc")
    with pytest.raises(InputError, match=r"tells no voxel size; give voxel_size \(z, y, x\) in nm"):
        open_volume(tmp_path / "a.mrc")


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("how", ["axistags", "labels"])
def test_hdf5(tmp_path, order, how):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        dataset = file.create_dataset("raw", data=arranged(order)[np.newaxis, ..., np.newaxis])
        if how == "axistags":
            dataset.attrs[how] = json.dumps({"axes": [{"key": name} for name in f"t{order}c"]})
        else:
            for dimension, name in zip(dataset.dims, f"t{order}c", strict=True):
                dimension.label = name
        dataset.attrs["element_size_um"] = (0.04, 0.004, 0.005)
    check(tmp_path / "a.h5", (40, 4, 5))


def test_cremi_states_nanometres(tmp_path):
    with h5py.File(tmp_path / "a.hdf", "w") as file:
        file.create_dataset("volumes/raw", data=DATA).attrs["resolution"] = (40.0, 4.0, 4.0)
    check(tmp_path / "a.hdf", (40, 4, 4), key="volumes/raw")


@pytest.mark.parametrize("axis", [0, 4])
def test_several_channels_or_times_are_refused(tmp_path, axis):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = np.repeat(DATA[np.newaxis, ..., np.newaxis], 2, axis)
        dataset = file.create_dataset("raw", data=data)
        for dimension, name in zip(dataset.dims, "tzyxc", strict=True):
            dimension.label = name
    with pytest.raises(InputError, match=r"2 (time points|channels) .*; give a volume with one only"):
        open_lazy(tmp_path / "a.h5", key="raw")


@pytest.mark.parametrize("order", ORDERS)
def test_zarr_names_its_dimensions(tmp_path, order):
    units = {"units": ["nm"] * 3, "resolution": [{"z": 40, "y": 4, "x": 5}[name] for name in order]}
    array = zarr.create_array(
        tmp_path / "a.zarr", data=arranged(order), dimension_names=list(order), attributes=units
    )
    assert array.metadata.zarr_format == 3
    check(tmp_path / "a.zarr", (40, 4, 5))
    named = units | {"_ARRAY_DIMENSIONS": list(order)}
    zarr.create_array(tmp_path / "b.zarr", data=arranged(order), zarr_format=2, attributes=named)
    check(tmp_path / "b.zarr", (40, 4, 5))


def test_a_size_without_a_unit_is_not_guessed(tmp_path):
    zarr.create_array(tmp_path / "a.zarr", data=DATA, attributes={"resolution": [40, 4, 4]})
    check(tmp_path / "a.zarr")


def write_n5(path, attributes, group=None, data=DATA, place="s0") -> None:
    spec = {
        "driver": "n5",
        "kvstore": {"driver": "file", "path": f"{path}/{place}"},
        "metadata": {
            "dimensions": data.shape[::-1],
            "blockSize": (5,) * data.ndim,
            "dataType": "int16",
            "compression": {"type": "gzip"},
        },
    }
    tensorstore.open(spec, create=True).result().write(data.T).result()
    file = path / place / "attributes.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | attributes))
    if group is not None:
        (path / "attributes.json").write_text(json.dumps(group))


COSEM = {
    "transform": {"axes": ["z", "y", "x"], "scale": [5.24, 4, 4], "units": ["nm"] * 3, "translate": [0] * 3}
}
VIEWER = {"pixelResolution": {"dimensions": [4, 5, 40], "unit": "nm"}}


@pytest.mark.parametrize(
    ("attributes", "group", "size"),
    [
        (COSEM, None, (5.24, 4, 4)),
        (VIEWER, None, (40, 5, 4)),
        (VIEWER | {"downsamplingFactors": [2, 2, 1]}, None, (40, 10, 8)),
        ({"downsamplingFactors": [2, 2, 1]}, VIEWER, (40, 10, 8)),
        ({"resolution": [0.004, 0.005, 0.04], "units": ["um"] * 3}, None, (40, 5, 4)),
        ({"resolution": [4, 5, 40]}, None, None),
        ({}, None, None),
    ],
)
def test_n5(tmp_path, attributes, group, size):
    write_n5(tmp_path / "a.n5", attributes, group)
    check(tmp_path / "a.n5", size)
    check(tmp_path / "a.n5" / "s0", size)
    check(tmp_path / "a.n5", size, key="s0")


def test_levels_of_n5_are_picked_by_number(tmp_path):
    path = tmp_path / "a.n5"
    write_n5(path, {}, place="em/s0")
    write_n5(path, {"downsamplingFactors": [2, 2, 1]}, place="em/s1", data=DATA[:, ::2, ::2])
    (path / "em" / "attributes.json").write_text(json.dumps(VIEWER))
    with open_lazy(path) as volume:
        assert (volume.key, volume.level, volume.voxel_size) == ("em/s0", 0, (40, 5, 4))
    for key in ("em", None):
        with open_lazy(path, key=key, level=1) as volume:
            assert (volume.key, volume.level, volume.voxel_size) == ("em/s1", 1, (40, 10, 8))
            np.testing.assert_array_equal(volume[:, :, :], DATA[:, ::2, ::2])
    with pytest.raises(InputError, match=r"level is 2, but there are \[0, 1\]; give one of them"):
        open_lazy(path, level=2)


PER_LEVEL = [
    {"path": "s0", "transform": COSEM["transform"]},
    {"path": "s1", "transform": COSEM["transform"] | {"scale": [21, 8, 8]}},
]
GROUPS = [
    ({"scales": [[1, 1, 1], [2, 2, 1]]} | VIEWER, (40, 10, 8)),
    ({"downsamplingFactors": [[1, 1, 1], [4, 4, 2]]} | VIEWER, (80, 20, 16)),
    # Nothing tells what the coarser level is of the finest.
    (VIEWER, None),
    ({"scales": [[1, 1, 1]]} | VIEWER, None),
    ({"scales": 2} | VIEWER, None),
    ({"multiscales": [{"datasets": PER_LEVEL}]}, (21, 8, 8)),
]


@pytest.mark.parametrize(("group", "size"), GROUPS)
def test_levels_of_n5_without_attributes_of_their_own(tmp_path, group, size):
    path = tmp_path / "a.n5"
    for number in (0, 1):
        write_n5(path, {}, place=f"em/s{number}")
    (path / "em" / "attributes.json").write_text(json.dumps(group))
    finest = (5.24, 4, 4) if "multiscales" in group else (40, 5, 4)
    check(path, finest)
    check(path / "em" / "s0", finest)
    check(path, size, level=1)
    check(path / "em" / "s1", size)
    check(path, size, key="em/s1")


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("inner", ["scale1/image", "a/b/c"])
def test_an_array_deep_inside_an_image_has_its_voxel_size(tmp_path, version, inner):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=version)
    group.create_array(f"em/{inner}", data=DATA)
    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]
    scale = [{"type": "scale", "scale": [0.02, 0.002, 0.002]}]
    twice = [{"type": "scale", "scale": [2, 2, 2]}]
    dataset = {"path": inner, "coordinateTransformations": scale}
    image = {"axes": axes, "datasets": [dataset], "coordinateTransformations": twice}
    group["em"].attrs["multiscales"] = [image]
    check(tmp_path / "a.zarr", (40, 4, 4))
    check(tmp_path / "a.zarr" / "em" / inner, (40, 4, 4))
    check(tmp_path / "a.zarr", (40, 4, 4), key=f"em/{inner}")


def test_dimension_names_count_where_an_image_states_fewer_axes(tmp_path):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w")
    names = ["c", "x", "y", "z", "t"]
    group.create_array("1", data=DATA.T[np.newaxis, ..., np.newaxis], dimension_names=names)
    group.create_array("2", data=DATA.T[np.newaxis, ..., np.newaxis])
    axes = [{"name": name, "type": "space", "unit": "nanometer"} for name in "cxyz"]
    scale = [{"type": "scale", "scale": [1, 4, 5, 40]}]
    datasets = [{"path": path, "coordinateTransformations": scale} for path in "12"]
    group.attrs["multiscales"] = [{"axes": axes, "datasets": datasets}]
    check(tmp_path / "a.zarr", (40, 5, 4))
    with pytest.raises(InputError, match="damaged: axes c, x, y, z are stated for an array of shape"):
        open_lazy(tmp_path / "a.zarr", level=1)


def write_precomputed(path, number, channels=1) -> None:
    data = DATA[:, ::number, ::number].T[..., np.newaxis].repeat(channels, 3)
    spec = {
        "driver": "neuroglancer_precomputed",
        "kvstore": {"driver": "file", "path": f"{path}/"},
        "multiscale_metadata": {"data_type": "int16", "num_channels": channels, "type": "image"},
        "scale_metadata": {
            "size": data.shape[:3],
            "encoding": "raw",
            "chunk_size": (4, 4, 4),
            "resolution": (4 * number, 5 * number, 40),
            "voxel_offset": (100, -7, 3),
        },
    }
    tensorstore.open(spec, create=True).result().write(data).result()


def test_scales_of_precomputed_volumes(tmp_path):
    write_precomputed(tmp_path / "p", 1)
    write_precomputed(tmp_path / "p", 2)
    check(tmp_path / "p", (40, 5, 4))
    for options in ({"level": 1}, {"key": "8_10_40"}):
        with open_lazy(tmp_path / "p", **options) as volume:
            assert (volume.key, volume.level, volume.voxel_size) == ("8_10_40", 1, (40, 10, 8))
            np.testing.assert_array_equal(volume[:, :, :], DATA[:, ::2, ::2])
    with pytest.raises(InputError, match=r"level is 2, but there are 2; give 0 to 1$"):
        open_lazy(tmp_path / "p", level=2)
    with pytest.raises(InputError, match=r"key '1_1_1' does not exist; there are: 4_5_40, 8_10_40$"):
        open_lazy(tmp_path / "p", key="1_1_1")


def test_precomputed_volumes_of_several_channels_are_refused(tmp_path):
    write_precomputed(tmp_path / "p", 1, channels=2)
    with pytest.raises(InputError, match=r"2 channels .*; give a volume with one only"):
        open_lazy(tmp_path / "p")


def test_fortran_order_of_numpy(tmp_path):
    np.save(tmp_path / "a.npy", np.asfortranarray(DATA))
    check(tmp_path / "a.npy")
    np.save(tmp_path / "a.npy", DATA[np.newaxis])
    check(tmp_path / "a.npy")


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("nm", 1),
        ("Nanometers", 1),
        ("micrometre", 1e3),
        ("\u00b5m", 1e3),
        ("\u03bcm", 1e3),
        ("\u212b", 0.1),
        (" m ", 1e9),
    ],
)
def test_names_of_units(unit, expected):
    assert nanometres(unit) == expected


@pytest.mark.parametrize("unit", ["", "pixel", None, 3, "s", "lightyear"])
def test_names_of_no_units(unit):
    with pytest.raises(KeyError):
        nanometres(unit)


@pytest.mark.parametrize(
    "sizes", [None, (), (1, 2), (1, 2, 0), (1, 2, float("nan")), (1, 2, -3), ("a", 1, 1)]
)
def test_unusable_sizes_are_none(sizes):
    assert usable(sizes) is None
