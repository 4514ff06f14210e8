"""A process whose descendants end with it, and with this process, however either ends; and what it writes."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final

from a2ibench.errors import printable

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
    folder : Path, optional
        Its working folder; by default this process's.
    usage : Path, optional
        Where the peak memory of the largest of its processes is written in the end, in bytes, if the system
        tells.
    held : sequence of int
        File descriptors that it keeps open, where the system can hand them on.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        stderr: IO[Any] | int | None,
        environment: Mapping[str, str] | None = None,
        patience: float = PATIENCE,
        folder: Path | None = None,
        usage: Path | None = None,
        held: Sequence[int] = (),
    ) -> None:
        self._patience, self._lifeline = patience, -1
        self._tag = f"{_TAG}={uuid.uuid4().hex}"
        variables = dict(os.environ if environment is None else environment)
        variables[_TAG] = self._tag.partition("=")[2]
        options: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": stderr}
        options |= {"env": variables, "start_new_session": True, "cwd": folder}
        if not hasattr(os, "fork"):
            self._process = subprocess.Popen(command, **options)
            return
        reader, self._lifeline = os.pipe()
        try:
            supervisor = [sys.executable, "-I", "-S", str(_SUPERVISOR), str(reader), str(patience)]
            supervisor.append("" if usage is None else str(usage.absolute()))
            self._process = subprocess.Popen([*supervisor, *command], pass_fds=(reader, *held), **options)
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


def signal_name(number: int) -> str:
    """Return the name of a signal, such as SIGKILL."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"


def how_it_ended(returncode: int) -> str:
    """Return what an exit code, or the negative number of a signal, says of a process that is gone."""
    if returncode >= 0:
        return f"ended the process with code {returncode}"
    return f"was killed by signal {-returncode} ({signal_name(-returncode)})"


OVERLONG: Final = b""
"""Stands for a line that was too long to be kept."""
_CHUNK = 1 << 16


class Lines:
    """Lines that wait to be taken; what comes faster than it is taken is left out.

    Parameters
    ----------
    stream : binary file
        The pipe, which is closed at its end.
    longest : int
        Bytes of the longest line that is kept.
    waiting : int
        How many lines may wait.
    """

    def __init__(self, stream: IO[bytes], longest: int = _CHUNK, waiting: int = 1000) -> None:
        self._lines: queue.Queue[bytes | None] = queue.Queue(waiting)
        self._longest = longest
        self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._thread.start()

    def get(self, seconds: float) -> bytes | None:
        """Return the next line, `OVERLONG` in place of one that was too long, None at the end.

        Raises
        ------
        TimeoutError
            If none came in time.
        """
        try:
            return self._lines.get(timeout=seconds) if seconds > 0 else self._lines.get_nowait()
        except queue.Empty:
            raise TimeoutError from None

    def finished(self, seconds: float) -> bool:
        """Whether the pipe has ended, after waiting for that for a while."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _read(self, stream: IO[bytes]) -> None:
        for line in _lines(stream, self._longest):
            self._keep(line)
        while not self._keep(None):
            self._lines.get_nowait()

    def _keep(self, line: bytes | None) -> bool:
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            return False
        return True


class Output:
    """What a process prints: its end is kept, and each line handed on in printable characters.

    Parameters
    ----------
    stream : binary file
        The pipe, which is closed at its end.
    relay : callable, optional
        Takes each line, in the thread that reads.
    """

    def __init__(self, stream: IO[bytes], relay: Callable[[str], object] | None = None) -> None:
        self._relay, self._kept = relay, b""
        self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._thread.start()

    def end(self, seconds: float = 0.2) -> str:
        """Return the last lines, after waiting a while for the pipe's end."""
        self._thread.join(seconds)
        return self._kept.decode(errors="replace")

    def _read(self, stream: IO[bytes]) -> None:
        for line in _lines(stream, _CHUNK):
            self._kept = (self._kept + line + b"\n")[-4000:]
            if self._relay is not None:
                self._relay(printable(line.decode(errors="replace").replace("\t", "    ")))


def _lines(stream: IO[bytes], longest: int) -> Iterator[bytes]:
    held, overlong = b"", False
    with stream:
        while chunk := os.read(stream.fileno(), _CHUNK):
            *ended, rest = chunk.split(b"\n")
            for piece in ended:
                yield OVERLONG if overlong or len(held) + len(piece) > longest else held + piece
                held, overlong = b"", False
            overlong = overlong or len(held) + len(rest) > longest
            held = b"" if overlong else held + rest
    if held:
        yield held
