"""What a job does to score a method without a reference."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.bench.job import Job
from a2ibench.contracts import AxialGrid, Context, HeldOut, Method, Simulation, Volume
from a2ibench.contracts.specs import EVALUATIONS
from a2ibench.errors import InputError, one_line
from a2ibench.protocol.blocks import tells_disagreement
from a2ibench.validation.held_out import Split, restore_held_out, split
from a2ibench.validation.reduced import check_depth, restore_reduced

log = logging.getLogger("a2ibench")

DISAGREEMENT = "disagreement"
IN_PLANE, REDUCED = EVALUATIONS
_NO_PLANES = "the method cannot restore planes by themselves"


@dataclass
class Validation:
    """What scores without a reference need of a job.

    Parameters
    ----------
    volume, training : Volume
        The input, and the part of it that the method trains on.
    simulation : Simulation or None
        How the input was made.
    evaluate : tuple of str
        Of the job.
    held_out : Volume or None
        Slices that the method does not train on.
    apart : ndarray of float32 or None
        What `reconstruct_volume` fills.
    left_out : dict of str
        By evaluation why it is left out.
    planes, slices : HeldOut or None
        What became of held-out planes, and of slices at reduced resolution, once that is carried out.
    """

    volume: Volume
    training: Volume
    simulation: Simulation | None
    evaluate: tuple[str, ...]
    held_out: Volume | None
    apart: NDArray[np.float32] | None
    left_out: dict[str, str]
    planes: HeldOut | None = None
    slices: HeldOut | None = None

    @classmethod
    def of(cls, job: Job, volume: Volume, method: Method) -> Validation:
        """Divide the input of a job, before the method trains."""
        training, held_out = volume, None
        left_out: dict[str, str] = {}
        if IN_PLANE in job.evaluate:
            try:
                # For a method that cannot take part, too, so that all train on the same slices.
                training, held_out = split(volume)
            except InputError as error:
                left_out[IN_PLANE] = one_line(error)
            if not hasattr(method, "reconstruct_planes"):
                left_out[IN_PLANE] = _NO_PLANES
        if REDUCED in job.evaluate:
            try:
                check_depth(volume)
            except InputError as error:
                left_out[REDUCED] = one_line(error)
        for name, reason in left_out.items():
            log.warning("%s validation is left out: %s", name, reason)
        apart = None
        if DISAGREEMENT in job.metrics and tells_disagreement(method):
            grid = AxialGrid(volume.shape[0], volume.ratio)
            apart = np.zeros((grid.n_out, *volume.shape[1:]), np.float32)
        return cls(volume, training, job.dataset.simulate, job.evaluate, held_out, apart, left_out)

    @property
    def wanted(self) -> list[str]:
        """The evaluations that can be carried out."""
        return [name for name in self.evaluate if name not in self.left_out]

    def carry_out(self, method: Method, build: Callable[[], Method], ctx: Context) -> None:
        """Validate a fitted method.

        Parameters
        ----------
        method : Method
            Fitted to `training`.
        build : callable
            Returns a new method.
        ctx : Context
            Of the job.
        """
        if self.held_out is not None and IN_PLANE in self.wanted:
            self.planes = restore_held_out(method, Split(self.training, self.held_out), self.simulation, ctx)
        if REDUCED in self.wanted:
            self.slices = restore_reduced(build, self.volume, self.simulation, replace(ctx, workdir=None))

    def described(self) -> dict[str, Any]:
        """Return for the record what was done."""
        held = {} if self.held_out is None else {"held_out_slices": self.held_out.shape[0]}
        return held | ({"left_out": self.left_out} if self.left_out else {})

    def scored(self) -> dict[str, Any]:
        """Return the fields of a `ScoreContext` that are known."""
        lo, hi = self.volume.intensity
        levels = None if self.apart is None else self.apart * np.float32(hi - lo)
        return {"held_out": self.planes, "reduced": self.slices, DISAGREEMENT: levels}
