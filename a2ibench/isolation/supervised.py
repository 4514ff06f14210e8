"""A process whose descendants end with it, and with this process, however either ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

PATIENCE = 3.0
"""Seconds that a process has to end by itself once it is asked to."""
_MARGIN = 15.0
_TAG = "A2IBENCH_PROCESS"
_SUPERVISOR = Path(__file__).with_name("supervisor.py")


def python_module(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module with this interpreter and the same modules in sight."""
    # As in this process, modules in the working folder must not shadow installed ones.
    safe = [] if {"", str(Path.cwd())} & set(sys.path) else ["-P"]
    return [sys.executable, "-u", *safe, "-m", module, *arguments]


class Supervised:
    """A running command, which leads a process group of its own; stdin and stdout are pipes.

    Parameters
    ----------
    command : sequence of str
        What to run.
    stderr : file or int
        As for `subprocess.Popen`.
    environment : mapping of str, optional
        Its environment; by default this process's.
    patience : float
        Seconds that it has to end by itself once `stop` asks it to.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        stderr: IO[Any] | int | None,
        environment: Mapping[str, str] | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self._patience, self._lifeline = patience, -1
        self._tag = f"{_TAG}={uuid.uuid4().hex}"
        variables = dict(os.environ if environment is None else environment)
        variables[_TAG] = self._tag.partition("=")[2]
        options: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": stderr}
        options |= {"env": variables, "start_new_session": True}
        if not hasattr(os, "fork"):
            self._process = subprocess.Popen(command, **options)
            return
        reader, self._lifeline = os.pipe()
        try:
            supervisor = [sys.executable, "-I", "-S", str(_SUPERVISOR), str(reader), str(patience)]
            self._process = subprocess.Popen([*supervisor, *command], pass_fds=(reader,), **options)
        except BaseException:
            self._cut()
            raise
        finally:
            os.close(reader)

    @property
    def stdin(self) -> IO[bytes]:
        """What the command reads."""
        return self._process.stdin  # type: ignore[return-value]

    @property
    def stdout(self) -> IO[bytes]:
        """What the command writes."""
        return self._process.stdout  # type: ignore[return-value]

    @property
    def stderr(self) -> IO[bytes]:
        """What the command writes there, if that is a pipe."""
        return self._process.stderr  # type: ignore[return-value]

    def ended(self, seconds: float = 0.0) -> bool:
        """Whether it has ended, after waiting for that for a while."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    @property
    def returncode(self) -> int:
        """Exit code, or the negative number of the signal that ended it; waits for it."""
        return self._process.wait()

    def stop(self) -> None:
        """End it, if it still runs, and what it started: first asking, then not."""
        try:
            if not self.ended():
                self._process.send_signal(signal.SIGTERM)
                self.ended(self._patience + 1)
        finally:
            self._cut()
            if not self.ended(_MARGIN if hasattr(os, "fork") else 0.0):
                self._process.kill()
            if self._process.wait() < 0:
                self._sweep()
            with suppress(OSError):
                self.stdin.close()

    def _cut(self) -> None:
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1

    def _sweep(self) -> None:
        """Kill what is left of a command whose supervisor was killed, perhaps by the command itself."""
        tag = self._tag.encode()
        for _ in range(20):
            found = [place for place in Path("/proc").glob("[0-9]*") if tag in _environment(place)]
            if not found:
                return
            for place in found:
                with suppress(OSError):
                    os.kill(int(place.name), signal.SIGKILL)


def _environment(process: Path) -> Sequence[bytes]:
    try:
        return (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return ()
