"""The dictionary method: anchored regressions on patches of axial planes."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from a2ibench import (
    AxialGrid,
    Configurable,
    Context,
    InputError,
    PatchSampler,
    Volume,
    build_degradation,
    load_checkpoint,
    missing_noise,
    restore_planes,
    save_checkpoint,
    setting,
    training_grid,
)
from a2ibench_dictionary.patches import MARGIN, STEP, features_of, overlapped, patches_of, shape_for
from a2ibench_dictionary.regression import Regression, learn

ANCHORS = {"tiny": 32, "small": 256, "full": 1024}
SAMPLES = {"tiny": 20_000, "small": 300_000, "full": 500_000}
_PARTS = "basis", "anchors", "maps"
_PATCHES = 1 << 16


class Dictionary(Configurable):
    """Add to each patch of an interpolated plane the detail that a linear map for its kind makes of it.

    The kinds are those of the anchor, out of a dictionary, that the features of a patch are most correlated
    with; the map of a kind is a ridge regression on the training patches nearest to its anchor. Overlapping
    patches are averaged. Nothing is learnt by gradients: a step of the budget draws a batch to learn from.
    """

    degradation: str = setting("slab-average", "model that makes the training pairs")
    noise: str = setting(
        "estimated",
        "to add to the training inputs: what the volume has and they have not, where it has much; or none",
        choices=("estimated", "none"),
    )
    planes: str = setting("both", "axial planes to restore", choices=("both", "xz", "yz"))
    fusion: str = setting(
        "frequency",
        "of the plane families: each where its planes extend, or their plain mean",
        choices=("frequency", "mean"),
    )
    anchors: int = setting(0, "atoms of the dictionary; 0: by size", low=0)
    samples: int = setting(0, "most training patches; 0: by size", low=0)
    neighbours: int = setting(2048, "training patches of each regression", low=1)
    penalty: float = setting(0.1, "ridge penalty, features being of unit length", low=0)
    columns: int = setting(8, "columns of a patch; its rows are those of three input slices", low=2, high=32)
    energy: float = setting(0.999, "share of the features' mean square that is kept", low=0, high=1)
    components: int = setting(64, "most principal components of the features", low=1)

    align: ClassVar[int] = STEP

    def __init__(self, **values: str | int | float | bool) -> None:
        super().__init__(**values)
        self._regression: Regression | None = None
        self._ratio = 1.0

    @property
    def halo(self) -> tuple[int, int]:
        """Input slices and lateral voxels wanted around a block."""
        rows, _ = self._shape
        return math.ceil((rows + MARGIN + STEP) / self._ratio) + 2, self._reach + 1

    @property
    def _shape(self) -> tuple[int, int]:
        return shape_for(self._ratio, self.columns)

    @property
    def _reach(self) -> int:
        return self.columns + MARGIN

    def fit(self, volume: Volume, ctx: Context) -> None:
        """Learn anchors and regressions from the volume's own lateral patches.

        Parameters
        ----------
        volume : Volume
            The anisotropic volume.
        ctx : Context
            Seed, device, size, batch and patch.
        """
        self._ratio = volume.ratio
        generator = torch.Generator().manual_seed(ctx.seed)
        pairs = list(self._pairs(volume, ctx, generator))
        self._regression = learn(
            pairs,
            anchors=self.anchors or ANCHORS[ctx.size],
            neighbours=self.neighbours,
            penalty=self.penalty,
            energy=self.energy,
            components=self.components,
            generator=generator,
        )
        total = float(ctx.budget.steps or ctx.budget.seconds or 0)
        ctx.progress("fit", total, total)

    def reconstruct(self, volume: Volume, grid: AxialGrid, ctx: Context) -> NDArray[np.float32]:
        """Interpolate, add the details of every axial plane, and fuse the plane families.

        Parameters
        ----------
        volume : Volume, shape (grid.n_in, y, x)
            The anisotropic volume, or a block of it.
        grid : AxialGrid
            The wanted output slices.
        ctx : Context
            Device, progress, and which part of a block is kept.

        Returns
        -------
        ndarray of float32, shape (grid.n_out, y, x)
        """
        return self._restored(volume, grid, ctx, self.planes)

    def reconstruct_planes(self, volume: Volume, grid: AxialGrid, ctx: Context) -> NDArray[np.float32]:
        """Restore xz planes that are no neighbours, each by itself; arguments are those of `reconstruct`."""
        return self._restored(volume, grid, ctx, "xz")

    def save(self, path: Path) -> None:
        """Write weights.safetensors and method.json into the folder `path`."""
        learnt = self._learnt()
        weights = {name: getattr(learnt, name) for name in _PARTS}
        state = {"ratio": self._ratio, "settings": self.configuration()}
        save_checkpoint(path, type(self).__name__, weights, state)

    def load(self, path: Path) -> None:
        """Read what `save` wrote; the settings it was learnt with replace this object's.

        Raises
        ------
        InputError
            If the folder holds no checkpoint of this method.
        """
        weights, state = load_checkpoint(path, type(self).__name__)
        Configurable.__init__(self, **state["settings"])
        self._ratio = state["ratio"]
        self._regression = Regression(*(weights[name] for name in _PARTS))

    def parameters(self) -> int:
        """Return the number of numbers that were learnt."""
        return sum(getattr(self._learnt(), name).numel() for name in _PARTS)

    def macs_per_voxel(self) -> float:
        """Return the multiply-adds per output voxel: principal components, correlations and maps."""
        learnt = self._learnt()
        components = learnt.basis.shape[1]
        patch = learnt.basis.numel() + learnt.anchors.numel() + components * learnt.maps.shape[2]
        return patch / STEP**2 * (2 if self.planes == "both" else 1)

    def precision_used(self, ctx: Context) -> str:
        """Return ``"fp32"``: nearest anchors are chosen by small differences."""
        return "fp32"

    def _pairs(
        self, volume: Volume, ctx: Context, generator: torch.Generator
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield features and details of a batch for every step, or until a third of the time is over."""
        grid = training_grid(volume, ctx.patch)
        degrade = build_degradation(self.degradation, volume)
        noise = missing_noise(volume, degrade, grid) if self.noise == "estimated" else 0.0
        drawn = {"batch": ctx.batch, "device": "cpu", "seed": ctx.seed, "noise": noise}
        sampler = PatchSampler(volume, degrade, grid, **drawn)
        wanted, start, step, count = self.samples or SAMPLES[ctx.size], time.perf_counter(), 0, 0
        while count < wanted:
            features, details = self._drawn(sampler)
            # Neighbours in one patch of the volume tell nearly the same.
            share = min(
                len(features) // 8, wanted // ctx.budget.steps if ctx.budget.steps else wanted - count
            )
            kept = torch.randperm(len(features), generator=generator)[: max(1, share)]
            step, count = step + 1, count + len(kept)
            yield features[kept], details[kept]
            spent = time.perf_counter() - start
            if ctx.budget.steps:
                ctx.progress("fit", step, ctx.budget.steps)
                if step == ctx.budget.steps:
                    return
            elif ctx.budget.seconds:
                ctx.progress("fit", min(spent, ctx.budget.seconds), ctx.budget.seconds)
                if spent > ctx.budget.seconds / 3:
                    return

    def _drawn(self, sampler: PatchSampler) -> tuple[torch.Tensor, torch.Tensor]:
        degraded, target = sampler.pairs()
        inner = slice(MARGIN, -MARGIN)
        detail = (target - degraded.image)[..., inner, inner]
        shape = self._shape
        if min(detail.shape[2] - shape[0], detail.shape[3] - shape[1]) < 0:
            side = max(shape) + 2 * MARGIN
            raise InputError(
                f"patch of {target.shape[-1]} voxels is too small for {shape[0]} x {shape[1]} pixels and "
                f"their derivatives; give a volume and a patch of {side} voxels a side, or fewer columns"
            )
        return features_of(degraded.image, shape), patches_of(detail, shape)

    def _restored(self, volume: Volume, grid: AxialGrid, ctx: Context, planes: str) -> NDArray[np.float32]:
        learnt, shape = self._learnt(), self._shape
        learnt = Regression(*(getattr(learnt, name).to(ctx.device) for name in _PARTS))

        def run(images: torch.Tensor) -> torch.Tensor:
            return images.float() + _detail(learnt, images.float(), shape)

        return restore_planes(
            run,
            volume,
            grid,
            ctx,
            reach=max(self._reach, shape[0] + MARGIN),
            align=STEP,
            planes=planes,
            fusion=self.fusion,
        )

    def _learnt(self) -> Regression:
        if self._regression is None:
            raise InputError("Dictionary is not trained; call fit or load first")
        return self._regression


def _detail(learnt: Regression, images: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """Return the mean detail of the patches that cover each pixel of images (batch, 1, rows, columns)."""
    before = [-(-(side - STEP) // STEP) * STEP for side in shape]
    after = [side - STEP + -n % STEP for side, n in zip(shape, images.shape[2:], strict=True)]
    padded = F.pad(
        images,
        (before[1] + MARGIN, after[1] + MARGIN, before[0] + MARGIN, after[0] + MARGIN),
        mode="replicate",
    )
    size = padded.shape[2] - 2 * MARGIN, padded.shape[3] - 2 * MARGIN
    cover = shape[0] * shape[1] / STEP**2
    found = []
    for image in padded.split(max(1, _PATCHES * STEP**2 // (size[0] * size[1]))):
        details = learnt(features_of(image, shape))
        found.append(overlapped(details, len(image), size, shape) / cover)
    rows, columns = images.shape[2:]
    return torch.cat(found)[..., before[0] : before[0] + rows, before[1] : before[1] + columns]
