"""Watches over a download: whether it is fast enough, and whether its time is up."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from a2ibench.errors import DownloadError
from a2ibench.volumes.fetching.patience import Patience


class Pace:
    """The time that a download has, over all its attempts.

    Parameters
    ----------
    patience : Patience
        The limits.
    clock : callable
        Returns seconds.
    """

    def __init__(self, patience: Patience, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience, self._clock = patience, clock
        self._begun = self._since = clock()
        self._bytes = 0

    def start(self) -> None:
        """Begin to count the bytes of an attempt."""
        self._since, self._bytes = self._clock(), 0

    @property
    def left(self) -> float:
        """Seconds that are left for the whole download."""
        return self._patience.total - (self._clock() - self._begun)

    def check(self) -> None:
        """Go on while there is time.

        Raises
        ------
        DownloadError
            If the time of the whole download is over.
        """
        if self.left <= 0:
            raise DownloadError(f"the download was not complete after {self._patience.total:g} s")

    def too_slow(self, size: int) -> bool:
        """Count `size` more bytes; return whether a window is over in which there were too few."""
        self._bytes += size
        passed = self._clock() - self._since
        if passed < self._patience.window:
            return False
        slow = self._bytes < self._patience.slowest * passed
        self.start()
        return slow

    @property
    def slow_text(self) -> str:
        """What is said of a transfer that is too slow."""
        least = math.ceil(self._patience.slowest)
        return f"the server sent less than {least} bytes a second for {self._patience.window:g} s"
