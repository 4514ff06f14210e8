"""Times of two pieces of work, taken in turn on a machine that may be busy with something else."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

CHANCES = 4


def seconds(work: Callable[[], object]) -> float:
    """Return how long a piece of work takes."""
    start = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def least_times(
    benchmark,
    first: Callable[[], float],
    second: Callable[[], float],
    *,
    rounds: int,
    most: float,
) -> tuple[float, float]:
    """Return the least of the times that each of two functions returns, called in turn.

    The least, since what other processes take away is no property of either. Rounds in which another process
    was busy throughout say nothing: while the first takes ``most`` times the second's or more, as many rounds
    again, ``CHANCES`` times in all.
    """
    pairs: list[tuple[float, float]] = []
    benchmark.pedantic(lambda: pairs.append((first(), second())), rounds=rounds)
    for _ in range(CHANCES - 1):
        ours, theirs = _least(pairs)
        if ours / theirs < most:
            break
        pairs += [(first(), second()) for _ in range(rounds)]
    return _least(pairs)


def _least(pairs: list[tuple[float, float]]) -> tuple[float, float]:
    ours, theirs = (min(times) for times in zip(*pairs, strict=True))
    return ours, theirs
