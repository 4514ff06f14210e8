"""WEBKNOSSOS datasets, of which a layer is opened in one magnification, as Zarr, N5 or precomputed."""

from __future__ import annotations

from contextlib import ExitStack

from a2ibench.data.formats import precomputed, tensorstores, zarr_
from a2ibench.data.formats.magnifications import Layer, layers, same_place
from a2ibench.data.formats.metadata import check_level
from a2ibench.data.formats.source import Source
from a2ibench.data.formats.volume import LazyVolume
from a2ibench.errors import InputError

_OPEN = {"zarr": zarr_.open_source, "zarr3": zarr_.open_source, "n5": tensorstores.open_n5}
_WKW = (
    "is in the format WKW, which is not read; convert it to Zarr with WEBKNOSSOS, or download it from there "
    "as OME-TIFF"
)


def open_webknossos(
    source: Source,
    key: str | None,
    resources: ExitStack,
    *,
    level: int | None = None,
    fill_missing: bool = False,
) -> LazyVolume:
    """Open one magnification, by `level` or as the end of the path or key; the finest by default.

    Raises
    ------
    InputError
        If there is no such layer or magnification, several layers and no key, or the format is not read.
    """
    if (source / "header.wkw").is_file():
        raise InputError(f"{source.text}: {_WKW}")
    root, inner = _rooted(source)
    parts = [*inner, *(part for part in (key or "").split("/") if part)]
    layer = _chosen(root, parts[:1])
    if layer.data_format == "wkw":
        raise InputError(f"{(root / layer.name).text}: {_WKW}")
    if layer.data_format == "neuroglancerprecomputed":
        place, rest = root / layer.name, "/".join(parts[1:]) or None
        return precomputed.open_precomputed(place, rest, resources, level=level, fill_missing=fill_missing)
    if layer.data_format not in _OPEN:
        raise InputError(f"{(root / layer.name).text}: format {layer.data_format!r}; give one of Zarr or N5")
    number = _number(root, layer, parts[1:], level)
    path = layer.magnifications[number].path
    if "://" in path:
        raise InputError(f"{(root / layer.name).text}: its voxels lie at {path}; give that address")
    place = _spelt(root, path)
    volume = _OPEN[layer.data_format](place, None, resources, fill_missing=fill_missing)
    volume.level = number
    return volume


def _rooted(source: Source) -> tuple[Source, list[str]]:
    """Return the folder of the dataset, and what leads from there to the source."""
    root, inner = source, list[str]()
    for _ in range(3):
        if layers(root) is not None:
            return root, inner
        if root.parent is None:
            break
        root, inner = root.parent, [root.name, *inner]
    raise InputError(f"{source.text}: no datasource-properties.json there; give the folder of the dataset")


def _chosen(root: Source, name: list[str]) -> Layer:
    found = layers(root) or []
    if name:
        chosen = [layer for layer in found if layer.name == name[0]]
    else:
        # What is of another category is a segmentation.
        chosen = [layer for layer in found if layer.category == "color"] or found
    if len(chosen) == 1:
        return chosen[0]
    listed = ", ".join(layer.name for layer in found) or "none"
    if name:
        raise InputError(f"{root.text}: layer {name[0]!r} does not exist; there are: {listed}")
    raise InputError(f"{root.text}: give key, the layer to read; there are: {listed}")


def _number(root: Source, layer: Layer, name: list[str], level: int | None) -> int:
    where = (root / layer.name).text
    names = [one.name for one in layer.magnifications]
    if not name:
        check_level(level or 0, len(names), where)
        return level or 0
    if level is not None:
        raise InputError(f"{where}: level is {level}, but {name[0]} is one magnification; remove it")
    for number, one in enumerate(names):
        if same_place(one, name[0]):
            return number
    raise InputError(f"{where}: magnification {name[0]!r} does not exist; there are: {', '.join(names)}")


def _spelt(root: Source, path: str) -> Source:
    """Return the place of a magnification, which may be spelt 1 or 1-1-1."""
    place = root / path
    folder, _, last = path.rpartition("/")
    marks = (".zarray", "zarr.json", "attributes.json")
    if last.isdigit() and not any((place / mark).is_file() for mark in marks):
        other = root / f"{folder}/{last}-{last}-{last}"
        if any((other / mark).is_file() for mark in marks):
            return other
    return place
