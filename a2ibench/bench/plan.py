"""What a run consists of: its options, resolved, and its jobs."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from a2ibench.bench.device import resolve_device
from a2ibench.bench.executors import EXECUTORS
from a2ibench.bench.selection import (
    PRECISIONS,
    Names,
    SetTo,
    choose_datasets,
    choose_methods,
    choose_metrics,
    choose_one,
    choose_profile,
    choose_settings,
)
from a2ibench.bench.specs import Job, dataset_identity, dataset_to_dict
from a2ibench.contracts import Budget, DatasetSpec
from a2ibench.errors import InputError
from a2ibench.protocol.profiles import PROFILES
from a2ibench.settings import Value

__all__ = ["Job", "Plan", "plan_run"]


@dataclass(frozen=True)
class Plan:
    """All options of a run, resolved.

    Parameters
    ----------
    methods : tuple of str
        In the order in which they run.
    datasets : tuple of DatasetSpec
        With absolute paths.
    profile : str
        A name in ``PROFILES``.
    seeds : tuple of int
        One job of every dataset and method for each.
    device : str
        ``"cpu"`` or ``"cuda"``.
    precision : str
        As requested: ``"auto"``, ``"fp32"`` or ``"bf16"``.
    budget : Budget or None
        Replaces the profile's number of steps.
    settings : mapping of str to mapping
        Settings by method, where they differ from the defaults.
    metrics : tuple of str
        What to score.
    catalogue : Path or None
        Where the datasets were listed; None for the catalogue that ships.
    executor : str
        A name in ``EXECUTORS``.
    timeout : float or None
        Seconds that a job may take.
    """

    methods: tuple[str, ...]
    datasets: tuple[DatasetSpec, ...]
    profile: str
    seeds: tuple[int, ...] = (0,)
    device: str = "cpu"
    precision: str = "auto"
    budget: Budget | None = None
    settings: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    metrics: tuple[str, ...] = ()
    catalogue: Path | None = None
    executor: str = "process"
    timeout: float | None = None

    def jobs(self) -> list[Job]:
        """Return the jobs in the order in which they run: dataset by dataset, method by method."""
        budget = self.budget or Budget(steps=PROFILES[self.profile].steps)
        return [
            Job(
                dataset=dataset,
                method=method,
                seed=seed,
                profile=self.profile,
                device=self.device,
                precision=self.precision,
                budget=budget,
                settings=self.settings.get(method, {}),
                metrics=self.metrics,
            )
            for dataset in self.datasets
            for method in self.methods
            for seed in self.seeds
        ]

    def identity(self) -> dict[str, Any]:
        """Return what makes two runs the same, by option; order plays no part."""
        return {
            "methods": sorted(self.methods),
            "datasets": sorted((dataset_identity(spec) for spec in self.datasets), key=lambda d: d["name"]),
            "profile": self.profile,
            "seeds": sorted(self.seeds),
            "device": self.device,
            "precision": self.precision,
            "budget": None if self.budget is None else str(self.budget),
            "set": {method: dict(values) for method, values in sorted(self.settings.items()) if values},
            "metrics": sorted(self.metrics),
        }

    def fingerprint(self) -> str:
        """Return 64 hexadecimal digits that differ where `identity` differs."""
        text = json.dumps(self.identity(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def default_folder(self) -> Path:
        """Return the folder of this run where none is named: the same for the same options."""
        return Path("reports") / f"{self.profile}-{self.fingerprint()[:8]}"

    def to_dict(self) -> dict[str, Any]:
        """Return every field, JSON-able."""
        return self.identity() | {
            "methods": list(self.methods),
            "datasets": [dataset_to_dict(spec) for spec in self.datasets],
            "seeds": list(self.seeds),
            "metrics": list(self.metrics),
            "catalogue": None if self.catalogue is None else str(self.catalogue),
            "executor": self.executor,
            "timeout": self.timeout,
        }


def plan_run(
    methods: Names = "all",
    datasets: Names | None = None,
    *,
    catalogue: Path | None = None,
    profile: str | None = None,
    seeds: int | Sequence[int] = 1,
    device: str = "auto",
    precision: str = "auto",
    budget: str | Budget | None = None,
    settings: Sequence[str | SetTo] = (),
    metrics: Names | None = None,
    timeout: float | None = None,
    executor: str = "process",
) -> Plan:
    """Resolve the options of a run, without starting anything.

    Parameters
    ----------
    methods : str or sequence of str
        Names, or ``"all"``.
    datasets : str or sequence of str, optional
        Names, or ``"all"``; by default all that need no download.
    catalogue : Path, optional
        A datasets.toml instead of the one that ships.
    profile : str, optional
        By default ``"full"`` where there is a GPU and ``"quick"`` elsewhere.
    seeds : int or sequence of int
        How many, counted from 0, or which.
    device, precision, executor : str
        As in the command line.
    budget : str or Budget, optional
        Training of learned methods, such as ``"2000steps"`` or ``"300s"``, instead of the profile's.
    settings : sequence of str or tuple
        ``METHOD.KEY=VALUE`` or (method, key, value) each; of two for the same key the later counts.
    metrics : str or sequence of str, optional
        Names; by default all.
    timeout : float, optional
        Seconds that a job may take.

    Raises
    ------
    UnknownNameError
        If nothing has a given name.
    InputError
        If an option cannot be used.
    """
    chosen = choose_methods(methods)
    check_timeout(timeout, executor)
    return Plan(
        methods=chosen,
        datasets=choose_datasets(datasets, catalogue),
        profile=choose_profile(profile),
        seeds=_seeds(seeds),
        device=resolve_device(device),
        precision=choose_one("precision", precision, PRECISIONS),
        budget=Budget.parse(budget) if isinstance(budget, str) else budget,
        settings=choose_settings(settings, chosen),
        metrics=choose_metrics(metrics),
        catalogue=None if catalogue is None else Path(catalogue).absolute(),
        executor=choose_one("executor", executor, EXECUTORS),
        timeout=timeout,
    )


def check_timeout(timeout: float | None, executor: str) -> None:
    """Check that an executor can keep a time limit in seconds, if there is one.

    Raises
    ------
    InputError
        If it cannot, or the limit is not positive.
    """
    if timeout is not None and not 0 < timeout < math.inf:
        raise InputError(f"timeout: got {timeout}; give a positive number of seconds")
    if timeout is not None and executor == "inline":
        raise InputError("timeout: the inline executor cannot stop a job; use the process executor")


def _seeds(seeds: int | Sequence[int]) -> tuple[int, ...]:
    chosen = tuple(range(seeds)) if isinstance(seeds, int) else tuple(dict.fromkeys(seeds))
    if not chosen or min(chosen) < 0:
        raise InputError(f"seeds: got {seeds}; give a number of at least 1, or seeds of at least 0")
    return chosen
