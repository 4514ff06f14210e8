"""What a run would do, without doing any of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from a2ibench.bench.cache_key import NOT_KEPT, is_current, wants_volume_only
from a2ibench.bench.estimate import Estimate, History
from a2ibench.bench.job import Job
from a2ibench.bench.paths import RunFiles
from a2ibench.bench.record import Record, is_damaged, read_record
from a2ibench.bench.removal import rows_named
from a2ibench.bench.run import read_run
from a2ibench.bench.run_folder import check_not_fresh, existing_plan, state_of
from a2ibench.contracts import DatasetSpec
from a2ibench.data.fetch import local_file

if TYPE_CHECKING:
    from a2ibench.bench.plan import Plan

ACTIONS = ("run", "retry", "skip", "keep", "stay", "remove")


@dataclass(frozen=True)
class Foreseen:
    """What would become of a job.

    Parameters
    ----------
    job : Job
        The job.
    action : str
        ``"run"``; ``"retry"`` what failed before; ``"skip"`` what the method was seen to refuse; ``"keep"``
        what is finished.
    reason : str
        Why, in one line; empty where there is nothing to say.
    estimate : Estimate or None
        How long it may take; None where no record tells, or nothing is done.
    """

    job: Job
    action: str
    reason: str = ""
    estimate: Estimate | None = None


@dataclass(frozen=True)
class OtherRow:
    """What would become of a row that the command does not ask for.

    Parameters
    ----------
    dataset, method, seed
        The job.
    action : str
        ``"stay"``, or ``"remove"``.
    reason : str
        What it is.
    """

    dataset: str
    method: str
    seed: int
    action: str
    reason: str


@dataclass(frozen=True)
class Forecast:
    """What a run would do.

    Parameters
    ----------
    plan : Plan
        The options, resolved.
    folder : Path
        Where it would write.
    state : str
        Of the folder: ``"new"``, ``"continued"`` or ``"started over"``.
    jobs : tuple of Foreseen
        In the order in which they would run.
    others : tuple of OtherRow
        Rows of the folder that the command does not ask for, or removes.
    """

    plan: Plan
    folder: Path
    state: str
    jobs: tuple[Foreseen, ...]
    others: tuple[OtherRow, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Number of jobs by action."""
        counted = Counter([one.action for one in self.jobs] + [one.action for one in self.others])
        return {action: counted[action] for action in ACTIONS}

    @property
    def seconds(self) -> float | None:
        """Sum of what is known of the jobs' times; None where nothing is known of any that would run."""
        known = [one.estimate.seconds for one in self.jobs if one.estimate is not None]
        return sum(known) if known or not self.unknown else None

    @property
    def unknown(self) -> int:
        """Number of jobs that would run for nobody knows how long."""
        return sum(one.estimate is None and one.action in ("run", "retry") for one in self.jobs)

    def to_dict(self) -> dict[str, Any]:
        """Return everything, JSON-able; times in seconds."""
        return {
            "folder": str(self.folder),
            "state": self.state,
            "plan": self.plan.to_dict(),
            "jobs": [_job_to_dict(one) for one in self.jobs],
            "others": [asdict(one) for one in self.others],
            "counts": self.counts,
            "seconds": self.seconds,
            "unknown": self.unknown,
        }


def forecast(
    plan: Plan,
    out: Path | None = None,
    fresh: bool = False,
    remove: Sequence[str] = (),
    *,
    runs: bool = True,
) -> Forecast:
    """Return what a run would do; nothing is written, and no volume is read.

    Parameters
    ----------
    plan : Plan
        What to run.
    out : Path, optional
        Folder of the run; by default ``plan.default_folder()``.
    fresh : bool
        Whether it would start over.
    remove : sequence of str
        Methods or jobs whose rows would be moved aside first.
    runs : bool
        Whether anything else would be done.

    Raises
    ------
    InputError
        If the folder is none, holds something that is no run, or belongs to a run with other options.
    """
    run_dir = plan.default_folder() if out is None else Path(out)
    check_not_fresh(fresh, remove)
    state = state_of(plan, run_dir, fresh, remove) if runs else "continued"
    gone = rows_named(remove, run_dir, existing_plan(run_dir, "out")) if remove else []
    history = History([run_dir.parent, plan.default_folder().parent])
    jobs = plan.jobs() if runs else []
    foreseen = tuple(_foresee(job, run_dir, fresh or job.name in gone, history) for job in jobs)
    others = () if state != "continued" else tuple(_others(run_dir, {job.name for job in jobs}, gone))
    return Forecast(plan, run_dir, state, foreseen, others)


def _others(run_dir: Path, asked: Collection[str], gone: Collection[str]) -> Iterator[OtherRow]:
    for record in read_run(run_dir).records:
        if record.name not in asked or record.name in gone:
            told = "external" if record.external is not None else _outcome(record)
            action = "remove" if record.name in gone else "stay"
            yield OtherRow(record.dataset, record.method, record.seed, action, told)


def _foresee(job: Job, run_dir: Path, fresh: bool, history: History) -> Foreseen:
    folder = RunFiles(run_dir).job(job.name).folder
    record = None if fresh else read_record(folder)
    if record is not None and is_current(record, job, folder):
        return Foreseen(job, "keep", f"finished before: {_outcome(record)}")
    if record is not None and not record.finished:
        return Foreseen(job, "retry", f"failed before: {_outcome(record)}", history.estimate(job))
    refused = history.skipped(job)
    if refused is not None:
        return Foreseen(job, "skip", f"{refused.record.reason} ({refused.folder})")
    reason = _obstacle(job.dataset)
    changed = ""
    if record is not None and wants_volume_only(record, job, folder):
        changed = NOT_KEPT
    elif record is not None:
        changed = f"finished before ({record.status}), with other code, data, files or libraries"
    elif not fresh and is_damaged(folder):
        changed = "its record was edited or is damaged"
    if changed:
        reason = f"{changed}; {reason}" if reason else changed
    return Foreseen(job, "run", reason, history.estimate(job))


def _outcome(record: Record) -> str:
    return f"{record.status}, {record.message}" if record.message else record.status


def _obstacle(spec: DatasetSpec) -> str:
    """Return in one line what would delay or fail every job of a dataset; nothing if it is there."""
    if spec.simulate is None and spec.voxel_size[0] == spec.voxel_size[1]:
        return "will fail: isotropic, and its entry has no simulate table"
    if spec.generated or local_file(spec) is not None:
        return ""
    if spec.path is not None:
        return f"will fail: {spec.path} is no file"
    return "downloads first" if spec.url is not None else "will fail: its file must be got by hand"


def _job_to_dict(foreseen: Foreseen) -> Mapping[str, Any]:
    job, estimate = foreseen.job, foreseen.estimate
    return {
        "name": job.name,
        "dataset": job.dataset.name,
        "method": job.method,
        "seed": job.seed,
        "action": foreseen.action,
        "reason": foreseen.reason,
        "seconds": None if estimate is None else estimate.seconds,
        "source": None if estimate is None else str(estimate.source),
        "scaled": None if estimate is None else estimate.scaled,
    }
