"""A record holds what was used: of the method, of the degradation and of the protocol."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from a2ibench.bench.options import RunOptions
from a2ibench.bench.plan import plan_run
from a2ibench.bench.run_job import run_job
from a2ibench.protocol.profiles import PROFILES


def test_a_record_holds_the_resolved_values(probe: Path, catalogue: Path, tmp_path: Path) -> None:
    catalogue.write_text(
        catalogue.read_text().replace(
            "{ratio = 3.0}", '{ratio = 3.0, degradation = "gaussian", gaussian = 0.01}'
        )
    )
    plan = plan_run(RunOptions(["nearest"], ["full"], catalogue=catalogue, profile="smoke", device="cpu"))
    (job,) = plan.jobs()
    provenance = run_job(job, tmp_path).provenance
    assert provenance["configuration"] == {"gain": 1.0}
    smoke = PROFILES["smoke"]
    assert provenance["protocol"] == {
        "size": smoke.size, "steps": smoke.steps, "seconds": None, "batch": smoke.batch, "patch": smoke.patch,
        "training_degradation": "matched",
    }  # fmt: skip
    assert provenance["dataset"]["simulation"] == {
        "ratio": 3.0,
        "degradation": "gaussian",
        "settings": {"gaussian": 0.01, "poisson": 0.0, "fwhm": 1.0},
    }


@pytest.mark.parametrize(("budget", "steps", "seconds"), [("7steps", 7, None), ("2.5s", None, 2.5)])
def test_a_budget_takes_the_place_of_the_profiles_steps(
    budget: str, steps: int | None, seconds: float | None, probe: Path, catalogue: Path, tmp_path: Path
) -> None:
    plan = plan_run(
        RunOptions(["raises"], ["thin"], catalogue=catalogue, profile="smoke", device="cpu", budget=budget)
    )
    (job,) = plan.jobs()
    record = run_job(replace(job, key="k"), tmp_path)
    assert record.status == "error"
    protocol = record.provenance["protocol"]
    assert (protocol["steps"], protocol["seconds"]) == (steps, seconds)
    assert record.provenance["dataset"]["simulation"] is None
