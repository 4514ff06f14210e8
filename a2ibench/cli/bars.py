"""Progress of a run as bars on a terminal."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from a2ibench.cli.progress import count, duration, label, outcome, title, values_text

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
    """Shows a bar of all jobs and one of the running job's phase; a context manager.

    Parameters
    ----------
    console : Console
        Where to draw.
    """

    def __init__(self, console: Console) -> None:
        self._progress = _bars(console)
        self._all, self._job = self._bar("jobs"), self._bar("")
        self._phase = ""
        self._index, self._total, self._started = 0, 0, 0.0

    def __enter__(self) -> BarEvents:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._progress.stop()

    def job_started(self, job: Job, index: int, total: int) -> None:
        """Count the jobs before this one as done, and show a bar for it."""
        self._index, self._total, self._started, self._phase = index, total, time.monotonic(), ""
        self._count_jobs(index - 1)
        self._new_bar(title(job))

    def progress(self, job: Job, phase: str, done: float, total: float, values: Mapping[str, float]) -> None:
        """Move the job's bar."""
        if phase != self._phase:
            self._phase = phase
            self._new_bar(f"{title(job)} {label(phase)}")
        # A phase that has but one unit is one whose steps are not known: the bar pulses.
        if total > 1:
            shown = count(done, total)
            self._progress.update(
                self._job, total=total, completed=done, count=shown, values=values_text(values)
            )

    def job_finished(self, job: Job, record: Record) -> None:
        """Leave a line above the bars, and count the job."""
        self._say(f"{title(job)}: {outcome(record)}, {duration(time.monotonic() - self._started)}")
        self._count_jobs(self._index)
        self._new_bar("")

    def job_cached(self, job: Job, record: Record) -> None:
        """Leave a line above the bars."""
        self._say(f"{title(job)}: finished before ({outcome(record)})")

    def _say(self, line: str) -> None:
        self._progress.console.print(Text(line), soft_wrap=True)

    def _count_jobs(self, done: int) -> None:
        self._progress.update(self._all, total=self._total, completed=done, count=count(done, self._total))

    def _new_bar(self, description: str) -> None:
        # A new bar, because rich does not forget the total of an old one.
        self._progress.remove_task(self._job)
        self._job = self._bar(description)

    def _bar(self, description: str) -> TaskID:
        return self._progress.add_task(
            description, visible=bool(description), total=None, count="", values=""
        )


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
