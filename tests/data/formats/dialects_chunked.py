"""Dialects of Zarr, OME-Zarr, N5, WEBKNOSSOS and precomputed volumes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import ome_zarr_files
import precomputed_files
import tensorstore
import webknossos_files
import zarr
from dialect import HALF, NM, VOXELS, Dialect

COARSE = (40.0, 10.0, 8.0)
LABELS = VOXELS.astype(np.uint32)


def array(voxels: np.ndarray, version: int, **options: object) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        zarr.create_array(folder / "a.zarr", data=voxels, zarr_format=version, chunks="auto", **options)
        return folder / "a.zarr"

    return make


def two_arrays(folder: Path) -> Path:
    group = zarr.open_group(folder / "a.zarr", mode="w")
    group.create_array("raw", data=VOXELS)
    group.create_array("other", data=VOXELS[::-1])
    return folder / "a.zarr"


def without_a_chunk(folder: Path) -> Path:
    zarr.create_array(folder / "a.zarr", data=VOXELS, chunks=(1, 16, 24))
    (folder / "a.zarr" / "c" / "5" / "0" / "0").unlink()
    return folder / "a.zarr"


def without_any_chunk(folder: Path) -> Path:
    zarr.create_array(folder / "a.zarr", shape=VOXELS.shape, dtype="u1", chunks=(1, 16, 24))
    return folder / "a.zarr"


def ome(version: str, inner: str = "") -> Callable[[Path], Path]:
    """Return what writes two levels with the metadata of a version of OME-Zarr."""
    names = list("zyx")
    units = [{"name": name, "type": "space", "unit": "micrometer"} for name in names]

    def scale(size: tuple[float, ...]) -> list[dict[str, object]]:
        return [{"type": "scale", "scale": [one / 1000 for one in size]}]

    levels: list[dict[str, object]] = [{"path": "0"}, {"path": "1"}]
    image: dict[str, object] = {"version": version, "name": "em", "datasets": levels}
    if version >= "0.3":
        image["axes"] = units if version >= "0.4" else names
    if version >= "0.4":
        for level, size in zip(levels, (NM, COARSE), strict=True):
            level["coordinateTransformations"] = scale(size)

    def make(folder: Path) -> Path:
        layout = 3 if version == "0.5" else 2
        group = zarr.open_group(folder / "a.zarr", mode="w", zarr_format=layout)
        separator = "." if version == "0.1" else "/"
        for path, voxels in (("0", VOXELS), ("1", HALF)):
            # Before 0.3 there are five axes always.
            stored = voxels if version >= "0.3" else voxels[np.newaxis, np.newaxis]
            key = {"name": "v2", "separator": separator} if layout == 2 else None
            group.create_array(path, data=stored, chunk_key_encoding=key)
        group.attrs.update(
            {"ome": {"version": version, "multiscales": [image]}} if layout == 3 else {"multiscales": [image]}
        )
        return folder / "a.zarr" / inner if inner else folder / "a.zarr"

    return make


def reference(version: str) -> Callable[[Path], Path]:
    return lambda folder: ome_zarr_files.written(folder, version)


def bioformats2raw(folder: Path) -> Path:
    """Write an image of one channel and time below the group that says so, as the converter does."""
    root = zarr.open_group(folder / "a.zarr", mode="w", zarr_format=2)
    root.attrs["bioformats2raw.layout"] = 3
    image = root.create_group("0")
    separator = {"name": "v2", "separator": "/"}
    image.create_array("0", data=VOXELS[None, None], chunks=(1, 1, 1, 16, 24), chunk_key_encoding=separator)
    axes = [{"name": "t", "type": "time"}, {"name": "c", "type": "channel"}]
    axes += [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]
    scale = {"type": "scale", "scale": [1.0, 1.0, *(size / 1000 for size in NM)]}
    datasets = [{"path": "0", "coordinateTransformations": [scale]}]
    image.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": datasets}]
    return folder / "a.zarr"


def n5(levels: Mapping[str, np.ndarray], attributes: Mapping[str, object] | None = None, inner: str = ""):
    def make(folder: Path) -> Path:
        for path, voxels in levels.items():
            spec = {
                "driver": "n5",
                "kvstore": {"driver": "file", "path": f"{folder}/a.n5/{path}"},
                "metadata": {
                    "dimensions": voxels.shape[::-1],
                    "blockSize": (8, 8, 2),
                    "dataType": voxels.dtype.name,
                    "compression": {"type": "gzip"},
                },
            }
            tensorstore.open(spec, create=True).result().write(voxels.T).result()
        (folder / "a.n5" / "attributes.json").write_text(json.dumps({"n5": "2.0.0", **(attributes or {})}))
        return folder / "a.n5" / inner if inner else folder / "a.n5"

    return make


def webknossos(kind: str, inner: str = "", layers: tuple[str, ...] = ("color",)) -> Callable[[Path], Path]:
    return lambda folder: webknossos_files.written(folder, kind, layers=layers) / inner


def wkw(folder: Path) -> Path:
    root = webknossos_files.written(folder, "zarr")
    properties = root / "datasource-properties.json"
    properties.write_text(properties.read_text().replace('"dataFormat": "zarr"', '"dataFormat": "wkw"'))
    return root


def precomputed(**options: object) -> Callable[[Path], Path]:
    return lambda folder: precomputed_files.precomputed(folder, **options)


def gzipped(folder: Path) -> Path:
    return precomputed_files.packed(precomputed_files.precomputed(folder))


def brotli(folder: Path) -> Path:
    return precomputed_files.packed(precomputed_files.precomputed(folder), ".br")


def precomputed_without_a_chunk(folder: Path) -> Path:
    made = precomputed_files.precomputed(folder)
    (made / "6_6_30" / "-3-13_50-58_7-11").unlink()
    return made


NAMED = {"dimension_names": ["c", "y", "x"]}
LEVELS = {"s0": VOXELS, "s1": HALF}
VIEWER = {"pixelResolution": {"dimensions": [4, 5, 40], "unit": "nm"}, "scales": [[1, 1, 1], [2, 2, 1]]}
ONE_LOST = np.concatenate([VOXELS[:5], np.zeros_like(VOXELS[:1])])
PRECOMPUTED_LOST = precomputed_files.DATA.copy()
PRECOMPUTED_LOST[:4, :8, :16] = 0
FILL = {"fill_missing": True}
FIRST = {"level": 1}

ZARR = [
    Dialect("Zarr", name, make, **options)
    for name, make, options in [
        ("Zarr 2", array(VOXELS, 2), {}),
        ("Zarr 3", array(VOXELS, 3), {}),
        ("several arrays, by `key`", two_arrays, {"options": {"key": "raw"}}),
        (
            "several arrays",
            two_arrays,
            {"refused": "a.zarr: give key, the array or image to read; there are: other, raw"},
        ),
        ("dimension_names x, y, z", array(VOXELS.T, 3, dimension_names=["x", "y", "z"]), {}),
        (
            "dimension_names c, y, x",
            array(VOXELS, 3, **NAMED),
            {"refused": "a.zarr: axes c, y, x of shape (6, 16, 24); give a 3D volume with axes z, y and x"},
        ),
        ("an axis of length 1", array(VOXELS[np.newaxis], 3), {}),
        (
            "a chunk missing",
            without_a_chunk,
            {
                "refused": (
                    "a.zarr: chunk c/5/0/0 is missing; get the volume again, or, if its writer left "
                    "out empty chunks, open it with fill_missing=True"
                )
            },
        ),
        (
            "a chunk missing, `fill_missing`",
            without_a_chunk,
            {
                "voxels": ONE_LOST,
                "warned": (
                    "a.zarr: 1 of 6 chunks that were read are missing; filled with the value that "
                    "its metadata state"
                ),
                "options": FILL,
            },
        ),
        (
            "all chunks missing, `fill_missing`",
            without_any_chunk,
            {
                "refused": (
                    "a.zarr: none of its chunks are there, only what describes them; get the volume "
                    "again, or check the path"
                ),
                "options": FILL,
            },
        ),
        (
            "labels of 32 bits",
            array(LABELS, 3),
            {"refused": "a.zarr: dtype is uint32; give 8- or 16-bit integers, or floats"},
        ),
    ]
]
OME_ZARR = [
    Dialect("OME-Zarr", name, make, **options)
    for version in ("0.1", "0.2", "0.3", "0.4", "0.5")
    for size, coarse in [(NM, COARSE) if version >= "0.4" else (None, None)]
    for name, make, options in [
        (version, ome(version), {"size": size}),
        (f"{version}, level 1", ome(version), {"voxels": HALF, "size": coarse, "options": FIRST}),
        (f"{version}, the array inside of level 1", ome(version, "1"), {"voxels": HALF, "size": coarse}),
    ]
] + [
    Dialect("OME-Zarr", f"{version}, as ome-zarr writes it", make, **options)
    for version in ("0.4", "0.5")
    for make, options in [(reference(version), {"voxels": ome_zarr_files.DATA, "size": (40.0, 4.0, 4.0)})]
]
OME_ZARR.append(Dialect("OME-Zarr", "0.4, as bioformats2raw writes it", bioformats2raw, size=NM))
N5 = [
    Dialect("N5", name, make, **options)
    for name, make, options in [
        ("one array", n5({"raw": VOXELS}), {}),
        ("levels s0, s1", n5(LEVELS, VIEWER), {"size": NM}),
        ("levels s0, s1: level 1", n5(LEVELS, VIEWER), {"voxels": HALF, "size": COARSE, "options": FIRST}),
        ("levels s0, s1: the array s1", n5(LEVELS, VIEWER, "s1"), {"voxels": HALF, "size": COARSE}),
        (
            "several arrays",
            n5({"a": VOXELS, "b": VOXELS}),
            {"refused": "a.n5: give key, the array or image to read; there are: a, b"},
        ),
        (
            "labels of 32 bits",
            n5({"labels": LABELS}),
            {"refused": "a.n5: /labels: dtype is uint32; give 8- or 16-bit integers, or floats"},
        ),
    ]
]
WEBKNOSSOS = [
    Dialect("WEBKNOSSOS", name, make, **({"voxels": webknossos_files.DATA} | options))
    for kind, label in [("zarr", "Zarr 2"), ("zarr3", "Zarr 3"), ("n5", "N5")]
    for name, make, options in [
        (label, webknossos(kind), {"size": webknossos_files.FINE}),
        (
            f"{label}, level 1",
            webknossos(kind),
            {"voxels": webknossos_files.HALF, "size": webknossos_files.COARSE, "options": FIRST},
        ),
        (
            f"{label}, the folder of a magnification",
            webknossos(kind, "color/2-2-1"),
            {"voxels": webknossos_files.HALF, "size": webknossos_files.COARSE},
        ),
    ]
] + [
    Dialect(
        "WEBKNOSSOS",
        "several layers",
        webknossos("zarr", layers=("em", "raw")),
        refused="wk: give key, the layer to read; there are: em, raw",
    ),
    Dialect(
        "WEBKNOSSOS",
        "WKW",
        wkw,
        refused="wk/color: is in the format WKW, which is not read; convert it to Zarr with "
        "WEBKNOSSOS, or download it from there as OME-TIFF",
    ),
]
PRECOMPUTED = [
    Dialect(
        "precomputed", name, make, **({"voxels": precomputed_files.DATA, "size": (30.0, 6.0, 6.0)} | options)
    )
    for name, make, options in [
        ("raw", precomputed(), {}),
        ("PNG", precomputed(encoding="png"), {}),
        ("sharded", precomputed(sharded=True), {}),
        ("chunks gzipped, `*.gz`", gzipped, {}),
        (
            "chunks compressed, `*.br`",
            brotli,
            {
                "refused": (
                    "pre/6_6_30: its chunks are compressed as *.br files; store them again as they "
                    "are, or gzipped"
                )
            },
        ),
        (
            "a chunk missing",
            precomputed_without_a_chunk,
            {
                "refused": (
                    "pre: a chunk is missing; get the volume again, or, if its writer left out empty "
                    "chunks, open it with fill_missing=True"
                )
            },
        ),
        (
            "a chunk missing, `fill_missing`",
            precomputed_without_a_chunk,
            {
                "voxels": PRECOMPUTED_LOST,
                "warned": "pre: chunks are missing; filled with the value that its metadata state",
                "options": FILL,
            },
        ),
    ]
]
