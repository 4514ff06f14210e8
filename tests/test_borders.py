"""Reconstructions keep the mean, and show neither windows nor the ends of the volume."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from numpy.typing import NDArray

from a2ibench import Budget, Context, Method, Simulation, Volume, interpolate
from a2ibench.contracts import AxialGrid
from a2ibench.data.phantom import phantom
from a2ibench.protocol.blocks import reconstruct_volume
from a2ibench.protocol.simulate import simulate
from a2ibench.registry import host

LEARNED = [pytest.param("srmd", marks=pytest.mark.slow), "plain", "pssr", "swinir", "a2i-3dem"]
CTX = Context(size="tiny", budget=Budget(steps=120), batch=4, patch=32)


@functools.cache
def _volumes() -> tuple[Volume, Volume]:
    tissue = Volume(phantom(72, seed=3), (15.0, 15.0, 15.0), (0.0, 255.0))
    return simulate(tissue, Simulation(3.0))


@functools.cache
def _cubic() -> NDArray[np.float32]:
    data = _volumes()[0].data
    return interpolate(data, AxialGrid(len(data), 3.0))


@functools.cache
def _restored(name: str) -> tuple[Method, NDArray[np.float32]]:
    method = host().build("method", name)
    method.fit(_volumes()[0], CTX)
    return method, 255 * reconstruct_volume(method, _volumes()[0], CTX)


def _step_at_borders(added: NDArray[np.float32], period: int) -> float:
    """Root mean squared step across columns and rows at multiples of the period, over that of all."""
    squares = np.zeros((2, 2))
    for k, axis in enumerate((1, 2)):
        others = tuple(n for n in range(3) if n != axis)
        steps = np.square(np.diff(added.astype(np.float64), axis=axis)).mean(axis=others)
        squares[k] = steps[period - 1 :: period].mean(), steps.mean()
    return float(np.sqrt(squares[:, 0].sum() / squares[:, 1].sum()))


@pytest.mark.parametrize("name", LEARNED)
def test_the_mean_stays(name: str) -> None:
    anisotropic, _ = _volumes()
    slices = _restored(name)[1].mean(axis=(1, 2)).reshape(-1, 3).mean(axis=1)
    drift = slices - anisotropic.data.mean(axis=(1, 2))
    assert abs(drift.mean()) < 0.5
    assert np.abs(drift).max() < 2


@pytest.mark.parametrize("name", ["swinir", "a2i-3dem"])
def test_no_seam_where_windows_meet(name: str) -> None:
    method, restored = _restored(name)
    period = int(getattr(method, "align", 0))
    assert 4 <= period <= restored.shape[1] // 4
    # What the network adds to the interpolation is so smooth that it hides little of a seam.
    added = restored - _cubic()
    assert _step_at_borders(added, period) < 1.07
    # A seam of one grey level is seen.
    window = np.arange(restored.shape[1]) // period % 2
    assert _step_at_borders(added + window[:, None] + window, period) > 1.07


@pytest.mark.parametrize("name", LEARNED)
def test_the_first_and_last_slices_do_not_ring(name: str) -> None:
    reference = _volumes()[1]

    def errors(data: NDArray[np.float32]) -> NDArray[np.float64]:
        return np.sqrt(np.square(data - reference.data.astype(np.float64)).mean(axis=(1, 2)))

    restored = errors(_restored(name)[1]) / errors(_cubic())
    assert restored.mean() < 0.95
    assert restored[[0, 1, -2, -1]].max() < 1.25
