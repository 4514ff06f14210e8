"""The hooks of a2ibench. A plugin implements any of them, marked with `hookimpl`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from a2ibench.contracts import DatasetSpec, DegradationSpec, MethodSpec, MetricSpec, ReporterSpec

try:
    from pluggy import HookimplMarker, HookspecMarker
except ModuleNotFoundError:
    # Plugins that run in another Python need no host there, but must be importable.
    from a2ibench.unhosted import HookimplMarker, HookspecMarker  # type: ignore[assignment]

PROJECT = "a2ibench"
hookspec = HookspecMarker(PROJECT)
hookimpl = HookimplMarker(PROJECT)


@hookspec
def a2ibench_register_methods(register: Callable[[MethodSpec], None]) -> None:
    """Call ``register(MethodSpec(...))`` once for each reconstruction method."""


@hookspec
def a2ibench_register_degradations(register: Callable[[DegradationSpec], None]) -> None:
    """Call ``register(DegradationSpec(...))`` once for each degradation model."""


@hookspec
def a2ibench_register_metrics(register: Callable[[MetricSpec], None]) -> None:
    """Call ``register(MetricSpec(...))`` once for each metric."""


@hookspec
def a2ibench_register_datasets(register: Callable[[DatasetSpec], None]) -> None:
    """Call ``register(DatasetSpec(...))`` once for each dataset."""


@hookspec
def a2ibench_register_reporters(register: Callable[[ReporterSpec], None]) -> None:
    """Call ``register(ReporterSpec(...))`` once for each writer of reports."""


@hookspec
def a2ibench_job_finished(record: Mapping[str, Any]) -> None:
    """Look at the record of a job that has just finished, as it stands in record.json."""
