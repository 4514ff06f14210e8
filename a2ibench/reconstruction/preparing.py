"""What comes before the first piece: matched slices, grey levels, a trained method, an input to read from."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from a2ibench.contracts import Method, Volume, silent
from a2ibench.data.formats import open_lazy
from a2ibench.data.intensity_range import find_levels
from a2ibench.data.prepare import Crop
from a2ibench.data.writing.layout import ZYX
from a2ibench.documents import read_json
from a2ibench.reconstruction.checkpoint_method import INTENSITY
from a2ibench.reconstruction.checkpoints import (
    applied,
    from_json,
    prepared_method,
    read_or_compute,
    to_json,
    trained_levels,
    trained_method,
)
from a2ibench.reconstruction.matching import Matched, matched_slices
from a2ibench.reconstruction.parts import Plan
from a2ibench.reconstruction.request import Request
from a2ibench.reconstruction.sampling import training_volume
from a2ibench.reconstruction.streaming import UNPACKED, unpacked


def prepare(
    request: Request,
    scratch: Path,
    unit: ZYX,
    forget: Callable[[], None],
    resources: ExitStack,
) -> tuple[Method, Volume]:
    """Return a method that can reconstruct, and the volume that it does; makes what is not there yet.

    Parameters
    ----------
    request : Request
        What is asked for.
    scratch : Path
        The folder that outlasts an interruption.
    unit : tuple of int
        Output voxels (z, y, x) that are written together.
    forget : callable
        Called before a training; see `trained_method`.
    resources : contextlib.ExitStack
        Closes what is read from.
    """
    options, resolved, ctx, name = request.options, request.resolved, request.ctx, request.name
    data = read_data(request, scratch)
    bare = request.bare(data)

    def levels_of_all() -> dict[str, Any]:
        trained = trained_levels(resolved.checkpoint, bare)
        found = find_levels(data, name, declared=options.intensity, progress=ctx.progress)
        own = replace(bare, **found._asdict())
        seen = applied(trained, own, declared=options.intensity is not None)
        return to_json(seen) | {"method": resolved.method}

    volume = from_json(read_or_compute(scratch / INTENSITY, levels_of_all), bare)

    def sample() -> Volume:
        return training_volume(data, volume, seed=ctx.seed, progress=ctx.progress)

    method = trained_method(resolved, volume, sample, ctx, scratch, forget)
    return method, unpacked(method, volume, unit, scratch, resources, ctx.progress)


def prepared(request: Request, scratch: Path, plan: Plan, resources: ExitStack) -> tuple[Method, Volume]:
    """Return what `prepare` has, from what it left.

    Raises
    ------
    InputError
        If some of it is not there, or damaged.
    """
    data = read_data(request, scratch, quiet=True)
    volume = found_levels(request, scratch, data)

    def sample() -> Volume:
        return training_volume(data, volume, seed=request.ctx.seed, progress=silent)

    method = prepared_method(request.resolved, volume, sample, request.ctx, scratch)
    if plan.unpacked:
        volume = replace(volume, data=Crop(resources.enter_context(open_lazy(scratch / UNPACKED))))
    return method, volume


def read_data(request: Request, scratch: Path, *, quiet: bool = False) -> Crop | Matched:
    """Return the stack to read from, its slices matched where that is asked for."""
    if not request.options.match_slices:
        return request.crop
    return matched_slices(request.crop, scratch, request.name, silent if quiet else request.ctx.progress)


def found_levels(request: Request, scratch: Path, data: Crop | Matched) -> Volume:
    """Return the stack with the grey levels that were found."""
    return from_json(read_json(scratch / INTENSITY), request.bare(data))
