"""Which method a checkpoint is of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from a2ibench.bench.paths import RECORD
from a2ibench.documents import read_json
from a2ibench.errors import InputError
from a2ibench.registry import host

INTENSITY = "intensity.json"
"""File of the grey levels that were 0 and 1 in the training, and of the method's name."""

_NETWORK = "method.json"


def method_for(given: str | None, checkpoint: Path | None, default: str) -> str:
    """Return the name of the method to use.

    Parameters
    ----------
    given : str, optional
        What was asked for; by default the checkpoint's own, or without a checkpoint `default`.

    Raises
    ------
    InputError
        If the checkpoint is of another method, or nothing tells of which.
    """
    trained = None if checkpoint is None else checkpoint_method(checkpoint)
    if given is None:
        if checkpoint is not None and checkpoint.is_dir() and trained is None:
            raise InputError(f"method: {checkpoint} does not tell which method was trained; give its name")
        return trained or default
    if trained is not None and trained != given:
        raise InputError(
            f"method: got {given}, but {checkpoint} is of {trained}; leave it out, or give {trained}"
        )
    return given


def checkpoint_method(folder: Path) -> str | None:
    """Return the registered name of the method that a checkpoint is of; None where nothing tells.

    A checkpoint of a reconstruction has the name with its grey levels, that of a job in its record. Those of
    earlier releases tell the class, which counts where one method alone is of that class.
    """
    for file, field in ((folder / INTENSITY, "method"), (folder.parent / RECORD, "method")):
        if isinstance(name := _field(file, field), str):
            return name
    kind = _field(folder / _NETWORK, "kind")
    named = [name for name, entry in host().methods.items() if entry.spec.target.partition(":")[2] == kind]
    return named[0] if len(named) == 1 else None


def _field(file: Path, name: str) -> Any:
    try:
        content = read_json(file) if file.is_file() else None
    except (OSError, ValueError):
        # Who reads it for more than its name tells what is wrong.
        return None
    return content.get(name) if isinstance(content, dict) else None
