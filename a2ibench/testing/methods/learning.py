"""Whether anything is learnt: results depend on the trained weights, and training makes them better."""

from __future__ import annotations

import contextlib
import math
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from a2ibench.protocol.intensity import normalise
from a2ibench.protocol.resample import interpolate
from a2ibench.testing.check import CheckFailed, CheckSkipped, rule
from a2ibench.testing.methods.geometry import ASSERTED, FAINT
from a2ibench.testing.methods.training import FIT
from a2ibench.testing.methods.trial import BASE, FRACTIONAL, LONGER, Case, Run, Trial, grid_of
from a2ibench.testing.volumes import Floats, best_orientation, levels_apart, scene

ROUNDING: Final = 0.02
"""Grey levels of 255 that two results may differ by without one of them having learnt anything."""
GAIN: Final = 0.05
"""Decibels. In as many steps the networks that a2ibench ships gain several tenths."""
START: Final = replace(FRACTIONAL, owner="training-beats-its-start", steps=1)
_AWAY, _LEAST = 0.5, 0.02
_WIDEST = 3.0


@rule(
    "The result depends on the weights in the checkpoint",
    "restore the weights in load, and let what the network computes reach the result, at its full weight",
)
def _depends_on_weights(trial: Trial) -> None:
    run = _learned(trial, trial.need(BASE))
    volume, _ = scene(BASE.ratio, BASE.shape)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            run.method.save(folder)
            restored = trial.build()
            restored.load(folder)
            same = trial.reconstruct(restored, volume)
        except Exception as error:
            raise CheckSkipped("needs a checkpoint that can be loaded, see checkpoint-restores") from error
        if levels_apart(same, run.output) > max(ROUNDING, _SPREAD[trial.device]):
            raise CheckSkipped("needs a checkpoint that restores the result, see checkpoint-restores")
        if not alter_weights(folder):
            _differs_by_training(trial)
            return
        other = trial.build()
        try:
            other.load(folder)
            changed = np.asarray(other.reconstruct(volume, grid_of(volume), trial.context()))
        except Exception:
            # A checkpoint that knows its own checksum refuses to be altered.
            _differs_by_training(trial)
            return
    apart = levels_apart(changed, same) if changed.shape == same.shape else math.inf
    # What is no longer finite has changed.
    if apart <= max(ROUNDING, _SPREAD[trial.device]):
        raise CheckFailed(
            "with every weight of the checkpoint altered by half, the reconstruction is the same "
            f"({apart:.2g} grey levels apart): no weight reaches the result"
        )


@rule(
    "Training makes the result better than it was at the start",
    "let the optimizer change the weights that the result is made with, at a learning rate above 0, "
    "towards the volume's own patches; a loss that falls is not enough if reconstruct uses something else",
)
def _training_beats_its_start(trial: Trial) -> None:
    run = _learned(trial, trial.need(FRACTIONAL))
    start = trial.attempt(START)
    if _psnr(run) < _psnr(start) + GAIN:
        run = trial.attempt(replace(START, steps=LONGER))
    before, after = _psnr(start), _psnr(run)
    if after >= before + GAIN:
        return
    _comparable(run, start)
    same = levels_apart(run.output, start.output) <= max(ROUNDING, _SPREAD[trial.device])
    if same and not _depends_on_volume(trial, run):
        raise CheckFailed(
            f"trained for 1 step and for {run.case.steps}, on this volume and on another, it gives the same "
            "result: nothing is learnt"
        )
    # What is found in one step, such as a least squares fit, is good from the start.
    cubic = _cubic(run.case)
    if after < cubic + GAIN:
        raise CheckFailed(
            f"after 1 step the result has {before:.2f} dB PSNR, after {run.case.steps} it has {after:.2f}; "
            f"cubic interpolation has {cubic:.2f} dB"
        )


# A GPU adds in another order each time.
_SPREAD: Mapping[str, float] = {"cpu": 0.0, "cuda": 0.5}


def alter_weights(folder: Path) -> int:
    """Alter the weights in the safetensors and NumPy files below a folder, in place.

    Weights are arrays of floats with two axes or more; where there are none, all arrays of floats. Each
    number goes up or down, at random but the same each time, by half the root mean square of its array.

    Parameters
    ----------
    folder : Path
        A checkpoint.

    Returns
    -------
    int
        How many numbers were altered.
    """
    stores = [(path, *kind) for path in sorted(folder.rglob("*")) if (kind := _STORES.get(path.suffix))]
    held: list[tuple[Path, dict[str, Any], Callable[[Path, dict[str, Any]], None]]] = []
    for path, read, write in stores:
        # A file that is not what its name says is for other checks.
        with contextlib.suppress(Exception):
            held.append((path, read(path), write))
    found = [
        (arrays, name)
        for _, arrays, _ in held
        for name, values in arrays.items()
        if _is_float(values) and not name.startswith("nominal.")
    ]
    deep = [(arrays, name) for arrays, name in found if arrays[name].ndim > 1]
    noise = np.random.default_rng(0)
    count = 0
    for arrays, name in deep or found:
        arrays[name] = _altered(arrays[name], noise)
        count += int(math.prod(arrays[name].shape))
    for path, arrays, write in held:
        write(path, arrays)
    return count


