"""Progress of a run: bars on a terminal, plain lines in logs and pipes, the same said of jobs in both."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from a2ibench.cli.errors import say_progress
from a2ibench.errors import one_line, printable

if TYPE_CHECKING:
    from a2ibench.bench.executors.events import Events
    from a2ibench.bench.job import Job
    from a2ibench.bench.record import Record
    from a2ibench.contracts import Progress

_LABEL = 60
# Nobody reads two numbers of voxels while they change.
_MANY = 1_000_000


def title(job: Job) -> str:
    """Return dataset, method and seed of a job."""
    return printable(f"{job.dataset.name} {job.method} seed {job.seed}")


def outcome(record: Record) -> str:
    """Return status, PSNR where there is one, and the reason or error of a job, in one line."""
    parts = [record.status]
    if "psnr" in record.metrics:
        parts.append(f"psnr {record.metrics['psnr'].value:.2f}")
    if record.message:
        parts.append(one_line(record.message))
    return ", ".join([*parts, *(one_line(f"metric {line}") for line in record.failed_metrics)])


def values_text(values: Mapping[str, float]) -> str:
    """Return values such as the loss, four digits each."""
    return ", ".join(f"{label(name)} {value:.4g}" for name, value in values.items())


def label(name: str, longest: int = _LABEL) -> str:
    """Return a name that a plugin gives to a phase or a value, short enough to leave room for the rest."""
    return one_line(name, longest)


def count(done: float, total: float) -> str:
    """Return how much is done of how much; steps are whole, seconds have a digit, millions are percent."""
    if total >= _MANY:
        return f"{100 * done / total:.0f} %"
    whole = float(total).is_integer() and float(done).is_integer()
    return f"{done:.0f}/{total:.0f}" if whole else f"{done:.1f}/{total:.1f}"


def duration(seconds: float) -> str:
    """Return a time span as people write it: ``8.3 s``, ``2 min 05 s``, ``1 h 20 min``."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


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


@contextmanager
def shown_messages() -> Iterator[None]:
    """Write what a2ibench logs to stderr, a line each, warnings and what is merely good to know."""
    logger, handler = logging.getLogger("a2ibench"), _Lines()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)


class _Lines(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        say_progress(record.getMessage())


class Counts:
    """How many jobs of a run are done, running and waiting, and how long the rest may take.

    Parameters
    ----------
    clock : callable
        Returns seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._begun = clock, 0.0
        self._running: set[str] = set()
        self.total, self.cached, self.done = 0, 0, 0
        self.several = False
        """Whether more than one has run at once."""

    def started(self, name: str, total: int) -> None:
        """Count a job as running; `total` are all of the run."""
        if not self.total:
            self._begun = self._clock()
        self.total = total
        self._running.add(name)
        self.several = self.several or len(self._running) > 1

    def ended(self, name: str) -> None:
        """Count a job as done."""
        self._running.discard(name)
        self.done += 1

    @property
    def left(self) -> float | None:
        """Seconds that the rest may take, by those of this command; None where that is not known."""
        waiting = self.total - self.cached - self.done
        return (self._clock() - self._begun) / self.done * waiting if self.done else None

    def text(self) -> str:
        """Return them in words."""
        done, running = self.cached + self.done, len(self._running)
        parts = [f"{done} of {self.total} done", f"{running} running"]
        parts.append(f"{self.total - done - running} waiting")
        left = self.left
        return ", ".join(parts if left is None else [*parts, f"about {duration(left)} left"])


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
        self._running: dict[str, _Running] = {}
        self._jobs, self._told = Counts(clock), clock()

    def job_started(self, job: Job, index: int, total: int) -> None:
        """Say which job of how many starts."""
        head = f"[{index}/{total}] {title(job)}"
        self._jobs.started(job.name, total)
        self._running[job.name] = _Running(head, self._clock(), PhaseLines(self._clock))
        self._write(f"{head}: started")

    def progress(self, job: Job, phase: str, done: float, total: float, values: Mapping[str, float]) -> None:
        """Say how far a phase has come, if it is time to."""
        running = self._running.get(job.name)
        line = None if running is None else running.lines.line(phase, done, total, values)
        if running is not None and line is not None:
            self._write(f"{running.head}: {line}")

    def job_finished(self, job: Job, record: Record) -> None:
        """Say what came of a job, and now and then of all."""
        running = self._running.pop(job.name, _Running(title(job), self._clock(), PhaseLines(self._clock)))
        self._write(f"{running.head}: {outcome(record)}, {duration(self._clock() - running.started)}")
        self._jobs.ended(job.name)
        if self._jobs.several and self._clock() - self._told >= _MOST:
            self._told = self._clock()
            self._write(self._jobs.text())

    def job_cached(self, job: Job, record: Record) -> None:
        """Say that a job is not repeated."""
        self._jobs.cached += 1
        self._write(f"{title(job)}: finished before ({outcome(record)})")


@dataclass
class _Running:
    head: str
    started: float
    lines: PhaseLines


def interactive() -> bool:
    """Whether stderr is a terminal that somebody watches and that can redraw lines."""
    unwanted = any(os.environ.get(name) for name in ("CI", "NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return sys.stderr.isatty() and not unwanted


@contextmanager
def shown_phases() -> Iterator[Progress]:
    """Yield what shows on stderr how far phases have come, and messages, for as long as the context lasts."""
    if interactive():
        from rich.console import Console

        from a2ibench.cli.bars import PhaseBar

        with PhaseBar(Console(stderr=True)) as bar, shown_messages():
            yield bar
        return
    lines = PhaseLines()

    def progress(phase: str, done: float, total: float, **values: float) -> None:
        line = lines.line(phase, done, total, values)
        if line is not None:
            say_progress(line)

    with shown_messages():
        yield progress


@contextmanager
def shown_events() -> Iterator[Events]:
    """Yield events that show a run on stderr, for as long as the context lasts."""
    if interactive():
        from rich.console import Console

        from a2ibench.cli.bars import BarEvents

        with BarEvents(Console(stderr=True)) as bars:
            yield bars
    else:
        yield PlainEvents(say_progress)
