"""The process of one job, ``python -m a2ibench.bench.executors.worker FOLDER``: does what its job.json says.

Progress goes to the process's own stdout, one JSON line each; what plugins print goes to stderr, which is
the job's log. The worker ends when its stdin does, hence with the process that started it, however that
ended.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from a2ibench.bench.executors.signals import tell_signals
from a2ibench.bench.job import Job
from a2ibench.bench.paths import JobFiles
from a2ibench.bench.run_job import run_job
from a2ibench.documents import read_json
from a2ibench.files import plain
from a2ibench.isolation import end_with, ignore_interrupts, take_channels
from a2ibench.registry import take_over

_PAUSE = 0.05


class Reporter:
    """Writes progress to a file descriptor, at most 20 lines a second for each phase.

    Parameters
    ----------
    channel : int
        File descriptor to write to.
    """

    def __init__(self, channel: int) -> None:
        self._channel = channel
        self._last, self._next = ("", 0.0), 0.0

    def __call__(self, phase: str, done: float, total: float, **values: float) -> None:
        """Report `done` of `total` units of `phase`."""
        now = time.monotonic()
        if (phase, total) == self._last and now < self._next and done < total:
            return
        self._last, self._next = (phase, total), now + _PAUSE
        event = {"phase": phase, "done": done, "total": total, "values": values}
        os.write(self._channel, (json.dumps(plain(event)) + "\n").encode())


def main(arguments: Sequence[str]) -> None:
    """Run the job of the folder that is the only argument."""
    folder = Path(arguments[0])
    # Ctrl-C reaches the whole terminal, but what becomes of the job is for the starting process to say.
    ignore_interrupts()
    channel, lifeline = take_channels()
    end_with(lifeline)
    faulthandler.enable()
    if hasattr(faulthandler, "register"):
        # A job that is stopped after its time leaves in its log where it hung.
        faulthandler.register(signal.SIGTERM, chain=True)
    task = read_json(JobFiles(folder).request)
    sys.path.extend(place for place in task["path"] if place not in sys.path)
    if task.get("watched"):
        tell_signals(folder)
    take_over(task["plugins"])
    run_job(Job.from_dict(task["job"]), folder, Reporter(channel))


if __name__ == "__main__":
    main(sys.argv[1:])
