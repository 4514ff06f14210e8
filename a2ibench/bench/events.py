"""What a run tells while it goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from a2ibench.bench.record import Record
from a2ibench.bench.specs import Job


@dataclass(frozen=True)
class Task:
    """A job that is to be run, and its place in the run.

    Parameters
    ----------
    job : Job
        With its key.
    folder : Path
        Where its record goes.
    index, total : int
        The job is number `index`, counted from 1, of all `total` jobs of the run.
    """

    job: Job
    folder: Path
    index: int
    total: int


class Events(Protocol):
    """Told what happens to each job, in the thread that called `execute`."""

    def job_started(self, job: Job, index: int, total: int) -> None:
        """Show that job number `index`, counted from 1, of all `total` starts."""

    def progress(self, job: Job, phase: str, done: float, total: float, values: Mapping[str, float]) -> None:
        """Show that `done` of `total` units of a phase are done."""

    def job_finished(self, job: Job, record: Record) -> None:
        """Show the record of a job that has just ended, whatever its status."""

    def job_cached(self, job: Job, record: Record) -> None:
        """Show the record of a job that an earlier run finished and that is not repeated."""


class Quiet:
    """Events that nobody listens to."""

    def job_started(self, job: Job, index: int, total: int) -> None:
        """Do nothing."""

    def progress(self, job: Job, phase: str, done: float, total: float, values: Mapping[str, float]) -> None:
        """Do nothing."""

    def job_finished(self, job: Job, record: Record) -> None:
        """Do nothing."""

    def job_cached(self, job: Job, record: Record) -> None:
        """Do nothing."""
