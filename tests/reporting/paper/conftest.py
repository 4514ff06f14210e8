"""Runs of several datasets and methods whose slices make up their scores."""

from __future__ import annotations

import numpy as np
import pytest

N = {"xz": 80, "yz": 64}
GAINS = {"cubic": 0.0, "plain": 0.5, "srmd": 1.0, "swinir": 1.02}
BASES = {"a-set": 28.0, "b-set": 30.0, "c-set": 32.0}


@pytest.fixture
def scored(make_run):
    """Return one job of a method, whose trainings differ by a hundredth of a decibel."""

    def make(dataset, method, seed=0, gain=None, **fields):
        own = GAINS[method] if gain is None else gain
        common = np.random.default_rng(int(BASES[dataset]))
        drawn = np.random.default_rng([seed, *method.encode()])
        level = BASES[dataset] + own + 0.01 * seed * (method != "cubic")
        rough = 0.02 if method != "swinir" else 0.3
        errors = {
            plane: 10 ** (-(level + common.normal(0, 0.5, n) + drawn.normal(0, rough, n)) / 10)
            for plane, n in N.items()
        }
        # The mean error is exactly that of the level, in either family.
        errors = {plane: row * 10 ** (-level / 10) / row.mean() for plane, row in errors.items()}
        slices = {f"psnr.{plane}": -10 * np.log10(row) for plane, row in errors.items()}
        scores = {"psnr": level, "ssim": level / 40, "in_plane_psnr": level - 2}
        model = {"params": 0 if method == "cubic" else 9}
        return make_run.job(
            dataset, method, seed, **({"scores": scores, "slices": slices, "model": model} | fields)
        )

    return make


@pytest.fixture
def jobs(scored):
    """Return the jobs of three datasets and four methods, those that learn with three seeds."""

    def make(datasets=tuple(BASES), methods=tuple(GAINS), **fields):
        return [
            scored(dataset, method, seed, **fields)
            for dataset in datasets
            for method in methods
            for seed in range(1 if method == "cubic" else 3)
        ]

    return make


@pytest.fixture
def run(make_run, jobs):
    """The folder of a run of these jobs."""
    return make_run(*jobs(), datasets=list(BASES), methods=list(GAINS))
