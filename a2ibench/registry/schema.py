"""The settings that classes of plugins declare, as they are and as a JSON Schema."""

from __future__ import annotations

import ast
import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from a2ibench.errors import InputError, UnknownNameError
from a2ibench.registry import host
from a2ibench.registry.loading import named_parameters
from a2ibench.settings import Setting, Value

TYPES: Final[Mapping[type, str]] = {bool: "boolean", int: "integer", float: "number", str: "string"}
"""What TOML and JSON call the types of settings."""


def declared_settings(target: Any) -> Mapping[str, Setting] | None:
    """Return the settings that a class declares by name; None where it does not declare any table."""
    settings = getattr(target, "settings", None)
    if isinstance(settings, Mapping) and all(isinstance(known, Setting) for known in settings.values()):
        return settings
    return None


def settings_of(kind: str, name: str) -> Mapping[str, Setting] | None:
    """Import what is registered under a name, and return the settings that it declares.

    Parameters
    ----------
    kind : str
        ``"method"``, ``"degradation"`` or ``"metric"``.
    name : str
        The registered name.

    Raises
    ------
    UnknownNameError
        If no plugin gives the name.
    PluginError
        If it cannot be imported.
    """
    return declared_settings(host().load(kind, name))


def parse_setting(name: str, key: str, value: Value, kind: str = "method") -> Value:
    """Return a setting's value, checked against what the class of a method or metric declares.

    Text is read as the declared type.

    Classes without a `settings` table are read by the signature of their constructor.

    Raises
    ------
    UnknownNameError
        If the class has no such setting.
    InputError
        If the value is not allowed.
    """
    target = host().load(kind, name)
    schema = declared_settings(target)
    if schema is not None:
        if key not in schema:
            raise UnknownNameError(f"setting of {name}", key, schema)
        return schema[key].parse(f"{name}.{key}", value)
    return _by_signature(target, name, key, value)


def default_settings(kind: str, name: str) -> dict[str, Any]:
    """Return the defaults of what may be set, by setting; one that has none is left out."""
    target = host().load(kind, name)
    schema = declared_settings(target)
    if schema is not None:
        return {key: one.default for key, one in schema.items()}
    given = named_parameters(target)
    return {key: one.default for key, one in given.items() if one.default is not one.empty}


def _by_signature(target: Callable[..., Any], name: str, key: str, value: Value) -> Value:
    named, parameters = named_parameters(target), inspect.signature(target).parameters.values()
    if key not in named and not any(p.kind is p.VAR_KEYWORD for p in parameters):
        raise UnknownNameError(f"setting of {name}", key, named)
    default = named[key].default if key in named else inspect.Parameter.empty
    read = _literal(value) if isinstance(value, str) else value
    if isinstance(default, str):
        return str(value)
    if isinstance(default, bool) != isinstance(read, bool) and isinstance(default, bool | int | float):
        raise InputError(f"{name}.{key}: got {value!r}; give a {type(default).__name__} such as {default}")
    if isinstance(default, int | float) and isinstance(read, str):
        raise InputError(f"{name}.{key}: got {value!r}; give a number such as {default}")
    return read


def _literal(value: str) -> Value:
    words = {"true": True, "false": False}
    if value.lower() in words:
        return words[value.lower()]
    try:
        read = ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return value
    return read if isinstance(read, bool | int | float | str) else value


def constructor_of(kind: str, name: str) -> str:
    """Import what is registered under a name, and return its constructor's parameters as one text."""
    try:
        parameters = named_parameters(host().load(kind, name)).values()
    except (TypeError, ValueError):
        return ""
    return ", ".join(p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in parameters)


def json_schema(settings: Mapping[str, Setting]) -> dict[str, Any]:
    """Return settings as a JSON Schema of the table that sets them; ``unit`` is an annotation of ours."""
    return {
        "type": "object",
        "properties": {name: _property(setting) for name, setting in settings.items()},
        "additionalProperties": False,
    }


def _property(setting: Setting) -> dict[str, Any]:
    described: dict[str, Any] = {
        "type": TYPES[type(setting.default)],
        "default": setting.default,
        "description": setting.meaning,
        "unit": setting.unit,
    }
    if setting.choices:
        described["enum"] = list(setting.choices)
    if math.isfinite(setting.low):
        described["minimum"] = setting.low
    if math.isfinite(setting.high):
        described["maximum"] = setting.high
    return described
