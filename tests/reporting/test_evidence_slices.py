"""Scores of slices as rows whose mean is the score of the volume."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from a2ibench.bench.scores_file import read_slices
from a2ibench.bench.standings import shares
from a2ibench.metrics.psnr import CEILING, PSNR
from a2ibench.metrics.ssim import SSIM

RANGE = 255.0


def volumes(seed=0, shape=(24, 40, 33)):
    generator = np.random.default_rng(seed)
    reference = generator.normal(128, 40, shape)
    noise = generator.normal(0, 5, shape) * np.linspace(0.3, 2, shape[1])[:, None]
    return [np.clip(np.rint(volume), 0, 255).astype(np.uint8) for volume in (reference + noise, reference)]


def saved(folder, metric, prediction, reference):
    """What a job keeps of a metric, read back."""
    rows = metric.per_slice(prediction, reference, RANGE)
    kept = {f"{metric.name}.{plane}": row.astype(np.float32) for plane, row in rows.items()}
    np.savez_compressed(folder / "scores.npz", **kept)
    return read_slices(folder)


@pytest.mark.parametrize("metric", [PSNR(), SSIM()], ids=lambda metric: metric.name)
def test_shares_of_real_scores_make_up_the_score(tmp_path, metric):
    prediction, reference = volumes()
    value = metric(prediction, reference, RANGE)
    rows = shares(metric.name, value, saved(tmp_path, metric, prediction, reference))
    assert {plane: row.size for plane, row in rows.items()} == {"xz": 40, "yz": 33}
    assert np.concatenate(list(rows.values())).mean() == pytest.approx(value, rel=1e-5)
    if metric.name == "psnr":
        assert rows["xz"].mean() == pytest.approx(value, rel=1e-6)
        assert rows["yz"].mean() == pytest.approx(value, rel=1e-6)


def test_share_of_a_slice_is_what_it_changes(tmp_path):
    prediction, reference = volumes()
    before = PSNR()(prediction, reference, RANGE)
    rows = shares("psnr", before, saved(tmp_path, PSNR(), prediction, reference))
    better = prediction.astype(np.float64)
    better[:, 30] += 0.01 * (reference[:, 30] - better[:, 30])
    gained = PSNR()(better, reference, RANGE) - before
    # The slice's error falls by the factor 0.99 squared, and with it how far its share is from a perfect one.
    perfect = before + 10 / math.log(10)
    assert gained == pytest.approx((perfect - rows["xz"][30]) * (1 - 0.99**2) / 40, rel=0.01)


@given(st.lists(st.floats(5, CEILING), min_size=1, max_size=50))
def test_mean_share_is_the_psnr_of_the_mean_error(decibels):
    value = -10 * math.log10(np.mean([10 ** (-each / 10) for each in decibels]))
    (row,) = shares("psnr", value, {"psnr.xz": np.array(decibels)}).values()
    assert row.mean() == pytest.approx(value, rel=1e-9)


def test_identical_volumes_have_equal_shares():
    (row,) = shares("psnr", CEILING, {"psnr.xz": np.full(40, CEILING)}).values()
    assert row == pytest.approx(np.full(40, CEILING))


@pytest.mark.parametrize(
    ("metric", "value", "stored"),
    [
        ("psnr", 30.0, {}),
        ("psnr", 30.1, {"psnr.xz": np.full(40, 30.0)}),
        ("psnr", 30.0, {"psnr.xz": np.full(40, 30.0), "psnr.yz": np.full(40, 29.9)}),
        ("psnr", math.inf, {"psnr.xz": np.full(40, 30.0)}),
        ("psnr_xz", 30.0, {"psnr.xz": np.full(40, 30.0)}),
        ("median", 0.5, {"median.xz": np.linspace(0, 2, 40)}),
    ],
)
def test_slices_that_do_not_make_up_the_score_have_no_shares(metric, value, stored):
    assert shares(metric, value, stored) == {}


def test_metrics_of_plugins_are_means_over_axial_slices():
    stored = {"blur.xz": np.full(40, 1.0), "blur.yz": np.full(20, 4.0)}
    assert set(shares("blur", 2.0, stored)) == {"xz", "yz"}
    assert set(shares("blur", 1.0, {"blur.xz": np.full(40, 1.0)})) == {"xz"}


def test_unusable_rows_are_left_out(tmp_path):
    np.savez(
        tmp_path / "scores.npz",
        **{
            "a.xz": np.zeros(4),
            "a.xy": np.zeros(4),
            "b.xz": np.array([0.0, math.nan]),
            "c.yz": np.zeros((2, 2)),
            "d.yz": np.zeros(0),
        },
    )
    assert set(read_slices(tmp_path)) == {"a.xz"}


def damage(content, kind):
    if kind == "text":
        return b"no archive"
    if kind == "half":
        return content[: len(content) // 2]
    return b"" if kind == "empty" else content[:120] + bytes(60) + content[180:]


@pytest.mark.parametrize("kind", ["text", "half", "empty", "overwritten"])
def test_damaged_files_hold_nothing(tmp_path, kind):
    assert read_slices(tmp_path) == {}
    path = tmp_path / "scores.npz"
    np.savez_compressed(path, **{"psnr.xz": np.random.default_rng(0).random(300)})
    path.write_bytes(damage(path.read_bytes(), kind))
    assert read_slices(tmp_path) == {}


def test_objects_are_never_loaded(tmp_path):
    np.savez(tmp_path / "scores.npz", **{"psnr.xz": np.array([{}, {}], dtype=object)})
    assert read_slices(tmp_path) == {}
