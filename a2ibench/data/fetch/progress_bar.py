"""A progress bar for downloads, on standard error."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from a2ibench.errors import one_line


class DownloadBar:
    """Shows how far a download has come.

    Parameters
    ----------
    title : str
        Shown in front of the bar.
    """

    def __init__(self, title: str) -> None:
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
        )
        self._progress = Progress(*columns, console=Console(stderr=True))
        self._task = self._progress.add_task(one_line(title), total=None)

    def __enter__(self) -> DownloadBar:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._progress.stop()

    def begin(self, there: int, total: int | None) -> None:
        """Start an attempt with the bytes that are there already; the total is None where nobody tells."""
        # What is there was not transferred now, so it does not count for the speed.
        self._progress.reset(self._task, total=total, completed=there)

    def update(self, size: int) -> None:
        """Count `size` more bytes."""
        self._progress.advance(self._task, size)

    @property
    def done(self) -> float:
        """Bytes counted so far."""
        return self._progress.tasks[self._task].completed

    @property
    def total(self) -> float | None:
        """Bytes of the whole; None where nobody tells."""
        return self._progress.tasks[self._task].total
