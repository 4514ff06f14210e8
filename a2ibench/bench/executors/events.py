"""What a run tells while it goes on."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from a2ibench.bench.job import Job
from a2ibench.bench.record import Record
from a2ibench.documents import parse_json
from a2ibench.errors import printable

_logger = logging.getLogger(__name__)

_LONGEST: Final = 80
_MOST_VALUES: Final = 20


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


@dataclass(frozen=True)
class Report:
    """How far a phase of a job has come, as the worker says.

    Parameters
    ----------
    phase : str
        Its name, printable.
    done, total : float
        Finite, with ``0 <= done <= total`` and ``total > 0``.
    values : mapping of str to float
        Finite numbers, such as the loss.
    """

    phase: str
    done: float
    total: float
    values: Mapping[str, float]


def parse_report(line: bytes) -> Iterator[Report]:
    """Yield what a line of a worker reports; nothing where it is no report.

    A worker runs other people's code, which may write anything, and one that was killed may cut a line.
    """
    try:
        fields = parse_json(line)
        report = (fields["phase"], fields["done"], fields["total"], fields["values"])
    except (ValueError, LookupError, TypeError):
        return
    yield from checked_report(*report)


def checked_report(phase: Any, done: Any, total: Any, values: Any) -> Iterator[Report]:
    """Yield a report of these fields; nothing where they make none. Only values that are numbers stay."""
    if not (
        isinstance(phase, str) and _is_number(done) and _is_number(total) and isinstance(values, Mapping)
    ):
        return
    if not (0 < len(phase) <= _LONGEST and 0 <= done <= total and total > 0):
        return
    named = {
        printable(name): float(value)
        for name, value in values.items()
        if isinstance(name, str) and len(name) <= _LONGEST and _is_number(value)
    }
    yield Report(printable(phase), float(done), float(total), dict(list(named.items())[:_MOST_VALUES]))


def _is_number(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except (TypeError, ValueError, OverflowError):
        return False


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


def say_again(job: Job, status: str, left: int) -> None:
    """Say that a job which failed is tried again."""
    _logger.warning("%s ended as %s and is tried again (%d left)", job.name, status, left)
