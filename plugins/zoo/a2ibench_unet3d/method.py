"""The 3D U-Net as a method of the harness."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from a2ibench import (
    MULTIPLY_ADDS,
    AxialGrid,
    BlockSampler,
    Configurable,
    Context,
    InputError,
    Volume,
    build_degradation,
    load_checkpoint,
    missing_noise,
    precision_of,
    save_checkpoint,
    setting,
    train_network,
    training_grid,
    upsample_block,
)
from a2ibench_unet3d.network import (
    MOST_POOLINGS,
    UNet3DNet,
    base_width,
    interpolated,
    level_widths,
    sees,
    upsampling_steps,
    work,
)

log = logging.getLogger("a2ibench")

PUBLISHED = 32
"""Features of the finest level."""
_SLACK = 1.02
# Voxels of a block times features of its finest level: three gigabytes in bf16.
_MOST = 1 << 27


class UNet3D(Configurable):
    """3D-SR U-Net (Heinrich, Bogovic and Saalfeld, MICCAI 2017), self-supervised.

    It was published with an isotropic volume to learn from. Here blocks are degraded along a lateral axis.
    """

    degradation: str = setting(
        "slab-average", "model that makes the training pairs, with options as in slab-average:gaussian=0.01"
    )
    noise: str = setting(
        "estimated",
        "to add to the training inputs: what the volume has and they have not, where it has much; or none",
        choices=("estimated", "none"),
    )
    variant: str = setting(
        "auto",
        "network; auto: features by the work of the size; published: 32 on the finest level",
        choices=("auto", "published"),
    )
    learning_rate: float = setting(4e-3, "peak learning rate of Adam", low=0)
    weighted: bool = setting(True, "weigh squared errors by those of cubic interpolation, as published")
    bf16_on_cpu: bool = setting(True, "with precision auto, use bf16 on processors that have it")

    align: ClassVar[int] = 2**MOST_POOLINGS
    full_learning_rate: ClassVar[float] = 1e-3
    """Most of a default `learning_rate` in size full, as of other networks."""

    def __init__(self, **values: str | float | bool) -> None:
        super().__init__(**values)
        self._rate_given = "learning_rate" in values
        self._network: UNet3DNet | None = None
        self._size, self._ratio, self._sides = "", 1.0, (0, 0, 0)

    @property
    def halo(self) -> tuple[int, int]:
        """Input slices and lateral voxels wanted around a block."""
        slices, lateral = sees(upsampling_steps(self._ratio), self._ratio)
        return math.ceil(slices), lateral

    def fits(self, shape: tuple[int, int, int]) -> bool:
        """Whether features of so large a block fit in memory."""
        return math.prod(shape) * self._widths()[0] <= _MOST

    def build(self, size: str, ratio: float) -> UNet3DNet:
        """Return a new network of a size, for a ratio."""
        self._size, self._ratio = size, ratio
        return UNet3DNet(self._widths(), upsampling_steps(ratio))

    def fit(self, volume: Volume, ctx: Context) -> None:
        """Train on blocks of the volume, degraded along y or x.

        As many voxels go into a step as in the training of networks on slices.
        """
        torch.manual_seed(ctx.seed)
        degrade = build_degradation(self.degradation, volume)
        side = max(1, ctx.patch * 2 // 3)
        grid = training_grid(volume, side)
        if grid.n_out < side - volume.ratio:
            log.warning(
                "%s: block shrunk from %d to %d voxels to fit the volume", volume.name, side, grid.n_out
            )
        slices = max(1, min(round(side / 2 / volume.ratio), volume.shape[0]))
        self._sides = grid.n_out, grid.n_out, round(slices * volume.ratio)
        if ctx.size == "full" and not self._rate_given:
            self.learning_rate = min(self.learning_rate, self.full_learning_rate)
        network = self.build(ctx.size, volume.ratio).to(ctx.device).to(memory_format=torch.channels_last_3d)
        sampler = BlockSampler(
            volume,
            degrade,
            grid,
            batch=max(1, round(ctx.batch * ctx.patch**2 / math.prod(self._sides))),
            device=ctx.device,
            seed=ctx.seed,
            slices=slices,
            noise=missing_noise(volume, degrade, grid) if self.noise == "estimated" else 0.0,
        )
        device = ctx.device.split(":")[0]

        def loss() -> torch.Tensor:
            with torch.autocast(device, enabled=False):
                coarse, target = sampler.coarse_pairs()
            restored = network(coarse.image, grid)
            with torch.autocast(device, enabled=False):
                error = (restored - target).square()
                if not self.weighted:
                    return error.mean()
                return (error * weights(interpolated(coarse.image, grid), target)).mean()

        train_network(
            network.train(),
            torch.optim.Adam(network.parameters(), lr=self.learning_rate, betas=(0.9, 0.95), fused=True),
            loss,
            ctx,
            generator=sampler.generator,
            bf16_on_cpu=self.bf16_on_cpu,
        )
        self._network = network.eval()

    def reconstruct(self, volume: Volume, grid: AxialGrid, ctx: Context) -> NDArray[np.float32]:
        """Restore a volume or a block of it, float32 (grid.n_out, y, x).

        Raises
        ------
        InputError
            If the ratio is another than the network was made for.
        """
        network = self._fitted().to(ctx.device)
        if upsampling_steps(grid.ratio) != upsampling_steps(self._ratio):
            raise InputError(
                f"unet3d: trained at ratio {self._ratio:.4g}, asked for {grid.ratio:.4g}; train it for that"
            )
        return upsample_block(network, volume, grid, ctx, bf16_on_cpu=self.bf16_on_cpu)

    def save(self, path: Path) -> None:
        """Write weights.safetensors and method.json into the folder `path`."""
        state = {
            "size": self._size,
            "ratio": self._ratio,
            "sides": list(self._sides),
            "settings": Configurable.configuration(self),
        }
        save_checkpoint(path, type(self).__name__, self._fitted().state_dict(), state)

    def load(self, path: Path) -> None:
        """Read what `save` wrote; the settings it was trained with replace this object's."""
        weights, state = load_checkpoint(path, type(self).__name__)
        Configurable.__init__(self, **state["settings"])
        deep, rows, columns = state["sides"]
        self._sides = deep, rows, columns
        network = self.build(state["size"], state["ratio"])
        network.load_state_dict(weights)
        self._network = network.to(memory_format=torch.channels_last_3d).eval()

    def configuration(self) -> dict[str, str | int | float | bool]:
        """Return the resolved settings, those of the degradation, and the sides of the training blocks."""
        resolved = super().configuration()
        model = build_degradation(self.degradation)
        if isinstance(model, Configurable):
            resolved |= {f"degradation.{name}": value for name, value in model.configuration().items()}
        return resolved | ({"block": "x".join(map(str, self._sides))} if all(self._sides) else {})

    def parameters(self) -> int:
        """Return the number of trained parameters."""
        return sum(values.numel() for values in self._fitted().parameters())

    def macs_per_voxel(self) -> float:
        """Return the multiply-adds per output voxel, halos aside."""
        return work(self._widths(), upsampling_steps(self._ratio), self._ratio)

    def precision_used(self, ctx: Context) -> str:
        """Return ``"fp32"`` or ``"bf16"``: what the network runs in."""
        return precision_of(ctx, bf16_on_cpu=self.bf16_on_cpu)

    def _widths(self) -> list[int]:
        base = float(PUBLISHED)
        if self.variant == "auto":
            base = base_width(_SLACK * MULTIPLY_ADDS.get(self._size, MULTIPLY_ADDS["small"]), self._ratio)
        return level_widths(base, upsampling_steps(self._ratio))

    def _fitted(self) -> UNet3DNet:
        if self._network is None:
            raise InputError("unet3d is not trained; call fit or load first")
        return self._network


def weights(cubic: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return how much each voxel's error counts: 1/2, and up to 1 where cubic interpolation errs most."""
    error = (cubic - target).square()
    return 0.5 + error / (2 * error.max()).clamp_min(1e-12)
