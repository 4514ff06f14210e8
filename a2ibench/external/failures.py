"""What a job's record says of an error, also where another process met it."""

from __future__ import annotations

import traceback
from typing import NamedTuple

from a2ibench.errors import A2IBenchError
from a2ibench.isolation.supervised import signal_name

OUT_OF_MEMORY = "oom"


class Failed(NamedTuple):
    """Status of a job, type of the error, the error in one line, and where it was raised."""

    status: str
    kind: str
    message: str
    trace: str


class ExternalError(A2IBenchError, RuntimeError):
    """What went wrong in another process.

    Parameters
    ----------
    failed : Failed
        What the record says.
    """

    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.message)
        self.failed = failed


def failure_of(error: BaseException) -> Failed:
    """Return what the record says of an error; the status is ``"oom"`` where memory ran out."""
    if isinstance(error, ExternalError):
        return error.failed
    message = " ".join(str(error).split())
    if not isinstance(error, A2IBenchError):
        message = f"{type(error).__name__}: {message}" if message else type(error).__name__
    trace = "".join(traceback.format_exception(error))
    status = OUT_OF_MEMORY if _out_of_memory(error) else "error"
    return Failed(status, type(error).__name__, message, trace)


def _out_of_memory(error: BaseException | None) -> bool:
    # By name, because torch may not be imported; its CPU allocator raises a plain RuntimeError.
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        names = {kind.__name__ for kind in type(error).__mro__}
        if names & {"MemoryError", "OutOfMemoryError"} or "can't allocate memory" in str(error):
            return True
        error = error.__cause__
    return False


def killed_by(number: int, log: str) -> str:
    """Return what is said of a process that a signal ended."""
    name = signal_name(number)
    hint = "if nobody did so by hand, memory may have run out; " if name == "SIGKILL" else ""
    return f"was killed by signal {number} ({name}); {hint}see {log}"
