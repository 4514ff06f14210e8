"""Calls that read from servers, repeated where the server was in trouble."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from a2ibench.errors import A2IBenchError
from a2ibench.volumes.fetching.patience import Patience

Result = TypeVar("Result")

_TROUBLE = re.compile(r"UNAVAILABLE|DEADLINE_EXCEEDED|ABORTED|retry attempts|HTTP response code: 5\d\d")


def patiently(call: Callable[[], Result], patience: Patience) -> Result:
    """Return what `call` returns, which reads from a server and may be called several times.

    Raises
    ------
    A2IBenchError
        What it raises, where asking again would not help, or has not helped.
    """
    failures = 0
    while True:
        try:
            return call()
        except A2IBenchError as error:
            failures += 1
            if failures >= patience.attempts or not _may_pass(error):
                raise
        patience.pause(failures)


def end_stalls(patience: Patience) -> None:
    """Let tensorstore give up a connection that is silent or too slow; by itself it waits for ever.

    It reads these variables at its first connection. The other libraries have limits of their own, of at
    most five minutes.
    """
    os.environ.setdefault("TENSORSTORE_CURL_LOW_SPEED_TIME_SECONDS", f"{max(patience.read, 1):.0f}")
    os.environ.setdefault("TENSORSTORE_CURL_LOW_SPEED_LIMIT_BYTES", f"{max(patience.slowest, 1):.0f}")


def _may_pass(error: BaseException) -> bool:
    for cause in _causes(error):
        status: Any = getattr(cause, "status", None)
        if isinstance(status, int):
            return status >= 500 or status == 429
        if isinstance(cause, FileNotFoundError | PermissionError):
            return False
        if isinstance(cause, OSError | EOFError) and not isinstance(cause, A2IBenchError):
            return True
        if type(cause).__module__.startswith(("aiohttp", "botocore")) or _TROUBLE.search(str(cause)):
            return True
    return False


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__
    # The innermost knows best.
    return reversed(found)
