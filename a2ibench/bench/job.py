"""A job, and the dataset that it is of, as JSON and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from a2ibench.bench.metric_settings import MetricSettings
from a2ibench.bench.paths import job_name
from a2ibench.contracts import Budget, DatasetSpec, Simulation
from a2ibench.external.command import Command
from a2ibench.external.environments import Environment
from a2ibench.files import plain
from a2ibench.settings import Value

REPORT_PLANES = 9
"""Planes in each direction that jobs keep by default for people to look at."""

FOR_PEOPLE = ("title", "licence", "citation", "instructions")
FOR_SCORES = ("labels", "labels_key")
"""Of what no method is handed and nothing else depends on: only some metrics look at it."""


def dataset_to_dict(spec: DatasetSpec) -> dict[str, Any]:
    """Return every field of a spec, JSON-able."""
    fields: dict[str, Any] = plain(asdict(spec))
    # Only where it is given, so that other runs stay what they were.
    return {name: value for name, value in fields.items() if name != "evaluate" or value is not None}


def dataset_from_dict(fields: Mapping[str, Any]) -> DatasetSpec:
    """Return the spec that `dataset_to_dict` described."""
    given = dict(fields)
    path, simulate, crop = given["path"], given["simulate"], given["crop"]
    labels = given.get("labels", False)
    return DatasetSpec(
        **given
        | {
            "voxel_size": tuple(given["voxel_size"]),
            "path": None if path is None else Path(path),
            "simulate": None if simulate is None else Simulation(**simulate),
            "crop": None if crop is None else tuple((start, stop) for start, stop in crop),
            "intensity": None if given["intensity"] is None else tuple(given["intensity"]),
            "evaluate": None if given.get("evaluate") is None else tuple(given["evaluate"]),
            "labels": labels if isinstance(labels, bool) else Path(labels),
        }
    )


def dataset_identity(spec: DatasetSpec) -> dict[str, Any]:
    """Return the fields that decide what is benchmarked: all but the texts for people, and labels."""
    aside = FOR_PEOPLE + FOR_SCORES
    return {name: value for name, value in dataset_to_dict(spec).items() if name not in aside}


@dataclass(frozen=True)
class Job:
    """One method on one dataset with one seed.

    Parameters
    ----------
    dataset : DatasetSpec
        The volume.
    method : str
        Name of a registered method, or of a variant of it.
    seed : int
        Seed of the method; the simulated input is the same for all seeds.
    profile, device, precision : str
        As in the plan.
    budget : Budget
        How long a learned method trains.
    settings : mapping
        Constructor keywords of the method.
    training_degradation : str
        See `training_settings`.
    metrics : tuple of str
        What to score.
    metric_settings : mapping
        Constructor keywords of metrics, by metric.
    checkpoint_every : float or None
        Seconds between two states of the training that are kept; None where none is.
    key : str
        Cache key, see `job_key`; empty until it is known.
    variant_of : str
        The registered method, where `method` is the name of a variant; else empty.
    command : Command or None
        What is run in place of a registered method.
    environment : Environment or None
        The other Python in which the method runs, and what that told of it.
    keep_volume : bool
        Whether the reconstruction is kept beside the record.
    evaluate : tuple of str
        How the method is scored without a reference, some of `EVALUATIONS`.
    controls : bool
        Whether the controls of the dataset are scored, too; no part of the key.
    report_planes : int
        Planes in each direction that are kept to be looked at; no part of the key.
    beside : bool
        Whether other jobs may run on the same machine meanwhile, which its times tell of; no part of the
        key.
    """

    dataset: DatasetSpec
    method: str
    seed: int
    profile: str
    budget: Budget
    device: str = "cpu"
    precision: str = "auto"
    settings: Mapping[str, Value] = field(default_factory=dict)
    training_degradation: str = "matched"
    metrics: tuple[str, ...] = ()
    metric_settings: MetricSettings = field(default_factory=dict)
    checkpoint_every: float | None = None
    key: str = ""
    variant_of: str = ""
    command: Command | None = None
    environment: Environment | None = None
    keep_volume: bool = False
    evaluate: tuple[str, ...] = ()
    controls: bool = False
    report_planes: int = REPORT_PLANES
    beside: bool = False

    @property
    def registered(self) -> str:
        """Name that the method is registered under."""
        return self.variant_of or self.method

    @property
    def name(self) -> str:
        """Name of the job and of its folder."""
        return job_name(self.dataset.name, self.method, self.seed)

    def to_dict(self) -> dict[str, Any]:
        """Return every field, JSON-able."""
        fields = {name: plain(getattr(self, name)) for name in self.__dataclass_fields__}
        outside = {name: _as_dict(getattr(self, name)) for name in ("command", "environment")}
        return fields | outside | {"dataset": dataset_to_dict(self.dataset), "budget": str(self.budget)}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Job:
        """Return the job that `to_dict` described."""
        return cls(
            **dict(fields)
            | {
                "dataset": dataset_from_dict(fields["dataset"]),
                "budget": Budget.parse(fields["budget"]),
                "metrics": tuple(fields["metrics"]),
                "evaluate": tuple(fields["evaluate"]),
                "command": None if fields["command"] is None else Command(**fields["command"]),
                "environment": None
                if fields["environment"] is None
                else Environment(**fields["environment"]),
            }
        )


def _as_dict(one: Command | Environment | None) -> dict[str, Any] | None:
    return None if one is None else plain(asdict(one))
