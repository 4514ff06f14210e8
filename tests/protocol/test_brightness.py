"""The mean grey that a network adds to axial planes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from a2ibench import AxialGrid, Budget, Context, SliceNetwork, Volume, interpolate
from a2ibench.protocol.blocks import reconstruct_volume
from a2ibench.protocol.brightness import mean_added, waves

CTX = Context(budget=Budget(steps=2), batch=2, patch=24, precision="fp32")


class Brighter(SliceNetwork):
    """Adds a level that depends on where a row lies within an input slice of three."""

    contrast = 0.0

    def build(self, size: str) -> nn.Module:
        return nn.Conv2d(1, 1, 1)

    def forward(self, network, degraded):
        image = degraded.image
        rows = torch.arange(image.shape[2]) % 3 == 1
        return image + (0.1 + 0.05 * rows)[:, None] + 0 * network(image)


def volume(shape=(9, 40, 33), ratio: float = 3.0) -> Volume:
    data = np.random.default_rng(0).integers(40, 200, shape, np.uint8)
    return Volume(data, (15 * ratio, 15, 15), (0, 255), "v")


def seen(planes: Volume, grid: AxialGrid) -> torch.Tensor:
    return torch.from_numpy(interpolate(planes.data, grid))


@pytest.mark.parametrize("ratio", [2.0, 3.0, 10 / 3, 8.0])
def test_what_is_even_within_a_slice_is_found(ratio: float) -> None:
    amounts = np.array([0.3, -0.2, 0.1])
    grid = AxialGrid(9, ratio)

    def run(images: torch.Tensor) -> torch.Tensor:
        return images + torch.from_numpy(waves(grid) @ amounts)[:, None]

    found = mean_added(run, volume(ratio=ratio), seen)
    np.testing.assert_allclose(waves(grid) @ found, waves(grid) @ amounts, atol=1e-5)


def test_blocks_begin_within_a_slice_as_the_whole_does() -> None:
    whole = AxialGrid(9, 10 / 3)
    block = whole.block(11, 7, 1)
    np.testing.assert_allclose(waves(block), waves(whole)[11:18])


def test_a_network_that_adds_nothing_changes_nothing() -> None:
    assert mean_added(lambda images: images, volume(), seen) == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("shape", [(2, 40, 33), (3, 300, 20), (120, 24, 270)])
def test_thin_and_large_volumes_are_looked_at_in_part(shape: tuple[int, int, int]) -> None:
    looked = []

    def run(images: torch.Tensor) -> torch.Tensor:
        looked.append(images.shape)
        return images + 0.25

    assert mean_added(run, volume(shape), seen) == pytest.approx([0.25, 0, 0], abs=1e-6)
    assert len(looked) <= 32
    assert all(rows <= 258 and width <= 256 for _, _, rows, width in looked)


def test_a_reconstruction_has_the_means_of_the_input(tmp_path) -> None:
    given, means = volume(), {}
    for keep in (True, False):
        method = Brighter(keep_mean=keep)
        method.fit(given, CTX)
        means[keep] = reconstruct_volume(method, given, CTX).mean((1, 2))
        method.save(tmp_path / str(keep))
        loaded = Brighter()
        loaded.load(tmp_path / str(keep))
        np.testing.assert_array_equal(reconstruct_volume(loaded, given, CTX).mean((1, 2)), means[keep])
    wanted = interpolate(given.data, AxialGrid(9, 3.0)).mean((1, 2)) / 255
    np.testing.assert_allclose(means[True], wanted, atol=1e-5)
    np.testing.assert_allclose(means[False] - wanted, 0.1 + 0.05 * (np.arange(27) % 3 == 1), atol=1e-5)
