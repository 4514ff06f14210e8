"""New plugins from templates: whole distributions that install, conform and pass their own tests."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from string import Template
from tempfile import TemporaryDirectory

from a2ibench import __version__
from a2ibench.data.catalogue import load_catalogue
from a2ibench.errors import InputError
from a2ibench.registry import host

LONGEST = 30
"""Characters of a name, so that the lines of the templates keep within 110."""

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@dataclass(frozen=True)
class PluginNames:
    """What a plugin is called, where.

    Parameters
    ----------
    kind : str
        What the plugin registers, such as ``"method"``.
    name : str
        What it is registered as: lowercase words joined by dashes.

    Raises
    ------
    InputError
        If the name cannot serve as one.
    """

    kind: str
    name: str

    def __post_init__(self) -> None:
        if self.name.startswith("a2ibench-"):
            raise InputError(
                f"plugin name: got {self.name!r}; leave out a2ibench-, which the distribution gets anyway"
            )
        if not _NAME.fullmatch(self.name) or len(self.name) > LONGEST:
            raise InputError(
                f"plugin name: got {self.name!r}; give at most {LONGEST} lowercase letters and digits, "
                "a letter first, with single dashes between words, such as my-method"
            )

    @property
    def distribution(self) -> str:
        """Name of the distribution."""
        return f"a2ibench-{self.name}"

    @property
    def module(self) -> str:
        """Name of the package that is imported."""
        return self.distribution.replace("-", "_")

    @property
    def stem(self) -> str:
        """What names of classes begin with."""
        return "".join(word.capitalize() for word in self.name.split("-"))


def check_free(names: PluginNames) -> None:
    """Check that nothing installed is in the way of a plugin.

    Raises
    ------
    InputError
        If something is registered under the name, or its package exists.
    """
    kind, name = names.kind, names.name
    registered = host().table(kind).get(name)
    if find_spec(names.module) is not None:
        raise InputError(
            f"plugin name: got {name!r}, but a package {names.module} is installed; give another name, "
            "or uninstall what brings it"
        )
    if registered is not None:
        raise InputError(
            f"plugin name: got {name!r}, but {registered} registers a {kind} of this name; give another"
        )
    if kind == "dataset" and name in load_catalogue():
        raise InputError(f"plugin name: got {name!r}, but the catalogue lists such a dataset; give another")


_COMMON, _GATE = "common", "gate"
_KEEP = "keep.md"
"""What the README says of the gate."""
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
    gate = (_GATE,) if _has_gate(names.kind) else ()
    return {
        _destination(path, names): Template(template.read_text(encoding="utf-8")).substitute(values)
        for folder in (_COMMON, *gate, names.kind)
        for path, template in _templates(_home() / folder, PurePosixPath())
    }


def _has_gate(kind: str) -> bool:
    # A reporter has no influence on the numbers of a run.
    return _home().joinpath(kind, _GATE).is_dir()


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
    values = {name: getattr(names, name) for name in ("kind", "name", "distribution", "module", "stem")}
    description = (_home() / names.kind / _DESCRIPTION).read_text(encoding="utf-8")
    for field, value in tomllib.loads(description).items():
        # TOML takes a list of texts as JSON writes it.
        text = value.strip() if isinstance(value, str) else json.dumps(value)
        values[field] = Template(text).substitute(values)
    keep = (_home() / _GATE / _KEEP).read_text(encoding="utf-8")
    return values | {"version": __version__, "keep": keep if _has_gate(names.kind) else ""}


def write_plugin(kind: str, name: str, folder: Path) -> list[Path]:
    """Write a distribution with a working plugin, which is meant to be changed.

    Parameters
    ----------
    kind : str
        One of `kinds`: ``"method"``, ``"degradation"``, ``"metric"``, ``"dataset"`` or ``"reporter"``.
    name : str
        What it registers: lowercase words joined by dashes. The distribution is called ``a2ibench-name``.
    folder : Path
        Where its pyproject.toml goes; new or empty.

    Returns
    -------
    list of Path
        The files, in alphabetical order.

    Raises
    ------
    InputError
        If there is no such kind, the name cannot be used or is taken, or the folder is in use.
    OSError
        If the folder cannot be written; nothing is left in it then.
    """
    if kind not in kinds():
        raise InputError(f"plugin kind: got {kind!r}; give one of {', '.join(kinds())}")
    names = PluginNames(kind, name)
    _check_unused(folder)
    check_free(names)
    texts = render(names)
    _write(folder.resolve(), texts)
    return sorted(folder / path for path in texts)


def _check_unused(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file; give a folder that is new or empty")
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError(f"{folder}: is not empty; give a folder that is new or empty")


def _write(folder: Path, texts: Mapping[PurePosixPath, str]) -> None:
    # A folder that exists may be the working directory of the user's shell, or a mount: it stays in place.
    home = folder if folder.exists() else folder.parent
    home.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".a2ibench-", dir=home) as temporary:
        staged = Path(temporary) / "plugin"
        for path, text in texts.items():
            (staged / path).parent.mkdir(parents=True, exist_ok=True)
            (staged / path).write_text(text, encoding="utf-8", newline="\n")
        if home != folder:
            staged.rename(folder)
            return
        for entry in list(staged.iterdir()):
            entry.rename(folder / entry.name)
