"""What can be asked of a reconstruction."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from a2ibench.bench.device import resolve_device
from a2ibench.bench.selection import PRECISIONS, choose_one, choose_profile
from a2ibench.contracts import Budget, Context, Method, Progress, Volume, same_spacing, silent
from a2ibench.data.prepare import Bounds
from a2ibench.errors import InputError, OptionError
from a2ibench.protocol.profiles import PROFILES
from a2ibench.settings import Value

VoxelSize = tuple[float, float, float]


@dataclass(frozen=True)
class MethodOptions:
    """A method, how it is trained and where it runs; see `a2ibench.reconstruct`."""

    method: str = "a2i-3dem"
    profile: str | None = None
    device: str = "auto"
    precision: str = "auto"
    seed: int = 0
    budget: str | Budget | None = None
    settings: Mapping[str, Value] = field(default_factory=dict)
    checkpoint: Path | None = None

    def context(self, progress: Progress | None) -> Context:
        """Return what the method is told.

        Raises
        ------
        InputError
            If an option cannot be used.
        """
        if self.seed < 0:
            raise InputError(f"seed: got {self.seed}; give a number of at least 0")
        chosen = PROFILES[choose_profile(self.profile)]
        budget = Budget.parse(self.budget) if isinstance(self.budget, str) else self.budget
        return Context(
            seed=self.seed,
            device=resolve_device(self.device),
            precision=choose_one("precision", self.precision, PRECISIONS),
            size=chosen.size,
            budget=budget or Budget(steps=chosen.steps),
            batch=chosen.batch,
            patch=chosen.patch,
            progress=progress or silent,
        )


@dataclass(frozen=True)
class StackOptions:
    """Which voxels of a file are reconstructed, and how far apart; see `a2ibench.reconstruct_file`."""

    key: str | None = None
    level: int | None = None
    crop: Bounds | None = None
    voxel_size: VoxelSize | None = None
    ratio: float | None = None
    target_spacing: float | None = None
    intensity: tuple[float, float] | None = None
    fill_missing: bool = False

    def spacings(self, stored: VoxelSize | None, name: str) -> Spacings:
        """Return the voxel sizes of the stack as the method is told, and of its reconstruction.

        Parameters
        ----------
        stored : tuple of float, optional
            What the file tells, (z, y, x) in nm.
        name : str
            Shown in messages.

        Raises
        ------
        InputError
            If nobody tells the voxel size, or it leaves nothing to reconstruct.
        """
        spacing = self.voxel_size or stored
        if spacing is None:
            raise OptionError("{stack}: tells no voxel size; give {voxel_size:(Z, Y, X)} in nm", stack=name)
        if self.ratio is not None and self.target_spacing is not None:
            raise OptionError("{ratio} and {target_spacing} both tell the output's spacing; give one of them")
        if not all(math.isfinite(value) and value > 0 for value in spacing):
            raise InputError(f"{name}: voxel size is {spacing}; give 3 positive numbers (z, y, x) in nm")
        z, y, x = spacing
        if not same_spacing(y, x):
            raise InputError(
                f"{name}: lateral spacings differ (y {y:g} nm, x {x:g} nm); resample to equal spacings first"
            )
        ratio = self._ratio(z, y, name)
        return Spacings((y * ratio, y, x), (z / ratio, y, x), ratio)

    def _ratio(self, z: float, y: float, name: str) -> float:
        if self.ratio is not None:
            if not 1 < self.ratio < math.inf:
                raise OptionError("{ratio}: got {got}; give a number above 1", got=f"{self.ratio:g}")
            return self.ratio
        if self.target_spacing is not None:
            if not 0 < self.target_spacing < z:
                raise OptionError(
                    "{target_spacing}: got {got}; give nm above 0 and below the axial spacing of {axial}",
                    got=f"{self.target_spacing:g}",
                    axial=f"{z:g}",
                )
            return z / self.target_spacing
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
