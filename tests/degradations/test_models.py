"""Degradation models: operator, noise, and what they are handed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from a2ibench import AxialGrid, Degradation, InputError, Volume
from a2ibench.degradations import models
from a2ibench.registry import host

NAMES = {
    "slab-average": models.slab_average,
    "gaussian": lambda grid: models.gaussian_psf(grid, 1.0),
    "subsample": models.subsample,
}


def _degrade(name: str, images: torch.Tensor, grid: AxialGrid, seed: int = 0, **options) -> torch.Tensor:
    model = host().build("degradation", name, **options)
    return model(images, grid, torch.Generator().manual_seed(seed)).image


@pytest.mark.parametrize("name", [*NAMES, "srmd", "crappifier"])
@pytest.mark.parametrize("ratio", [2.0, 10 / 3, 8.0])
def test_shapes_types_and_seeds(name: str, ratio: float) -> None:
    grid = AxialGrid(5, ratio)
    images = torch.rand(3, 1, grid.n_out, 7, generator=torch.Generator().manual_seed(1))
    before = images.clone()
    model = host().build("degradation", name)
    assert isinstance(model, Degradation)
    first, again, other = (_degrade(name, images, grid, seed) for seed in (1, 1, 2))
    assert first.shape == (3, 1, 5, 7)
    assert first.dtype == images.dtype
    assert torch.equal(first, again)
    assert torch.equal(first, other) == (name in NAMES)
    assert torch.equal(images, before)
    assert model.operator(grid).shape == (5, grid.n_out)
    volume = Volume(np.zeros((4, 16, 16), np.uint8), (15 * ratio, 15, 15), (0, 255))
    for value in model.nominal(volume).values():
        assert value.ndim == 2
        assert len(value) == 1


@pytest.mark.parametrize("name", NAMES)
def test_without_noise_it_is_the_operator(name: str) -> None:
    grid = AxialGrid(6, 3.0)
    images = torch.rand(2, 1, 18, 4, dtype=torch.float64)
    wanted = np.einsum("ik,bckx->bcix", NAMES[name](grid), images.numpy())
    np.testing.assert_allclose(_degrade(name, images, grid).numpy(), wanted, atol=1e-12)


def test_noise_has_the_variance_of_a_poisson_gaussian_detector() -> None:
    grid = AxialGrid(200, 2.0)
    for level in (0.1, 0.8):
        images = torch.full((1, 1, 400, 400), level, dtype=torch.float64)
        noisy = _degrade("slab-average", images, grid, gaussian=0.02, poisson=0.001)
        assert noisy.mean().item() == pytest.approx(level, abs=1e-3)
        assert noisy.var().item() == pytest.approx(0.02**2 + 0.001 * level, rel=0.03)


def test_options_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match="gaussian"):
        host().build("degradation", "slab-average", gaussian=-1)
