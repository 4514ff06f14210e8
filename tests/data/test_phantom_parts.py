from __future__ import annotations

import numpy as np
import pytest

from a2ibench.data.phantom.anatomy import AXON, draw, grow, relax
from a2ibench.data.phantom.geometry import Block, SmoothField, blobs, cubic_weights
from a2ibench.data.phantom.geometry import Path as Neurite
from a2ibench.data.phantom.render import Partition, Renderer


def test_blocks_meet_without_a_seam() -> None:
    anatomy = draw(np.random.default_rng(0), 900.0)
    partition = Partition(np.random.default_rng(1), anatomy)
    renderer = Renderer(np.random.default_rng(2), anatomy, partition)
    left, right, across = (
        renderer(Block.at((300.0, 300.0, x), (7.5,) * 3, 40, 8))[0] for x in (150.0, 450.0, 300.0)
    )
    apart = np.abs(np.concatenate([left, right], axis=2)[:, :, 20:60] - across)
    assert apart.mean() < 0.02
    assert apart.max(axis=(0, 1))[[5, 10, 15, 25, 30, 35]].max() < 0.5


def test_packing_separates_overlapping_neurites_and_moves_the_thin_one() -> None:
    along = np.arange(0, 1000, 50.0)
    thick = Neurite(np.stack([along, 0 * along, 0 * along], 1), np.full(20, 200.0), 0, AXON)
    thin = Neurite(np.stack([0 * along + 500, along - 500, 0 * along + 150], 1), np.full(20, 60.0), 1, AXON)
    before = np.linalg.norm(thick.points[:, None] - thin.points, axis=2).min()
    moved_thick, moved_thin = relax([thick, thin])
    after = np.linalg.norm(moved_thick.points[:, None] - moved_thin.points, axis=2).min()
    assert before < 160
    assert after > 200
    assert (
        np.abs(moved_thick.points - thick.points)[2:-2].max()
        < np.abs(moved_thin.points - thin.points).max() / 3
    )


def test_paths_favour_no_direction() -> None:
    steps = [
        np.diff(path.points, axis=0) for path in grow(np.random.default_rng(5), 2400.0) if path.kind == AXON
    ]
    along = np.concatenate([step / np.linalg.norm(step, axis=1, keepdims=True) for step in steps])
    assert np.allclose((along**2).mean(axis=0), 1 / 3, atol=0.04)


def test_cubic_weights_reproduce_quadratics() -> None:
    positions = np.linspace(2, 6.9, 23)
    samples = np.arange(10.0)
    weights = cubic_weights(positions, 0, 10)
    assert np.allclose(weights @ (samples**2 - 3 * samples), positions**2 - 3 * positions, atol=1e-4)


def test_smooth_fields_have_unit_variance_and_the_asked_correlation() -> None:
    field = SmoothField(np.random.default_rng(0), 30.0)
    axis = np.arange(0, 960, 10, dtype=np.float32)
    values = field.on_grid((axis, axis, axis))
    assert values.std() == pytest.approx(1, abs=0.05)
    # White noise smoothed by a Gaussian of length s is correlated by exp(-(d / 2 s)^2) at distance d.
    assert np.mean(values[:-6] * values[6:]) == pytest.approx(np.exp(-1), abs=0.06)


def test_blobs_are_sums_of_gaussians() -> None:
    rng = np.random.default_rng(1)
    points = rng.uniform(0, 100, (250, 3)).astype(np.float32)
    points = points[np.argsort(points[:, 0])]
    axes = tuple(np.arange(n, dtype=np.float32) * 5 for n in (19, 20, 21))
    z, y, x = (a.astype(float) for a in axes)
    square = (
        (z[:, None, None, None] - points[:, 0]) ** 2
        + (y[:, None, None] - points[:, 1]) ** 2
        + (x[:, None] - points[:, 2]) ** 2
    )
    expected = np.exp(-square / (2 * 9.0**2)).sum(axis=-1)
    assert np.allclose(blobs(points, 9.0, (axes[0], axes[1], axes[2])), expected, atol=0.05)
