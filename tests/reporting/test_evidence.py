"""Two methods on the same slices."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal

from a2ibench.bench.standings import LEAST_SEEDS, Repeats, difference, shares
from a2ibench.statistics import block_half_width, mean_half_width

N = 64


def row(seed, mean=30.0, spread=0.1):
    values = np.random.default_rng(seed).normal(0, spread, N)
    return mean + values - values.mean()


def repeats(*seeds, mean=30.0, planes=("xz", "yz")):
    rows = [{plane: row(seed + 100 * k, mean) for k, plane in enumerate(planes)} for seed in seeds]
    return Repeats.of([mean] * len(rows), rows)


@given(st.integers(0, 1000), st.integers(0, 1000), st.floats(-5, 5))
def test_swapping_the_methods_swaps_the_sign(one, other, offset):
    first, second = repeats(one, mean=30 + offset), repeats(other)
    there, back = difference(first, second), difference(second, first)
    assert (back.value, back.low, back.high) == (-there.value, -there.high, -there.low)
    assert there.value == pytest.approx(offset, abs=1e-9)


@given(st.floats(-10, 10))
def test_what_both_gain_cancels(offset):
    rows = [{"xz": row(1)}, {"xz": row(2)}]
    before = difference(*(Repeats.of([30.0], [each]) for each in rows))
    after = difference(*(Repeats.of([30.0 + offset], [{"xz": each["xz"] + offset}]) for each in rows))
    assert (after.low, after.high) == pytest.approx((before.low, before.high), abs=1e-9)


def test_a_method_is_level_with_itself():
    found = difference(repeats(1), repeats(1))
    assert (found.value, found.low, found.high) == (0, 0, 0)
    assert not found.excludes_zero


def test_the_wider_family_counts():
    quiet, loud = row(1, spread=0.01), row(2, spread=1.0)
    zero = {"xz": np.full(N, 30.0), "yz": np.full(N, 30.0)}
    for rows in ({"xz": quiet, "yz": loud}, {"xz": loud, "yz": quiet}):
        found = difference(Repeats.of([30.0], [rows]), Repeats.of([30.0], [zero]))
        assert found.high == pytest.approx(float(block_half_width(loud)))


def test_seeds_add_in_squares():
    values = [30.0, 30.4, 30.2]
    rows = [{"xz": row(seed, value)} for seed, value in enumerate(values)]
    other = Repeats.of([29.0], [{"xz": np.full(N, 29.0)}])
    found = difference(Repeats.of(values, rows), other)
    slices = float(block_half_width(np.mean([each["xz"] for each in rows], axis=0)))
    assert found.value == pytest.approx(1.2)
    assert found.high - found.value == pytest.approx(math.hypot(slices, mean_half_width(values)))


@pytest.mark.parametrize("seeds", range(1, LEAST_SEEDS + 1))
def test_two_methods_that_learn_need_three_trainings_each(seeds):
    rows = [{"xz": row(seed)} for seed in range(LEAST_SEEDS)]
    enough = Repeats.of([30.0] * LEAST_SEEDS, rows, learned=True)
    for values in ([29.0], [29.0] * seeds):
        other = [{"xz": row(seed, 29.0)} for seed in range(len(values))]
        learned, fixed = (Repeats.of(values, other, learned=learned) for learned in (True, False))
        found = difference(enough, learned)
        assert found.value == pytest.approx(1)
        assert found.known is difference(learned, enough).known is (len(values) >= LEAST_SEEDS)
        assert difference(enough, fixed).known


@pytest.mark.parametrize("spread", [0.3, 1.0, 30.0])
def test_a_method_is_seldom_told_apart_from_itself(spread):
    trials, n, phi = 500, 96, 0.8
    draw = np.random.default_rng(9)
    noise = draw.standard_normal((trials, 2, LEAST_SEEDS, n)) * math.sqrt(1 - phi**2)
    noise[..., 0] /= math.sqrt(1 - phi**2)
    slices = signal.lfilter([1.0], [1.0, -phi], noise, axis=3)
    means = spread * math.sqrt((1 + phi) / (1 - phi) / n) * draw.standard_normal((trials, 2, LEAST_SEEDS, 1))
    told_apart = 0
    for trial in slices + means:
        pair = [
            Repeats.of([*side.mean(axis=1)], [{"xz": scores} for scores in side], learned=True)
            for side in trial
        ]
        told_apart += difference(*pair).excludes_zero
    assert told_apart / trials <= 0.07


@pytest.mark.parametrize(
    "other",
    [
        Repeats.of([30.0], [{}]),
        Repeats.of([30.0, 30.0], [{"xz": row(1), "yz": row(2)}, {}]),
        Repeats.of([30.0], [{"xz": row(1)}]),
        Repeats.of([30.0], [{"xz": row(1), "yz": row(2)[:-1]}]),
        Repeats.of([30.0, 30.0], [{"xz": row(1), "yz": row(2)}, {"xz": row(1), "yz": row(2)[1:]}]),
    ],
)
def test_slices_that_do_not_correspond_give_no_interval(other):
    found = difference(repeats(3, mean=31.0), other)
    assert found.value == 1
    assert not found.known


def test_a_family_with_few_slices_leaves_no_interval():
    short = {"xz": row(1), "yz": row(2)[:20]}
    assert not difference(Repeats.of([30.0], [short]), Repeats.of([30.0], [short])).known


def test_difference_of_psnr_covers_that_of_the_mean_errors():
    trials, n, phi, gain = 2_000, 160, 0.9, 0.4
    noise = np.random.default_rng(5).standard_normal((3, trials, n)) * math.sqrt(1 - phi**2)
    noise[..., 0] /= math.sqrt(1 - phi**2)
    common, one, other = signal.lfilter([1.0], [1.0, -phi], noise, axis=2)
    # Errors of slices as a job keeps them; the mean of exp(s x) is exp(s**2 / 2) for normal x of variance 1.
    decibels = 30 - 10 * np.log10(np.exp(0.4 * common + 0.1 * np.stack([one, other])))
    decibels[0] += gain
    volumes = -10 * np.log10((10 ** (-decibels / 10)).mean(axis=2))
    covered = 0
    for first, second, values in zip(*decibels, volumes.T, strict=True):
        pair = [
            Repeats.of([value], [shares("psnr", value, {"psnr.xz": each})])
            for value, each in zip(values, (first, second), strict=True)
        ]
        found = difference(*pair)
        covered += found.low <= gain <= found.high
    assert 0.93 <= covered / trials <= 0.97
