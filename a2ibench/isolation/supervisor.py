"""Runs a command so that nothing it starts outlives it: ``supervisor.py LIFELINE PATIENCE USAGE COMMAND...``.

A script of the standard library alone, started with ``-I -S``, since it stands before every job. LIFELINE
is a file descriptor to read from: once it ends, so do the command and all its descendants. On SIGTERM the
command is asked first, with SIGTERM, and given PATIENCE seconds. Descendants that left the process group,
the session or their parents are found, because orphans become children of this process (Linux). USAGE is
a file to write the peak of their memory to, in bytes, or empty. The exit code, or signal, is the command's.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import time
from contextlib import suppress

_SET_PDEATHSIG, _SET_CHILD_SUBREAPER = 1, 36
_LINUX = sys.platform.startswith("linux")
_LIMIT = 10.0


def main(arguments: list[str]) -> None:
    """Run the command and end as it does."""
    lifeline, patience, usage, command = int(arguments[0]), float(arguments[1]), arguments[2], arguments[3:]
    parent = os.getppid()
    wake = _wake_on(signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)
    _prctl(_SET_CHILD_SUBREAPER, 1)
    # Also while a copy of the lifeline's other end is open somewhere.
    _prctl(_SET_PDEATHSIG, signal.SIGUSR1)
    os.set_inheritable(lifeline, False)
    worker = _start(command)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    status: int | None = None
    deadline: float | None = None
    while status is None and os.getppid() == parent:
        wait = None if deadline is None else max(0.0, deadline - time.monotonic())
        ready, _, _ = select.select([lifeline, wake], [], [], wait)
        if lifeline in ready and not os.read(lifeline, 4096):
            break
        received = os.read(wake, 4096) if wake in ready else b""
        if deadline is None and {signal.SIGTERM, signal.SIGINT, signal.SIGHUP} & set(received):
            deadline = time.monotonic() + patience
            _ask(worker)
        status = _reap(worker)
        if deadline is not None and time.monotonic() >= deadline:
            break
    status = _end_descendants(worker, status)
    if usage:
        _tell_usage(usage)
    _end_as(status)


def _start(command: list[str]) -> int:
    own = os.getpid()
    worker = os.fork()
    if worker:
        return worker
    try:
        # A group of its own, so that it can be asked to stop together with what it started.
        os.setsid()
        _prctl(_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == own:
            os.execvp(command[0], command)  # noqa: S606 (the command is ours)
    finally:
        os._exit(127)


def _wake_on(*numbers: int) -> int:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in numbers:
        signal.signal(number, lambda *_: None)
    return reader


def _prctl(option: int, value: int) -> None:
    if _LINUX:
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _ask(worker: int) -> None:
    try:
        os.killpg(worker, signal.SIGTERM)
    except (ProcessLookupError, PermissionError):
        with suppress(ProcessLookupError):
            os.kill(worker, signal.SIGTERM)


def _reap(worker: int) -> int | None:
    """Collect whatever has ended; return the worker's status if it was among them."""
    status = None
    with suppress(ChildProcessError):
        while True:
            pid, ended = os.waitpid(-1, os.WNOHANG)
            if pid == worker:
                status = ended
            if pid == 0:
                break
    return status


def _end_descendants(worker: int, status: int | None) -> int:
    """Kill everything below this process; return the worker's status."""
    end = time.monotonic() + _LIMIT
    while time.monotonic() < end:
        found = _descendants(os.getpid()) if _LINUX else _group(worker, status)
        # Stopped first, all of them, so that none starts another while the rest are killed.
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in found:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, number)
        ended = _reap(worker)
        status = ended if status is None else status
        if not found and status is not None:
            break
        time.sleep(0.002)
    return signal.SIGKILL if status is None else status


def _group(worker: int, status: int | None) -> list[int]:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(worker, signal.SIGKILL)
    return [worker] if status is None else []


def _descendants(own: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 (pathlib takes long to import)
        if name.isdigit():
            with suppress(OSError, ValueError):
                state, parent = _stat(name)
                if state not in "ZX":
                    children.setdefault(parent, []).append(int(name))
    found, places = [], [own]
    while places:
        below = children.get(places.pop(), [])
        found += below
        places += below
    return found


def _stat(name: str) -> tuple[str, int]:
    with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123 (pathlib takes long to import)
        # The program's name, in brackets, may hold anything.
        state, parent = file.read().rpartition(b")")[2].split()[:2]
    return state.decode(), int(parent)


def _tell_usage(place: str) -> None:
    import resource

    # Of the largest of all processes that have ended below this one.
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    with suppress(OSError), open(place, "w", encoding="ascii") as file:  # noqa: PTH123 (as above)
        file.write(str(peak if sys.platform == "darwin" else 1024 * peak))


def _end_as(status: int) -> None:
    if os.WIFSIGNALED(status):
        import resource

        number = os.WTERMSIG(status)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


if __name__ == "__main__":
    main(sys.argv[1:])
