from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from scipy.fft import fftfreq, fftn, ifftn, irfft, rfft
from scipy.ndimage import gaussian_filter1d

from a2ibench.contracts import ScoreContext, Volume
from a2ibench.errors import InputError
from a2ibench.metrics import fsc as module
from a2ibench.metrics.fsc import (
    DirectionalFSC,
    FSCAxial,
    FSCAxial143,
    FSCLateral,
    FSCLateral143,
    directional_fsc,
)

SHAPE, VOXEL = (112, 128, 144), (8.0, 8.0, 8.0)
SIGMA, NOISE = 1.3, 0.05


def white(seed, shape=SHAPE):
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def transfer(frequency: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return that of a Gaussian blur of `SIGMA` voxels, at cycles per voxel."""
    return np.exp(-2 * (np.pi * SIGMA * frequency) ** 2)


def blurred(volume, axes):
    for axis in axes:
        n = volume.shape[axis]
        gain = transfer(np.arange(n // 2 + 1) / n)
        volume = np.moveaxis(irfft(rfft(np.moveaxis(volume, axis, -1)) * gain, n), -1, axis)
    return volume


def expected(wedge: str, axes: tuple[int, ...], threshold: float) -> float:
    """Return the resolution in voxels by the closed form."""
    frequency = np.linspace(0.01, 0.5, 491)
    below = np.flatnonzero(closed_form(wedge, axes, frequency) < threshold)
    return 1 / frequency[below[0]] if below.size else 2.0


def closed_form(wedge: str, axes: tuple[int, ...], frequency: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the correlation at cycles per voxel, averaged over the directions of a wedge."""
    rng = np.random.default_rng(0)
    along, azimuth = rng.uniform(math.cos(math.radians(30)), 1, 4000), rng.uniform(0, 2 * np.pi, 4000)
    across = np.sqrt(1 - along**2)
    cone = np.stack([along, across * np.cos(azimuth), across * np.sin(azimuth)])
    directions = np.concatenate(
        [np.roll(cone, axis, axis=0) for axis in {"axial": [0], "lateral": [1, 2]}[wedge]], axis=1
    )
    gain = math.prod(transfer(frequency[:, None] * directions[axis]) for axis in axes)
    return np.asarray(gain.mean(axis=1) / np.sqrt((gain**2).mean(axis=1) + NOISE))


@pytest.mark.parametrize("axes", [(0,), (1, 2)])
def test_crosses_where_a_blurred_white_volume_with_noise_does_by_its_closed_form(axes):
    reference = white(1)
    curves = directional_fsc(blurred(reference, axes) + math.sqrt(NOISE) * white(2), reference, VOXEL)
    found = {(w, t): curves.resolution(w, t) / VOXEL[0] for w in ("axial", "lateral") for t in (1 / 2, 1 / 7)}
    assert found == {key: pytest.approx(expected(key[0], axes, key[1]), rel=0.05) for key in found}
    # Only what is blurred is lost.
    lost, kept = ("axial", "lateral") if axes == (0,) else ("lateral", "axial")
    assert found[lost, 1 / 2] > 3.5
    assert found[kept, 1 / 2] == 2


def test_the_curves_that_are_kept_follow_the_closed_form_shell_by_shell():
    reference = white(1)
    given = context(blurred(reference, (0,)) + math.sqrt(NOISE) * white(2), reference)
    for metric in (FSCAxial(), FSCLateral143()):
        kept = metric.curves(given)
        assert list(kept) == ["axial", "lateral"]
        for wedge, curve in kept.items():
            # Frequencies are cycles/nm, and the lowest shells hold few of them.
            wanted = closed_form(wedge, (0,), curve.x * VOXEL[0])
            np.testing.assert_allclose(curve.y[6:], wanted[6:], atol=0.06)
    assert curve.x[-1] == pytest.approx(1 / (2 * VOXEL[0]))


@pytest.mark.parametrize("noise", [0.5, 3.0])
def test_white_noise_lowers_every_shell_to_its_closed_form(noise):
    reference = white(3)
    curves = directional_fsc(reference + math.sqrt(noise) * white(4), reference, VOXEL)
    for curve in (curves.axial, curves.lateral):
        assert curve[10:].mean() == pytest.approx(1 / math.sqrt(1 + noise), abs=0.01)
        assert np.abs(curve[30:] - 1 / math.sqrt(1 + noise)).max() < 0.15


def test_frequencies_are_physical_whatever_shape_and_spacing():
    shape, spacing, cutoff = (40, 60, 96), (12.0, 8.0, 6.0), 0.025
    squares = np.meshgrid(*(fftfreq(n, v) ** 2 for n, v in zip(shape, spacing, strict=True)), indexing="ij")
    common = np.sqrt(sum(squares)) < cutoff
    first, second = (fftn(white(seed, shape)) for seed in (5, 6))
    pair = (ifftn(np.where(common, first, other)).real for other in (first, second))
    curves = directional_fsc(*pair, spacing)
    np.testing.assert_allclose(curves.frequency, np.arange(1, 21) / 480)
    for wedge in ("axial", "lateral"):
        assert 1 / curves.resolution(wedge, 1 / 2) == pytest.approx(cutoff, abs=1 / 480)


def test_equal_volumes_are_resolved_to_two_voxels():
    volume = white(7, (24, 30, 27))
    curves = directional_fsc(volume, 2 * volume + 5, (9.0, 8.0, 8.0))
    np.testing.assert_allclose([curves.axial, curves.lateral], 1, atol=1e-6)
    assert curves.resolution("axial", 1 / 2) == curves.resolution("lateral", 1 / 7) == 18


def test_opposite_faces_that_do_not_fit_leave_nothing_in_the_wedges():
    ramp = 20 * np.linspace(-1, 1, 96)
    pair = [white(seed, (96, 96, 96)) + ramp[:, None, None] + ramp for seed in (8, 9)]
    curves = directional_fsc(*pair, VOXEL)
    assert curves.axial[:2].min() > 0.9
    assert np.abs([curves.axial[16:], curves.lateral[16:]]).mean() < 0.08


def test_exchanging_the_lateral_axes_changes_nothing_and_the_axial_one_does():
    reference = white(10, (40, 40, 40))
    pair = gaussian_filter1d(reference, 1.5, axis=0), reference
    curves = directional_fsc(*pair, VOXEL)
    turned = directional_fsc(*(volume.transpose(0, 2, 1) for volume in pair), VOXEL)
    np.testing.assert_allclose(turned.axial, curves.axial, atol=1e-5)
    np.testing.assert_allclose(turned.lateral, curves.lateral, atol=1e-5)
    swapped = directional_fsc(*(volume.transpose(2, 1, 0) for volume in pair), VOXEL)
    assert swapped.axial[12:].min() > curves.axial[12:].max()


def test_offset_of_the_intensities_costs_no_accuracy():
    reference = white(11, (32, 32, 32)).astype(np.float64)
    prediction = reference + white(12, (32, 32, 32))
    there = directional_fsc(prediction + 1e7, reference - 3e6, VOXEL)
    here = directional_fsc(prediction, reference, VOXEL)
    np.testing.assert_allclose([there.axial, there.lateral], [here.axial, here.lateral], atol=1e-5)


def test_of_a_large_volume_the_middle_counts(monkeypatch):
    pair = white(13, (2, 36, 20, 45))
    pair[1] += pair[0]
    expected = directional_fsc(*pair[:, 6:30, :, 10:34], VOXEL)
    monkeypatch.setattr(module, "SIDE", 24)
    found = directional_fsc(*pair, VOXEL)
    np.testing.assert_array_equal(found.frequency, expected.frequency)
    np.testing.assert_array_equal(found.axial, expected.axial)


CURVE = np.array([0.9, 0.7, 0.3, 0.6, 0.1])


@pytest.mark.parametrize(
    ("curve", "threshold", "resolution"),
    [
        (CURVE, 0.5, 1 / 0.025),
        (CURVE, 0.7, 1 / 0.02),
        (CURVE, 0.2, 1 / 0.048),
        (CURVE, 0.05, 16.0),
        (CURVE, 0.95, 100.0),
        ([0.9, np.nan, 0.3, 0.2, 0.1], 0.5, math.nan),
        ([0.9, 0.1, np.nan, 0.2, 0.1], 0.5, 1 / 0.015),
    ],
)
def test_resolution_is_where_the_curve_first_falls_below(curve, threshold, resolution):
    curves = DirectionalFSC(0.01 * np.arange(1, 6), np.array(curve), np.zeros(5), VOXEL)
    assert curves.resolution("axial", threshold) == pytest.approx(resolution, nan_ok=True)
    assert curves.resolution("lateral", threshold) == 100


def context(prediction, reference):
    acquired = Volume(reference[::2], (16.0, 8.0, 8.0), (0.0, 1.0))
    return ScoreContext(prediction, reference, 1.0, VOXEL, acquired, 2.0)


def test_metrics_share_the_curves_of_a_context(monkeypatch):
    asked = []

    def counted(*volumes):
        asked.append(volumes)
        return directional_fsc(*volumes)

    monkeypatch.setattr(module, "directional_fsc", counted)
    reference = white(14, (48, 48, 48))
    for sigma in (0.7, 1.4):
        one = context(gaussian_filter1d(reference, sigma, axis=0), reference)
        scores = [metric().score(one) for metric in (FSCAxial, FSCAxial143, FSCLateral, FSCLateral143)]
        curves = directional_fsc(one.prediction, reference, VOXEL)
        assert scores == [curves.resolution(w, t) for w in ("axial", "lateral") for t in (1 / 2, 1 / 7)]
    assert len(asked) == 2


@pytest.mark.parametrize("shape", [(15, 40, 40), (40, 40, 15), (1, 9, 11)])
def test_volumes_too_small_or_flat_have_no_resolution(shape):
    volume = white(15, shape)
    assert directional_fsc(volume, volume, VOXEL).frequency.size == 0
    assert math.isnan(FSCAxial().score(context(volume, volume)))
    flat = np.full((20, 20, 20), 0.1)
    assert math.isnan(FSCLateral().score(context(flat, flat)))


@pytest.mark.parametrize(
    ("reference", "spacing", "complaint"),
    [
        (None, VOXEL, "reference is None"),
        (np.zeros((20, 20, 21)), VOXEL, r"\(20, 20, 21\)"),
        (np.zeros((20, 20, 20)), (8.0, 0.0, 8.0), r"voxel_size is \(8.0, 0.0, 8.0\)"),
        (np.zeros((20, 20, 20)), (8.0, 8.0), r"voxel_size is \(8.0, 8.0\)"),
    ],
)
def test_bad_arguments_are_named(reference, spacing, complaint):
    with pytest.raises(InputError, match=complaint):
        directional_fsc(np.zeros((20, 20, 20)), reference, spacing)


def test_a_real_volume_degraded_along_z_is_lost_along_z(shared_data: Path):
    reference = tifffile.imread(shared_data / "epfl_ca1_15nm_dev.tif")[:48, :120, :120]
    coarse = reference.reshape(16, 3, 120, 120).mean(axis=1).repeat(3, axis=0)
    curves = directional_fsc(coarse, reference, (15.0, 15.0, 15.0))
    # Three voxels in one hold nothing below six.
    assert 60 < curves.resolution("axial", 1 / 2) < 120
    assert curves.resolution("lateral", 1 / 2) < 60
