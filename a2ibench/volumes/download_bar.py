"""A progress bar for downloads, on standard error."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn


class DownloadBar:
    """Shows how far a download has come; has the members that pooch calls.

    Parameters
    ----------
    title : str
        Shown in front of the bar.
    """

    def __init__(self, title: str) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        self._progress = Progress(*columns, console=Console(stderr=True))
        self._task = self._progress.add_task(title, total=None)

    def __enter__(self) -> DownloadBar:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def total(self) -> float | None:
        """Bytes to come; None where the server does not tell."""
        return self._progress.tasks[self._task].total

    @total.setter
    def total(self, size: int) -> None:
        # Set at the start of each attempt, so what an earlier attempt got does not count.
        self._progress.reset(self._task, total=size or None)

    def update(self, size: int) -> None:
        """Count `size` more bytes."""
        self._progress.advance(self._task, size)

    def reset(self) -> None:
        """Start counting at 0 again."""
        self._progress.reset(self._task)

    def close(self) -> None:
        """Stop drawing."""
        self._progress.stop()
