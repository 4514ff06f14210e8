"""How long a job would take, by records of earlier runs."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from a2ibench.bench.device import device_name
from a2ibench.bench.job import Job
from a2ibench.bench.outside import version_outside
from a2ibench.bench.paths import RUN, RunFiles
from a2ibench.bench.record import CONTROLS, Record, read_record
from a2ibench.contracts import Budget, DatasetSpec
from a2ibench.data.opening import DatasetSize, dataset_size
from a2ibench.environment import usable_cpus
from a2ibench.files import plain
from a2ibench.registry import host

if TYPE_CHECKING:
    pass

_PER_VOXEL = ("load", "simulate", "reconstruct", "validate", "score", "write")
_INSTANT = 0.01


@dataclass(frozen=True)
class Earlier:
    """A record, and the folder of the job that it is of."""

    folder: Path
    record: Record


@dataclass(frozen=True)
class Estimate:
    """How long a job may take, and how that is known.

    Parameters
    ----------
    seconds : float
        All phases but a download.
    source : Path
        Folder of the job whose record it comes from.
    scaled : bool
        Whether that job had other steps or another number of voxels.
    """

    seconds: float
    source: Path
    scaled: bool


class History:
    """The records of all run folders in some folders; they are read when they are first needed.

    Parameters
    ----------
    places : iterable of Path
        Folders that hold run folders; need not exist.
    """

    def __init__(self, places: Iterable[Path]) -> None:
        self._places = {place.absolute(): place for place in places}.values()
        self._extents: dict[str, DatasetSize | None] = {}

    def estimate(self, job: Job, *, without: Collection[str] = ()) -> Estimate | None:
        """Return how long a job may take, `without` some of its phases; None where no record tells.

        A record tells if it is of the same method with the same settings, profile, device, precision and
        machine. Steps scale the training, and voxels everything else; a training within a time budget takes
        that time. Of several records one of the same size counts before one that must be scaled, then one of
        the same dataset, then the newest.
        """
        found: list[tuple[tuple[bool, bool, str], Estimate]] = []
        for earlier in self._records:
            record = earlier.record
            if not record.ok or not _alike(job, record):
                continue
            size = self._extent(job.dataset)
            if size is None:
                return None
            try:
                seconds, scaled = _scaled_seconds(job, size, record, without)
            except (ArithmeticError, LookupError, TypeError, ValueError):
                continue
            rank = (not scaled, record.dataset == job.dataset.name, _finished(earlier))
            found.append((rank, Estimate(seconds, earlier.folder, scaled)))
        return max(found, key=lambda one: one[0])[1] if found else None

    def skipped(self, job: Job) -> Earlier | None:
        """Return the newest record of the job's method refusing the job's dataset; None where there is none.

        Method, its version and settings, and the dataset's name and size must be the same.
        """
        refusals = [
            earlier
            for earlier in self._records
            if earlier.record.status == "skipped"
            and _same_method(job, earlier.record)
            and earlier.record.provenance.get("version") == _version(job)
            and _same_size(earlier.record, self._extent(job.dataset), job.dataset.name)
        ]
        return max(refusals, key=_finished, default=None)

    def _extent(self, spec: DatasetSpec) -> DatasetSize | None:
        if spec.name not in self._extents:
            self._extents[spec.name] = dataset_size(spec)
        return self._extents[spec.name]

    @cached_property
    def _records(self) -> list[Earlier]:
        return [earlier for place in self._places for earlier in _read(place)]


def _read(place: Path) -> Iterator[Earlier]:
    for run in sorted(place.glob(f"*/{RUN}")):
        for job in RunFiles(run.parent).all_jobs():
            record = read_record(job.folder)
            if record is not None:
                yield Earlier(job.folder, record)


def _version(job: Job) -> Any:
    if job.command is not None or job.environment is not None:
        return version_outside(job)
    return host().find("method", job.registered).version


def _finished(earlier: Earlier) -> str:
    return str(earlier.record.provenance.get("finished"))


def _same_method(job: Job, record: Record) -> bool:
    same: bool = record.provenance.get("settings") == plain(job.settings)
    return same and (record.provenance.get("variant_of") or record.method) == job.registered


def _alike(job: Job, record: Record) -> bool:
    provenance = record.provenance
    same = all(provenance.get(name) == getattr(job, name) for name in ("profile", "device", "precision"))
    if not (same and _same_method(job, record) and isinstance(provenance.get("environment"), dict)):
        return False
    machine = provenance.get("device_name"), provenance["environment"].get("cpus")
    return machine == _machine(job.device)


@cache
def _machine(device: str) -> tuple[str, int | None]:
    return device_name(device), usable_cpus()


def _same_size(record: Record, size: DatasetSize | None, dataset: str) -> bool:
    told = record.provenance.get("dataset")
    if size is None or not isinstance(told, dict) or record.dataset != dataset:
        return False
    return [told.get("input_shape"), told.get("shape")] == [list(shape) for shape in size]


def _scaled_seconds(
    job: Job, size: DatasetSize, record: Record, without: Collection[str]
) -> tuple[float, bool]:
    """Return the seconds of a job and whether they are scaled.

    Raises
    ------
    ArithmeticError, LookupError, TypeError, ValueError
        If the record does not tell.
    """
    timings, provenance = record.timings, record.provenance
    factor = size.voxels / math.prod(provenance["dataset"]["shape"])
    phases = [phase for phase in _PER_VOXEL if phase not in without]
    per_voxel = sum(timings.get(phase, 0.0) for phase in phases)
    # Without scores of its own a job scores no controls.
    if job.controls and record.metrics:
        # Where the earlier job scored none: each takes about what the method's own scores take.
        per_voxel += timings.get("controls", len(CONTROLS) * timings.get("score", 0.0))
    seconds = timings["setup"] + factor * per_voxel
    fit, other_budget = timings["fit"], provenance["budget"] != str(job.budget)
    learns = record.model.get("params", 0) > 0
    if learns:
        fit = _training_seconds(job, fit, provenance["budget"])
    elif other_budget and fit > _INSTANT:
        # It does not tell whether it learns, so nothing says what the budget changes.
        raise ValueError("unknown whether the method learns")
    else:
        fit *= factor
    total = float(seconds if "fit" in without else seconds + fit)
    if not 0 <= total < math.inf:
        raise ValueError(f"not a time: {total}")
    return total, factor != 1 or (learns and other_budget)


def _training_seconds(job: Job, seconds: float, budget: str) -> float:
    if job.budget.steps is None:
        return float(job.budget.seconds or 0)
    steps = Budget.parse(budget).steps
    if steps is None:
        raise ValueError("the earlier training had a time budget, which does not tell what a step takes")
    return seconds * job.budget.steps / steps
