"""The templates of plugins, and how they are filled in."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath
from string import Template

from a2ibench.scaffold.names import PluginNames

_COMMON = "common"
_SUFFIX = ".template"
_DESCRIPTION = "kind.toml"


def kinds() -> tuple[str, ...]:
    """Return the kinds of plugins that there are templates for."""
    return tuple(sorted(entry.name for entry in _home().iterdir() if entry.joinpath(_DESCRIPTION).is_file()))


def render(names: PluginNames) -> dict[PurePosixPath, str]:
    """Return the text of every file of a new plugin, by path within its folder.

    A template's path is that of its file with ``.template`` at the end, ``MODULE`` for the package's name
    and ``dot-`` for a leading dot. In the text, ``$name`` and the like stand for what `PluginNames` tells
    and for the fields of the kind's kind.toml.

    Parameters
    ----------
    names : PluginNames
        Of a kind among `kinds`.
    """
    values = _values(names)
    return {
        _destination(path, names): Template(template.read_text(encoding="utf-8")).substitute(values)
        for folder in (_COMMON, names.kind)
        for path, template in _templates(_home() / folder, PurePosixPath())
    }


def _home() -> Traversable:
    return files(__package__) / "templates"


def _templates(folder: Traversable, path: PurePosixPath) -> Iterator[tuple[PurePosixPath, Traversable]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _templates(entry, path / entry.name)
        elif entry.name.endswith(_SUFFIX):
            yield path / entry.name.removesuffix(_SUFFIX), entry


def _destination(path: PurePosixPath, names: PluginNames) -> PurePosixPath:
    parts = (names.module if part == "MODULE" else part for part in path.parts)
    return PurePosixPath(*(f".{p.removeprefix('dot-')}" if p.startswith("dot-") else p for p in parts))


def _values(names: PluginNames) -> Mapping[str, str]:
    values = {
        "kind": names.kind,
        "name": names.name,
        "distribution": names.distribution,
        "module": names.module,
        "stem": names.stem,
    }
    description = (_home() / names.kind / _DESCRIPTION).read_text(encoding="utf-8")
    for field, value in tomllib.loads(description).items():
        # TOML takes a list of texts as JSON writes it.
        text = value.strip() if isinstance(value, str) else json.dumps(value)
        values[field] = Template(text).substitute(values)
    return values
