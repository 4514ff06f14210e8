"""The command ``a2ibench list``."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from a2ibench.cli.options import Catalogue
from a2ibench.cli.table import columns, terminal_width
from a2ibench.contracts import DatasetSpec
from a2ibench.errors import InputError, PluginError, UnknownNameError, one_line
from a2ibench.registry.schema import TYPES, constructor_of, json_schema, settings_of
from a2ibench.settings import Setting, Value

_INDENT = "  "
_HEADER = ("setting", "type", "unit", "default", "allowed", "meaning")


def as_lines(kind: str, entries: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a heading for each entry and under it its settings, or why there are none.

    Parameters
    ----------
    kind : str
        ``"methods"``, ``"metrics"``, ``"degradations"`` or ``"profiles"``.
    entries : iterable of mapping
        With ``name``, and ``summary`` where there is one.
    """
    for number, entry in enumerate(entries):
        if number:
            yield ""
        name, summary = entry["name"], entry.get("summary")
        yield one_line(f"{name}: {summary}" if summary else name)
        yield from (f"{_INDENT}{line}" for line in _lines(kind, entry["name"]))


def as_data(kind: str, entries: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the entries with ``settings`` and ``error``.

    ``settings`` is a JSON Schema of what may be set, None where the class declares nothing; ``error`` is
    None, or one line that says why the class cannot be imported.
    """
    return [dict(entry) | _schema(kind, entry["name"]) for entry in entries]


def value_text(value: Value) -> str:
    """Return a value as people write it: ``true``, ``0.5``, and ``""`` for the empty text."""
    if isinstance(value, bool):
        return str(value).lower()
    if value == "":
        return '""'
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def allowed_text(setting: Setting) -> str:
    """Return the choices or the range of a setting; nothing where every value of its type is allowed."""
    if setting.choices:
        return "|".join(setting.choices)
    low, high = math.isfinite(setting.low), math.isfinite(setting.high)
    if low and high:
        return f"{setting.low:.12g} to {setting.high:.12g}"
    if low or high:
        return f">= {setting.low:.12g}" if low else f"<= {setting.high:.12g}"
    return ""


def _lines(kind: str, name: str) -> list[str]:
    try:
        settings = _settings(kind, name)
        if settings is None:
            parameters = constructor_of(kind.removesuffix("s"), name)
            return [one_line(f"declares no settings; its constructor takes {parameters or 'nothing'}")]
    except PluginError as error:
        return [f"cannot be imported: {one_line(error)}"]
    if not settings:
        return ["has no settings"]
    rows = [
        (field, TYPES[type(s.default)], s.unit, value_text(s.default), allowed_text(s), s.meaning)
        for field, s in settings.items()
    ]
    width = terminal_width()
    return columns(_HEADER, rows, None if width is None else width - len(_INDENT)).splitlines()


def _schema(kind: str, name: str) -> dict[str, Any]:
    try:
        settings = _settings(kind, name)
    except PluginError as error:
        return {"settings": None, "error": str(error)}
    return {"settings": None if settings is None else json_schema(settings), "error": None}


def _settings(kind: str, name: str) -> Mapping[str, Setting] | None:
    if kind == "profiles":
        from a2ibench.protocol.profiles import PROFILES

        return PROFILES[name].settings()
    return settings_of(kind.removesuffix("s"), name)


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
        typer.echo(columns([name.replace("_", " ") for name in names], rows, terminal_width()))


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
    from a2ibench.bench.specs import known_datasets
    from a2ibench.registry import host

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
    if spec.generated:
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
