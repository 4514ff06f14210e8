"""The implicit network as a method of the harness."""

from __future__ import annotations

import logging
from dataclasses import asdict
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from a2ibench import (
    MULTIPLY_ADDS,
    AxialGrid,
    Configurable,
    Context,
    InputError,
    PatchSampler,
    Volume,
    build_degradation,
    fusion_weights,
    load_checkpoint,
    missing_noise,
    precision_of,
    save_checkpoint,
    setting,
    train_network,
    training_grid,
    upsample_planes,
)
from a2ibench_niiv.network import NIIVNet, Shape, shape_of

log = logging.getLogger("a2ibench")

BLOCKS = {"tiny": 2, "small": 4, "full": 16}
PUBLISHED = Shape(64, 16, 256)
_SLACK = 1.02
_AFTER_TRAINING = ("planes", "fusion")
# Pixels of an axial plane.
_MOST_PLANE = 1 << 20
# Voxels that the fusion of the plane families reads around a result, at most.
_FUSION = 2


class NIIV(Configurable):
    """niiv (Troidl et al., 2024): axial planes decoded at any height from features of their acquired rows."""

    degradation: str = setting(
        "slab-average", "model that makes the training pairs, with options as in slab-average:gaussian=0.01"
    )
    noise: str = setting(
        "estimated",
        "to add to the training inputs: what the volume has and they have not, where it has much; or none",
        choices=("estimated", "none"),
    )
    planes: str = setting(
        "both", "axial planes to restore; both fuses the two families", choices=("xz", "yz", "both")
    )
    fusion: str = setting(
        "frequency",
        "of the plane families: each where its planes extend, or their plain mean",
        choices=("frequency", "mean"),
    )
    variant: str = setting(
        "auto",
        "network; auto: features by the work of the size; published: 16 blocks of 64, perceptron of 256",
        choices=("auto", "published"),
    )
    interpolation: str = setting(
        "cubic", "what the network corrects; published: linear", choices=("cubic", "linear")
    )
    learning_rate: float = setting(4e-3, "peak learning rate of Adam", low=0)
    bf16_on_cpu: bool = setting(True, "with precision auto, use bf16 on processors that have it")

    full_learning_rate: ClassVar[float] = 1e-3
    """Most of a default `learning_rate` in size full, as of other networks."""

    def __init__(self, **values: str | float | bool) -> None:
        super().__init__(**values)
        self._given = {name: values[name] for name in _AFTER_TRAINING if name in values}
        self._rate_given = "learning_rate" in values
        self._network: NIIVNet | None = None
        self._weights: tuple[float, ...] = ()
        self._shape = shape_of(BLOCKS["small"], MULTIPLY_ADDS["small"] / 2, 3.0)
        self._ratio, self._side = 3.0, 0

    @property
    def halo(self) -> tuple[int, int]:
        """Input slices and lateral voxels wanted around a block."""
        # The nearest slice and the next one are up to a slice and a half away.
        return self._shape.reach + 2, self._shape.reach + _FUSION

    def fits(self, shape: tuple[int, int, int]) -> bool:
        """Whether axial planes of so large a block can be restored at once."""
        rows, *lateral = shape
        return rows * max(lateral) <= _MOST_PLANE

    def build(self, size: str, ratio: float) -> NIIVNet:
        """Return a new network of a size, with the work of that size at a ratio."""
        self._ratio, self._shape = ratio, PUBLISHED
        if self.variant == "auto":
            self._shape = shape_of(BLOCKS[size], _SLACK * MULTIPLY_ADDS[size] / 2, ratio)
        return self._placed()

    def fit(self, volume: Volume, ctx: Context) -> None:
        """Train on pairs made from the volume's own lateral patches."""
        torch.manual_seed(ctx.seed)
        degrade = build_degradation(self.degradation, volume)
        grid = training_grid(volume, ctx.patch)
        if grid.n_out < ctx.patch - volume.ratio:
            log.warning(
                "%s: patch shrunk from %d to %d voxels to fit the volume", volume.name, ctx.patch, grid.n_out
            )
        self._side = grid.n_out
        if ctx.size == "full" and not self._rate_given:
            self.learning_rate = min(self.learning_rate, self.full_learning_rate)
        network = self.build(ctx.size, volume.ratio).to(ctx.device).train()
        sampler = PatchSampler(
            volume,
            degrade,
            grid,
            batch=ctx.batch,
            device=ctx.device,
            seed=ctx.seed,
            noise=missing_noise(volume, degrade, grid) if self.noise == "estimated" else 0.0,
        )
        device = ctx.device.split(":")[0]

        def loss() -> torch.Tensor:
            with torch.autocast(device, enabled=False):
                coarse, target = sampler.coarse_pairs()
            return (network(coarse.image, grid) - target).abs().mean()

        train_network(
            network,
            torch.optim.Adam(network.parameters(), lr=self.learning_rate, betas=(0.9, 0.95), fused=True),
            loss,
            ctx,
            generator=sampler.generator,
            bf16_on_cpu=self.bf16_on_cpu,
        )
        self._network = network.eval()
        self._weights = fusion_weights(self._upsampled, volume, ctx) if self.noise == "estimated" else ()

    def reconstruct(self, volume: Volume, grid: AxialGrid, ctx: Context) -> NDArray[np.float32]:
        """Decode every axial plane at the output slices, and fuse the plane families.

        The ratio need not be that of the training.
        """
        return self._upsampled(volume, grid, ctx, self.planes)

    def reconstruct_planes(self, volume: Volume, grid: AxialGrid, ctx: Context) -> NDArray[np.float32]:
        """Restore xz planes that are no neighbours, each by itself; arguments are those of `reconstruct`."""
        return self._upsampled(volume, grid, ctx, "xz")

    def save(self, path: Path) -> None:
        """Write weights.safetensors and method.json into the folder `path`."""
        state = {
            "shape": asdict(self._shape),
            "ratio": self._ratio,
            "side": self._side,
            "fusion_weights": list(self._weights),
            "settings": Configurable.configuration(self),
        }
        save_checkpoint(path, type(self).__name__, self._fitted().state_dict(), state)

    def load(self, path: Path) -> None:
        """Read what `save` wrote; the settings it was trained with replace this object's.

        Only ``planes`` and ``fusion``, which concern reconstruction, stay as they were given.
        """
        weights, state = load_checkpoint(path, type(self).__name__)
        Configurable.__init__(self, **state["settings"] | self._given)
        self._shape, self._ratio, self._side = Shape(**state["shape"]), state["ratio"], state["side"]
        self._weights = tuple(state.get("fusion_weights", ()))
        network = self._placed()
        network.load_state_dict(weights)
        self._network = network.eval()

    def configuration(self) -> dict[str, str | int | float | bool]:
        """Return the resolved settings, those of the degradation, and the side of the training patches."""
        resolved = super().configuration()
        model = build_degradation(self.degradation)
        if isinstance(model, Configurable):
            resolved |= {f"degradation.{name}": value for name, value in model.configuration().items()}
        return resolved | ({"patch": self._side} if self._side else {})

    def parameters(self) -> int:
        """Return the number of trained parameters."""
        return sum(values.numel() for values in self._fitted().parameters())

    def macs_per_voxel(self) -> float:
        """Return the multiply-adds per output voxel at the ratio of the training."""
        return self._shape.work(self._ratio) * (2 if self.planes == "both" else 1)

    def precision_used(self, ctx: Context) -> str:
        """Return ``"fp32"`` or ``"bf16"``: what the network runs in."""
        return precision_of(ctx, bf16_on_cpu=self.bf16_on_cpu)

    def _upsampled(self, volume: Volume, grid: AxialGrid, ctx: Context, planes: str) -> NDArray[np.float32]:
        return upsample_planes(
            self._fitted().to(ctx.device),
            volume,
            grid,
            ctx,
            reach=self._shape.reach,
            planes=planes,
            fusion=self.fusion,
            weights=self._weights,
            bf16_on_cpu=self.bf16_on_cpu,
        )

    def _placed(self) -> NIIVNet:
        network = NIIVNet(self._shape, cubic=self.interpolation == "cubic")
        return network.to(memory_format=torch.channels_last)

    def _fitted(self) -> NIIVNet:
        if self._network is None:
            raise InputError("niiv is not trained; call fit or load first")
        return self._network
