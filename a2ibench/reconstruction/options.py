"""What the options of a reconstruction come to: what the method is told, and how far apart slices are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from a2ibench.bench.options import ReconstructOptions, check_option
from a2ibench.contracts import Budget, Context, Method, Volume, same_spacing, silent
from a2ibench.errors import InputError, OptionError
from a2ibench.protocol.profiles import PROFILES, training_settings
from a2ibench.settings import Value

VoxelSize = tuple[float, float, float]


@dataclass(frozen=True)
class MethodOptions:
    """A method, its checked settings, and the checkpoint that is loaded instead of a training.

    Trainings are kept every `checkpoint_every` seconds, or not where it is None.
    """

    method: str
    settings: Mapping[str, Value]
    checkpoint: Path | None
    checkpoint_every: float | None = None


def resolve_method(options: ReconstructOptions) -> MethodOptions:
    """Return what of the options is about the method.

    Raises
    ------
    InputError
        If a setting is not allowed.
    """
    checkpoint, every = check_option("checkpoint", options), check_option("checkpoint_every", options)
    settings = training_settings(options.method, "matched") | dict(check_option("settings", options))
    return MethodOptions(options.method, settings, checkpoint, every)


def context(options: ReconstructOptions) -> Context:
    """Return what the method is told.

    Raises
    ------
    InputError
        If an option cannot be used.
    """
    seed, budget = check_option("seed", options), check_option("budget", options)
    profile = PROFILES[check_option("profile", options)]
    return Context(
        seed=seed,
        device=check_option("device", options),
        precision=check_option("precision", options),
        size=profile.size,
        budget=budget or Budget(steps=profile.steps),
        batch=profile.batch,
        patch=profile.patch,
        progress=options.progress or silent,
    )


def spacings(options: ReconstructOptions, stored: VoxelSize | None, name: str) -> Spacings:
    """Return the voxel sizes of the stack as the method is told, and of its reconstruction.

    Parameters
    ----------
    options : ReconstructOptions
        May tell other spacings.
    stored : tuple of float, optional
        What the file tells, (z, y, x) in nm.
    name : str
        Shown in messages.

    Raises
    ------
    InputError
        If nobody tells the voxel size, or it leaves nothing to reconstruct.
    """
    spacing = options.voxel_size or stored
    if spacing is None:
        raise OptionError("{stack}: tells no voxel size; give {voxel_size:(Z, Y, X)} in nm", stack=name)
    if options.ratio is not None and options.target_spacing is not None:
        raise OptionError("{ratio} and {target_spacing} both tell the output's spacing; give one of them")
    if not all(math.isfinite(value) and value > 0 for value in spacing):
        raise InputError(f"{name}: voxel size is {spacing}; give 3 positive numbers (z, y, x) in nm")
    z, y, x = spacing
    if not same_spacing(y, x):
        raise InputError(
            f"{name}: lateral spacings differ (y {y:g} nm, x {x:g} nm); resample to equal spacings first"
        )
    ratio = _ratio(options, z, y, name)
    return Spacings((y * ratio, y, x), (z / ratio, y, x), ratio)


def _ratio(options: ReconstructOptions, z: float, y: float, name: str) -> float:
    if options.ratio is not None:
        return float(check_option("ratio", options))
    if options.target_spacing is not None:
        if not 0 < options.target_spacing < z:
            raise OptionError(
                "{target_spacing}: got {got}; give nm above 0 and below the axial spacing of {axial}",
                got=f"{options.target_spacing:g}",
                axial=f"{z:g}",
            )
        return z / options.target_spacing
    if z / y < 1 + 1e-6:
        kind = "is isotropic" if same_spacing(z, y) else "is coarser laterally than axially"
        raise InputError(f"{name}: voxel size {z:g}, {y:g}, {y:g} nm {kind}; nothing to reconstruct")
    return z / y


class Spacings(NamedTuple):
    """Voxel sizes (z, y, x) in nm, as the method is told and of the reconstruction, and the ratio."""

    given: VoxelSize
    reconstructed: VoxelSize
    ratio: float


def check_applies(method: Method, name: str, volume: Volume) -> None:
    """Accept volumes that a method does not skip.

    Raises
    ------
    InputError
        If it does; gives its reason.
    """
    reason = method.skip(volume) if hasattr(method, "skip") else None
    if reason is not None:
        raise InputError(f"{volume.name}: {name} does not apply: {reason}")
