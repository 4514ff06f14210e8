"""The committed baselines: what the workflow compares with, run as it runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "reports" / "reference"
METHODS = {"a2i-3dem", "cubic", "plain", "pssr", "srmd", "swinir"}


def cli(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "a2ibench", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=550, check=False)


@pytest.mark.parametrize("profile", ["smoke", "quick"])
def test_a_baseline_was_made_by_the_run_file_beside_it(profile: str, tmp_path: Path) -> None:
    jobs = json.loads((REFERENCE / f"phantom-{profile}.json").read_text())["jobs"]
    assert {job["method"] for job in jobs} == METHODS
    assert {job["status"] for job in jobs} == {"ok"}
    assert {job["identity"]["precision"] for job in jobs} == {"fp32"}
    planned = cli("run", REFERENCE / f"phantom-{profile}.toml", "--dry-run", "--json", folder=tmp_path)
    assert planned.returncode == 0, planned.stderr
    plan = json.loads(planned.stdout)
    assert {job["method"] for job in plan["jobs"]} == METHODS
    assert {job["identity"]["profile"] for job in jobs} == {profile}


# A network that is quick to reconstruct with and gains least; the workflow runs all of them.
@pytest.mark.parametrize(
    "methods",
    [{"cubic", "srmd"}, pytest.param(METHODS, marks=pytest.mark.slow)],
    ids=["some", "all"],
)
def test_the_smoke_run_is_as_good_as_its_baseline(methods: set[str], tmp_path: Path) -> None:
    options = ("--methods", ",".join(sorted(methods)), "--reporters", "none", "--out", tmp_path / "ci")
    done = cli("run", REFERENCE / "phantom-smoke.toml", *options, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    baseline, limits = tmp_path / "baseline.json", REFERENCE / "phantom-smoke.limits.toml"
    content = json.loads((REFERENCE / "phantom-smoke.json").read_text())
    content["jobs"] = [job for job in content["jobs"] if job["method"] in methods]
    baseline.write_text(json.dumps(content))
    # Times are compared in tests/cli/compare, on methods made for it.
    options = ("--thresholds", limits, "--max-slowdown", "inf", "--json")
    compared = cli("compare", tmp_path / "ci", baseline, *options, folder=tmp_path)
    assert compared.returncode == 0, compared.stdout + compared.stderr
    scores = [d for d in json.loads(compared.stdout)["differences"] if d["kind"] == "metric" and d["guards"]]
    assert {d["method"] for d in scores} == methods


@pytest.mark.parametrize("profile", ["smoke", "quick"])
def test_the_workflow_names_files_that_exist(profile: str) -> None:
    workflow = (ROOT / ".github" / "workflows" / "regression.yml").read_text()
    for suffix in ("toml", "json", "limits.toml"):
        assert f"reports/reference/phantom-$PROFILE.{suffix}" in workflow
        assert (REFERENCE / f"phantom-{profile}.{suffix}").is_file()
