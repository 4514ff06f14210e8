"""Progress of a run as plain lines, for logs and pipes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from a2ibench.cli.messages import count, duration, label, outcome, title, values_text

if TYPE_CHECKING:
    from a2ibench.bench.specs import Job

_LEAST, _MOST = 2.0, 15.0


class PhaseLines:
    """Says how far a phase has come: for every tenth of it or every 15 seconds.

    Lines of one phase are at least 2 seconds apart, so that short jobs stay short in a log.

    Parameters
    ----------
    clock : callable
        Returns seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._phase, self._started = "", 0.0
        self._told, self._tenth = 0.0, 0.0

    def line(self, phase: str, done: float, total: float, values: Mapping[str, float]) -> str | None:
        """Return what to say now, or None."""
        now = self._clock()
        if phase != self._phase:
            self._phase, self._started = phase, now
            self._told, self._tenth = now, 0.0
        # A phase that has but one unit is one whose steps are not known.
        if total <= 1 or done >= total or not self._due(tenth := 10 * done // total, now):
            return None
        self._told, self._tenth = now, tenth
        parts = [f"{label(phase)} {count(done, total)}", values_text(values)]
        if done > 0:
            parts.append(f"{duration((now - self._started) * (total / done - 1))} left")
        return ", ".join(filter(None, parts))

    def _due(self, tenth: float, now: float) -> bool:
        waited = now - self._told
        return waited >= _MOST or (waited >= _LEAST and tenth > self._tenth)


class PlainEvents:
    """Writes a line when a job starts and ends, and now and then between.

    Parameters
    ----------
    write : callable
        Takes each line, without its newline.
    clock : callable
        Returns seconds.
    """

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._write, self._clock = write, clock
        self._head, self._started = "", 0.0
        self._lines = PhaseLines(clock)

    def job_started(self, job: Job, index: int, total: int) -> None:
        """Say which job of how many starts."""
        self._head, self._started = f"[{index}/{total}] {title(job)}", self._clock()
        self._lines = PhaseLines(self._clock)
        self._write(f"{self._head}: started")

    def progress(self, job: Job, phase: str, done: float, total: float, values: Mapping[str, float]) -> None:
        """Say how far a phase has come, if it is time to."""
        line = self._lines.line(phase, done, total, values)
        if line is not None:
            self._write(f"{self._head}: {line}")

    def job_finished(self, job: Job, record: Mapping[str, Any]) -> None:
        """Say what came of a job."""
        self._write(f"{self._head}: {outcome(record)}, {duration(self._clock() - self._started)}")

    def job_cached(self, job: Job, record: Mapping[str, Any]) -> None:
        """Say that a job is not repeated."""
        self._write(f"{title(job)}: finished before ({outcome(record)})")
