"""Further rows of a registered method: the same method with other settings, under a name of its own."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from a2ibench.errors import A2IBenchError, InputError
from a2ibench.external.environments import Environment
from a2ibench.protocol.profiles import TRAINED_ON, build_degradation
from a2ibench.registry import host
from a2ibench.registry.schema import parse_setting
from a2ibench.registry.validation import check_name
from a2ibench.settings import Value
from a2ibench.values import literal, show, within

_METHOD = "method"


@dataclass(frozen=True)
class Variant:
    """A row of tables that is a registered method with settings of its own.

    Parameters
    ----------
    method : str
        Name of the registered method.
    family : str
        What the run file calls it; several rows share it where a setting lists several values.
    settings : mapping
        Constructor keywords of the method, where they differ from its defaults.
    """

    method: str
    family: str
    settings: Mapping[str, Value] = field(default_factory=dict)


def read_variants(value: Any) -> dict[str, dict[str, Any]]:
    """Read tables by name, each with ``method`` and settings, which may be lists of values.

    Raises
    ------
    ValueError
        If the form is another one; names table and key.
    """
    if not isinstance(value, Mapping):
        raise ValueError(f"is {show(value)}; write a table [variants.NAME] for each variant")
    for name, table in value.items():
        if not isinstance(table, Mapping):
            raise ValueError(f".{name} is {show(table)}; write [variants.{name}], then method = METHOD")
        if _METHOD not in table:
            raise ValueError(f'.{name} names no method; give method = "srmd", say, and settings of it')
        within(f".{name}.{_METHOD}", literal, table[_METHOD])
    return {name: dict(table) for name, table in value.items()}


def checked_variants(
    given: Mapping[str, Mapping[str, Any]] | None,
    environments: Mapping[str, Environment] = MappingProxyType({}),
) -> dict[str, Variant]:
    """Return variants by name of their row; lists of values give one row for each combination.

    Parameters
    ----------
    given : mapping, optional
        By name: ``method`` and its settings. A row of ``{"a": {"method": "m", "x": [1, 2]}}`` is called
        ``a-1``, the other ``a-2``.
    environments : mapping
        By what runs there: a method or a family.

    Raises
    ------
    UnknownNameError
        If a method, or a setting of it, does not exist.
    InputError
        If a name cannot be used, or a value is not allowed; names the variant.
    """
    try:
        tables = read_variants(given or {})
    except ValueError as error:
        raise InputError(f"variants{error}" if str(error)[0] == "." else f"variants: {error}") from None
    found: dict[str, Variant] = {}
    for family, table in tables.items():
        try:
            for name, variant in _expanded(family, table, environments):
                _check_new(name, found)
                found[name] = variant
        except (A2IBenchError, ValueError) as error:
            # Settings are named after their method, which the table names already.
            problem = str(error).removeprefix(f"{table[_METHOD]}.")
            raise InputError(f"variants: [{family}]: {problem}") from error
    return found


def _check_new(name: str, others: Mapping[str, Variant]) -> None:
    try:
        check_name(name)
    except ValueError as error:
        raise InputError(f"{name!r}: {error}") from None
    if name in host().methods:
        raise InputError(f"{name} is a registered method; choose another name")
    if name in others:
        raise InputError(f"{name} names two rows; choose another name, or give each value once")


def families(variants: Mapping[str, Variant]) -> dict[str, list[str]]:
    """Return the names of rows by family."""
    found: dict[str, list[str]] = {}
    for name, variant in variants.items():
        found.setdefault(variant.family, []).append(name)
    return found


def checked_setting(method: str, key: str, value: Value, where: Environment | None = None) -> Value:
    """Return a setting's value, checked as by `parse_setting`; a degradation with its options, too.

    Parameters
    ----------
    method, key, value
        As for `parse_setting`.
    where : Environment, optional
        The other Python in which the method runs, and which checks the value.

    Raises
    ------
    UnknownNameError
        If the method has no such setting, or it names a degradation or an option that does not exist.
    InputError
        If the value is not allowed.
    """
    if where is not None:
        return where.parse(method, key, value)
    parsed = parse_setting(method, key, value)
    if key == TRAINED_ON:
        build_degradation(str(parsed))
    return parsed


def _expanded(
    family: str, table: Mapping[str, Any], environments: Mapping[str, Environment]
) -> Iterator[tuple[str, Variant]]:
    method = table[_METHOD]
    where = environments.get(family) or environments.get(method)
    if where is None:
        host().find("method", method)
    values: dict[str, list[Value]] = {}
    listed = []
    for key, value in table.items():
        if key == _METHOD:
            continue
        if isinstance(value, list):
            listed.append(key)
            if not value:
                raise InputError(f"{key} is an empty list; give values")
        many = value if isinstance(value, list) else [value]
        for one in many:
            if not isinstance(one, bool | int | float | str):
                raise InputError(f"{key} is {show(one)}; give a number, a text, true or false, or a list")
        values[key] = [checked_setting(method, key, one, where) for one in many]
    for chosen in itertools.product(*values.values()):
        settings = dict(zip(values, chosen, strict=True))
        words = [_word(settings[key]) for key in listed]
        yield "-".join([family, *words]), Variant(method, family, settings)


def _word(value: Value) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    words = re.sub(r"^-(?=[\d.])", "minus-", text.lower())
    return re.sub(r"[^a-z0-9.]+", "-", words).strip("-.") or "none"
