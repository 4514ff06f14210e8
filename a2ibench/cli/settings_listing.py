"""What ``a2ibench list --verbose`` adds: every declared setting, as a table or as data."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from a2ibench.cli.columns import columns
from a2ibench.errors import PluginError, one_line
from a2ibench.plugins.schema import TYPES, constructor_of, json_schema, settings_of
from a2ibench.settings import Setting, Value

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
        yield from (f"  {line}" for line in _lines(kind, entry["name"]))


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
    return columns(_HEADER, rows).splitlines()


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
