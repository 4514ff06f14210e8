"""What a reconstruction is about to do, before any voxel is read: sizes, disk, method and time."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from a2ibench.bench import device
from a2ibench.bench.estimate import History
from a2ibench.bench.job import Job
from a2ibench.contracts import Budget, Context, DatasetSpec, Method, Volume, silent
from a2ibench.data.prepare import Crop
from a2ibench.data.writing.layout import ZYX
from a2ibench.protocol.blocks import reconstruct_volume
from a2ibench.reconstruction.checkpoints import built_method, trains
from a2ibench.reconstruction.options import MethodOptions, Spacings
from a2ibench.settings import Value

_NOT_DONE = ("simulate", "validate", "score")


@dataclass(frozen=True)
class Outlook:
    """What a reconstruction is about to do.

    Parameters
    ----------
    source : str
        The stack, as it was given.
    output : Path
        What is written.
    shape, output_shape : tuple of int
        Voxels along (z, y, x) of the stack, cropped, and of the output.
    dtype : str
        Of both; floats are single precision.
    voxel_size, output_voxel_size : tuple of float
        Nanometres, (z, y, x).
    ratio : float
        Axial spacing of the stack over the output's.
    free : int
        Bytes free on the output's disk.
    method : MethodOptions
        The method, its settings and the checkpoint that is loaded, if any.
    settings : mapping
        Those of the method that were given.
    profile : str
        Name of the profile.
    context : Context
        What the method is told.
    uncertainty : Path or None
        A second volume that is written, of its uncertainty.
    """

    source: str
    output: Path
    shape: ZYX
    output_shape: ZYX
    dtype: str
    voxel_size: tuple[float, float, float]
    output_voxel_size: tuple[float, float, float]
    ratio: float
    free: int
    method: MethodOptions
    settings: Mapping[str, Value]
    profile: str
    context: Context
    uncertainty: Path | None = None

    @property
    def uncertainty_nbytes(self) -> int:
        """Bytes of the voxels of the uncertainty, in single precision, before any compression."""
        return math.prod(self.output_shape) * 4

    @property
    def nbytes(self) -> int:
        """Bytes of the output's voxels, before any compression."""
        return math.prod(self.output_shape) * np.dtype(self.dtype).itemsize

    @property
    def budget(self) -> Budget | None:
        """How long is trained; None where a checkpoint is loaded, or the method trains nothing."""
        if self.method.checkpoint is not None or not trains(self._built):
            return None
        return self.context.budget

    @cached_property
    def _built(self) -> Method:
        # One of its own: trying it trains it.
        return built_method(self.method, self.context.seed)

    def seconds(self) -> tuple[float, str] | None:
        """Return how long it may take and how that is known; None where nobody knows.

        Records of the same method, settings, profile, device and machine in ``reports`` tell, or, where there
        are none, a few steps on a small volume of noise, if the method is a network or learns nothing.
        """
        return self._recorded() or self._tried()

    def _recorded(self) -> tuple[float, str] | None:
        z, y, x = self.shape
        spec = DatasetSpec(
            name="reconstruct",
            title="",
            path=Path(self.source),
            voxel_size=(self.output_voxel_size[1] * self.ratio, *self.output_voxel_size[1:]),
            crop=((0, z), (0, y), (0, x)),
        )
        ctx = self.context
        job = Job(
            dataset=spec,
            method=self.method.method,
            seed=ctx.seed,
            profile=self.profile,
            budget=ctx.budget,
            device=ctx.device,
            precision=ctx.precision,
            settings=self.settings,
        )
        without = _NOT_DONE if self.method.checkpoint is None else (*_NOT_DONE, "fit")
        found = History([Path("reports")]).estimate(job, without=without)
        return None if found is None else (found.seconds, f"by {found.source}")

    def _tried(self) -> tuple[float, str] | None:
        with suppress(Exception):  # a method may refuse noise, or so small a volume
            speed = _speed(self._built, self.method.checkpoint, self.ratio, self.context)
            if speed is not None:
                return self._by(*speed), "by a few steps on noise"
        return None

    def _by(self, step: float, voxels_per_second: float) -> float:
        budget, training = self.budget, 0.0
        if budget is not None:
            training = budget.seconds if budget.steps is None else budget.steps * step  # type: ignore[assignment]
        return training + math.prod(self.output_shape) / voxels_per_second


class Told(Protocol):
    """Told what is about to be done, before anything is."""

    def __call__(self, outlook: Outlook) -> None:
        """Say it, or raise what stops it."""


def unsaid(outlook: Outlook) -> None:
    """Say nothing."""


def outlook_of(
    crop: Crop,
    source: str,
    output: Path,
    output_shape: ZYX,
    spacing: Spacings,
    method: MethodOptions,
    settings: Mapping[str, Value],
    profile: str,
    ctx: Context,
    *,
    uncertainty: Path | None = None,
) -> Outlook:
    """Return what a reconstruction of a crop is about to do; reads no voxel."""
    z, y, x = spacing.reconstructed
    return Outlook(
        source=source,
        output=output,
        shape=crop.shape,
        output_shape=output_shape,
        dtype=crop.dtype.name,
        voxel_size=(z * spacing.ratio, y, x),
        output_voxel_size=spacing.reconstructed,
        ratio=spacing.ratio,
        free=shutil.disk_usage(next(folder for folder in output.parents if folder.exists())).free,
        method=method,
        settings=settings,
        profile=profile,
        context=ctx,
        uncertainty=uncertainty,
    )


_STEPS, _ENOUGH = 4, 5.0


def _speed(method: Method, checkpoint: Path | None, ratio: float, ctx: Context) -> tuple[float, float] | None:
    """Return the seconds of a step of training and the output voxels restored in a second.

    None for methods whose training nobody can cut short.
    """
    from a2ibench.protocol.slice_network import SliceNetwork

    training = checkpoint is None and trains(method)
    if training and not isinstance(method, SliceNetwork):
        return None
    side = 2 * ctx.patch
    noise = np.random.default_rng(0).integers(0, 256, (max(4, math.ceil(side / ratio)), side, side), np.uint8)
    volume = Volume(noise, (10 * ratio, 10.0, 10.0), (0.0, 255.0))
    ctx = replace(ctx, progress=silent)
    step = 0.0
    if checkpoint is not None:
        method.load(checkpoint)
    elif training:
        step = _step_seconds(method, volume, ctx)
    else:
        method.fit(volume, ctx)
    began = _now(ctx)
    output = reconstruct_volume(method, volume, ctx)
    return step, output.size / (_now(ctx) - began)


def _step_seconds(method: Method, volume: Volume, ctx: Context) -> float:
    # The first step of a process is slow however small: libraries are loaded for it.
    _fit_seconds(method, volume, replace(ctx, batch=1), 1)
    first = _fit_seconds(method, volume, ctx, 1)
    if first >= _ENOUGH:
        return first
    # So is, a little, the first of a whole batch.
    one = _fit_seconds(method, volume, ctx, 1)
    more = _fit_seconds(method, volume, ctx, 1 + _STEPS)
    # What a training does before its first step counts once, and not for every step.
    return (more - one) / _STEPS if more > one else more / (1 + _STEPS)


def _fit_seconds(method: Method, volume: Volume, ctx: Context, steps: int) -> float:
    began = _now(ctx)
    method.fit(volume, replace(ctx, budget=Budget(steps=steps)))
    return _now(ctx) - began


def _now(ctx: Context) -> float:
    device.synchronise(ctx.device)
    return time.perf_counter()
