"""The command ``a2ibench list``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from a2ibench.cli.columns import columns
from a2ibench.cli.options import Catalogue
from a2ibench.contracts import DatasetSpec
from a2ibench.errors import InputError, UnknownNameError

_REGISTERED = ("name", "plugin", "version", "summary")
_COLUMNS = {
    "methods": _REGISTERED,
    "datasets": ("name", "source", "voxel_size", "ratio", "title"),
    "metrics": _REGISTERED,
    "degradations": _REGISTERED,
    "reporters": _REGISTERED,
    "profiles": ("name", "size", "steps", "batch", "patch"),
    "plugins": ("name", "distribution", "version", "status"),
}
_WITH_SETTINGS = ("methods", "metrics", "degradations", "profiles")


def listing(
    kind: Annotated[str, typer.Argument(metavar="|".join(_COLUMNS), help="What to list.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with more fields.")] = False,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose", help="Show every setting with its range and meaning (imports the classes)."
        ),
    ] = False,
    catalogue: Catalogue = None,
) -> None:
    """List what there is to run, and which plugin it comes from."""
    if kind not in _COLUMNS:
        raise UnknownNameError("kind to list", kind, _COLUMNS)
    if verbose and kind not in _WITH_SETTINGS:
        raise InputError(f"--verbose: {kind} have no settings; list {', '.join(_WITH_SETTINGS)}")
    entries = entries_of(kind, catalogue)
    if verbose:
        _show_settings(kind, entries, as_json)
    elif as_json:
        typer.echo(json.dumps(entries, indent=2))
    else:
        names = _COLUMNS[kind]
        rows = [[_text(entry[name]) for name in names] for entry in entries]
        typer.echo(columns([name.replace("_", " ") for name in names], rows))


def entries_of(kind: str, catalogue: Path | None = None) -> list[dict[str, Any]]:
    """Return what ``--json`` prints: one object an entry, all with the same keys.

    Parameters
    ----------
    kind : str
        ``"methods"``, ``"datasets"``, ``"metrics"``, ``"degradations"``, ``"reporters"``, ``"profiles"`` or
        ``"plugins"``.
    catalogue : Path, optional
        A datasets.toml instead of the one that ships; only datasets are read from it.
    """
    from a2ibench.bench.choose import known_datasets
    from a2ibench.plugins import host

    if kind == "datasets":
        return [_dataset(spec) for spec in known_datasets(catalogue).values()]
    if kind == "profiles":
        from a2ibench.protocol.profiles import PROFILES

        return [asdict(profile) for profile in PROFILES.values()]
    if kind == "plugins":
        return [asdict(plugin) | {"status": _status(plugin)} for plugin in host().plugins]
    return [
        {
            "name": name,
            "summary": entry.spec.summary,
            "citation": entry.spec.citation,
            "plugin": entry.plugin,
            "distribution": entry.distribution,
            "version": entry.version,
        }
        for name, entry in host().table(kind.removesuffix("s")).items()
    ]


def _show_settings(kind: str, entries: list[dict[str, Any]], as_json: bool) -> None:
    from a2ibench.cli.settings_listing import as_data, as_lines

    if as_json:
        typer.echo(json.dumps(as_data(kind, entries), indent=2))
    else:
        typer.echo("\n".join(as_lines(kind, entries)))


def _dataset(spec: DatasetSpec) -> dict[str, Any]:
    z, y, x = spec.voxel_size
    return {
        "name": spec.name,
        "title": spec.title,
        "source": _source(spec),
        "voxel_size": [z, y, x],
        "ratio": spec.simulate.ratio if spec.simulate is not None else round(z / y, 6),
        "simulated": spec.simulate is not None,
        "path": None if spec.path is None else str(spec.path),
        "url": spec.url,
        "sha256": spec.sha256,
        "licence": spec.licence,
        "citation": spec.citation,
    }


def _source(spec: DatasetSpec) -> str:
    if spec.phantom is not None:
        return "generated"
    if spec.path is not None:
        return "file"
    return "download" if spec.url is not None else "by hand"


def _status(plugin: Any) -> str:
    if plugin.disabled:
        return "disabled"
    return "ok" if plugin.error is None else f"failed: {plugin.error}"


def _text(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(f"{number:g}" for number in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
