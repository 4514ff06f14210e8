"""Axes by every word that metadata have for them, and none where the words say nothing."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
import tensorstore
import zarr

from a2ibench.data.formats import open_lazy
from a2ibench.errors import InputError

DATA = np.random.default_rng(2).integers(1, 255, (4, 9, 14)).astype(np.uint8)


def labels(path, names, data):
    with h5py.File(path / "a.h5", "w") as file:
        file["raw"] = data
        for dimension, name in zip(file["raw"].dims, names, strict=True):
            dimension.label = name
    return path / "a.h5"


def axistags(path, names, data):
    with h5py.File(path / "a.h5", "w") as file:
        file["raw"] = data
        file["raw"].attrs["axistags"] = json.dumps({"axes": [{"key": name} for name in names]})
    return path / "a.h5"


def zarr2(path, names, data):
    array = zarr.create_array(path / "a.zarr", data=data, zarr_format=2, overwrite=True)
    array.attrs["_ARRAY_DIMENSIONS"] = list(names)
    return path / "a.zarr"


def zarr3(path, names, data):
    zarr.create_array(path / "a.zarr", data=data, dimension_names=list(names), overwrite=True)
    return path / "a.zarr"


WAYS = [labels, axistags, zarr2, zarr3]


@pytest.mark.parametrize("write", WAYS)
@pytest.mark.parametrize(
    "names",
    [
        ("time", "y", "x"),
        ("channel", "row", "col"),
        ("y", "x", "c"),
        ("Frame", "Y", "X"),
        ("z", "y", "c"),
        ("angle", "y", "x"),
        ("z", "y", "y"),
        ("t", "dim_1", "dim_2"),
    ],
)
def test_other_axes_are_not_taken_for_z_y_and_x(tmp_path, write, names):
    with pytest.raises(InputError, match=r"axes .* of shape \(4, 9, 14\); give a 3D volume with axes z, y"):
        open_lazy(write(tmp_path, names, DATA))


@pytest.mark.parametrize("write", WAYS)
@pytest.mark.parametrize("names", [("dim_0", "dim_1", "dim_2"), ("a", "b", "d"), ("axis 0", "axis 1", "?")])
def test_names_that_say_nothing(tmp_path, write, names):
    with open_lazy(write(tmp_path, names, DATA)) as volume:
        np.testing.assert_array_equal(volume[:, :, :], DATA)


@pytest.mark.parametrize("write", WAYS)
@pytest.mark.parametrize(
    ("names", "order"),
    [
        (("col", "row", "pln"), (2, 1, 0)),
        (("Y", "Z", "X"), (1, 0, 2)),
        (("x", "y", "slice"), (2, 1, 0)),
        (("x", "y", "dim_2"), (2, 1, 0)),
        (("depth", "height", "width"), (0, 1, 2)),
    ],
)
def test_other_words_and_orders_are_obeyed(tmp_path, write, names, order):
    stored = np.ascontiguousarray(DATA.transpose(order))
    with open_lazy(write(tmp_path, names, stored)) as volume:
        np.testing.assert_array_equal(volume[:, :, :], DATA)


@pytest.mark.parametrize("write", WAYS)
def test_a_channel_of_one(tmp_path, write):
    for names in (("channel", "z", "y", "x"), ("time", "dim_1", "dim_2", "dim_3")):
        with open_lazy(write(tmp_path, names, DATA[np.newaxis])) as volume:
            np.testing.assert_array_equal(volume[:, :, :], DATA)
    with pytest.raises(InputError, match="2 channels"):
        open_lazy(write(tmp_path, ("z", "y", "x", "ch"), np.stack([DATA, DATA], -1)))


def test_statements_that_differ_are_refused(tmp_path):
    path = labels(tmp_path, "zyx", DATA)
    with h5py.File(path, "r+") as file:
        file["raw"].attrs["axistags"] = json.dumps({"axes": [{"key": name} for name in "xyz"]})
    with pytest.raises(InputError, match="its axes are said to be z, y, x and x, y, z; correct one of them"):
        open_lazy(path)
    group = zarr.open_group(tmp_path / "b.zarr", mode="w")
    group.create_array("0", data=DATA, dimension_names=["x", "y", "z"])
    axes = [{"name": name, "type": "space", "unit": "nanometer"} for name in "zyx"]
    scale = [{"type": "scale", "scale": [30, 5, 5]}]
    datasets = [{"path": "0", "coordinateTransformations": scale}]
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": datasets}]}
    with pytest.raises(InputError, match="its axes are said to be x, y, z and z, y, x; correct one of them"):
        open_lazy(tmp_path / "b.zarr")


@pytest.mark.parametrize("places", [(0,), (3,), (1,), (0, 4), (0, 1)])
@pytest.mark.parametrize("kind", ["npy", "hdf5", "zarr", "n5"])
def test_axes_of_length_1_may_stand_anywhere(tmp_path, places, kind):
    data = np.expand_dims(DATA, places)
    if kind == "npy":
        np.save(tmp_path / "a.npy", data)
    elif kind == "hdf5":
        with h5py.File(tmp_path / "a.hdf5", "w") as file:
            file["data"] = data
    elif kind == "zarr":
        zarr.create_array(tmp_path / "a.zarr", data=data)
    else:
        write_n5(tmp_path / "a.n5", data)
    with open_lazy(next(tmp_path.iterdir())) as volume:
        np.testing.assert_array_equal(volume[:, :, :], DATA)


def write_n5(path, data):
    spec = {
        "driver": "n5",
        "kvstore": {"driver": "file", "path": f"{path}/"},
        "metadata": {"dimensions": data.shape[::-1], "blockSize": [8] * data.ndim, "dataType": "uint8"},
    }
    tensorstore.open(spec, create=True).result().write(data.T).result()


def test_datasets_of_more_axes_are_listed(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["movie/raw"] = np.stack([DATA, DATA])
    with pytest.raises(InputError, match=r"2 entries along axis \? .*; give a volume with one only"):
        open_lazy(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        file["movie/flow"] = np.stack([DATA, DATA, DATA], -1)
    wanted = r"there are: none; of more axes: movie/flow \(4, 9, 14, 3\), movie/raw \(2, 4, 9, 14\)$"
    with pytest.raises(InputError, match=wanted):
        open_lazy(tmp_path / "a.h5")


def test_what_xarray_states_in_n5_is_in_the_order_of_numpy(tmp_path):
    write_n5(tmp_path / "a.n5", DATA)
    file = tmp_path / "a.n5" / "attributes.json"
    described = json.loads(file.read_text())
    file.write_text(json.dumps(described | {"_ARRAY_DIMENSIONS": ["z", "y", "x"]}))
    with open_lazy(tmp_path / "a.n5") as volume:
        np.testing.assert_array_equal(volume[:, :, :], DATA)
    file.write_text(json.dumps(described | {"_ARRAY_DIMENSIONS": ["time", "y", "x"]}))
    with pytest.raises(InputError, match="axes x, y, t of shape"):
        open_lazy(tmp_path / "a.n5")
