"""How long to wait for servers, and how often to ask again."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Patience:
    """Limits of one download.

    Parameters
    ----------
    connect : float
        Seconds until a server has to accept a connection.
    read : float
        Seconds for which it may send nothing.
    attempts : int
        Failures in a row, without a byte or block gained, after which to give up. A transfer that was too
        slow has gained nothing.
    wait : float
        Seconds of pause after the first of them; each further one doubles it.
    longest_wait : float
        The longest pause in seconds, also where a server asks for more.
    slowest : float
        Bytes a second that a transfer must reach on average over `window` seconds.
    window : float
        Seconds over which the rate is judged.
    total : float
        Seconds that the whole download may take, pauses included.
    """

    connect: float = 15.0
    read: float = 60.0
    attempts: int = 4
    wait: float = 1.0
    longest_wait: float = 60.0
    slowest: float = 1024.0
    window: float = 60.0
    total: float = 24 * 3600.0

    def pause(self, failures: int, asked: float = 0.0) -> None:
        """Sleep after so many failures in a row; `asked` are the seconds that the server wants."""
        time.sleep(min(max(self.wait * 2 ** (failures - 1), asked), self.longest_wait))
