"""How much worse is too much: by metric, dataset and method; never over a quarter of the gain over cubic."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from a2ibench.bench.gate.outcome import Outcome, RunOutcome
from a2ibench.documents import read_toml
from a2ibench.errors import InputError, OptionError, UnknownNameError, naming_option, one_line
from a2ibench.registry import host
from a2ibench.values import number, show, within

CUBIC = "cubic"
"""The method that learns nothing."""

PART = 0.25
"""Of a gain, which a default limit is at most."""

LEAST_GAIN = 0.04
"""Of the built-in limit: a smaller gain is told from noise by nobody."""


@dataclass(frozen=True)
class Limit:
    """How much a score may lose.

    Parameters
    ----------
    value : float or None
        None where nobody has said so.
    guards : bool
        Whether a network that has come to nothing loses more than that.
    stated : bool
        Whether somebody gave the limit.
    reason : str
        Where the limit comes from, or why it guards nothing, to be put behind it.
    """

    value: float | None
    guards: bool = True
    stated: bool = False
    reason: str = ""


def gain_over_cubic(olds: Sequence[Outcome], metric: str, up: bool, baseline: RunOutcome) -> float | None:
    """Return by how much jobs of a baseline are better than cubic of the same dataset and seeds.

    Parameters
    ----------
    olds : sequence of Outcome
        Jobs of one method on one dataset, all with the metric.
    metric : str
        The metric.
    up : bool
        Whether higher is better.
    baseline : RunOutcome
        Where cubic is looked up.

    Returns
    -------
    float or None
        The difference of the means; None where the baseline has no cubic to compare with.
    """
    pairs = []
    for old in olds:
        cubic = baseline.jobs.get((old.dataset, CUBIC, old.seed))
        if cubic is not None and cubic.ok and metric in cubic.metrics:
            pairs.append((old.metrics[metric].value, cubic.metrics[metric].value))
    if not pairs:
        return None
    gains = [0.0 if value == cubic else value - cubic for value, cubic in pairs]
    # One infinite score more or less says nothing about the others.
    finite = [gain for gain in gains if math.isfinite(gain)] or gains[:1]
    gain = math.fsum(gain / len(finite) for gain in finite)
    return gain if up else -gain


def score_limit(
    dataset: str, method: str, metric: str, gain: float | None, learned: bool, limits: Thresholds
) -> Limit:
    """Return how much the score of a method may lose.

    Parameters
    ----------
    gain : float or None
        What it gained over cubic in the baseline; None where that is not known, and for cubic itself.
    learned : bool
        Whether it has trained parameters.
    limits : Thresholds
        A limit that they state stands, whatever the gain. The built-in one is lowered to `PART` of a gain,
        unless the gain is below `LEAST_GAIN` of it.
    """
    stated = limits.stated(dataset, method, metric)
    usual = default_limit(metric)
    value = usual if stated is None else stated
    if value is None or gain is None:
        return Limit(value, stated=stated is not None)
    if stated is None and value * LEAST_GAIN <= gain and PART * gain < value:
        return Limit(PART * gain, reason=", a quarter of its gain over cubic")
    if learned and gain <= value:
        reason = f"; guards nothing: it gained {gain:.3g} over cubic"
        return Limit(value, guards=False, stated=stated is not None, reason=reason)
    return Limit(value, stated=stated is not None)


def is_learned(pairs: Sequence[tuple[Outcome, Outcome]]) -> bool:
    """Return whether any of some jobs tells of trained parameters."""
    return any(outcome.model.get("params", 0) > 0 for pair in pairs for outcome in pair)


SLOWDOWN, MEMORY, PARAMS, MACS = "slowdown", "memory", "params", "macs_per_voxel"
RATIOS = (SLOWDOWN, MEMORY, PARAMS, MACS)
"""The keys of the largest allowed ratios; all other keys are metrics, with the most that they may lose."""

_LARGEST_RATIOS: Mapping[str, float] = MappingProxyType(
    {SLOWDOWN: 1.5, MEMORY: 1.25, PARAMS: 1.01, MACS: 1.01}
)

_LONGEST = 80
_TABLES = ("default", "dataset", "method")
_Where = tuple[str | None, str | None]


def default_limit(key: str) -> float | None:
    """Return the limit of a ratio, or the drop that a metric's spec allows; None where there is none."""
    if key in _LARGEST_RATIOS:
        return _LARGEST_RATIOS[key]
    registered = host().metrics.get(key)
    return None if registered is None else registered.spec.allowed_drop


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
        return {*self.metrics, *host().metrics, *RATIOS}


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

        Where none is stated that of `default_limit`.
        """
        stated = self.stated(dataset, method, key)
        return default_limit(key) if stated is None else stated

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
            raise OptionError("{max_drop}: got {got}; give METRIC=VALUE, such as psnr=0.1", got=repr(text))
        if metric == SLOWDOWN:
            raise OptionError(
                "{max_drop}: got {got}; use {max_slowdown} {value}", got=repr(text), value=value
            )
        if metric in RATIOS:
            raise OptionError(
                "{max_drop}: got {got}; limits of {metric} stand in a file, see {thresholds}",
                got=repr(text),
                metric=metric,
            )
        with naming_option("max_drop"):
            _check_name("metric", metric, names.keys, "max_drop")
        if metric in drops:
            raise OptionError("{max_drop}: {metric} is given twice; give it once", metric=metric)
        with naming_option("max_drop"):
            drops[metric] = _parse_limit("max_drop", metric, value)
    return drops


def parse_slowdown(text: str) -> float:
    """Read the largest allowed ratio of times.

    Raises
    ------
    InputError
        If it is no number of at least 1.
    """
    with naming_option("max_slowdown"):
        return _parse_limit("max_slowdown", SLOWDOWN, text)


def check_limit(where: str, key: str, value: Any) -> float:
    """Return a limit; infinity means that nothing is too much.

    Raises
    ------
    InputError
        If it is no number, or too small.
    """
    least = 1 if key in RATIOS else 0
    read = number(f"a number of at least {least}, or inf for none", lambda limit: limit >= least)
    try:
        return float(within(key, read, value))
    except ValueError as error:
        raise InputError(f"{where}: {error}") from None


def _parse_limit(where: str, key: str, text: str) -> float:
    least = 1 if key in RATIOS else 0
    try:
        number = float(text)
    except ValueError:
        raise InputError(f"{where}: {key} is {show(text)}; give a number of at least {least}") from None
    if math.isinf(number) and "inf" not in text.lower():
        raise InputError(f"{where}: {key} is {show(text)}, too large for a number; give inf for no limit")
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
        raise InputError(f"{path}: {_name(where)} is {show(table)}; give a table, such as [{_name(where)}]")


def _check_name(kind: str, name: str, known: Collection[str], where: str) -> None:
    if name not in known:
        raise InputError(f"{where}: {UnknownNameError(kind, _name(name), known)}")


def _name(name: str) -> str:
    return one_line(name, _LONGEST)
