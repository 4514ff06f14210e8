"""What a run consists of: its options, resolved, and its jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from a2ibench.bench.growth import fingerprint
from a2ibench.bench.job import REPORT_PLANES, Job, dataset_identity, dataset_to_dict
from a2ibench.bench.metric_settings import METRIC_SETTINGS, as_lines, contents, ready_metrics
from a2ibench.bench.options import RunOptions, check_option
from a2ibench.bench.rows import environment_of
from a2ibench.bench.run import CUBIC
from a2ibench.bench.specs import ALL
from a2ibench.bench.variants import Variant
from a2ibench.cluster.options import ClusterOptions
from a2ibench.contracts import Budget, DatasetSpec
from a2ibench.external.command import Command
from a2ibench.external.environments import Environment
from a2ibench.external.interpreter import forget
from a2ibench.protocol.profiles import PROFILES
from a2ibench.settings import Value

__all__ = ["Job", "Plan", "plan_run"]


@dataclass(frozen=True)
class Plan:
    """All options of a run, resolved.

    Parameters
    ----------
    methods : tuple of str
        Registered methods, variants and commands, in the order in which they run.
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
    training_degradation : str
        ``"matched"`` or ``"own"``.
    variants : mapping of str to Variant
        By name; each is among the methods.
    commands : mapping of str to Command
        By name; each is among the methods.
    environments : mapping of str to Environment
        By what runs in another Python; each is among the methods.
    settings : mapping of str to mapping
        Settings by method or variant, and by metric, where they differ from its own.
    metrics : tuple of str
        What to score.
    catalogue : Path or None
        Where the datasets were listed; None for the catalogue that ships.
    executor : str
        A name in ``EXECUTORS``.
    cluster : ClusterOptions or None
        Where the Dask executor finds workers.
    retries : int
        How often a job that failed is tried again at once.
    timeout : float or None
        Seconds that a job may take.
    checkpoint_every : float or None
        Seconds between two states of a training that are kept; None where none is.
    reporters : tuple of str
        What writes about the run in the end.
    keep_volumes : bool
        Whether jobs keep their reconstructions.
    evaluate : tuple of str or None
        How methods are scored without a reference; None for what each dataset states.
    controls : bool
        Whether one job of each dataset scores the controls, too.
    report_planes : int
        Planes in each direction that jobs keep to be looked at.
    """

    methods: tuple[str, ...]
    datasets: tuple[DatasetSpec, ...]
    profile: str
    seeds: tuple[int, ...] = (0,)
    device: str = "cpu"
    precision: str = "auto"
    budget: Budget | None = None
    training_degradation: str = "matched"
    variants: Mapping[str, Variant] = field(default_factory=dict)
    commands: Mapping[str, Command] = field(default_factory=dict)
    environments: Mapping[str, Environment] = field(default_factory=dict)
    settings: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    metrics: tuple[str, ...] = ()
    catalogue: Path | None = None
    executor: str = "process"
    cluster: ClusterOptions | None = None
    retries: int = 0
    timeout: float | None = None
    checkpoint_every: float | None = None
    reporters: tuple[str, ...] = ()
    keep_volumes: bool = False
    evaluate: tuple[str, ...] | None = None
    controls: bool = True
    report_planes: int = REPORT_PLANES

    def jobs(self) -> list[Job]:
        """Return the jobs in the order in which they run: dataset by dataset, method by method."""
        budget = self.budget or Budget(steps=PROFILES[self.profile].steps)
        # That of cubic interpolation, which the others need not wait for.
        first = CUBIC if CUBIC in self.methods else next(iter(self.methods), None)
        return [
            Job(
                dataset=dataset,
                method=method,
                seed=seed,
                profile=self.profile,
                device=self.device,
                precision=self.precision,
                budget=budget,
                settings=self._settings(method),
                training_degradation=self.training_degradation,
                metrics=self.metrics,
                metric_settings=self.metric_settings,
                checkpoint_every=self.checkpoint_every,
                variant_of=self.variants[method].method if method in self.variants else "",
                command=self.commands.get(method),
                environment=self.environments.get(method),
                keep_volume=self.keep_volumes,
                evaluate=dataset.evaluations if self.evaluate is None else self.evaluate,
                controls=self.controls and (method, seed) == (first, self.seeds[0]),
                report_planes=self.report_planes,
            )
            for dataset in self.datasets
            for method in self.methods
            for seed in self.seeds
        ]

    @property
    def metric_settings(self) -> dict[str, Mapping[str, Value]]:
        """Settings of metrics, by metric; of those that are given any."""
        return {name: self.settings[name] for name in self.metrics if self.settings.get(name)}

    def _settings(self, method: str) -> dict[str, Value]:
        own = self.variants[method].settings if method in self.variants else {}
        return {**own, **self.settings.get(method, {})}

    def identity(self) -> dict[str, Any]:
        """Return what makes two runs the same, by option; order plays no part. Tables in it are by method."""
        variants = {
            name: {"method": one.method, **one.settings} for name, one in sorted(self.variants.items())
        }
        commands = {name: one.told() for name, one in sorted(self.commands.items())}
        environments = {name: one.name for name, one in sorted(self.environments.items())}
        rows = {"variants": variants, "commands": commands, "environments": environments}
        # Only where there are any, so that other runs stay what they were.
        given: dict[str, Any] = {name: some for name, some in rows.items() if some}
        if self.evaluate is not None:
            given["evaluate"] = sorted(self.evaluate)
        of_metrics = self.metric_settings
        if of_metrics:
            # No table, since those are by method; and of files the content, wherever they lie.
            given[METRIC_SETTINGS] = as_lines(contents(of_metrics))
        return given | {
            "methods": sorted(self.methods),
            "datasets": sorted((dataset_identity(spec) for spec in self.datasets), key=lambda d: d["name"]),
            "profile": self.profile,
            "seeds": sorted(self.seeds),
            "device": self.device,
            "precision": self.precision,
            "budget": None if self.budget is None else str(self.budget),
            "training_degradation": self.training_degradation,
            "set": {
                method: dict(values)
                for method, values in sorted(self.settings.items())
                if values and method not in of_metrics
            },
            "metrics": sorted(self.metrics),
        }

    def fingerprint(self) -> str:
        """Return 64 hexadecimal digits that differ where `identity` differs."""
        return fingerprint(self.identity())

    def default_folder(self) -> Path:
        """Return the folder of this run where none is named: the same for the same options."""
        return Path("reports") / f"{self.profile}-{self.fingerprint()[:8]}"

    def to_dict(self) -> dict[str, Any]:
        """Return every field, JSON-able."""
        of_metrics = self.metric_settings
        return self.identity() | {
            # With paths, so that others can be scored by the same later.
            **(
                {METRIC_SETTINGS: {name: dict(of_metrics[name]) for name in of_metrics}} if of_metrics else {}
            ),
            "methods": list(self.methods),
            "datasets": [dataset_to_dict(spec) for spec in self.datasets],
            "seeds": list(self.seeds),
            "metrics": list(self.metrics),
            "catalogue": None if self.catalogue is None else str(self.catalogue),
            "executor": self.executor,
            "timeout": self.timeout,
            **({"retries": self.retries} if self.retries else {}),
            "checkpoint_every": self.checkpoint_every,
            "reporters": list(self.reporters),
            "keep_volumes": self.keep_volumes,
            "controls": self.controls,
            "report_planes": self.report_planes,
        }


def plan_run(options: RunOptions) -> Plan:
    """Check and resolve the options of a run, without starting anything.

    Raises
    ------
    UnknownNameError
        If nothing has a given name.
    InputError
        If an option cannot be used.
    """
    try:
        plan = Plan(**{one.name: check_option(one.name, options) for one in fields(Plan)})
        ready = ready_metrics(plan.metrics, plan.metric_settings, skip=options.metrics == ALL)
        return replace(plan, environments=_environments(plan), metrics=ready)
    finally:
        # What is installed elsewhere may be another thing when the next run is planned.
        forget()


def _environments(plan: Plan) -> dict[str, Environment]:
    """Return where rows run, by name of the row, with what is told there of their methods."""
    found: dict[str, Environment] = {}
    for name in plan.methods:
        where = environment_of(name, plan.variants, plan.environments)
        if where is not None:
            found[name] = where.of(plan.variants[name].method if name in plan.variants else name)
    return found
