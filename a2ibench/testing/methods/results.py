"""Which members a method has, what its reconstructions are like, and what they depend on."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from a2ibench.bench.device import cuda_present
from a2ibench.contracts import Context, Method, Volume
from a2ibench.errors import PluginError, one_line
from a2ibench.protocol.blocks import block_size, reconstruct_volume
from a2ibench.testing.check import CheckFailed, CheckSkipped, rule
from a2ibench.testing.methods.planes import RULES as OF_PLANES
from a2ibench.testing.methods.planes import TOLERANCE
from a2ibench.testing.methods.trial import (
    BASE,
    FRACTIONAL,
    LONGER,
    SPREAD,
    Case,
    Run,
    Trial,
    grid_of,
)
from a2ibench.testing.side_effects import pickled
from a2ibench.testing.volumes import best_orientation, correlation, levels_apart, scene, shift_along


@rule(
    "It is built without arguments and has the members of a Method",
    "give the class fit, reconstruct, save, load and halo, and defaults for all constructor arguments",
)
def _interface(trial: Trial) -> None:
    method = trial.build()
    missing = [
        name for name in ("fit", "reconstruct", "save", "load") if not callable(getattr(method, name, None))
    ]
    if missing or not isinstance(method, Method):
        raise CheckFailed(f"{type(method).__name__} has no {', '.join(missing or ['halo'])}")
    _check_halo(method)


@rule(
    "Its halo once trained, align, fits, skip, configuration and parameters are what the core expects",
    "keep the optional members to their meaning: see a2ibench.Method",
)
def _optional_members(trial: Trial) -> None:
    method: Any = trial.need(BASE).method
    _check_halo(method)
    align = getattr(method, "align", 1)
    if not _whole(align) or align < 1:
        raise CheckFailed(f"align is {align!r}; it is a whole number of at least 1")
    if hasattr(method, "fits") and not isinstance(answer := method.fits(BASE.shape), bool):
        raise CheckFailed(f"fits returned {answer!r}; it returns whether it takes so many voxels at once")
    if hasattr(method, "skip"):
        reason = method.skip(scene(BASE.ratio, BASE.shape)[0])
        if not (reason is None or isinstance(reason, str)):
            raise CheckFailed(f"skip returned {reason!r}; it returns None, or a reason as text")
    if hasattr(method, "configuration"):
        _check_configuration(method.configuration())
    _check_what_it_tells(method, trial.context())


def _check_what_it_tells(method: Any, ctx: Context) -> None:
    if hasattr(method, "parameters") and not (_whole(count := method.parameters()) and count >= 0):
        raise CheckFailed(f"parameters returned {count!r}; it returns the number of trained parameters")
    if hasattr(method, "macs_per_voxel"):
        work = method.macs_per_voxel()
        if not (isinstance(work, int | float) and math.isfinite(work) and work >= 0):
            raise CheckFailed(f"macs_per_voxel returned {work!r}; it returns multiply-adds per output voxel")
    if hasattr(method, "precision_used") and not isinstance(used := method.precision_used(ctx), str):
        raise CheckFailed(f"precision_used returned {used!r}; it returns a name such as bf16")


def _check_halo(method: Any) -> None:
    halo = method.halo
    if not (isinstance(halo, tuple | list) and len(halo) == 2 and all(_whole(n) and n >= 0 for n in halo)):
        raise CheckFailed(f"halo is {halo!r}; it is two whole numbers, input slices and lateral voxels")


def _check_configuration(configuration: Any) -> None:
    if not isinstance(configuration, dict):
        raise CheckFailed(f"configuration returned a {type(configuration).__name__}; it returns a dict")
    try:
        json.dumps(configuration)
    except (TypeError, ValueError) as error:
        raise CheckFailed(f"configuration cannot be written as JSON: {one_line(error)}") from error


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


INTEGERS = (Case("integer-ratios", 2.0, (10, 40, 40)), Case("integer-ratios", 8.0, (4, 40, 40)))
# 5 slices at 2.5 make 12.5, which Python rounds to 12 and others to 13.
FRACTIONS = (FRACTIONAL, Case("non-integer-ratios", 2.5, (5, 40, 40)))
ODD = (Case("odd-sizes", 3.0, (5, 37, 41)), Case("odd-sizes", 3.0, (3, 43, 31)))


@rule(
    "Reconstruct returns finite float32 (grid.n_out, y, x)",
    "return a numpy array of float32, shape (grid.n_out, y, x), without NaN: result.astype(np.float32)",
)
def _shape_and_dtype(trial: Trial) -> None:
    returned = trial.attempt(BASE).returned
    if not isinstance(returned, np.ndarray):
        raise CheckFailed(f"reconstruct returned a {type(returned).__name__}, not a numpy array")
    if returned.dtype != np.float32:
        raise CheckFailed(f"reconstruct returned {returned.dtype}, not float32")


@rule(
    "It trains and reconstructs at ratios 2 and 8",
    "take the number of slices from grid.n_out and their places from grid.positions",
)
def _integer_ratios(trial: Trial) -> None:
    for case in INTEGERS:
        trial.attempt(case)


@rule(
    "It trains and reconstructs at ratios 3.33 and 2.5",
    "take the number of slices from grid.n_out and their places from grid.positions; round no ratio",
)
def _non_integer_ratios(trial: Trial) -> None:
    for case in FRACTIONS:
        trial.attempt(case)


@rule(
    "It trains and reconstructs volumes of odd, unequal sizes",
    "pad to what the network needs and crop to grid.n_out, y and x, or say in skip(volume) what it cannot do",
)
def _odd_sizes(trial: Trial) -> None:
    for case in ODD:
        trial.attempt(case)


@rule(
    "Results are intensities in [0, 1] whatever the dtype and the intensity range of the volume",
    "map grey levels with a2ibench.normalise(data, volume), so that volume.intensity becomes 0 and 1",
)
def _intensity_range(trial: Trial) -> None:
    run = trial.need(BASE)
    low, high = np.percentile(run.output, (2, 98))
    if low < -1 or high > 2:
        raise CheckFailed(f"results lie from {low:.3g} to {high:.3g}, not around [0, 1]")
    volume, _ = scene(BASE.ratio, BASE.shape)
    wanted = trial.reconstruct(run.method, volume)
    sixteen = replace(volume, data=volume.data.astype(np.uint16) * 257, intensity=(0.0, 65535.0))
    floating = replace(volume, data=volume.data.astype(np.float32) / 255 * 2 - 3, intensity=(-3.0, -1.0))
    for other in (sixteen, floating):
        apart = levels_apart(trial.reconstruct(run.method, other), wanted)
        if apart > TOLERANCE:
            raise CheckFailed(
                f"the same volume as {other.data.dtype} with intensity range {other.intensity} "
                f"gives a result {apart:.3g} grey levels (of 255) apart"
            )


ASSERTED = "as it is"
FAINT = 0.5
"""Correlation with the truth below which a result shows nothing that could be located."""
SHIFT = 0.2
"""Output voxels. Half a voxel, the common mistake, is far outside, and what chance does far inside."""


@rule(
    "Results show the volume in its own orientation",
    "keep the axes (z, y, x) and their directions; undo every transposition and flip of slices",
)
def _axis_order(trial: Trial) -> None:
    run = trial.picture(BASE)
    best, score = best_orientation(run.output, run.truth)
    if score < FAINT:
        raise CheckFailed(
            f"after {run.case.steps} steps the result is unlike the volume in every orientation: "
            f"correlation {score:.2f}"
        )
    if best != ASSERTED:
        raise CheckFailed(f"the result is the volume {best}: correlation {score:.2f}")


@rule(
    "Results are neither shifted nor stretched along any axis",
    "put output slice k at input position grid.positions[k] (half-pixel centres), as interpolate does",
)
def _geometry(trial: Trial) -> None:
    for case in (BASE, FRACTIONAL):
        run = trial.picture(case)
        if correlation(run.output, run.truth) < FAINT:
            raise CheckSkipped("the result is unlike the volume, see axis-order")
        found = _displaced(run)
        if found and run.case.steps < LONGER and trial.learns(run):
            # A network that is not yet trained shifts by chance; what a longer training leaves is a mistake.
            found = _displaced(trial.need(replace(case, steps=LONGER)))
        if found:
            raise CheckFailed(f"at ratio {case.ratio:.4g} the result lies {found}")


def _displaced(run: Run) -> str:
    # The ends of the volume repeat slices, which would look like a shift.
    end = math.ceil(1.5 * run.case.ratio)
    n_z, n_y, n_x = run.output.shape
    middle = n_z // 2
    lateral = (slice(2, n_y - 2), slice(2, n_x - 2))
    lower, upper = (slice(end, middle), *lateral), (slice(middle, n_z - end), *lateral)
    whole = (slice(end, n_z - end), *lateral)
    # Slices spread from end to end are right in the middle: each half for itself tells that.
    places = [
        (0, lower, "z in the lower half"),
        (0, upper, "z in the upper half"),
        (1, whole, "y"),
        (2, whole, "x"),
    ]
    for axis, part, where in places:
        found = shift_along(axis, run.output, run.truth, part)
        if abs(found) > SHIFT:
            return f"{found:+.2f} output voxels off along {where}"
    return ""


_SIDE = 24
_MOST_SLICES, _MOST_VOXELS = 64, 192


@rule(
    "Block by block, with the core's own planner, gives the same as the whole",
    "enlarge halo to what the method sees around a voxel, and take nothing from the volume as a whole",
)
def _block_wise(trial: Trial) -> None:
    run = trial.need(FRACTIONAL)
    if getattr(run.returned, "dtype", None) != np.float32:
        raise CheckSkipped("needs results of float32, see shape-and-dtype")
    method: Any = run.method
    tried = False
    for axis, volume in _volumes(method):
        grid, align = grid_of(volume), int(getattr(method, "align", 1))
        whole_size = grid.n_out * volume.shape[1] * volume.shape[2]
        limit = whole_size * 9 // 10
        halo = (int(method.halo[0]), int(method.halo[1]))
        size = block_size(grid, volume.shape[1:], halo, align=align, max_voxels=limit)
        if size == (grid.n_out, *volume.shape[1:]):
            continue
        tried = True
        try:
            whole, blocks = (
                reconstruct_volume(method, volume, trial.context(), max_voxels=most)
                for most in (whole_size, limit)
            )
        except PluginError as error:
            raise CheckFailed(str(error)) from error
        apart = levels_apart(blocks, whole)
        if apart > TOLERANCE:
            raise CheckFailed(
                f"with halo {halo}, blocks along {axis} are {apart:.3g} grey levels (of 255) off the whole"
            )
    if not tried:
        raise CheckSkipped(f"halo {method.halo} is too large to cut the volumes of this check")


def _volumes(method: Any) -> Iterator[tuple[str, Volume]]:
    slices, voxels, align = int(method.halo[0]), int(method.halo[1]), int(getattr(method, "align", 1))
    if slices <= _MOST_SLICES:
        yield "z", scene(FRACTIONAL.ratio, (4 * slices + 8, _SIDE, _SIDE))[0]
    if voxels <= _MOST_VOXELS:
        yield "x", scene(FRACTIONAL.ratio, (6, _SIDE, 4 * voxels + max(32, 2 * align)))[0]


_RESTORED = 0.01
_ACROSS_DEVICES = 1.0


@rule(
    "The same seed gives the same result, in training and in reconstruction",
    "seed every generator with ctx.seed in fit, and build networks there; rely on no global generator",
)
def _determinism(trial: Trial) -> None:
    first = trial.need(BASE)
    tolerance = SPREAD[trial.device]
    apart = levels_apart(trial.reconstruct(first.method, scene(BASE.ratio, BASE.shape)[0]), first.output)
    if apart > tolerance:
        raise CheckFailed(f"the same reconstruction twice differs by {apart:.3g} grey levels (of 255)")
    second = trial.run(BASE, global_random_seed=1)
    apart = levels_apart(second.output, first.output)
    if apart > tolerance:
        raise CheckFailed(f"two trainings with seed 0 give results {apart:.3g} grey levels (of 255) apart")


@rule(
    "Fit and reconstruct leave the volume as it was",
    "work on a copy: data = volume.data.astype(np.float32)",
)
def _input_unchanged(trial: Trial) -> None:
    altered_by = trial.need(BASE).altered_by
    if altered_by:
        raise CheckFailed(f"{' and '.join(altered_by)} altered volume.data")


@rule(
    "A new object that loads the checkpoint reconstructs the same",
    "save everything that reconstruct needs, and restore all of it in load",
)
def _checkpoint_restores(trial: Trial) -> None:
    run = trial.need(BASE)
    with tempfile.TemporaryDirectory() as folder:
        run.method.save(Path(folder))
        fresh = trial.build()
        fresh.load(Path(folder))
        result = trial.reconstruct(fresh, scene(BASE.ratio, BASE.shape)[0])
    apart = levels_apart(result, run.output)
    if apart > max(_RESTORED, SPREAD[trial.device]):
        raise CheckFailed(f"after save and load the result is {apart:.3g} grey levels (of 255) apart")


@rule(
    "No file of the checkpoint is a pickle, which would run code when it is opened",
    "store arrays as safetensors and the rest as JSON; torch.save and np.save of objects write pickles",
)
def _checkpoint_without_pickle(trial: Trial) -> None:
    run = trial.need(BASE)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run.method.save(folder)
        bad = [str(file.relative_to(folder)) for file in sorted(folder.rglob("*")) if pickled(file)]
    if bad:
        raise CheckFailed(f"the checkpoint holds pickled objects: {', '.join(bad)}")


@rule(
    "It trains on the GPU, and a checkpoint from there gives the same on the CPU",
    "move tensors to ctx.device in fit and reconstruct, and load on the CPU",
)
def _cpu_and_gpu(trial: Trial) -> None:
    if not cuda_present():
        raise CheckSkipped("torch finds no usable GPU here")
    volume, _ = scene(BASE.ratio, BASE.shape)
    method = trial.build()
    method.fit(volume, trial.context(device="cuda"))
    there = trial.reconstruct(method, volume, "cuda")
    with tempfile.TemporaryDirectory() as folder:
        method.save(Path(folder))
        fresh = trial.build()
        fresh.load(Path(folder))
    apart = levels_apart(trial.reconstruct(fresh, volume, "cpu"), there)
    if apart > _ACROSS_DEVICES or not np.isfinite(there).all():
        raise CheckFailed(f"results of CPU and GPU are {apart:.3g} grey levels (of 255) apart")


RULES = (
    _interface,
    _optional_members,
    _shape_and_dtype,
    _integer_ratios,
    _non_integer_ratios,
    _odd_sizes,
    _intensity_range,
    _axis_order,
    _geometry,
    _block_wise,
    *OF_PLANES,
    _determinism,
    _input_unchanged,
    _checkpoint_restores,
    _checkpoint_without_pickle,
    _cpu_and_gpu,
)
