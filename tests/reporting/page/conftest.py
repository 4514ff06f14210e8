"""Runs of the page: one as large as it is meant for, and one whose names attack it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from a2ibench.bench.record import Calibration, Failure, Record
from a2ibench.bench.run import Run
from a2ibench.bench.score import Score

HOSTILE = "<script>alert(1)</script>"
QUOTED = "\"onload='alert(2)' x=\"</script><img src=x onerror=alert(3)>"


def record(dataset, method, seed, scores, *, learned=True, **more):
    """Return a record as a job of the benchmark leaves it."""
    told = {
        "protocol_version": 2,
        "profile": "smoke",
        "device": "cpu",
        "precision_used": "fp32",
        "distribution": "a2ibench",
        "version": "0.1.0",
        "configuration": {"channels": 8, "learning_rate": 0.001 * (len(method) or 1)},
        "protocol": {"steps": 10, "patch": 32},
        "dataset": {
            "name": dataset,
            "shape": [8, 16, 16],
            "voxel_size": [8.0, 8.0, 8.0],
            "sha256": "ab" * 32,
        },
        "environment": {"python": "CPython 3.12", "libraries": {"numpy": "2.0"}, "threads": 1},
        "reconstruction": {"sha256": "cd" * 32},
    }
    return Record(
        dataset,
        method,
        seed,
        metrics={name: Score(value, 1) for name, value in scores.items()},
        timings={"fit": 2.0 + seed, "reconstruct": 0.5},
        calibration=Calibration(2, "torch", 0.01, 0.003),
        memory={"process": 3 << 30},
        model={"params": 1000.0 * len(method), "macs_per_voxel": 50.0} if learned else {},
        **({"provenance": told} | more),
    )


def write_results(folder: Path, one: Record, slices: int, steps: int) -> None:
    """Write the scores of slices and the curve of the training of a record, without waiting for the disk."""
    job = folder / "jobs" / one.name
    job.mkdir(parents=True)
    draw = np.random.default_rng([one.seed, len(one.method), len(one.dataset)])
    rows = {
        f"{name}.{plane}": draw.normal(30, 1, slices) for name in ("psnr", "ssim") for plane in ("xz", "yz")
    }
    frequency = np.arange(1, slices // 2 + 1) / (8.0 * slices)
    for wedge in ("axial", "lateral"):
        rows |= {f"fsc_axial.{wedge}.x": frequency}
        rows |= {f"fsc_axial.{wedge}.y": np.exp(-30 * frequency) + draw.normal(0, 0.02, frequency.size)}
    np.savez(job / "scores.npz", **rows)
    losses = 1 / (1 + np.arange(1, steps + 1)) + draw.uniform(0, 0.01, steps)
    lines = [f"{step},{0.1 * step},{0.001},{loss:.6g}" for step, loss in enumerate(losses, start=1)]
    (job / "train.csv").write_text("\n".join(["step,seconds,learning_rate,loss", *lines]) + "\n")


def many(
    folder: Path, methods: int, datasets: int, seeds: int, *, slices: int = 160, steps: int = 400
) -> Run:
    """Return a run of so many methods, datasets and seeds."""
    names = ["cubic", *(f"method-{number:02}" for number in range(1, methods))]
    records = []
    for dataset in range(datasets):
        for place, name in enumerate(names):
            for seed in range(seeds):
                psnr = 28.0 + 0.2 * place + 0.05 * seed + 0.1 * dataset
                scores = {"psnr": psnr, "ssim": psnr / 40, "in_plane_psnr": psnr - 3, "consistency": 1.0}
                one = record(f"volume-{dataset}", name, seed, scores, learned=place > 0)
                write_results(folder, one, slices, steps if place else 0)
                records.append(one)
    plan = {
        "methods": names,
        "datasets": [{"name": f"volume-{dataset}", "title": "cells"} for dataset in range(datasets)],
        "seeds": list(range(seeds)),
        "profile": "smoke",
        "device": "cpu",
    }
    return Run(folder, plan, {"a2ibench": "0.1.0"}, tuple(records))


@pytest.fixture
def hostile(tmp_path: Path) -> Run:
    """A run whose names, texts and logs would be markup and script where they are not escaped."""
    told = {"dataset": {"name": HOSTILE, "shape": [1, 2, QUOTED], "sha256": QUOTED}, "protocol_version": 2}
    told |= {
        "configuration": {QUOTED: HOSTILE},
        "environment": {"cpu": QUOTED, "libraries": {HOSTILE: QUOTED}},
    }
    told |= {"distribution": HOSTILE, "version": QUOTED, "finished": HOSTILE, "variant_of": QUOTED}
    records = [
        record(HOSTILE, name, seed, {"psnr": 30.0 + seed, QUOTED: 0.5}, provenance=told)
        for name in ("cubic", QUOTED)
        for seed in range(2)
    ]
    failure = Failure(HOSTILE, QUOTED, f"Traceback\n{HOSTILE}")
    records.append(record(HOSTILE, "broken", 0, {}, provenance=told, status="error", error=failure))
    records.append(record(HOSTILE, "shy", 0, {}, provenance=told, status="skipped", reason=QUOTED))
    # No file system takes these names: of what jobs leave there is but what a plan tells.
    plan = {
        "methods": ["cubic", QUOTED, "broken", "shy"],
        "datasets": [{"name": HOSTILE, "title": QUOTED, "licence": HOSTILE, "citation": QUOTED}],
        "seeds": [0, 1],
        "profile": HOSTILE,
        "commands": {QUOTED: {"citation": HOSTILE}},
    }
    folder = tmp_path / "a&b"
    folder.mkdir()
    return Run(folder, plan, {"a2ibench": HOSTILE}, tuple(records))


@pytest.fixture
def make_record():
    return record


@pytest.fixture
def make_many(tmp_path: Path):
    return lambda *sizes, **more: many(tmp_path, *sizes, **more)


@pytest.fixture(scope="session")
def make_many_once(tmp_path_factory: pytest.TempPathFactory):
    return lambda *sizes, **more: many(tmp_path_factory.mktemp("run"), *sizes, **more)
