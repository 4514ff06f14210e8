"""Checks of single options of a run: each returns the value to use, or says in one line what to give."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from a2ibench.bench.executors import DASK, EXECUTORS
from a2ibench.bench.specs import one_of
from a2ibench.cluster.options import ClusterOptions
from a2ibench.contracts import Budget
from a2ibench.errors import InputError


def seeds_of(seeds: int | Sequence[int]) -> tuple[int, ...]:
    """Return seeds for their number, or as they are."""
    found = tuple(range(seeds)) if isinstance(seeds, int) else tuple(dict.fromkeys(seeds))
    if not found or min(found) < 0:
        raise InputError(f"seeds: got {seeds}; give a number of at least 1, or seeds of at least 0")
    return found


def planes_of(count: int) -> int:
    """Return how many planes of each direction are kept or shown; 0 for none."""
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise InputError(f"report_planes: got {count!r}; give a whole number of at least 0, such as 9")
    return count


def cluster_of(file: str | Path | None, scheduler: str | None, workers: int | None) -> ClusterOptions | None:
    """Return where jobs run on Dask; None where nothing of it is asked for."""
    if file is None and scheduler is None and workers is None:
        return None
    return ClusterOptions(scheduler, workers, None if file is None else Path(file))


def executor_of(name: str, cluster: ClusterOptions | None = None) -> str:
    """Return the executor: that on Dask, where a cluster is asked for."""
    one_of("executor", name, EXECUTORS)
    if cluster is not None and name == "inline":
        raise InputError("executor: inline runs all jobs in this process; leave it out to run them on Dask")
    return DASK if cluster is not None else name


def retries_of(count: int) -> int:
    """Return how often a failed job is tried again."""
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise InputError(f"retries: got {count!r}; give a whole number of at least 0")
    return count


def timeout_of(timeout: float | None, executor: str) -> float | None:
    """Return a time limit; only processes of their own can be stopped."""
    if timeout is not None and not 0 < timeout < math.inf:
        raise InputError(f"timeout: got {timeout}; give a positive number of seconds")
    if timeout is not None and executor == "inline":
        raise InputError("timeout: the inline executor cannot stop a job; use the process executor")
    return timeout


def budget_of(budget: str | Budget | None) -> Budget | None:
    """Return a budget for its text."""
    return budget if budget is None or isinstance(budget, Budget) else Budget.parse(budget)


def levels_of(pair: Any) -> tuple[float, float]:
    """Return two rising grey levels."""
    try:
        low, high = (float(level) for level in pair)
    except (TypeError, ValueError):
        low = high = math.nan
    if not -math.inf < low < high < math.inf:
        raise InputError(f"got {pair}; give two finite numbers LO,HI, low below high")
    return low, high


def ratio_of(ratio: float | None) -> float | None:
    """Return a ratio as a number; None for no simulation."""
    if ratio is None:
        return None
    if isinstance(ratio, bool) or not isinstance(ratio, int | float) or not 1 < ratio < math.inf:
        raise InputError(f"simulate: got {ratio!r}; give a ratio above 1, such as 3")
    return float(ratio)
