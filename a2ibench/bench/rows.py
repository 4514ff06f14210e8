"""Rows of a run that are no registered methods: whose each name is, and where a row runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from a2ibench.bench.variants import Variant
from a2ibench.errors import InputError
from a2ibench.external.command import Command
from a2ibench.external.environments import Environment
from a2ibench.registry import host


def check_rows(
    variants: Mapping[str, Variant], commands: Mapping[str, Command], assigned: Sequence[str]
) -> None:
    """Accept commands, and rows that are assigned to another Python, whose names are free.

    Raises
    ------
    InputError
        If a name is that of another row.
    """
    for name in commands:
        if name in host().methods:
            raise InputError(f"commands: {name} is a registered method; choose another name")
        if name in variants:
            raise InputError(f"commands: {name} is a variant, too; choose another name")
        if name in assigned:
            raise InputError(f"environments: {name} is a command, which needs no Python; remove it")


def environment_of(
    row: str, variants: Mapping[str, Variant], environments: Mapping[str, Environment]
) -> Environment | None:
    """Return where a row runs: where it is assigned to, else its family, else its method; None for here."""
    variant = variants.get(row)
    names = (row,) if variant is None else (row, variant.family, variant.method)
    return next((environments[name] for name in names if name in environments), None)


def refuse_settings(name: str, commands: Mapping[str, Command]) -> None:
    """Accept settings of what is no command.

    Raises
    ------
    InputError
        If it is one.
    """
    if name in commands:
        raise InputError(f"{name} is a command, which has no settings; write them into the command")
