"""Writes a new plugin, whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from a2ibench.errors import InputError
from a2ibench.scaffold.names import PluginNames, check_free
from a2ibench.scaffold.rendering import kinds, render


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