def _altered(values: Any, noise: np.random.Generator) -> Any:
    import torch

    tensor = torch.as_tensor(values)
    size = max(_LEAST, float(tensor.double().square().mean().sqrt()) if tensor.numel() else 0.0)
    signs = torch.from_numpy(noise.choice((-1.0, 1.0), size=tuple(tensor.shape)))
    altered = (tensor.double().cpu() + signs * _AWAY * size).to(tensor.dtype)
    return altered if isinstance(values, torch.Tensor) else altered.numpy()


def _is_float(values: Any) -> bool:
    if isinstance(values, np.ndarray):
        return bool(values.dtype.kind == "f")
    return bool(values.is_floating_point())


def _read_safetensors(path: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return dict(load_file(path))


def _write_safetensors(path: Path, arrays: dict[str, Any]) -> None:
    from safetensors import safe_open
    from safetensors.torch import save_file

    with safe_open(path, "pt") as stored:
        metadata = stored.metadata()
    save_file({name: value.contiguous() for name, value in arrays.items()}, path, metadata)


def _read_npz(path: Path) -> dict[str, Any]:
    with np.load(path, allow_pickle=False) as stored:
        return dict(stored)


def _read_npy(path: Path) -> dict[str, Any]:
    return {"": np.load(path, allow_pickle=False)}


_STORES: Final[Mapping[str, tuple[Any, Any]]] = {
    ".safetensors": (_read_safetensors, _write_safetensors),
    ".npz": (_read_npz, lambda path, arrays: np.savez(path, **arrays)),
    ".npy": (_read_npy, lambda path, arrays: np.save(path, arrays[""])),
}


def _learned(trial: Trial, run: Run) -> Run:
    """Return a run of a method that has something to learn, and skip the check for one that has not."""
    if run.fit_reports or trial.learns(run) or any(_networks(run.method)) or _counted(run.method):
        return run
    raise CheckSkipped("nothing is trained: the checkpoint is empty and fit reports nothing")


def _comparable(run: Run, start: Run) -> None:
    """Skip the check where another fault, which another check tells, explains that nothing is gained."""
    best, score = best_orientation(run.output, run.truth)
    if best != ASSERTED or score < FAINT:
        raise CheckSkipped("the result is unlike the volume, see axis-order")
    if np.abs(run.output).max() > _WIDEST:
        raise CheckSkipped("the result holds no intensities, see intensity-range")
    if any(report.phase == FIT and report.total > START.steps for report in start.fit_reports):
        raise CheckSkipped("the training does not keep to its budget, see budget")


def _networks(method: Any) -> Iterator[Any]:
    torch: Any = sys.modules.get("torch")
    if torch is not None:
        members = getattr(method, "__dict__", {}).values()
        yield from (member for member in members if isinstance(member, torch.nn.Module))


def _counted(method: Any) -> bool:
    with contextlib.suppress(Exception):
        return int(method.parameters()) > 0
    return False


def _differs_by_training(trial: Trial) -> None:
    # Weights that cannot be altered from outside are altered by training them otherwise.
    first, second = trial.need(FRACTIONAL), trial.need(START)
    apart = levels_apart(first.output, second.output)
    if apart <= max(ROUNDING, _SPREAD[trial.device]) and not _depends_on_volume(trial, first):
        raise CheckFailed(
            f"trained for {START.steps} step and for {first.case.steps}, on this volume and on another, it "
            "gives the same result: no weight reaches the result"
        )


def _depends_on_volume(trial: Trial, run: Run) -> bool:
    volume, _ = scene(run.case.ratio, run.case.shape)
    other, _ = scene(run.case.ratio, run.case.shape, seed=1)
    elsewhere = trial.build()
    elsewhere.fit(other, trial.context(run.case.steps))
    apart = levels_apart(trial.reconstruct(elsewhere, volume), run.output)
    return apart > max(ROUNDING, _SPREAD[trial.device])


def _psnr(run: Run) -> float:
    return _decibels(run.output, run.truth)


def _cubic(case: Case) -> float:
    volume, truth = scene(case.ratio, case.shape)
    return _decibels(interpolate(normalise(volume.data, volume), grid_of(volume)), truth)


def _decibels(result: Floats, truth: NDArray[np.float32]) -> float:
    error = float(np.mean((result.astype(np.float64) - truth) ** 2))
    return -10 * math.log10(error) if error > 0 else math.inf


RULES = (_depends_on_weights, _training_beats_its_start)
