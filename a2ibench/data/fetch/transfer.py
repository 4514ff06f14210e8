"""Limits of time and failures of every transfer, its progress bar, and the download of a crop by blocks."""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from a2ibench.contracts import DatasetSpec
from a2ibench.contracts.specs import CHUNKED_FORMATS
from a2ibench.data import prepare
from a2ibench.data.catalogue import naming_fields
from a2ibench.data.formats import LazyVolume, open_lazy
from a2ibench.data.formats.volume import native
from a2ibench.data.writing import Writer, create
from a2ibench.data.writing.layout import ZYX, box, starts
from a2ibench.errors import A2IBenchError, DownloadError, InputError, one_line


@dataclass(frozen=True)
class RetryPolicy:
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
        Bytes a second that a transfer must reach on average over `period` seconds.
    period : float
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
    period: float = 60.0
    total: float = 24 * 3600.0

    def pause(self, failures: int, asked: float = 0.0) -> None:
        """Sleep after so many failures in a row; `asked` are the seconds that the server wants."""
        time.sleep(min(max(self.wait * 2 ** (failures - 1), asked), self.longest_wait))


Result = TypeVar("Result")

_TROUBLE = re.compile(r"UNAVAILABLE|DEADLINE_EXCEEDED|ABORTED|retry attempts|HTTP response code: 5\d\d")


def _retried(call: Callable[[], Result], retry: RetryPolicy) -> Result:
    """Return what `call` returns, which reads from a server; called again where that may help."""
    failures = 0
    while True:
        try:
            return call()
        except A2IBenchError as error:
            failures += 1
            if failures >= retry.attempts or not _may_pass(error):
                raise
        retry.pause(failures)


def _end_stalls(retry: RetryPolicy) -> None:
    """Let tensorstore give up a connection that is silent or too slow; by itself it waits for ever.

    It reads these variables at its first connection. The other libraries have limits of their own, of at
    most five minutes.
    """
    os.environ.setdefault("TENSORSTORE_CURL_LOW_SPEED_TIME_SECONDS", f"{max(retry.read, 1):.0f}")
    os.environ.setdefault("TENSORSTORE_CURL_LOW_SPEED_LIMIT_BYTES", f"{max(retry.slowest, 1):.0f}")


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


class Pace:
    """The time that a download has, over all its attempts.

    Parameters
    ----------
    retry : RetryPolicy
        The limits.
    clock : callable
        Returns seconds.
    """

    def __init__(self, retry: RetryPolicy, clock: Callable[[], float] = time.monotonic) -> None:
        self._retry, self._clock = retry, clock
        self._begun = self._since = clock()
        self._bytes = 0

    def start(self) -> None:
        """Begin to count the bytes of an attempt."""
        self._since, self._bytes = self._clock(), 0

    @property
    def left(self) -> float:
        """Seconds that are left for the whole download."""
        return self._retry.total - (self._clock() - self._begun)

    def check(self) -> None:
        """Go on while there is time.

        Raises
        ------
        DownloadError
            If the time of the whole download is over.
        """
        if self.left <= 0:
            raise DownloadError(f"the download was not complete after {self._retry.total:g} s")

    def too_slow(self, size: int) -> bool:
        """Count `size` more bytes; return whether a period is over in which there were too few."""
        self._bytes += size
        passed = self._clock() - self._since
        if passed < self._retry.period:
            return False
        slow = self._bytes < self._retry.slowest * passed
        self.start()
        return slow

    @property
    def slow_text(self) -> str:
        """What is said of a transfer that is too slow."""
        least = math.ceil(self._retry.slowest)
        return f"the server sent less than {least} bytes a second for {self._retry.period:g} s"


class DownloadBar:
    """Shows how far a download has come.

    Parameters
    ----------
    title : str
        Shown in front of the bar.
    """

    def __init__(self, title: str) -> None:
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
        )
        self._progress = Progress(*columns, console=Console(stderr=True))
        self._task = self._progress.add_task(one_line(title), total=None)

    def __enter__(self) -> DownloadBar:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._progress.stop()

    def begin(self, there: int, total: int | None) -> None:
        """Start an attempt with the bytes that are there already; the total is None where nobody tells."""
        # What is there was not transferred now, so it does not count for the speed.
        self._progress.reset(self._task, total=total, completed=there)

    def update(self, size: int) -> None:
        """Count `size` more bytes."""
        self._progress.advance(self._task, size)


def download_crop(
    spec: DatasetSpec, output: Path, retry: RetryPolicy, bar: DownloadBar | None = None
) -> None:
    """Write the crop of an entry to an HDF5 file, whose dataset is ``volume``; floats become float32.

    An interrupted call is continued: blocks that are on the disk are not asked for again.

    Parameters
    ----------
    spec : DatasetSpec
        With a `crop`, and a `url` that is `chunked`.
    output : Path
        Ends in .h5, and appears when it is complete.
    retry : RetryPolicy
        When to give up.
    bar : DownloadBar, optional
        Is told how many bytes of voxels there are.

    Raises
    ------
    InputError
        If there is no such volume, it is damaged, or the crop reaches beyond it.
    DownloadError
        If its server does not answer.
    """
    if spec.crop is None:
        raise InputError("crop is missing; of a chunked volume only a crop is downloaded, so give one")
    _end_stalls(retry)
    pace = Pace(retry)
    opened = partial(open_lazy, address(spec), key=spec.key, level=spec.level, fill_missing=spec.fill_missing)
    with naming_fields(), _retried(opened, retry) as volume:
        prepare.check_crop(spec.crop, volume.shape, spec.name)
        (z0, z1), (y0, y1), (x0, x1) = spec.crop
        shape = (z1 - z0, y1 - y0, x1 - x0)
        dtype = np.dtype(np.float32) if volume.dtype.kind == "f" else volume.dtype
        identity = {"url": spec.url, "key": spec.key, "level": spec.level, "crop": spec.crop}
        # Crops without it that were interrupted go on.
        identity |= {"fill_missing": True} if spec.fill_missing else {}
        with create(output, shape, dtype, spec.voxel_size, identity=identity, overwrite=True) as writer:
            _copy(volume, (z0, y0, x0), shape, writer, retry, pace, bar)
            writer.finish()


def address(spec: DatasetSpec) -> str:
    """Return the link of an entry without the format in front: which it is, the volume's own files tell."""
    first, _, rest = str(spec.url).partition("://")
    return rest if first.lower() in CHUNKED_FORMATS else str(spec.url)


def _copy(
    volume: LazyVolume,
    origin: ZYX,
    shape: ZYX,
    writer: Writer,
    retry: RetryPolicy,
    pace: Pace,
    bar: DownloadBar | None,
) -> None:
    blocks = {start: box(start, writer.block, shape) for start in starts(shape, writer.block)}
    sizes = {
        start: volume.dtype.itemsize * int(np.prod([part.stop - part.start for part in parts]))
        for start, parts in blocks.items()
    }
    if bar is not None:
        bar.begin(sum(sizes[start] for start in writer.done), sum(sizes.values()))
    for start, parts in blocks.items():
        if start in writer.done:
            continue
        pace.check()
        z, y, x = (
            slice(part.start + first, part.stop + first) for part, first in zip(parts, origin, strict=True)
        )
        writer.write(start, native(_retried(partial(_read, volume, (z, y, x)), retry)))
        if bar is not None:
            bar.update(sizes[start])


def _read(volume: LazyVolume, block: tuple[slice, slice, slice]) -> NDArray[Any]:
    return volume[block]
