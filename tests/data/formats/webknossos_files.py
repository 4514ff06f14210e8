"""WEBKNOSSOS datasets as Zarr 2, Zarr 3 and N5."""

from __future__ import annotations

import json

import numpy as np
import tensorstore
import zarr

DATA = np.random.default_rng(3).integers(1, 255, (6, 16, 22)).astype(np.uint8)
HALF = DATA[:, ::2, ::2]
SCALE = {"factor": [7, 5, 31], "unit": "nanometer"}
FINE, COARSE = (31, 5, 7), (31, 10, 14)


def put(folder, data, kind):
    stored = data.T[np.newaxis]
    if kind == "n5":
        spec = {
            "driver": "n5",
            "kvstore": {"driver": "file", "path": f"{folder}/"},
            "metadata": {"dimensions": stored.shape, "blockSize": [1, 8, 8, 8], "dataType": "uint8"},
        }
        tensorstore.open(spec, create=True).result().write(stored).result()
    elif kind == "zarr3":
        zarr.create_array(folder, data=stored, dimension_names=["c", "x", "y", "z"])
    else:
        zarr.create_array(folder, data=stored, zarr_format=2, order="F", chunks=(1, 8, 8, 8))


def written(path, kind, *, scale=SCALE, names=("1", "2-2-1"), layers=("color",), order=True):
    """Write layers of two magnifications and what describes them."""
    root = path / "wk"
    described = []
    for layer in layers:
        for name, data in zip(names, (DATA, HALF), strict=True):
            put(root / layer / name, data, kind)
        mags = [{"mag": [2, 2, 1]}, {"mag": [1, 1, 1], "path": f"./{layer}/{names[0]}"}]
        for mag in mags if order else ():
            mag["axisOrder"] = {"c": 0, "x": 1, "y": 2, "z": 3}
        category = "segmentation" if layer == "labels" else "color"
        described.append({"name": layer, "category": category, "dataFormat": kind, "mags": mags})
    properties = {"id": {"name": "wk", "team": ""}, "dataLayers": described, "scale": scale}
    (root / "datasource-properties.json").write_text(json.dumps(properties))
    return root
