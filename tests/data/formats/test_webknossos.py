"""WEBKNOSSOS datasets as Zarr 2, Zarr 3 and N5, given at every depth, with and without their description."""

from __future__ import annotations

import json

import numpy as np
import pytest
from webknossos_files import COARSE, DATA, FINE, HALF, put, written

from a2ibench.data.formats import open_lazy
from a2ibench.errors import InputError


def check(place, data, size, **options):
    with open_lazy(place, **options) as volume:
        np.testing.assert_array_equal(volume[:, :, :], data)
        np.testing.assert_array_equal(volume[1:4, 3:, 2:7], data[1:4, 3:, 2:7])
        if size is None:
            assert volume.voxel_size is None
        else:
            np.testing.assert_allclose(volume.voxel_size, size)


@pytest.mark.parametrize("kind", ["zarr", "zarr3", "n5"])
@pytest.mark.parametrize("order", [True, False])
def test_the_dataset_the_layer_and_the_magnification(tmp_path, kind, order):
    root = written(tmp_path, kind, layers=("color", "labels"), order=order)
    check(root, DATA, FINE)
    check(root, HALF, COARSE, level=1)
    check(root, HALF, COARSE, key="color/2-2-1")
    check(root / "color", DATA, FINE)
    check(root / "color", HALF, COARSE, level=1)
    check(root / "color", DATA, FINE, key="1")
    check(root / "color" / "1", DATA, FINE)
    check(root / "color" / "2-2-1", HALF, COARSE)
    check(root / "labels" / "2-2-1", HALF, COARSE)
    for options, message in (
        ({"level": 2}, "level is 2, but there are 2; give 0 to 1"),
        ({"key": "gray"}, "layer 'gray' does not exist; there are: color, labels"),
        ({"key": "color/4"}, "magnification '4' does not exist; there are: 1, 2-2-1"),
        ({"key": "color/1", "level": 1}, "level is 1, but 1 is one magnification; remove it"),
    ):
        with pytest.raises(InputError, match=message):
            open_lazy(root, **options)


@pytest.mark.parametrize(
    ("scale", "size"),
    [
        ([7, 5, 31], FINE),
        ({"factor": [0.007, 0.005, 0.031], "unit": "micrometer"}, FINE),
        ({"factor": [7, 5, 31], "unit": "parsec"}, None),
        (None, None),
    ],
)
def test_units_of_the_scale(tmp_path, scale, size):
    check(written(tmp_path, "zarr", scale=scale), DATA, size)


def test_magnifications_have_two_spellings(tmp_path):
    root = written(tmp_path, "zarr", names=("1-1-1", "2-2-1"))
    properties = root / "datasource-properties.json"
    properties.write_text(properties.read_text().replace("color/1-1-1", "color/1"))
    check(root, DATA, FINE)
    check(root / "color" / "1-1-1", DATA, FINE)


def test_several_layers_need_a_key(tmp_path):
    root = written(tmp_path, "zarr", layers=("em", "raw"))
    with pytest.raises(InputError, match="give key, the layer to read; there are: em, raw"):
        open_lazy(root)
    check(root, DATA, FINE, key="raw")


@pytest.mark.parametrize("name", ["1", "2-2-1"])
def test_a_magnification_without_a_description(tmp_path, name):
    for kind in ("zarr", "zarr3", "n5"):
        folder = tmp_path / kind / name
        put(folder, DATA, kind)
        if kind == "zarr":
            with pytest.raises(InputError, match="nothing states the order of its axes; give it together"):
                open_lazy(folder)
        else:
            check(folder, DATA, None)


def test_a_version_that_is_a_text(tmp_path):
    put(tmp_path / "a" / "em", DATA, "zarr")
    for folder, file in ((tmp_path / "a", ".zgroup"), (tmp_path / "a" / "em", ".zarray")):
        described = json.loads((folder / file).read_text()) if (folder / file).exists() else {}
        (folder / file).write_text(json.dumps(described | {"zarr_format": "2"}))
    axes = [{"name": name, "type": "space", "unit": "nanometer"} for name in "cxyz"]
    scale = [{"type": "scale", "scale": [1, 7, 5, 31]}]
    datasets = [{"path": "em", "coordinateTransformations": scale}]
    multiscales = {"multiscales": [{"version": "0.4", "axes": axes, "datasets": datasets}]}
    (tmp_path / "a" / ".zattrs").write_text(json.dumps(multiscales))
    check(tmp_path / "a", DATA, FINE)
    check(tmp_path / "a" / "em", DATA, FINE)


def test_wkw_is_refused(tmp_path):
    root = written(tmp_path, "zarr")
    properties = root / "datasource-properties.json"
    properties.write_text(properties.read_text().replace('"dataFormat": "zarr"', '"dataFormat": "wkw"'))
    (root / "color" / "4").mkdir()
    (root / "color" / "4" / "header.wkw").write_bytes(b"WKW")
    for place in (root, root / "color", root / "color" / "4"):
        with pytest.raises(InputError, match="is in the format WKW, which is not read; convert it to Zarr"):
            open_lazy(place)


@pytest.mark.parametrize(
    "content", ["[]", "{}", '{"dataLayers": 3}', '{"dataLayers": [{"name": "a", "mags": [1]}]}']
)
def test_damaged_descriptions_give_one_line(tmp_path, content):
    root = written(tmp_path, "zarr")
    (root / "datasource-properties.json").write_text(content)
    with pytest.raises(InputError, match=r"datasource-properties\.json: (damaged|not a JSON object)"):
        open_lazy(root)


def test_a_dataset_on_a_server(tmp_path, web):
    written(tmp_path, "zarr")
    address = f"http://127.0.0.1:{web.server_port}/wk"
    check(address, HALF, COARSE, level=1)
    with open_lazy(f"{address}/color/1") as volume:
        np.testing.assert_array_equal(volume[:, :, :], DATA)
