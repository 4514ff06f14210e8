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
from collections.abc import Callable, Sequence
from typing import Any

from a2ibench.bench import device

VERSION = 1
"""Raised whenever a computation changes: times divided by different ones cannot be compared."""

_REPEATS, _WARM_UP = 20, 3
# On a machine that is very busy, fewer will do.
_LEAST, _PATIENCE = 5, 1.0
# Convolutions, the shape of their input, and the side of the matrices. One image at a time on a CPU: where
# memory for a larger one comes from depends on what the process did before.
_CPU = (12, (1, 32, 48, 48), 512)
_GPU = (1, (16, 64, 128, 128), 4096)
_SIDE = 768
# So small that no library divides a step among threads.
_STEPS, _NARROW = 600, (32, 32)

_Kernel = Callable[[], object]
_logger = logging.getLogger(__name__)


def calibrate(where: str) -> dict[str, Any] | None:
    """Measure the computations on a device, in about 0.3 s, and hardly more than 1 s, on two CPU cores.

    Parameters
    ----------
    where : str
        ``"cpu"`` or ``"cuda"``.

    Returns
    -------
    dict or None
        ``version``; ``kernel``, ``"torch"`` or ``"numpy"``; ``seconds`` of the wide and ``serial_seconds``
        of the narrow computation, each the mean of `_REPEATS` without the slowest fifth. None where it
        failed, which costs a job no more than the comparison of its times.
    """
    kernel = "torch" if where == "cuda" or "torch" in sys.modules else "numpy"
    try:
        wide, narrow = _seconds(_of_torch(where) if kernel == "torch" else _of_numpy(), where)
        return {"version": VERSION, "kernel": kernel, "seconds": wide, "serial_seconds": narrow}
    except Exception:
        _logger.warning("calibration failed", exc_info=True)
        return None
    finally:
        _forget(where)


def _seconds(kernels: Sequence[_Kernel], where: str) -> list[float]:
    # In turns, so that a busy moment meets all of them alike.
    rounds: list[list[float]] = []
    start = time.perf_counter()
    while len(rounds) < _WARM_UP + _REPEATS:
        rounds.append([_time(kernel, where) for kernel in kernels])
        if len(rounds) >= _WARM_UP + _LEAST and time.perf_counter() - start > _PATIENCE:
            break
    return [_usual(times) for times in zip(*rounds[_WARM_UP:], strict=True)]


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


def _forget(where: str) -> None:
    torch: Any = sys.modules.get("torch")
    if where == "cuda" and torch is not None:
        # What this took must not pass for the job's.
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
