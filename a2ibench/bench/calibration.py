"""How fast a machine is at this moment: the times of two small fixed computations.

Times of jobs can be compared between machines, and between a busy and an idle moment of one, only after they
are divided by such a time. One computation is wide, large products that use every thread there is, and one is
narrow, a row of small steps that cannot. What a method does lies between the two: a change that the number of
threads explains shows beside one of them at most.

Where the job has loaded torch, the computations are torch's, so that its instruction set and threads count
alike; where it has not, they are NumPy's, because importing torch takes longer than such a job.
"""

from __future__ import annotations

import logging
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from a2ibench.bench import device
from a2ibench.bench.record import Calibration

VERSION = 2
"""Raised whenever a computation changes: times divided by different ones cannot be compared."""

_WARM_UP, _AT_ONCE, _ENOUGH = 3, 10, 10
# On a machine that is very busy, fewer will do.
_LEAST, _PATIENCE = 5, 1.0
_INTERVAL = 1.0
# Convolutions, the shape of their input, and the side of the matrices. One image at a time on a CPU: where
# memory for a larger one comes from depends on what the process did before.
_CPU = (12, (1, 32, 48, 48), 512)
_GPU = (1, (16, 64, 128, 128), 4096)
_SIDE = 768
# So small that no library divides a step among threads.
_STEPS, _NARROW = 600, (32, 32)

_Kernel = Callable[[], object]
_logger = logging.getLogger(__name__)


class Calibrator:
    """Measures the computations before a job's work, about once a second during it, and after it.

    Another process that comes or goes meanwhile then slows the computations as much as it slows the job. A
    GPU is measured before the work only: it is the job's alone, and waiting for it in between would slow
    the job. A computation that fails costs a job no more than the comparison of its times.

    Parameters
    ----------
    where : str
        ``"cpu"`` or ``"cuda"``.
    """

    def __init__(self, where: str) -> None:
        self._where = where
        self._rounds: list[list[float]] = []
        self._during: list[list[float]] = []
        self._kernels: Sequence[_Kernel] = ()
        self._last = 0.0
        self._name = "torch" if where == "cuda" or "torch" in sys.modules else "numpy"

    def begin(self) -> None:
        """Measure before the work, in about 0.2 s, and hardly more than 1 s, on two CPU cores."""
        with self._tolerant():
            self._kernels = _of_torch(self._where) if self._name == "torch" else _of_numpy()
            for _ in range(_WARM_UP):
                self._round()
            self._rounds += self._measure(_AT_ONCE)
        if self._where == "cuda":
            self._kernels = ()
            _forget()

    def sample(self) -> float:
        """Measure once if it is time to, and return the seconds that this took."""
        if not self._kernels or time.perf_counter() - self._last < _INTERVAL:
            return 0.0
        start = time.perf_counter()
        with self._tolerant():
            self._during += self._measure(1)
        return time.perf_counter() - start

    def end(self) -> Calibration | None:
        """Measure after the work and return what was found.

        Returns
        -------
        Calibration or None
            Its kernel is ``"torch"`` or ``"numpy"``; its seconds are those of the wide, and its serial
            seconds those of the narrow computation, each the mean without the slowest fifth: of what was
            measured during the work where that is enough, otherwise of everything. None where a measurement
            failed.
        """
        if self._kernels:
            with self._tolerant():
                self._rounds += self._measure(_AT_ONCE)
        if not self._rounds:
            return None
        # What is measured at once meets one moment, however long the work took.
        rounds = self._during if len(self._during) >= _ENOUGH else self._rounds + self._during
        wide, narrow = (_usual(times) for times in zip(*rounds, strict=True))
        return Calibration(VERSION, self._name, wide, narrow)

    def _measure(self, most: int) -> list[list[float]]:
        start = time.perf_counter()
        rounds: list[list[float]] = []
        while len(rounds) < most:
            if len(rounds) >= _LEAST and time.perf_counter() - start > _PATIENCE:
                break
            rounds.append(self._round())
        self._last = time.perf_counter()
        return rounds

    def _round(self) -> list[float]:
        # In turns, so that a busy moment meets all of them alike.
        return [_time(kernel, self._where) for kernel in self._kernels]

    @contextmanager
    def _tolerant(self) -> Iterator[None]:
        try:
            yield
        except Exception:
            _logger.warning("calibration failed", exc_info=True)
            self._kernels = ()
            self._rounds.clear()


def _time(kernel: _Kernel, where: str) -> float:
    device.synchronise(where)
    start = time.perf_counter()
    kernel()
    device.synchronise(where)
    return time.perf_counter() - start


def _usual(times: Sequence[float]) -> float:
    # A job takes its share of a busy machine on average. The median would jump between the times with and
    # without an interruption, and the plain mean would follow a single long one.
    return statistics.fmean(sorted(times)[: -len(times) // 5])


def _of_torch(where: str) -> tuple[_Kernel, _Kernel]:
    import torch
    from torch.nn import functional as F

    # A generator of its own, so that a method draws the same numbers as without calibration.
    draw = torch.Generator(where).manual_seed(0)
    count, shape, side = _GPU if where == "cuda" else _CPU
    images = torch.randn(shape, generator=draw, device=where)
    weights = torch.randn((shape[1], shape[1], 3, 3), generator=draw, device=where)
    left, right = torch.randn((2, side, side), generator=draw, device=where)
    small = torch.randn(_NARROW, generator=draw, device=where)

    @torch.inference_mode()
    def wide() -> object:
        for _ in range(count):
            F.gelu(F.conv2d(images, weights, padding=1))
        return left @ right

    @torch.inference_mode()
    def narrow() -> object:
        values = small
        for _ in range(_STEPS):
            values = torch.tanh(values) + small
        return values

    return wide, narrow


def _of_numpy() -> tuple[_Kernel, _Kernel]:
    import numpy as np

    draw = np.random.default_rng(0)
    left, right = draw.standard_normal((2, _SIDE, _SIDE), np.float32)
    small = draw.standard_normal(_NARROW, np.float32)

    def narrow() -> object:
        values = small
        # A step of NumPy is that much shorter than one of torch.
        for _ in range(4 * _STEPS):
            values = np.tanh(values) + small
        return values

    return lambda: left @ right, narrow


def _forget() -> None:
    torch: Any = sys.modules.get("torch")
    if torch is not None:
        # What this took must not pass for the job's.
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
