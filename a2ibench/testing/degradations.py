"""What a degradation model has to keep to: its operator, what a call returns, and how it draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from a2ibench.bench.device import cuda_present
from a2ibench.contracts import AxialGrid, Degradation
from a2ibench.errors import A2IBenchError
from a2ibench.registry import Registered, host
from a2ibench.testing.check import CheckFailed, CheckSkipped, Rule, rule
from a2ibench.testing.description import DESCRIBED, Registration
from a2ibench.testing.side_effects import global_seed, global_states
from a2ibench.testing.volumes import scene

WHOLE: Final = AxialGrid(8, 3.0)
# 5 slices at 2.5 make 12.5, which Python rounds to 12 and others to 13.
FRACTIONAL: Final = (AxialGrid(9, 10 / 3), AxialGrid(5, 2.5))
BATCH: Final = 3
COLUMNS: Final = 11


@dataclass
class Trial(Registration):
    """One degradation on trial."""

    def build(self) -> Any:
        """Return a new model with its default settings."""
        return host().build("degradation", self.spec.name)

    def images(self, grid: AxialGrid = WHOLE, batch: int = BATCH, seed: int = 0) -> torch.Tensor:
        """Return smooth random images of intensities in [0, 1], shape (batch, 1, grid.n_out, COLUMNS)."""
        generator = torch.Generator().manual_seed(seed)
        white = torch.rand(batch, 1, grid.n_out + 4, COLUMNS + 4, generator=generator)
        return F.avg_pool2d(white, 5, stride=1).to(self.device)

    def degrade(
        self, images: torch.Tensor, grid: AxialGrid = WHOLE, seed: int = 0
    ) -> tuple[Any, torch.Generator]:
        """Return what a new model makes of images with a seed, and the generator after it."""
        generator = torch.Generator(images.device).manual_seed(seed)
        return self.build()(images, grid, generator), generator

    def need(self, images: torch.Tensor, grid: AxialGrid = WHOLE, seed: int = 0) -> Any:
        """Return images degraded, and skip the check that asks where that fails or gives something else."""
        try:
            degraded, _ = self.degrade(images, grid, seed)
            check_output(degraded, images, grid)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise CheckSkipped("needs degraded images, see output") from error
        return degraded


def check_output(degraded: Any, images: torch.Tensor, grid: AxialGrid) -> None:
    """Check that what a model returned is a `Degraded` of the wanted shape, without NaN.

    Raises
    ------
    CheckFailed
        If it is not.
    """
    image, parameters = getattr(degraded, "image", None), getattr(degraded, "parameters", None)
    if not isinstance(image, torch.Tensor) or not hasattr(parameters, "items"):
        raise CheckFailed(f"a call returned a {type(degraded).__name__}, not a Degraded")
    wanted = (len(images), 1, grid.n_in, images.shape[-1])
    if tuple(image.shape) != wanted:
        raise CheckFailed(
            f"a call returned images of shape {tuple(image.shape)} for {grid.n_out} rows at ratio "
            f"{grid.ratio:.4g}; (batch, 1, grid.n_in, columns) is {wanted}"
        )
    lost = int((~torch.isfinite(image)).sum())
    if lost:
        raise CheckFailed(f"a call returned {lost} values that are NaN or infinite")


SUM_ROUNDING = 1e-6
SHIFT = 0.15
"""Output voxels; fractional weights at the ends of a slab move its centre by up to 0.1."""
_LONG = (AxialGrid(24, 3.0), AxialGrid(24, 10 / 3))
_BATCH, _COLUMNS = 512, 32


@rule(
    "The operator is a finite matrix (n_in, n_out), at integer and non-integer ratios",
    "return a numpy array of shape (grid.n_in, grid.n_out)",
)
def _operator_shape(trial: Trial) -> None:
    for grid in (WHOLE, *FRACTIONAL):
        matrix = trial.build().operator(grid)
        if not isinstance(matrix, np.ndarray) or matrix.shape != (grid.n_in, grid.n_out):
            got = getattr(matrix, "shape", None) or type(matrix).__name__
            raise CheckFailed(
                f"operator returned {got} at ratio {grid.ratio:.4g}; wanted {(grid.n_in, grid.n_out)}"
            )
        if not np.isfinite(matrix).all():
            raise CheckFailed(f"operator holds values that are NaN or infinite at ratio {grid.ratio:.4g}")


@rule(
    "Every row of the operator sums to 1",
    "divide each row by its sum, so that a constant image stays constant",
)
def _operator_sums(trial: Trial) -> None:
    for grid in (WHOLE, *FRACTIONAL):
        sums = _operator(trial, grid).sum(axis=1)
        worst = int(np.argmax(np.abs(sums - 1)))
        if abs(sums[worst] - 1) > SUM_ROUNDING:
            raise CheckFailed(f"row {worst} at ratio {grid.ratio:.4g} sums to {sums[worst]:.6g}")


@rule(
    "The rows of the operator are centred where the grid has the input slices",
    "centre row i on (i + 0.5) * grid.ratio - 0.5 of the output slices (half-pixel centres)",
)
def _operator_geometry(trial: Trial) -> None:
    for grid in _LONG:
        matrix = _operator(trial, grid)
        inner = slice(grid.n_in // 4, -grid.n_in // 4)
        centres = (matrix @ np.arange(grid.n_out) / matrix.sum(axis=1))[inner]
        off = centres - ((np.arange(grid.n_in) + 0.5) * grid.ratio - 0.5)[inner]
        worst = float(off[np.argmax(np.abs(off))])
        if abs(worst) > SHIFT:
            raise CheckFailed(f"rows at ratio {grid.ratio:.4g} are centred {worst:+.2f} output voxels off")


@rule(
    "What a call returns lies on average where the grid has the input slices",
    "sample the images with the operator, and let artefacts and noise move nothing on average",
)
def _call_geometry(trial: Trial) -> None:
    for grid in _LONG:
        rising = torch.linspace(0.3, 0.7, grid.n_out, device=trial.device)[None, None, :, None]
        step = 0.4 / (grid.n_out - 1)
        shape = (_BATCH, 1, grid.n_out, _COLUMNS)
        # What moves nothing but makes images brighter on average cancels between a ramp and its mirror image.
        means = [
            trial.need(ramp.expand(shape).clone(), grid).image.mean(dim=(1, 3)).double().cpu().numpy()
            for ramp in (rising, rising.flip(2))
        ]
        places = (means[0] - means[1]) / (2 * step) + (grid.n_out - 1) / 2
        off = places - ((np.arange(grid.n_in) + 0.5) * grid.ratio - 0.5)
        each = off[:, grid.n_in // 4 : -grid.n_in // 4].mean(axis=1)
        shift, error = float(each.mean()), float(each.std() / np.sqrt(_BATCH))
        if abs(shift) > SHIFT + 4 * error:
            raise CheckFailed(
                f"rows at ratio {grid.ratio:.4g} show on average what lies {shift:+.2f} output voxels off"
            )


def _operator(trial: Trial, grid: AxialGrid) -> NDArray[Any]:
    matrix = trial.build().operator(grid)
    if getattr(matrix, "shape", None) != (grid.n_in, grid.n_out):
        raise CheckSkipped("needs a matrix (n_in, n_out), see operator-shape")
    return np.asarray(matrix, np.float64)


@rule(
    "It is built without arguments and has the members of a Degradation",
    "give the class operator, nominal and __call__, and defaults for all constructor arguments",
)
def _interface(trial: Trial) -> None:
    model = trial.build()
    missing = [
        name for name in ("operator", "nominal", "__call__") if not callable(getattr(model, name, None))
    ]
    if missing or not isinstance(model, Degradation):
        raise CheckFailed(f"{type(model).__name__} has no {', '.join(missing)}")


@rule(
    "A call returns finite images (batch, 1, n_in, columns), on their device",
    "return Degraded(image, parameters) with images of shape (batch, 1, grid.n_in, columns)",
)
def _output(trial: Trial) -> None:
    images = trial.images()
    degraded, _ = trial.degrade(images)
    check_output(degraded, images, WHOLE)
    if degraded.image.device != images.device:
        raise CheckFailed(f"a call returned images on {degraded.image.device} for images on {images.device}")


@rule(
    "Images of float32 (training) and of float64 (simulation) keep their dtype",
    "build every tensor like the images, as torch.empty_like does, without fixing the dtype",
)
def _dtypes(trial: Trial) -> None:
    for dtype in (torch.float32, torch.float64):
        images = trial.images().to(dtype)
        degraded, _ = trial.degrade(images)
        found = getattr(getattr(degraded, "image", None), "dtype", None)
        if found != dtype:
            raise CheckFailed(f"images of {dtype} became {found}")


@rule(
    "A call works at ratios 3.33 and 2.5",
    "take the number of rows from grid.n_in and grid.n_out; round no ratio",
)
def _non_integer_ratios(trial: Trial) -> None:
    for grid in FRACTIONAL:
        images = trial.images(grid)
        degraded, _ = trial.degrade(images, grid)
        check_output(degraded, images, grid)


@rule(
    "The parameters that nominal gives fit those that a call draws",
    "return parameters of shape (batch, n) from a call, and (1, n) under the same names from nominal",
)
def _parameters(trial: Trial) -> None:
    drawn = {name: _shape(value) for name, value in trial.need(trial.images()).parameters.items()}
    volume, _ = scene(WHOLE.ratio, (WHOLE.n_in, 24, 24))
    nominal = trial.build().nominal(volume)
    given = {name: _shape(value) for name, value in nominal.items()}
    for name, shape in drawn.items():
        if len(shape) != 2 or shape[0] != BATCH:
            raise CheckFailed(f"a call gave parameter {name!r} of shape {shape} for a batch of {BATCH}")
    wanted = {name: (1, shape[1]) for name, shape in drawn.items()}
    if given != wanted:
        raise CheckFailed(
            f"nominal gave {given or 'nothing'}; to fit what a call draws it gives {wanted or 'nothing'}"
        )
    if not all(bool(torch.isfinite(value).all()) for value in nominal.values()):
        raise CheckFailed("nominal gave values that are NaN or infinite")


@rule(
    "What estimated finds in a volume are settings that the model takes",
    "return a dict of values of the model's own settings, and the same for the same volume",
)
def _estimated(trial: Trial) -> None:
    estimate = getattr(trial.build(), "estimated", None)
    if estimate is None:
        raise CheckSkipped("it estimates nothing")
    volume, _ = scene(WHOLE.ratio, (WHOLE.n_in, 24, 24))
    found = estimate(volume)
    if not isinstance(found, Mapping):
        raise CheckFailed(f"estimated returned a {type(found).__name__}, not a dict of settings")
    try:
        host().build("degradation", trial.spec.name, **found)
    except (TypeError, A2IBenchError) as error:
        raise CheckFailed(f"the model cannot be built with what it estimated: {error}") from error
    if trial.build().estimated(volume) != found:
        raise CheckFailed("estimated gave two results for one volume")


@rule(
    "A call leaves the images as they were",
    "work on a copy: images = images.clone()",
)
def _input_unchanged(trial: Trial) -> None:
    images = trial.images()
    before = images.clone()
    trial.need(images)
    if not torch.equal(images, before):
        raise CheckFailed("the images were altered")


@rule(
    "A call works on the GPU, with a generator of the GPU",
    "make every tensor on the device of the images",
)
def _gpu(trial: Trial) -> None:
    if not cuda_present():
        raise CheckSkipped("torch finds no usable GPU here")
    images = trial.images().to("cuda")
    degraded, _ = trial.degrade(images)
    check_output(degraded, images, WHOLE)
    if degraded.image.device.type != "cuda":
        raise CheckFailed(f"images on the GPU came back on {degraded.image.device}")


def _shape(value: Any) -> tuple[int, ...]:
    return tuple(getattr(value, "shape", ()))


ROUNDING = 1e-5


@rule(
    "A generator with the same seed gives the same images and parameters",
    "take every random number from the generator that the call is handed",
)
def _determinism(trial: Trial) -> None:
    images = trial.images()
    pair = []
    for seed in (0, 1):
        with global_seed(seed):
            pair.append(trial.need(images))
    first, second = pair
    if not torch.equal(first.image, second.image):
        apart = float((first.image - second.image).abs().max())
        raise CheckFailed(f"two calls with generators of one seed differ by {apart:.3g}")
    for name, value in first.parameters.items():
        if not torch.equal(value, second.parameters[name]):
            raise CheckFailed(f"parameter {name!r} differs between two calls with generators of one seed")


@rule(
    "A call draws from no global generator and seeds none",
    "pass generator=generator to every function that draws, and use neither random nor numpy.random",
)
def _global_generators_untouched(trial: Trial) -> None:
    images = trial.images()
    trial.need(images)
    with global_seed(0):
        before = global_states()
        trial.need(images)
        after = global_states()
    used = [name for name, state in after.items() if state != before.get(name)]
    if used:
        raise CheckFailed(f"a call used the global generator of {' and of '.join(used)}")


@rule(
    "An image of a batch does not depend on the other images",
    "draw for each image on its own, and take no statistics over the batch",
)
def _images_apart(trial: Trial) -> None:
    images = trial.images()
    other = images.clone()
    other[-1] = 1 - other[-1]
    trial.need(images)
    (first, left), (second, right) = trial.degrade(images), trial.degrade(other)
    if not torch.equal(left.get_state(), right.get_state()):
        raise CheckSkipped("how many numbers it draws depends on the images, so they cannot be compared")
    apart = float((first.image[:-1] - second.image[:-1]).abs().max())
    if apart > ROUNDING:
        raise CheckFailed(f"another last image changes the others by {apart:.3g}")
    reseeded, _ = trial.degrade(images, seed=1)
    if torch.equal(reseeded.image, first.image):
        alone, _ = trial.degrade(images[:1])
        apart = float((alone.image - first.image[:1]).abs().max())
        if apart > ROUNDING:
            raise CheckFailed(f"the first image alone differs by {apart:.3g} from itself in a batch")


RULES: tuple[Rule[Trial], ...] = (
    *DESCRIBED,
    *(_operator_shape, _operator_sums, _operator_geometry, _call_geometry),
    *(_interface, _output, _dtypes, _non_integer_ratios, _parameters, _estimated),
    *(_input_unchanged, _gpu),
    *(_determinism, _global_generators_untouched, _images_apart),
)


def suite(registered: Registered, device: str) -> tuple[Sequence[Rule[Trial]], Trial]:
    """Return the rules for degradations, and what they are tried on."""
    return RULES, Trial(registered, device)
