"""A command as a method: the whole volume goes to it in a file, and what it writes is the reconstruction."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from a2ibench.contracts import AxialGrid, Context, Volume
from a2ibench.environment import usable_cpus
from a2ibench.errors import InputError, one_line
from a2ibench.external.command import FORMATS, Command
from a2ibench.external.exchange import read_output, write_volume
from a2ibench.external.failures import OUT_OF_MEMORY, ExternalError, Failed, killed_by
from a2ibench.isolation.supervised import Output, Supervised, how_it_ended

_LOG: Final = "log.txt"

# What Python, C++, the C library, Java, CUDA and MATLAB say.
_MEMORY: Final = re.compile(
    r"MemoryError|bad_alloc|cannot allocate memory|out of memory|OutOfMemory", re.IGNORECASE
)
_LIKE_SIGNALS: Final = 128


class CommandMethod:
    """Runs a command on the whole volume; learns nothing before.

    Parameters
    ----------
    name : str
        Of its row.
    command : Command
        What to run.
    """

    halo = (0, 0)
    align = sys.maxsize
    """A block that cannot be cut: the command is always given the whole volume."""

    def __init__(self, name: str, command: Command) -> None:
        self._name, self._command = name, command
        self.peak_memory: int | None = None
        """Bytes of the largest of the command's processes so far; None where the system does not tell."""

    def configuration(self) -> dict[str, str]:
        """Return what the record says of the command."""
        return self._command.told()

    def fit(self, volume: Volume, ctx: Context) -> None:
        """Do nothing: whatever the command learns, it learns when it runs."""

    def save(self, path: Path) -> None:
        """Write nothing: there is nothing to keep."""

    def load(self, path: Path) -> None:
        """Read nothing."""

    def reconstruct(self, volume: Volume, grid: AxialGrid, ctx: Context) -> NDArray[np.float32]:
        """Return what the command makes of the volume, float32 (grid.n_out, y, x).

        Raises
        ------
        ExternalError
            If the command fails, is killed, or writes no output that can be used.
        """
        suffix = FORMATS[self._command.format]
        with _scratch(ctx.workdir) as folder:
            given, wanted = folder / f"input{suffix}", folder / f"output{suffix}"
            write_volume(given, volume)
            words = self._command.filled(_values(given, wanted, volume, grid, ctx))
            printed = self._run(words, folder)
            try:
                return read_output(wanted, (grid.n_out, *volume.shape[1:]), volume)
            except InputError as error:
                raise self._failure("OutputRefused", str(error), printed) from error

    def _run(self, words: list[str], folder: Path) -> str:
        usage = folder / "usage"
        process = Supervised(words, stderr=subprocess.PIPE, folder=Path(self._command.folder), usage=usage)
        streams = [Output(stream, _log) for stream in (process.stdout, process.stderr)]
        try:
            # It may read what it likes, and finds the end.
            with suppress(OSError):
                process.stdin.close()
            code = process.returncode
        finally:
            process.stop()
            self._note(usage)
        printed = "\n".join(stream.end(1.0).strip() for stream in streams).strip()
        if code:
            raise self._died(code, printed)
        return printed

    def _note(self, usage: Path) -> None:
        with suppress(OSError, ValueError):
            self.peak_memory = max(self.peak_memory or 0, int(usage.read_text(encoding="ascii")))

    def _died(self, code: int, printed: str) -> ExternalError:
        status = OUT_OF_MEMORY if _MEMORY.search(printed) else "error"
        if code < 0:
            return self._failure("CommandDied", killed_by(-code, _LOG), printed, status, last=False)
        how = how_it_ended(code).replace("the process ", "")
        if code > _LIKE_SIGNALS:
            how += f", which a shell or a container says of what signal {code - _LIKE_SIGNALS} ended"
        return self._failure("CommandFailed", how, printed, status)

    def _failure(
        self, kind: str, problem: str, printed: str, status: str = "error", *, last: bool = True
    ) -> ExternalError:
        lines = [line for line in printed.splitlines() if line.strip()]
        said = f"; its last line: {one_line(lines[-1], 200)}" if lines and last else ""
        return ExternalError(Failed(status, kind, f"command {self._name} {problem}{said}", printed))


def _values(given: Path, wanted: Path, volume: Volume, grid: AxialGrid, ctx: Context) -> dict[str, str]:
    sizes = dict(zip("zyx", volume.voxel_size, strict=True))
    values: dict[str, Any] = {
        "input": given,
        "output": wanted,
        "ratio": _number(grid.ratio),
        "n_out": grid.n_out,
        "seed": ctx.seed,
        "threads": _threads(),
    }
    values |= {f"voxel_size_{axis}": _number(size) for axis, size in sizes.items()}
    return {name: str(value) for name, value in values.items()}


def _number(value: float) -> str:
    """Return all digits of a number; programs that want a whole one refuse ``3.0``."""
    return str(int(value)) if value == int(value) else repr(float(value))


def _threads() -> int:
    given = os.environ.get("OMP_NUM_THREADS", "")
    return int(given) if given.isdecimal() and int(given) else usable_cpus() or 1


@contextmanager
def _scratch(workdir: Path | None) -> Iterator[Path]:
    place = None if workdir is None else workdir.absolute()
    with tempfile.TemporaryDirectory(prefix="exchange-", dir=place) as folder:
        yield Path(folder)


def _log(line: str) -> None:
    # A job's stderr is its log.
    with suppress(OSError, ValueError):
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
