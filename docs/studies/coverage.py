"""How often 95 % intervals hold the truth: on simulated rows of slices, families of planes, and seeds.

Run as ``python docs/studies/coverage.py``; it takes some seconds. With ``--multiple`` it asks instead how
many standard errors an interval needs, as a line over the correlation of neighbouring segments.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator

import numpy as np
from correlated_rows import INTERVALS, Case, Floats
from scipy.optimize import minimize
from scipy.special import expit

from a2ibench.statistics import block_half_width, difference_half_width, segment_correlation, standard_error

TRIALS = 2_000
SIDE, BATCH = 64, 250
CASES = (
    *(Case("independent", n, n) for n in (60, 128, 320)),
    *(Case("exponential", n, worth) for n in (60, 128, 320) for worth in (20, 10, 5, 3)),
    *(Case("with noise", 320, worth) for worth in (20, 10, 5)),
    *(Case("smooth", 320, worth) for worth in (20, 10, 5)),
)
BEYOND = (
    *(Case("long memory", n, math.nan, memory=d) for n in (128, 320) for d in (0.2, 0.3, 0.4)),
    *(
        Case("exponential", n, worth, sigma=s)
        for n, worth in ((128, 10), (320, 20), (320, 5))
        for s in (0.5, 1)
    ),
    Case("independent", 128, 128, sigma=1),
)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--multiple", action="store_true", help="fit the multiple of the standard error")
    lines = (
        multiple()
        if parser.parse_args().multiple
        else [*rows(), "", *beyond(), "", *families(), "", *seeds(), "", *twice()]
    )
    sys.stdout.write("\n".join(lines) + "\n")


def rows() -> Iterator[str]:
    """Yield the table of one row of slices, by kind, length and worth."""
    yield "| correlation | slices | worth | " + " | ".join(INTERVALS) + " | width |"
    yield "|---|" + "---:|" * (3 + len(INTERVALS))
    for case in CASES:
        values = case.rows(TRIALS, seed=1)
        means = np.abs(values.mean(axis=1))
        shares = [f"{(means <= half(values)).mean():.1%}" for half in INTERVALS.values()]
        width = float(np.median(block_half_width(values))) / (1.96 * case.deviation)
        yield "| " + " | ".join([case.kind, str(case.n), f"{case.worth:g}", *shares, f"{width:.2f}"]) + " |"


def beyond() -> Iterator[str]:
    """Yield the table of rows that the interval was not made for, by kind, skewness, length and worth."""
    yield "| rows | skewness | slices | worth | " + " | ".join(INTERVALS) + " | too low | too high |"
    yield "|---|" + "---:|" * (5 + len(INTERVALS))
    for case in BEYOND:
        values = case.rows(TRIALS, seed=1)
        means = values.mean(axis=1)
        shares = [f"{(np.abs(means) <= half(values)).mean():.1%}" for half in INTERVALS.values()]
        half = block_half_width(values)
        sides = [f"{(means < -half).mean():.1%}", f"{(means > half).mean():.1%}"]
        name = f"long memory, d = {case.memory}" if case.memory else case.kind
        numbers = [f"{case.skewness:.1f}", str(case.n), f"{case.deviation**-2:.0f}"]
        yield "| " + " | ".join([name, *numbers, *shares, *sides]) + " |"


def families() -> Iterator[str]:
    """Yield the table of fields (y, x) seen as two families of slices, by worth along each side."""
    yield "| field | worth | xz alone | yz alone | the wider |"
    yield "|---|---:|---:|---:|---:|"
    for name, made in (("alike in all directions", product), ("y and x add", addition)):
        for worth in (10, 5):
            along_y, along_x = made(Case("exponential", SIDE, worth))
            means = np.abs(along_y.mean(axis=1))
            y, x = block_half_width(along_y), block_half_width(along_x)
            shares = [f"{(means <= half).mean():.1%}" for half in (y, x, np.maximum(y, x))]
            yield "| " + " | ".join([name, str(worth), *shares]) + " |"


def product(case: Case) -> tuple[Floats, Floats]:
    """Return the means over x and over y of fields whose correlations along y and x multiply."""
    root = np.linalg.cholesky(case.covariance).astype(np.float32)
    generator = np.random.default_rng(2)
    along_y, along_x = [], []
    for _ in range(TRIALS // BATCH):
        noise = generator.standard_normal((BATCH, case.n, case.n), np.float32)
        field = root @ noise @ root.T
        along_y.append(field.mean(axis=2, dtype=np.float64))
        along_x.append(field.mean(axis=1, dtype=np.float64))
    return np.concatenate(along_y), np.concatenate(along_x)


def addition(case: Case) -> tuple[Floats, Floats]:
    """Return the means over x and over y of fields that are a row along y plus a row along x."""
    y, x = case.rows(TRIALS, seed=3), case.rows(TRIALS, seed=4)
    return y + x.mean(axis=1, keepdims=True), x + y.mean(axis=1, keepdims=True)


def seeds() -> Iterator[str]:
    """Yield the table of slices and seeds together, by how much seeds spread beside slices."""
    yield "| seeds | spread of a mean over seeds / of that over slices | slices alone | slices and seeds |"
    yield "|---:|---:|---:|---:|"
    case = Case("exponential", 240, 8)
    for count in (2, 3, 5):
        for spread in (0.3, 1.0, 3.0):
            values = case.rows(TRIALS, seed=5)
            noise = np.random.default_rng(6).standard_normal((TRIALS, count))
            noise *= spread * case.deviation * count**0.5
            means = np.abs(values.mean(axis=1) + noise.mean(axis=1))
            slices = block_half_width(values)
            both = np.hypot(slices, [difference_half_width(one, [0.0]) for one in noise])
            shares = [f"{(means <= half).mean():.1%}" for half in (slices, both)]
            yield "| " + " | ".join([str(count), f"{spread:g}", *shares]) + " |"


def twice() -> Iterator[str]:
    """Yield how often a method trained with other seeds is told apart from itself, by slices and seeds."""
    yield "| seeds of each | spread over seeds / of a mean over slices | slices alone | slices and seeds |"
    yield "|---:|---:|---:|---:|"
    case = Case("exponential", 240, 8)
    for count in (1, 2, 3, 5):
        for spread in (0.3, 1.0, 3.0, 30.0):
            # What a training changes differs from slice to slice, and as a whole.
            slices = case.rows(TRIALS * 2 * count, seed=7).reshape(TRIALS, 2, count, case.n)
            whole = np.random.default_rng(8).standard_normal((TRIALS, 2, count, 1))
            scores = slices + spread * case.deviation * whole
            first, second = scores.mean(axis=3).swapaxes(0, 1)
            rows = scores.mean(axis=2)
            half = block_half_width(rows[:, 0] - rows[:, 1])
            trained = [difference_half_width(one, two) for one, two in zip(first, second, strict=True)]
            distance = np.abs(first.mean(axis=1) - second.mean(axis=1))
            both = np.hypot(half, np.nan_to_num(trained))
            shares = [f"{(distance > each).mean():.1%}" for each in (half, both)]
            yield "| " + " | ".join([str(count), f"{spread:g}", *shares]) + " |"


def multiple() -> Iterator[str]:
    """Yield the line a + b min(max(r, 0), 0.6) whose intervals come closest to 95 % on all kinds of rows."""
    cases = [Case("independent", 192, 192)]
    cases += [Case("exponential", 192, worth) for worth in (30, 20, 15, 10, 7.5, 6, 5, 4)]
    cases += [Case("with noise", 192, worth) for worth in (20, 10, 7.5, 5)]
    cases += [Case("smooth", 192, worth) for worth in (20, 10, 6)]
    needed = []
    for case in cases:
        values = case.rows(5 * TRIALS, seed=7)
        ratio = np.abs(values.mean(axis=1)) / standard_error(values)
        needed.append((ratio, np.clip(segment_correlation(values), 0, 0.6)))

    def loss(line: Floats) -> float:
        # A smooth step, so that the loss can be followed downhill.
        covered = [expit((line[0] + line[1] * r - ratio) / 0.05).mean() for ratio, r in needed]
        return float(((np.array(covered) - 0.95) ** 2).sum())

    start, slope = minimize(loss, [2.0, 2.0], method="Nelder-Mead").x
    yield f"a = {start:.2f}, b = {slope:.2f}"
    for case, (ratio, r) in zip(cases, needed, strict=True):
        yield f"{case.kind}, worth {case.worth:g}: {(ratio <= start + slope * r).mean():.1%}"


if __name__ == "__main__":
    main()
