"""Outcomes of runs, made by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from a2ibench.bench.gate.outcome import Outcome, RunOutcome
from a2ibench.bench.record import Calibration, Record, write_record
from a2ibench.bench.score import Score
from a2ibench.files import plain

USUAL = Calibration(1, "torch", 0.01, 0.005)
DIRECTIONS = {"psnr": True, "ssim": True, "error": False}


def make_job(
    scores: dict[str, float] | None = None,
    *,
    dataset: str = "cells",
    method: str = "cubic",
    seed: int = 0,
    status: str = "ok",
    version: int = 1,
    timings: dict[str, float] | None = None,
    calibration: Calibration | None = USUAL,
    settings: dict[str, Any] | None = None,
    data: dict[str, Any] | None = None,
    information: dict[str, Any] | None = None,
    **asked: Any,
) -> Outcome:
    """Return a job like those of a smoke run on a CPU."""
    definition = {"bin": 1, "crop": None, "key": None, "phantom": None, "simulate": {"ratio": 3.0}}
    described = {"sha256": "a" * 64, "sha256_of": "file", "shape": [9, 8, 8], "definition": definition}
    usual = {"protocol_version": 1, "profile": "smoke", "budget": "10steps", "device": "cpu",
             "precision": "auto"}  # fmt: skip
    return Outcome(
        dataset=dataset,
        method=method,
        seed=seed,
        status=status,
        metrics={name: Score(value, version) for name, value in (scores or {}).items()},
        timings=timings or {},
        calibration=calibration,
        identity=usual
        | asked
        | {"settings": settings or {"a": -0.5}, "dataset": described | {"name": dataset} | (data or {})},
        information=information or {},
    )


@pytest.fixture(scope="session")
def job() -> Callable[..., Outcome]:
    """Return the maker of jobs."""
    return make_job


@pytest.fixture(scope="session")
def run() -> Callable[..., RunOutcome]:
    """Return a maker of runs from jobs."""
    return lambda *jobs: RunOutcome.of(jobs, DIRECTIONS)


@pytest.fixture
def run_folder(tmp_path: Path) -> Callable[..., Path]:
    """Return a writer of run folders."""

    def write(*records: dict[str, Any], name: str = "run", seeds: int = 1) -> Path:
        folder = tmp_path / name
        for entry in records:
            job = folder / "jobs" / f"{entry['dataset']}--{entry['method']}--s{entry['seed']}"
            job.mkdir(parents=True)
            write_record(job, Record.from_dict(plain(entry)))
        methods = sorted({entry["method"] for entry in records})
        plan = {"datasets": [{"name": "cells"}], "methods": methods, "seeds": list(range(seeds))}
        (folder / "run.json").write_text(json.dumps({"plan": plan}))
        return folder

    return write
