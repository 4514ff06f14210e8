"""What a call of a degradation returns."""

from __future__ import annotations

from typing import Any

import torch

from a2ibench.bench.device import cuda_present
from a2ibench.contracts import Degradation
from a2ibench.testing.check import CheckFailed, CheckSkipped, rule
from a2ibench.testing.degradations.trial import BATCH, FRACTIONAL, WHOLE, Trial, check_output
from a2ibench.testing.volumes import scene


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


RULES = (_interface, _output, _dtypes, _non_integer_ratios, _parameters, _input_unchanged, _gpu)
