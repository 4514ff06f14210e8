"""What a method leaves behind, and what its results depend on."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from a2ibench.bench.device import cuda_present
from a2ibench.testing.check import CheckFailed, CheckSkipped, rule
from a2ibench.testing.methods.trial import BASE, Trial
from a2ibench.testing.side_effects import pickled
from a2ibench.testing.volumes import levels_apart, scene

# A GPU adds in another order each time.
_SAME = {"cpu": 0.0, "cuda": 0.5}
_RESTORED = 0.01
_ACROSS_DEVICES = 1.0


@rule(
    "The same seed gives the same result, in training and in reconstruction",
    "seed every generator with ctx.seed in fit, and build networks there; rely on no global generator",
)
def _determinism(trial: Trial) -> None:
    first = trial.need(BASE)
    tolerance = _SAME[trial.device]
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
    if apart > max(_RESTORED, _SAME[trial.device]):
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


RULES = (_determinism, _input_unchanged, _checkpoint_restores, _checkpoint_without_pickle, _cpu_and_gpu)
