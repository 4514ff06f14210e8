"""The checks of a name, in a process of their own: ``python -m a2ibench.testing.check_worker``.

What it finds goes to the process's own stdout, one JSON line each; what plugins print goes to stderr. It ends
when its stdin does, hence with the process that started it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from a2ibench.errors import A2IBenchError, one_line
from a2ibench.isolation import end_with, ignore_interrupts, take_channels


def main(arguments: Sequence[str]) -> None:
    """Judge the checks of a name from number FIRST on, counted over all of its kinds."""
    name, kind, device, first = arguments
    # Ctrl-C reaches the whole terminal; here, a KeyboardInterrupt is always one that a plugin raised.
    ignore_interrupts()
    channel, lifeline = take_channels()
    end_with(lifeline)
    try:
        _judge_all(name, kind or None, device, int(first), channel)
    except A2IBenchError as error:
        _tell(channel, {"refused": one_line(error)})
    _tell(channel, {"end": True})
    # Threads and exit handlers of plugins have no say in how this ends.
    os._exit(0)


def _judge_all(name: str, kind: str | None, device: str, first: int, channel: int) -> None:
    from a2ibench.registry import host
    from a2ibench.testing.suite import checks, find_registered

    number = 0
    for found in find_registered(name, kind):
        registered, suite = host().find(found, name), checks(found, name, device=device)
        about = {"plugin": registered.plugin, "distribution": registered.distribution}
        about |= {"version": registered.version, "title": str(registered)}
        listed = [{"name": c.name, "summary": c.summary, "advice": c.advice} for c in suite]
        _tell(channel, {"kind": found, "about": about, "checks": listed})
        for check in suite:
            if number >= first:
                _tell(channel, {"begun": number})
                _tell(channel, {"number": number} | _judge(check))
            number += 1


def _judge(check: Any) -> dict[str, Any]:
    from a2ibench.testing.check import judge

    try:
        outcome = judge(check)
    except BaseException as error:
        return {"status": "failed", "message": f"the plugin raised {one_line(error)}", "seconds": 0.0}
    return {"status": outcome.status, "message": one_line(outcome.message), "seconds": outcome.seconds}


def _tell(channel: int, event: Mapping[str, Any]) -> None:
    os.write(channel, (json.dumps(event) + "\n").encode())


if __name__ == "__main__":
    main(sys.argv[1:])
