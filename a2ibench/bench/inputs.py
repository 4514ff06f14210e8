"""Digests of what a job reads: the file of its dataset, and files that its settings name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from a2ibench.bench.code import code_digest, tree_digest
from a2ibench.contracts import DatasetSpec
from a2ibench.errors import A2IBenchError
from a2ibench.plugins import host
from a2ibench.volumes.fetching.checksums import content_sha256


def dataset_content(spec: DatasetSpec) -> str | None:
    """Return the checksum of a dataset's own file or folder; None where it has none that can be read.

    What a catalogue says of the checksum is no matter: it need not be true of the file any more.
    """
    if spec.path is None:
        return None
    try:
        return content_sha256(spec.path)
    except (OSError, ValueError):
        return None


def named_files(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return digests of the files and folders that settings name.

    Parameters
    ----------
    settings : mapping
        By name; a text may be a path, or have paths in options as in ``"model:weights=PATH,gain=2"``.

    Returns
    -------
    dict
        By setting and path; a path that does not exist is left out.
    """
    return {
        f"{name}={path}": tree_digest([path])
        for name, value in settings.items()
        if isinstance(value, str)
        for path in dict.fromkeys(_existing(value))
    }


def degradation_identity(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what tells a degradation apart: who registers it, its code, and files that its options name."""
    entry = host().find("degradation", name)
    return {
        "name": name,
        "target": entry.spec.target,
        "distribution": entry.distribution,
        "version": entry.version,
        "code": code_digest(entry),
        "files": named_files(options),
    }


def used_by(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a method reads by its resolved settings: files, and the degradation it trains with.

    Parameters
    ----------
    configuration : mapping
        Settings with their defaults, which only the class of the method knows.
    """
    files, degradation = named_files(configuration), None
    text = configuration.get("degradation")
    if isinstance(text, str):
        try:
            degradation = degradation_identity(text.partition(":")[0], {})
        except A2IBenchError:
            degradation = None
    return {"files": files, "degradation": degradation}


def _existing(value: str) -> Iterator[Path]:
    options = value.partition(":")[2].split(",")
    for text in (value, *(option.partition("=")[2] for option in options)):
        try:
            path = Path(text).expanduser()
            # A folder such as "/" or the current one is no file that a setting means.
            if text and path.exists() and not Path.cwd().resolve().is_relative_to(path.resolve()):
                yield path
        except (OSError, ValueError, RuntimeError):
            continue
