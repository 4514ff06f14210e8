"""The self-supervised protocol of the paper for any network on axial slices."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from a2ibench.contracts import AxialGrid, Context, Degraded, Volume
from a2ibench.contracts.planes import PLANE_CHOICES
from a2ibench.data.intensity_range import levelled
from a2ibench.errors import InputError
from a2ibench.protocol.brightness import waves
from a2ibench.protocol.fourier_burst import HOP
from a2ibench.protocol.frequency_fusion import WEIGHTS
from a2ibench.protocol.intensity import contrast_fractions, from_contrast, split_contrast
from a2ibench.protocol.network_checks import checked_images, multiply_adds
from a2ibench.protocol.planes import FUSIONS, MIRRORS, RunAt, margin_of
from a2ibench.protocol.profiles import build_degradation, estimated_options
from a2ibench.protocol.resample import interpolate
from a2ibench.protocol.sampling import missing_noise
from a2ibench.protocol.slice_restoration import brightness_added, positions_of, restore_slices, weights_of
from a2ibench.protocol.slice_training import patch_grid, patch_sampler, placed_beside, train_slices
from a2ibench.protocol.stages import Losses, Stage, TrainingStep
from a2ibench.protocol.training import autocast, load_checkpoint, resolve, save_checkpoint, tensors_under
from a2ibench.settings import Configurable, Value, setting

_NOTHING = (0.0, 0.0, 0.0)
_AFTER_TRAINING = ("planes", "fusion", "flips")

# A multiple of the periods of networks, which pad what is none.
_COUNTED = 288
# Voxels of an axial plane.
_MAX_PLANE = 1 << 20


class SliceNetwork(Configurable):
    """A method made of one network that restores interpolated axial slices (Khateri et al., 2023, II-A).

    Give `build`; where you differ, override `forward`, `loss`, `optimizer`, or a setting's default. The
    network maps (batch, 1, rows, columns) to the same shape, whatever that is; it sees and gives intensities
    on the scale that `contrast` says. Losses are taken on intensities in [0, 1]. Where a loss has to see more
    there is `training_loss`; `training_stages` divides the training, and `auxiliary_networks` are trained
    beside the network.

    Intensities are those of the volume's robust range, `a2ibench.Volume.contrast`. What lies beyond it is
    kept from the network, and added to its results as it is interpolated.
    """

    degradation: str = setting(
        "slab-average", "model that makes the training pairs, with options as in slab-average:gaussian=0.01"
    )
    noise: str = setting(
        "estimated",
        "to add to the training inputs: what the volume has and they have not, where it has much; or none",
        choices=("estimated", "none"),
    )
    planes: str = setting(
        "both", "axial planes to restore; both fuses the two families", choices=tuple(PLANE_CHOICES)
    )
    fusion: str = setting(
        "frequency",
        "of the plane families: each where its planes extend, their plain mean, or each where it is stronger",
        choices=FUSIONS,
    )
    keep_mean: bool = setting(
        True, "take away the mean grey that the network adds to the volume's own axial planes"
    )
    learning_rate: float = setting(1e-3, "peak learning rate of Adam", low=0)
    beta2: float = setting(0.95, "decay of Adam's mean of squared gradients", low=0, high=0.9999)
    warmup: float = setting(0.2, "part of the training in which the learning rate rises", low=0, high=1)
    clip: float = setting(1.0, "largest norm of the gradient", low=0)
    average_span: float = setting(
        0.02, "window of the weight average, as a part of the steps so far", low=0, high=1
    )
    contrast: float = setting(
        4.0, "the network sees (intensity - 0.5) times this; 0: the intensity itself", low=0, high=100
    )
    slope: float = setting(-0.5, "slope of the cubic kernel that interpolates the input", low=-2, high=0)
    bf16_on_cpu: bool = setting(True, "with precision auto, use bf16 on processors that have it")
    flips: bool = setting(
        False, "restore every plane in its four mirrored forms and average them; four times the work"
    )
    compile: bool = setting(False, "compile the network with torch.compile; it takes a minute to pay back")
    reach: int = setting(24, "halo around a block", unit="output voxels", low=0)

    align: ClassVar[int] = 8
    """Period in voxels of the network's windows or strides; blocks start at its multiples."""

    sees_slices: ClassVar[bool] = False
    """True for a network on the input slices as they are: of (batch, 1, n_in, columns) it makes the rows at
    `Degraded.positions`. Of its `reach`, voxels are input slices along the axis then."""

    full_learning_rate: ClassVar[float] = 1e-3
    """Most of a default `learning_rate` in size full: wide networks collapse at the rates of small ones."""

    trains: ClassVar[bool] = True
    """False where `build` returns a network with its final weights, and `fit` is to train nothing."""

    def build(self, size: str) -> nn.Module:
        """Return a new network of size ``"tiny"``, ``"small"`` or ``"full"``."""
        raise TypeError(f"{type(self).__name__} must define build(size)")

    def forward(self, network: nn.Module, degraded: Degraded) -> torch.Tensor:
        """Return the restored images, shape `Degraded.wanted`: (batch, 1, rows, columns)."""
        restored: torch.Tensor = network(degraded.image)
        return restored

    def loss(self, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the scalar training loss; by default the mean absolute error."""
        return F.l1_loss(prediction, target)

    def training_loss(self, step: TrainingStep) -> Losses:
        """Return the scalar loss of a step of the training; by default `loss` of its output and its target.

        Where networks are trained beside the network, a mapping gives the loss of each: under ``"network"``
        the network's, always, and under their own names theirs, in the steps in which they learn. A loss
        moves its own network only. Computed in single precision.
        """
        return self.loss(step.output, step.target)

    def optimizer(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Return the optimizer, with its peak learning rate; by default Adam."""
        return torch.optim.Adam(parameters, lr=self.learning_rate, betas=(0.9, self.beta2), fused=True)

    def training_stages(self, network: nn.Module) -> Sequence[Stage]:
        """Return the stages of the training, in order; by default one.

        An interrupted training goes on in its stage. A stage whose share of the budget is less than half a
        step is left out.
        """
        return (Stage(),)

    def auxiliary_networks(self, size: str) -> Mapping[str, nn.Module]:
        """Return new networks to have beside the network, such as a discriminator; by default none.

        They are on the device in training, and kept in checkpoints; `reconstruct` makes no use of them.
        """
        return {}

    def auxiliary_optimizer(self, name: str, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Return the optimizer of the auxiliary network of a name; by default `optimizer`."""
        return self.optimizer(parameters)

    def apply_network(self, network: nn.Module, degraded: Degraded) -> torch.Tensor:
        """Return what `forward` makes of images of intensities in [0, 1], on their scale and checked.

        For a loss that needs the network once more; in the precision of the training.

        Raises
        ------
        PluginError
            If `forward` returns another shape or kind of numbers.
        """
        with self._autocast():
            return self._restore(network, degraded)

    @property
    def ratio(self) -> float:
        """Axial over lateral spacing of what it is trained for; 1 before."""
        return self._ratio

    @property
    def halo(self) -> tuple[int, int]:
        """Input slices and lateral voxels wanted around a block."""
        reach = self.reach * self._ratio if self.sees_slices else self.reach
        margin = margin_of(self.fusion, self._fusion_weights)
        return math.ceil((reach + self.align) / self._ratio) + 2, self.reach + margin

    def fits(self, shape: tuple[int, int, int]) -> bool:
        """Whether axial planes of so large a block can be restored at once."""
        rows, *lateral = shape
        return rows * max(lateral) <= _MAX_PLANE

    def __init__(self, **values: Value) -> None:
        super().__init__(**values)
        self._given = {name: values[name] for name in _AFTER_TRAINING if name in values}
        self._rate_given = "learning_rate" in values
        self._network: nn.Module | None = None
        self._auxiliary: dict[str, nn.Module] = {}
        self._autocast: Callable[[], AbstractContextManager[object]] = nullcontext
        self._size, self._ratio, self._side = "", 1.0, 0
        self._nominal: dict[str, torch.Tensor] = {}
        self._estimated: dict[str, Value] = {}
        self._seen = (0.0, 1.0)
        self._mean_added = list(_NOTHING)
        self._fusion_weights: tuple[float, ...] = WEIGHTS
        self._apart: NDArray[np.float32] | None = None

    def fit(self, volume: Volume, ctx: Context) -> None:
        """Train on pairs made from the volume's own lateral patches.

        Parameters
        ----------
        volume : Volume
            The anisotropic volume.
        ctx : Context
            Seed, device, precision, size, budget, batch and patch.

        Raises
        ------
        PluginError
            If the network returns another shape or kind of numbers, a loss is not one real number, or
            stages and auxiliary networks make no sense.
        """
        volume = levelled(volume)
        narrow = replace(volume, intensity=volume.contrast or volume.intensity)
        torch.manual_seed(ctx.seed)
        self._estimated = estimated_options(self.degradation, narrow)
        degrade = build_degradation(self.degradation, None, **self._estimated)
        grid = patch_grid(volume, ctx.patch) if self.trains else None
        self._size, self._ratio, self._side = ctx.size, volume.ratio, 0 if grid is None else grid.n_out
        if ctx.size == "full" and not self._rate_given:
            self.learning_rate = min(self.learning_rate, self.full_learning_rate)
        self._seen, self._fusion_weights = contrast_fractions(volume), WEIGHTS
        self._nominal = {name: value.float().cpu() for name, value in degrade.nominal(narrow).items()}
        network = self._placed(self.build(ctx.size), ctx.device).train()
        self._auxiliary = placed_beside(self, ctx.size, ctx.device)
        self._autocast = autocast(self.precision_used(ctx), ctx.device)
        if grid is not None:
            noise = missing_noise(narrow, degrade, grid) if self.noise == "estimated" else 0.0
            sampler = patch_sampler(self, volume, degrade, grid, noise, ctx)
            train_slices(self, network, self._auxiliary, sampler, ctx, self._autocast)
        self._network = network.eval()
        # Without its contrast the volume is seen as in the training.
        with torch.inference_mode(), self._autocast():
            run = self._runner(ctx.device)
            if self.keep_mean:
                self._mean_added = brightness_added(self, run, volume, self._seen, ctx.device)
            if self.noise == "estimated":
                self._fusion_weights = weights_of(self, run, volume, self._seen, ctx)

    def reconstruct(self, volume: Volume, grid: AxialGrid, ctx: Context) -> NDArray[np.float32]:
        """Interpolate, restore every axial plane, and fuse the plane families.

        Parameters
        ----------
        volume : Volume, shape (grid.n_in, y, x)
            The anisotropic volume, or a block of it.
        grid : AxialGrid
            The wanted output slices.
        ctx : Context
            Device, precision, progress, and which part of a block is kept.

        Returns
        -------
        ndarray of float32, shape (grid.n_out, y, x)
        """
        low, high = self._seen if volume.contrast is None else contrast_fractions(volume)
        seen, beyond = split_contrast(volume, low, high)
        run, weights, telling = self._runner(ctx.device), self._fusion_weights, self._apart is not None
        wanted, apart = restore_slices(self, run, seen, grid, ctx, weights=weights, apart=telling)
        wanted -= (waves(grid) @ self._mean_added)[:, None, None].astype(np.float32)
        if beyond is not None:
            wanted += interpolate(beyond, grid, self.slope)
        if self._apart is not None and apart is not None:
            np.multiply(apart, np.float32(high - low), out=self._apart)
        return from_contrast(wanted, low, high)

    def reconstruct_planes(self, volume: Volume, grid: AxialGrid, ctx: Context) -> NDArray[np.float32]:
        """Restore xz planes that are no neighbours, each by itself; arguments are those of `reconstruct`."""
        given, self.planes = self.planes, "xz"
        try:
            return self.reconstruct(volume, grid, ctx)
        finally:
            self.planes = given

    def reconstruct_with_disagreement(
        self, volume: Volume, grid: AxialGrid, ctx: Context
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Reconstruct, and tell how far the two plane families are apart.

        Parameters
        ----------
        volume, grid, ctx
            As for `reconstruct`.

        Returns
        -------
        reconstruction : ndarray of float32, shape (grid.n_out, y, x)
            What `reconstruct` returns.
        disagreement : ndarray of float32, shape (grid.n_out, y, x)
            Absolute difference of intensities; 0 where one family only is restored.
        """
        apart = self._apart = np.zeros((grid.n_out, *volume.shape[1:]), np.float32)
        try:
            return self.reconstruct(volume, grid, ctx), apart
        finally:
            self._apart = None

    def save(self, path: Path) -> None:
        """Write weights.safetensors and method.json into the folder `path`."""
        weights = {f"network.{name}": value for name, value in self._fitted().state_dict().items()}
        weights |= {f"nominal.{name}": value for name, value in self._nominal.items()}
        for beside, network in self._auxiliary.items():
            weights |= {f"{beside}.{name}": value for name, value in network.state_dict().items()}
        state = {
            "size": self._size,
            "ratio": self._ratio,
            "contrast": list(self._seen),
            "mean_added": self._mean_added,
            "fusion_weights": list(self._fusion_weights),
            "estimated": self._estimated,
            "settings": Configurable.configuration(self),
        }
        save_checkpoint(path, type(self).__name__, weights, state)

    def load(self, path: Path) -> None:
        """Read what `save` wrote; the settings it was trained with replace this object's.

        Only ``planes``, ``fusion`` and ``flips``, which concern reconstruction, stay as they were given.

        Raises
        ------
        InputError
            If the folder holds no checkpoint of this method.
        """
        weights, state = load_checkpoint(path, type(self).__name__)
        Configurable.__init__(self, **state["settings"] | self._given)
        self._size, self._ratio = state["size"], state["ratio"]
        low, high = state.get("contrast", (0.0, 1.0))
        self._seen = float(low), float(high)
        self._mean_added = list(state.get("mean_added", _NOTHING))
        self._fusion_weights = tuple(state.get("fusion_weights", WEIGHTS))
        self._estimated = dict(state.get("estimated", {}))
        self._nominal = tensors_under(weights, "nominal")
        network = self.build(self._size)
        network.load_state_dict(tensors_under(weights, "network"))
        self._network = self._placed(network, "cpu").eval()
        self._auxiliary = placed_beside(self, self._size, "cpu")
        for name, other in self._auxiliary.items():
            other.load_state_dict(tensors_under(weights, name))

    def configuration(self) -> dict[str, Value]:
        """Return the resolved settings, those of the degradation, and the side of the training patches."""
        resolved = super().configuration()
        model = build_degradation(self.degradation, None, **self._estimated)
        if isinstance(model, Configurable):
            resolved |= {f"degradation.{name}": value for name, value in model.configuration().items()}
        return resolved | ({"patch": self._side} if self._side else {})

    def parameters(self) -> int:
        """Return the number of trained parameters."""
        return sum(p.numel() for p in self._fitted().parameters() if p.requires_grad)

    def precision_used(self, ctx: Context) -> str:
        """Return ``"fp32"`` or ``"bf16"``: what the network runs in, whichever of them ``auto`` is here."""
        return resolve(ctx.precision, ctx.device, bf16_on_cpu=self.bf16_on_cpu)

    def macs_per_voxel(self) -> float:
        """Return the multiply-adds per output voxel, counted on a plane of about 288 x 288."""
        ratio = self._ratio if self.sees_slices else 1.0
        grid = AxialGrid(max(1, round(_COUNTED / ratio)), ratio)
        at = positions_of(self, grid, "cpu")
        total = multiply_adds(self._fitted(), self.forward, self._nominal, (grid.n_in, _COUNTED), at)
        passes = len(PLANE_CHOICES[self.planes]) * (len(MIRRORS) if self.flips else 1)
        return total / (grid.n_out * _COUNTED) * passes

    def _runner(self, device: str) -> RunAt:
        network = self._fitted().to(device)
        nominal = {name: value.to(device) for name, value in self._nominal.items()}

        def run(images: torch.Tensor, positions: torch.Tensor | None) -> torch.Tensor:
            expanded = {name: value.expand(len(images), -1) for name, value in nominal.items()}
            return self._restore(network, Degraded(images, expanded, positions))

        return run

    def _restore(self, network: nn.Module, degraded: Degraded) -> torch.Tensor:
        if self.contrast == 0:
            return self._checked(self.forward(network, degraded), degraded).float()
        # A mean grey that outweighs the contrast would leave layer normalisation little to work on.
        centred = replace(degraded, image=(degraded.image - 0.5) * self.contrast)
        return self._checked(self.forward(network, centred), centred).float() / self.contrast + 0.5

    def _checked(self, restored: object, degraded: Degraded) -> torch.Tensor:
        return checked_images(type(self).__name__, restored, degraded)

    def _placed(self, network: nn.Module, device: str) -> nn.Module:
        network = network.to(device).to(memory_format=torch.channels_last)
        if self.compile:
            network.compile()
        if self.fusion == "fourier-burst":
            vars(self)["align"] = math.lcm(self.align, HOP)
        return network

    def _fitted(self) -> nn.Module:
        if self._network is None:
            raise InputError(f"{type(self).__name__} is not trained; call fit or load first")
        return self._network
