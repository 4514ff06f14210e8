"""What the degradation of this package does."""

import pytest
import torch
from a2ibench import AxialGrid

from a2ibench_frozen_degradation.model import FWHM, FrozenDegradationModel

GRID = AxialGrid(12, 4.0)


def degrade(model, images, seed=0):
    return model(images, GRID, torch.Generator().manual_seed(seed)).image


def test_without_jitter_it_is_its_operator():
    images = torch.rand(2, 1, GRID.n_out, 5, dtype=torch.float64)
    model = FrozenDegradationModel(jitter=0)
    expected = torch.from_numpy(model.operator(GRID)) @ images
    torch.testing.assert_close(degrade(model, images), expected)


def test_the_profile_has_the_width_that_was_asked_for():
    row = torch.from_numpy(FrozenDegradationModel(fwhm=1.5).operator(GRID))[6]
    at = torch.arange(GRID.n_out, dtype=torch.float64)
    mean = (row * at).sum()
    deviation = (row * (at - mean) ** 2).sum().sqrt()
    assert mean.item() == pytest.approx(6.5 * GRID.ratio - 0.5)
    assert deviation.item() == pytest.approx(1.5 * GRID.ratio / FWHM, rel=1e-3)


def test_thickness_varies_and_positions_do_not():
    ramp = torch.arange(GRID.n_out, dtype=torch.float64)[None, None, :, None].expand(3, 1, -1, 4)
    inner = slice(4, 8)
    torch.testing.assert_close(
        degrade(FrozenDegradationModel(jitter=0.3), ramp)[:, :, inner],
        degrade(FrozenDegradationModel(jitter=0), ramp)[:, :, inner],
        rtol=1e-3,
        atol=0,
    )
    curved = (ramp - ramp.mean()) ** 2
    uneven = degrade(FrozenDegradationModel(jitter=0.3), curved)[:, 0, inner, 0]
    even = degrade(FrozenDegradationModel(jitter=0), curved)[:, 0, inner, 0]
    assert (uneven - even).std() > 0.1
