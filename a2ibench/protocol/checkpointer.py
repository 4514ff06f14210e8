"""Keeps a training in a file, so that it goes on there after its process was killed."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from a2ibench.errors import InputError, one_line, printable
from a2ibench.files import remove

TRAINING: Final = "training.safetensors"
"""Name of the file."""

_MOST: Final = 0.01
"""Part of the time that may go into keeping."""

_log = logging.getLogger("a2ibench")


def interval(given: str | float) -> float | None:
    """Return seconds between two states of a training; None where none is kept.

    Parameters
    ----------
    given : str or float
        Such as ``"60s"``, or seconds as a number; ``"never"`` where none is kept.

    Raises
    ------
    InputError
        If it is neither.
    """
    if given == "never":
        return None
    try:
        seconds = float(given[:-1]) if isinstance(given, str) and given.endswith("s") else given
        if isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 <= seconds < math.inf:
            return float(seconds)
    except ValueError:
        pass
    raise InputError(f"checkpoint_every: got {given!r}; give seconds as 60s, or never")


class FileCheckpointer:
    """The state of a training in a file, with the time that it has taken; see `a2ibench.Checkpointer`.

    What is damaged, or of another training, is said in one line and removed, and the training starts over.

    Parameters
    ----------
    path : Path
        The file; it need not exist, its folder must.
    every : float
        Seconds between two states; more where keeping one takes more than 1 % of that. With 0 every step is
        kept, whatever that takes.
    identity : str
        What tells this training from others that may have left the file.
    clock : callable
        Returns seconds.

    Attributes
    ----------
    earlier : float
        Seconds that earlier attempts took, up to the state that was restored.
    resumed : int
        How often the training has been taken up again.
    """

    def __init__(
        self,
        path: Path,
        every: float,
        identity: str = "",
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._path, self._every, self._identity, self._clock = path, every, identity, clock
        self.earlier, self.resumed = 0.0, 0
        self._start = self._saved = clock()
        self._took, self._failed = 0.0, False

    def restore(self) -> Any:
        """Return the state that was saved last; None where there is none, and the training starts."""
        from a2ibench.protocol.state_file import read_state

        try:
            kept = read_state(self._path)
            identity, seconds, resumed, state = (kept[name] for name in _FIELDS)
        except FileNotFoundError:
            return None
        except (InputError, LookupError, TypeError):
            self._start_over("is damaged")
            return None
        if identity != self._identity:
            self._start_over("is of other code, settings or data")
            return None
        self.earlier, self.resumed = seconds, resumed + 1
        return state

    def should_save(self) -> bool:
        """Whether the interval since the last state is over."""
        pause = max(self._every, self._took / _MOST) if self._every else 0.0
        return self._clock() - self._saved >= pause

    def save(self, state: Any) -> None:
        """Replace what is kept, in one step.

        What cannot be kept, or a disk that cannot be written, is said in one line and does not stop the
        training.
        """
        from a2ibench.protocol.state_file import write_state

        begin = self._clock()
        values = self._identity, self.earlier + begin - self._start, self.resumed, state
        try:
            write_state(self._path, dict(zip(_FIELDS, values, strict=True)))
        except Exception as error:  # the training is worth more than what is kept of it
            say = _log.debug if self._failed else _log.warning
            say("%s: the training is not kept: %s", printable(str(self._path)), one_line(error))
            self._failed = True
        self._saved = self._clock()
        self._took = self._saved - begin

    def discard(self) -> None:
        """Remove what is kept; the training is over, or starts over."""
        if self._path.is_symlink() or self._path.exists():
            remove(self._path)
        self.earlier, self.resumed = 0.0, 0

    def _start_over(self, why: str) -> None:
        _log.warning("%s: the kept training %s; it starts over", printable(str(self._path)), why)
        self.discard()


_FIELDS = ("identity", "seconds", "resumed", "state")
