"""Documented, checked settings of methods, degradations and metrics."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, ClassVar

from a2ibench.errors import InputError, UnknownNameError

Value = bool | int | float | str


@dataclass(frozen=True)
class Setting:
    """One setting: its default, what it means, and what it may be.

    Parameters
    ----------
    default : bool, int, float or str
        Its type is the setting's.
    meaning : str
        For people, in one line without a full stop.
    unit : str
        Of a number, where it has one.
    low, high : float
        The least and the largest number that is allowed.
    choices : tuple of str
        The texts that are allowed; any where there are none.
    """

    default: Value
    meaning: str
    unit: str = ""
    low: float = -math.inf
    high: float = math.inf
    choices: tuple[str, ...] = ()

    def parse(self, name: str, value: Value) -> Value:
        """Return `value` as this setting's type, or raise one line saying what is allowed.

        Text is read as the default's type, so that command lines and TOML files share this check.

        Raises
        ------
        InputError
            If the value has another type, is out of range or is not one of the choices.
        """
        parsed = self._convert(name, value)
        if isinstance(parsed, str):
            if self.choices and parsed not in self.choices:
                raise InputError(f"{name}: got {parsed!r}; choose one of {', '.join(self.choices)}")
        elif not isinstance(parsed, bool) and not self.low <= parsed <= self.high:
            raise InputError(f"{name}: got {parsed}; give a value {self._range()}")
        return parsed

    def _convert(self, name: str, value: Value) -> Value:
        kind = type(self.default)
        if kind is bool:
            words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
            if str(value).lower() in words:
                return words[str(value).lower()]
        elif kind is str:
            if isinstance(value, str | Real):
                return str(value)
        elif isinstance(value, str | Real) and not isinstance(value, bool):
            try:
                return _whole(value) if kind is int else _finite(value)
            except (ValueError, OverflowError):
                pass
        raise InputError(f"{name}: got {value!r}; give {_ARTICLE[kind]}")

    def _range(self) -> str:
        if math.isinf(self.high):
            return f"of at least {self.low:.12g}"
        if math.isinf(self.low):
            return f"of at most {self.high:.12g}"
        return f"from {self.low:.12g} to {self.high:.12g}"


_ARTICLE = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def _whole(value: Value) -> int:
    if not isinstance(value, str) and value != int(value):
        raise ValueError(value)
    return int(value)


def _finite(value: Value) -> float:
    if not math.isfinite(float(value)):
        raise ValueError(value)
    return float(value)


def setting(
    default: Value,
    meaning: str,
    *,
    unit: str = "",
    low: float = -math.inf,
    high: float = math.inf,
    choices: tuple[str, ...] = (),
) -> Any:
    """Declare a setting as a class attribute of a `Configurable`: ``width: int = setting(48, "...")``.

    Parameters are those of `Setting`.
    """
    return Setting(default, meaning, unit, low, high, choices)


class Configurable:
    """Base whose class attributes made by `setting` become checked constructor keywords.

    A subclass changes a default by assigning a plain value to the same name.

    Raises
    ------
    UnknownNameError
        If a keyword is not a setting of the class.
    InputError
        If a value is not allowed; for a default, when the class is written.
    """

    settings: ClassVar[Mapping[str, Setting]] = {}

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        schema: dict[str, Setting] = {}
        for base in reversed(cls.__mro__[1:]):
            schema |= base.__dict__.get("settings", {})
        schema |= {name: value for name, value in vars(cls).items() if isinstance(value, Setting)}
        for name, declared in schema.items():
            value = getattr(cls, name)
            value = value.default if isinstance(value, Setting) else value
            default = declared.parse(f"{cls.__name__}.{name}", value)
            schema[name] = replace(declared, default=default)
            if name in vars(cls):
                setattr(cls, name, default)
        cls.settings = schema

    def __init__(self, **values: Value) -> None:
        for name, value in values.items():
            if name not in self.settings:
                raise UnknownNameError(f"setting of {type(self).__name__}", name, self.settings)
            setattr(self, name, self.settings[name].parse(name, value))

    def configuration(self) -> dict[str, Value]:
        """Return every setting with its resolved value."""
        return {name: getattr(self, name) for name in self.settings}
