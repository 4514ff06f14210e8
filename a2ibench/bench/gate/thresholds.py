"""How much worse is too much: by metric, dataset and method."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from a2ibench.documents import read_toml
from a2ibench.errors import InputError, UnknownNameError

SLOWDOWN = "slowdown"
"""The key of the largest allowed ratio of times; all other keys are metrics."""

DEFAULTS: Mapping[str, float] = MappingProxyType(
    dict.fromkeys(("psnr", "psnr_xy", "psnr_xz", "psnr_yz"), 0.1)
    | dict.fromkeys(("ssim", "ssim_xy", "ssim_xz", "ssim_yz", "ssim_3d"), 0.005)
    | {SLOWDOWN: 1.5}
)

_TABLES = ("default", "dataset", "method")
_Where = tuple[str | None, str | None]


@dataclass(frozen=True)
class Names:
    """What tables and keys may be called.

    Parameters
    ----------
    datasets, methods, metrics : collection of str
        Known names.
    """

    datasets: Collection[str]
    methods: Collection[str]
    metrics: Collection[str]

    @property
    def keys(self) -> set[str]:
        """What a table may hold."""
        return {*self.metrics, *DEFAULTS}


@dataclass(frozen=True)
class Thresholds:
    """Limits, the most specific of which counts.

    Parameters
    ----------
    forced : mapping of str to float
        Limits of the command line, which count everywhere.
    tables : mapping of (dataset, method) to mapping
        Limits of a file; None stands for any dataset or any method.
    """

    forced: Mapping[str, float] = field(default_factory=dict)
    tables: Mapping[_Where, Mapping[str, float]] = field(default_factory=dict)

    def limit(self, dataset: str, method: str, key: str) -> float | None:
        """Return the limit of a metric, or of the slowdown; None where there is none.

        Of a file's tables that of dataset and method comes first, then that of the method, of the dataset,
        and of all; then `DEFAULTS`.
        """
        if key in self.forced:
            return self.forced[key]
        for where in ((dataset, method), (None, method), (dataset, None), (None, None)):
            if key in self.tables.get(where, {}):
                return self.tables[where][key]
        return DEFAULTS.get(key)


def read_thresholds(path: Path, names: Names) -> Mapping[_Where, Mapping[str, float]]:
    """Return the tables of a thresholds file.

    Parameters
    ----------
    path : Path
        TOML with the tables ``[default]``, ``[dataset.NAME]``, ``[method.NAME]`` and
        ``[dataset.NAME.method.NAME]``, each of metrics, and ``slowdown``, with their limits.
    names : Names
        A name that is not among them is an error, since a limit that is misspelt guards nothing.

    Raises
    ------
    InputError
        If the file cannot be read, a limit is not allowed, or a table or a key has an unknown name; names
        file, table and key, and the nearest name.
    """
    content = read_toml(path, "a TOML file of limits")
    return dict(_tables(path, content, names))


def parse_drops(texts: Iterable[str], names: Names) -> dict[str, float]:
    """Read ``METRIC=VALUE`` texts.

    Raises
    ------
    InputError
        If a text has another form, or nothing measures a metric.
    """
    drops = {}
    for text in texts:
        metric, equals, value = (part.strip() for part in text.partition("="))
        if not (metric and equals):
            raise InputError(f"--max-drop: got {text!r}; give METRIC=VALUE, such as psnr=0.1")
        if metric == SLOWDOWN:
            raise InputError(f"--max-drop: got {text!r}; use --max-slowdown {value}")
        _check_name("metric", metric, names.keys, "--max-drop")
        try:
            number = float(value)
        except ValueError:
            raise InputError(f"--max-drop: {metric}: got {value!r}; give a number of at least 0") from None
        drops[metric] = check_limit("--max-drop", metric, number)
    return drops


def check_limit(where: str, key: str, value: Any) -> float:
    """Return a limit; infinity means that nothing is too much.

    Raises
    ------
    InputError
        If it is no number, or too small.
    """
    least = 1 if key == SLOWDOWN else 0
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or math.isnan(value) or value < least:
        raise InputError(f"{where}: {key}: got {value!r}; give a number of at least {least}, or inf for none")
    return float(value)


def _tables(
    path: Path, content: Mapping[str, Any], names: Names
) -> Iterator[tuple[_Where, Mapping[str, float]]]:
    for name, table in content.items():
        _check_name("table", name, _TABLES, str(path))
        _check_table(path, name, table)
    yield (None, None), _limits(path, "default", content.get("default", {}), names)
    for dataset, table in content.get("dataset", {}).items():
        where = f"dataset.{dataset}"
        _check_name("dataset", dataset, names.datasets, str(path))
        _check_table(path, where, table)
        rest = {key: value for key, value in table.items() if key != "method"}
        yield (dataset, None), _limits(path, where, rest, names)
        yield from _methods(path, where, dataset, table.get("method", {}), names)
    yield from _methods(path, "", None, content.get("method", {}), names)


def _methods(
    path: Path, outer: str, dataset: str | None, table: Any, names: Names
) -> Iterator[tuple[_Where, Mapping[str, float]]]:
    prefix = f"{outer}.method" if outer else "method"
    _check_table(path, prefix, table)
    for method, limits in table.items():
        _check_name("method", method, names.methods, str(path))
        yield (dataset, method), _limits(path, f"{prefix}.{method}", limits, names)


def _limits(path: Path, where: str, table: Any, names: Names) -> Mapping[str, float]:
    _check_table(path, where, table)
    for key in table:
        _check_name("key", key, names.keys, f"{path}: [{where}]")
    return {key: check_limit(f"{path}: [{where}]", key, value) for key, value in table.items()}


def _check_table(path: Path, where: str, table: Any) -> None:
    if not isinstance(table, Mapping):
        raise InputError(f"{path}: {where}: got {table!r}; give a table, such as [{where}]")


def _check_name(kind: str, name: str, known: Collection[str], where: str) -> None:
    if name not in known:
        raise InputError(f"{where}: {UnknownNameError(kind, name, known)}")
