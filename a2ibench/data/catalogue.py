"""Reads datasets.toml into `DatasetSpec`; its errors name file, table and field."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from a2ibench.contracts import DatasetSpec, Simulation, is_isotropic
from a2ibench.contracts.specs import BUCKETS, CHUNKED_FORMATS, EVALUATIONS
from a2ibench.data.spacing import implausible, voxel_size_of
from a2ibench.documents import read_toml
from a2ibench.errors import CatalogueError, InputError, OptionError, UnknownNameError
from a2ibench.values import (
    Reader,
    boolean,
    literal,
    number,
    one_of,
    prose,
    rising,
    several,
    show,
    table,
    whole,
    within,
)


def link(value: Any) -> str:
    """Read a http or https link, or that of a chunked volume: s3, gs, or a format in front of a link."""
    given = literal(value)
    first, _, rest = given.partition("://")
    schemes = ("http", "https", *BUCKETS)
    try:
        parts = urlsplit(rest if first.lower() in CHUNKED_FORMATS else given)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in schemes or not parts.netloc or re.search(r"\s", given):
        raise ValueError(f"is {show(value)}; give a http, https, s3 or gs link, or instructions instead")
    return given


def inner_path(value: Any) -> str:
    """Read the path of a file or folder within an archive."""
    given = literal(value)
    parts = given.rstrip("/").split("/")
    if any(part in ("", ".", "..") for part in parts) or re.search(r"[\\\x00-\x1f]|^[A-Za-z]:", given):
        raise ValueError(f"is {show(value)}; give the path within the archive, such as 'data/stack.tif'")
    return "/".join(parts)


def sha256(value: Any) -> str:
    """Read a checksum, in lower case."""
    if not isinstance(value, str) or not re.fullmatch(r"[0-9a-fA-F]{64}", value):
        raise ValueError(f"is {show(value)}; give 64 hexadecimal digits")
    return value.lower()


# Files are called after it, and names of files have limits.
_NAME = re.compile(r"(?!.*--)[a-z0-9][a-z0-9._-]{0,99}")
_SOURCES = ("path", "url", "phantom", "instructions")


def load_catalogue(path: Path | None = None) -> dict[str, DatasetSpec]:
    """Return the datasets of a catalogue by name, in the file's order.

    Parameters
    ----------
    path : Path, optional
        A TOML file with one table a dataset; by default the catalogue that ships. Paths in it are
        relative to it.

    Raises
    ------
    CatalogueError
        If the file is missing, is not TOML, or a table cannot be used; names file, table and field.
    """
    path = _shipped() if path is None else Path(path)
    document = read_toml(path, "a datasets.toml", CatalogueError)
    if not document:
        raise CatalogueError(f"{path}: holds no dataset; add a [name] table")
    return {name: _dataset(path, name, entry) for name, entry in document.items()}


def find_dataset(name: str, catalogue: Mapping[str, DatasetSpec]) -> DatasetSpec:
    """Return the dataset of that name.

    Raises
    ------
    UnknownNameError
        If the catalogue does not hold it; suggests the nearest name.
    """
    if name not in catalogue:
        raise UnknownNameError("dataset", name, catalogue)
    return catalogue[name]


@contextmanager
def naming_fields() -> Iterator[None]:
    """Let errors that advise an option advise the field of that name.

    Raises
    ------
    InputError
        In the place of an `OptionError`.
    """
    try:
        yield
    except OptionError as error:
        message = error.named(lambda name, value: f"{name} = {value.lower()} in the catalogue")
        raise InputError(message) from None


def _shipped() -> Path:
    # The wheel holds the file inside the package, a checkout at its root.
    inside = Path(__file__).parents[1] / "datasets.toml"
    return inside if inside.is_file() else Path(__file__).parents[2] / "datasets.toml"


def _dataset(path: Path, name: str, entry: Any) -> DatasetSpec:
    where = f"{path.name}: [{name if name.isprintable() else ascii(name)}]"
    if not _NAME.fullmatch(name):
        raise CatalogueError(
            f"{where}: bad name; use at most 100 lower-case letters, digits and . _ -, but not --"
        )
    if not isinstance(entry, dict):
        raise CatalogueError(f"{where}: is {show(entry)}; write a [{name}] table")
    try:
        fields = {field: _field(field, value) for field, value in entry.items()}
        _check_together(fields)
        for field in ("path", "labels"):
            if isinstance(fields.get(field), str):
                fields[field] = path.parent / _expanded(field, fields[field])
    except (UnknownNameError, ValueError) as error:
        raise CatalogueError(f"{where}: {error}") from None
    return DatasetSpec(**{"name": name, "title": name} | fields)


def _field(field: str, value: Any) -> Any:
    if field in _READERS:
        return within(field, _READERS[field], value)
    if isinstance(value, dict):
        raise ValueError(f'unknown table {field!r}; for a dataset whose name holds a dot write ["a.b"]')
    raise UnknownNameError("field", field, _READERS)


def _check_together(fields: Mapping[str, Any]) -> None:
    sources = [source for source in _SOURCES if source in fields]
    if len(sources) != 1:
        raise ValueError(f"has {' and '.join(sources) or 'no source'}; give one of {', '.join(_SOURCES)}")
    if "voxel_size" not in fields:
        raise ValueError("voxel_size is missing; give 3 numbers (z, y, x) in nm")
    for field in ("key", "level", "sha256", "member", "fill_missing"):
        if "phantom" in fields and field in fields:
            raise ValueError(f"{field} is given, but a phantom is generated, not read from a file; remove it")
    _check_source(DatasetSpec(**{"name": "", "title": "", **fields}))
    z, y, x = fields["voxel_size"]
    for field in ("simulate", "phantom"):
        if field in fields and not is_isotropic((z, y, x)):
            raise ValueError(f"voxel_size is ({z:g}, {y:g}, {x:g}); {field} needs three equal numbers")
    _check_labels(fields)


def _check_source(spec: DatasetSpec) -> None:
    if spec.chunked and spec.crop is None:
        raise ValueError(
            "crop is missing; url is a chunked volume, of which only a crop is downloaded: "
            "give 3 pairs (z, y, x) in voxels"
        )
    if spec.member is not None and (spec.url is None or spec.chunked):
        raise ValueError("member is given, but url leads to no archive; give a http or https link to one")


def _check_labels(fields: Mapping[str, Any]) -> None:
    given, key = fields.get("labels", False), fields.get("labels_key")
    if given is False:
        if key is not None:
            raise ValueError("labels_key is given, but no labels; give them, or remove it")
        return
    if "simulate" not in fields:
        raise ValueError("labels is given, but scores by them need a reference; add simulate, or remove it")
    if "phantom" in fields and (given is not True or key is not None):
        raise ValueError("labels of a phantom are generated; give labels = true, and no labels_key")
    spec = DatasetSpec(**{"name": "", "title": "", **fields})
    if given is True and not spec.generated and (key is None or spec.chunked):
        raise ValueError(
            "labels is true, but no phantom knows them; give the path of a file"
            + ("" if spec.chunked else ", or labels_key if the volume's own file holds them")
        )


def _expanded(field: str, path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ValueError(f"{field} is {show(path)}, but there is no such home folder; write it out") from None


_POSITIVE = number("a positive number", lambda value: 0 < value < math.inf)
_RATIO = number("a number of at least 1", lambda value: 1 <= value < math.inf)
_SIMULATE = table({"ratio": _RATIO, "degradation": literal}, "{ratio = 3.0}")


def _simulation(value: Any) -> Simulation:
    options = _SIMULATE(value)
    if "ratio" not in options:
        raise ValueError(".ratio is missing; give a number of at least 1")
    named = {key: options.pop(key) for key in ("ratio", "degradation") if key in options}
    return Simulation(**named, options=options)


def _evaluations(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError(f"is {show(value)}; give a list of {', '.join(EVALUATIONS)}")
    return tuple(one_of(EVALUATIONS)(name) for name in value)


_NUMBERS = several(_POSITIVE, 3, "numbers", "(z, y, x) in nm")


def voxel_size(value: Any) -> tuple[float, float, float]:
    """Read three numbers in nm, or texts: three, or one of all, each with its unit or without."""
    texts = value if isinstance(value, list) else [value]
    if all(isinstance(text, str) for text in texts) and value:
        try:
            return voxel_size_of(value)
        except InputError as error:
            raise ValueError(f"is {str(error).removeprefix('got ')}") from None
    z, y, x = _NUMBERS(value)
    if (problem := implausible((z, y, x))) is not None:
        raise ValueError(f"is in nm {problem}, as texts")
    return z, y, x


def labels(value: Any) -> bool | str:
    """Read the path of a file of labels, or whether the volume's own source has them."""
    if not isinstance(value, bool | str):
        raise ValueError(f"is {show(value)}; give true, or the path of a file")
    return value if isinstance(value, bool) else literal(value)


_READERS: Mapping[str, Reader] = {
    "title": prose,
    "path": literal,
    "url": link,
    "member": inner_path,
    "sha256": sha256,
    "phantom": table({"size": whole(2), "seed": whole(0)}, "{size = 160, seed = 0}"),
    "instructions": prose,
    "key": literal,
    "level": whole(0),
    "fill_missing": boolean,
    "labels": labels,
    "labels_key": literal,
    "voxel_size": voxel_size,
    "bin": whole(1),
    "crop": several(rising(whole(0), "[start, stop], start below stop"), 3, "pairs", "(z, y, x) in voxels"),
    "intensity": rising(number("a finite number"), "[low, high], low below high"),
    "simulate": _simulation,
    "evaluate": _evaluations,
    "licence": prose,
    "citation": prose,
}
