"""What a run would do, found out without doing any of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from a2ibench.bench.folder import state_of
from a2ibench.bench.history import Estimate, History
from a2ibench.bench.key import is_current
from a2ibench.bench.record import FINISHED, JOBS, Record, is_damaged, read_record
from a2ibench.bench.specs import Job
from a2ibench.contracts import DatasetSpec
from a2ibench.volumes.fetch import kept_file

if TYPE_CHECKING:
    from a2ibench.bench.plan import Plan

ACTIONS = ("run", "retry", "skip", "keep")


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
    """

    plan: Plan
    folder: Path
    state: str
    jobs: tuple[Foreseen, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Number of jobs by action."""
        counted = Counter(one.action for one in self.jobs)
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
            "counts": self.counts,
            "seconds": self.seconds,
            "unknown": self.unknown,
        }


def forecast(plan: Plan, out: Path | None = None, fresh: bool = False) -> Forecast:
    """Return what a run would do; nothing is written, and no volume is read.

    Parameters
    ----------
    plan : Plan
        What to run.
    out : Path, optional
        Folder of the run; by default ``plan.default_folder()``.
    fresh : bool
        Whether it would start over.

    Raises
    ------
    InputError
        If the folder is none, holds something that is no run, or belongs to a run with other options.
    """
    run_dir = plan.default_folder() if out is None else Path(out)
    state = state_of(plan, run_dir, fresh)
    history = History([run_dir.parent, plan.default_folder().parent])
    foreseen = tuple(_foresee(job, run_dir, fresh, history) for job in plan.jobs())
    return Forecast(plan, run_dir, state, foreseen)


def _foresee(job: Job, run_dir: Path, fresh: bool, history: History) -> Foreseen:
    record = None if fresh else read_record(run_dir / JOBS / job.name)
    if record is not None and is_current(record, job, run_dir / JOBS / job.name):
        return Foreseen(job, "keep", f"finished before: {_outcome(record)}")
    if record is not None and record["status"] not in FINISHED:
        return Foreseen(job, "retry", f"failed before: {_outcome(record)}", history.estimate(job))
    refused = history.skipped(job)
    if refused is not None:
        return Foreseen(job, "skip", f"{refused.record.get('reason')} ({refused.folder})")
    reason = _obstacle(job.dataset)
    changed = ""
    if record is not None:
        changed = f"finished before ({record['status']}), with other code, data, files or libraries"
    elif not fresh and is_damaged(run_dir / JOBS / job.name):
        changed = "its record was edited or is damaged"
    if changed:
        reason = f"{changed}; {reason}" if reason else changed
    return Foreseen(job, "run", reason, history.estimate(job))


def _outcome(record: Record) -> str:
    problem = (record["error"] or {}).get("message") or record.get("reason")
    return f"{record['status']}, {' '.join(str(problem).split())}" if problem else str(record["status"])


def _obstacle(spec: DatasetSpec) -> str:
    """Return in one line what would delay or fail every job of a dataset; nothing if it is there."""
    if spec.simulate is None and spec.voxel_size[0] == spec.voxel_size[1]:
        return "will fail: isotropic, and its entry has no simulate table"
    if spec.phantom is not None or kept_file(spec) is not None:
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
