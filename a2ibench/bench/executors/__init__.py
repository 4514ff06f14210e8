"""Ways to run the jobs of a plan, by name. Another one is a module of its own, and a line in `EXECUTORS`."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from a2ibench.bench.executors.events import Events, Task
    from a2ibench.bench.record import Record
    from a2ibench.cluster.options import ClusterOptions

    Executor = Callable[[Sequence[Task], Events, float | None, int], Iterator[tuple[Task, Record]]]
    """Runs tasks within a time limit (seconds), each again so many times if it fails, and yields each with
    the record that it wrote."""

DASK = "dask"

EXECUTORS: Mapping[str, str] = MappingProxyType(
    {
        "process": "a2ibench.bench.executors.process:run_in_processes",
        "inline": "a2ibench.bench.executors.inline:run_inline",
        DASK: "a2ibench.bench.executors.cluster:run_on_cluster",
    }
)
"""Where each is, for plans need their names alone."""


def load_executor(name: str, cluster: ClusterOptions | None = None) -> Executor:
    """Import an executor of `EXECUTORS`; the one on Dask goes where `cluster` says."""
    module, _, function = EXECUTORS[name].partition(":")
    executor: Any = getattr(importlib.import_module(module), function)
    return executor if name != DASK else partial(executor, cluster=cluster)
