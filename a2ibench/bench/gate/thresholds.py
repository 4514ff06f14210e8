"""How much worse is too much: by metric, dataset and method."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from a2ibench.documents import read_toml
from a2ibench.errors import InputError, UnknownNameError, one_line

SLOWDOWN, MEMORY, PARAMS, MACS = "slowdown", "memory", "params", "macs_per_voxel"
RATIOS = (SLOWDOWN, MEMORY, PARAMS, MACS)
"""The keys of the largest allowed ratios; all other keys are metrics, with the most that they may lose."""

DEFAULTS: Mapping[str, float] = MappingProxyType(
    dict.fromkeys(("psnr", "psnr_xy", "psnr_xz", "psnr_yz"), 0.1)
    | dict.fromkeys(("ssim", "ssim_xy", "ssim_xz", "ssim_yz", "ssim_3d"), 0.005)
    | {SLOWDOWN: 1.5, MEMORY: 1.25, PARAMS: 1.01, MACS: 1.01}
)

_LONGEST = 80
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
        """Return the limit of a metric, or of a ratio; None where there is none.

        Where none is stated that of `DEFAULTS`.
        """
        stated = self.stated(dataset, method, key)
        return DEFAULTS.get(key) if stated is None else stated

    def stated(self, dataset: str, method: str, key: str) -> float | None:
        """Return the limit that the command line or a file gives; None where neither does.

        Of a file's tables that of dataset and method comes first, then that of the method, of the dataset,
        and of all.
        """
        if key in self.forced:
            return self.forced[key]
        for where in ((dataset, method), (None, method), (dataset, None), (None, None)):
            if key in self.tables.get(where, {}):
                return self.tables[where][key]
        return None


def read_thresholds(path: Path, names: Names) -> Mapping[_Where, Mapping[str, float]]:
    """Return the tables of a thresholds file.

    Parameters
    ----------
    path : Path
        TOML with the tables ``[default]``, ``[dataset.NAME]``, ``[method.NAME]`` and
        ``[dataset.NAME.method.NAME]``, each of metrics and `RATIOS` with their limits.
    names : Names
        A name that is not among them is an error, since a limit that is misspelt guards nothing.

    Raises
    ------
    InputError
        If the file cannot be read, a limit is not allowed, or a table or a key has an unknown name; names
        file, table and key, and the nearest name.
    """
    return dict(_tables(path, read_toml(path, "a TOML file of limits"), names))


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
        if metric in RATIOS:
            raise InputError(
                f"--max-drop: got {text!r}; limits of {metric} stand in a file, see --thresholds"
            )
        _check_name("metric", metric, names.keys, "--max-drop")
        if metric in drops:
            raise InputError(f"--max-drop: {metric} is given twice; give it once")
        drops[metric] = _parse_limit("--max-drop", metric, value)
    return drops


def parse_slowdown(text: str) -> float:
    """Read the largest allowed ratio of times.

    Raises
    ------
    InputError
        If it is no number of at least 1.
    """
    return _parse_limit("--max-slowdown", SLOWDOWN, text)


def check_limit(where: str, key: str, value: Any) -> float:
    """Return a limit; infinity means that nothing is too much.

    Raises
    ------
    InputError
        If it is no number, or too small.
    """
    least = 1 if key in RATIOS else 0
    try:
        limit = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    except OverflowError:
        raise InputError(f"{where}: {key}: too large for a number; give inf for no limit") from None
    if not limit >= least:
        got = one_line(repr(value), _LONGEST)
        raise InputError(f"{where}: {key}: got {got}; give a number of at least {least}, or inf for none")
    return limit


def _parse_limit(where: str, key: str, text: str) -> float:
    least = 1 if key in RATIOS else 0
    try:
        number = float(text)
    except ValueError:
        raise InputError(f"{where}: {key}: got {text!r}; give a number of at least {least}") from None
    if math.isinf(number) and "inf" not in text.lower():
        raise InputError(f"{where}: {key}: got {text!r}, too large for a number; give inf for no limit")
    return check_limit(where, key, number)


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
        got = one_line(repr(table), _LONGEST)
        raise InputError(f"{path}: {_name(where)}: got {got}; give a table, such as [{_name(where)}]")


def _check_name(kind: str, name: str, known: Collection[str], where: str) -> None:
    if name not in known:
        raise InputError(f"{where}: {UnknownNameError(kind, _name(name), known)}")


def _name(name: str) -> str:
    return one_line(name, _LONGEST)
