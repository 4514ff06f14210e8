"""What a method that restores planes tells beyond its reconstruction."""

from __future__ import annotations

from typing import Any

from a2ibench.testing.check import CheckFailed, CheckSkipped, rule
from a2ibench.testing.methods.trial import BASE, SPREAD, Trial, checked, grid_of
from a2ibench.testing.volumes import levels_apart, scene

TOLERANCE = 0.5
"""Grey levels of 255; rounding to 8 bits hides about as much."""


@rule(
    "Where it has reconstruct_planes, that restores each xz plane by itself",
    "return float32 (grid.n_out, y, x), in which no plane depends on its neighbours",
)
def _planes_by_themselves(trial: Trial) -> None:
    method: Any = trial.need(BASE).method
    if not hasattr(method, "reconstruct_planes"):
        raise CheckSkipped("it has no reconstruct_planes, so in-plane validation leaves it out")
    volume, _ = scene(BASE.ratio, BASE.shape)
    whole = checked(method.reconstruct_planes(volume, grid_of(volume), trial.context()), volume)
    shuffled = volume.crop(slice(None), slice(None, None, -1), slice(None))
    result = method.reconstruct_planes(shuffled, grid_of(volume), trial.context())
    apart = levels_apart(checked(result, volume)[:, ::-1], whole)
    if apart > TOLERANCE:
        raise CheckFailed(
            f"planes in another order become other planes, {apart:.3g} grey levels (of 255) apart"
        )


@rule(
    "Where it has reconstruct_with_disagreement, that reconstructs the same",
    "return what reconstruct returns, and a float32 array of its shape, not negative",
)
def _disagreement(trial: Trial) -> None:
    run = trial.need(BASE)
    method: Any = run.method
    if not hasattr(method, "reconstruct_with_disagreement"):
        raise CheckSkipped("it has no reconstruct_with_disagreement, so it tells no uncertainty")
    volume, _ = scene(BASE.ratio, BASE.shape)
    result, apart = method.reconstruct_with_disagreement(volume, grid_of(volume), trial.context())
    off = levels_apart(checked(result, volume), run.output)
    if off > SPREAD[trial.device]:
        raise CheckFailed(f"it reconstructs something else, {off:.3g} grey levels (of 255) apart")
    if checked(apart, volume).min() < 0:
        raise CheckFailed("it returned negative differences; return absolute ones")


RULES = (_planes_by_themselves, _disagreement)
