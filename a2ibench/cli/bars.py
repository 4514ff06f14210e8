"""Progress of a run as bars on a terminal."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from a2ibench.cli.progress import Counts, count, duration, label, outcome, title, values_text

if TYPE_CHECKING:
    from a2ibench.bench.job import Job
    from a2ibench.bench.record import Record


# So that bar, count and time fit beside it on 80 columns.
_PHASE = 24


class _Values(ProgressColumn):
    """What a phase tells besides, cut first where the line is too short."""

    def render(self, task: Task) -> Text:
        return Text(task.fields["values"], no_wrap=True, overflow="ellipsis")


def _bars(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[count]}", markup=False),
        TimeRemainingColumn(compact=True),
        _Values(),
        console=console,
        transient=True,
    )


class BarEvents:
    """Shows a bar of all jobs and one of the phase of each that runs; a context manager.

    Parameters
    ----------
    console : Console
        Where to draw.
    """

    def __init__(self, console: Console) -> None:
        self._progress = _bars(console)
        self._all = self._bar("jobs")
        self._running: dict[str, _Running] = {}
        self._jobs = Counts()

    def __enter__(self) -> BarEvents:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._progress.stop()

    def job_started(self, job: Job, index: int, total: int) -> None:
        """Show a bar for a job."""
        self._jobs.started(job.name, total)
        self._running[job.name] = _Running(self._bar(title(job)), time.monotonic(), index)
        self._count_jobs(index - 1)

    def progress(self, job: Job, phase: str, done: float, total: float, values: Mapping[str, float]) -> None:
        """Move the job's bar."""
        running = self._running.get(job.name)
        if running is None:
            return
        if phase != running.phase:
            running.phase = phase
            self._progress.remove_task(running.bar)
            # A new bar, because rich does not forget the total of an old one.
            running.bar = self._bar(f"{title(job)} {label(phase)}")
        # A phase that has but one unit is one whose steps are not known: the bar pulses.
        if total > 1:
            shown = count(done, total)
            self._progress.update(
                running.bar, total=total, completed=done, count=shown, values=values_text(values)
            )

    def job_finished(self, job: Job, record: Record) -> None:
        """Leave a line above the bars, and count the job."""
        running = self._running.pop(job.name, None)
        self._jobs.ended(job.name)
        started = time.monotonic() if running is None else running.started
        self._say(f"{title(job)}: {outcome(record)}, {duration(time.monotonic() - started)}")
        if running is not None:
            self._progress.remove_task(running.bar)
            self._count_jobs(running.index)

    def job_cached(self, job: Job, record: Record) -> None:
        """Leave a line above the bars."""
        self._jobs.cached += 1
        self._say(f"{title(job)}: finished before ({outcome(record)})")

    def _say(self, line: str) -> None:
        self._progress.console.print(Text(line), soft_wrap=True)

    def _count_jobs(self, before: int) -> None:
        # Jobs that run one after another stand in the order of the run.
        jobs = self._jobs
        done = jobs.cached + jobs.done if jobs.several else before
        text = jobs.text() if jobs.several else ""
        shown = count(done, jobs.total)
        self._progress.update(self._all, total=jobs.total, completed=done, count=shown, values=text)

    def _bar(self, description: str) -> TaskID:
        return self._progress.add_task(
            description, visible=bool(description), total=None, count="", values=""
        )


@dataclass
class _Running:
    bar: TaskID
    started: float
    index: int
    phase: str = ""


class PhaseBar:
    """Shows a bar of the phase that is under way; a context manager, called as a `Progress` is.

    Lines that others write to stderr meanwhile stand above it.

    Parameters
    ----------
    console : Console
        Where to draw.
    """

    def __init__(self, console: Console) -> None:
        self._progress, self._phase = _bars(console), ""
        self._task: TaskID | None = None

    def __enter__(self) -> PhaseBar:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._progress.stop()

    def __call__(self, phase: str, done: float, total: float, **values: float) -> None:
        """Move the bar, or begin another."""
        if phase != self._phase:
            if self._task is not None:
                self._progress.remove_task(self._task)
            self._phase = phase
            self._task = self._progress.add_task(label(phase, _PHASE), total=None, count="", values="")
        # A phase that has but one unit is one whose steps are not known: the bar pulses.
        if total > 1 and self._task is not None:
            self._progress.update(
                self._task, total=total, completed=done, count=count(done, total), values=values_text(values)
            )
