"""Faults planted in real runs: each is caught, costs nobody else, and is shown to people and to CI."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

Completed = subprocess.CompletedProcess[str]
Cli = Callable[..., Completed]
Write = Callable[..., Path]

METHODS = "cubic,steady,averaged,learner"
RUNS = {
    "whole": ("", METHODS),
    # What each of these does to another method is nothing, so one run has them all.
    "faulty": ("shifted,raw,dead", METHODS),
    "scaled": ("scaled", "cubic,steady"),
    "version": ("version", "cubic"),
}
FAULTS = [("faulty", "steady"), ("faulty", "averaged"), ("faulty", "learner"), ("scaled", "steady")]


@pytest.fixture
def runs(bench_each: Write) -> Path:
    """Return the folder of all runs."""
    return bench_each(**RUNS)


def baseline_of(whole: Path, *methods: str) -> Path:
    """Write the baseline of cubic and some methods beside that of all."""
    content = json.loads(whole.read_text())
    content["jobs"] = [job for job in content["jobs"] if job["method"] in ("cubic", *methods)]
    part = whole.with_name(f"{'-'.join(methods)}.json")
    part.write_text(json.dumps(content))
    return part


def found(done: Completed) -> dict[tuple[str, str], dict[str, object]]:
    """Return what ``--json`` printed of each method and subject."""
    return {(d["method"], d["subject"]): d for d in json.loads(done.stdout)["differences"]}


def test_planted_regressions_are_caught_and_cost_nobody_else(runs: Path, cli: Cli) -> None:
    written = cli("baseline", runs / "whole", "smoke", "--out", runs / "reference")
    assert written.returncode == 0, written.stderr
    baseline = runs / "reference" / "smoke.json"
    assert written.stdout == f"{baseline}\n"

    def compare(run: str, *others: str | Path) -> Completed:
        return cli("compare", runs / run, *(others or (baseline,)), "--max-slowdown", "inf", "--json")

    honest = compare("whole")
    assert honest.returncode == 0, honest.stdout
    assert {d["verdict"] for d in found(honest).values() if d["limit"] is not None} == {"within"}
    for run, method in FAULTS:
        done = compare(run, baseline_of(baseline, method))
        assert done.returncode == 1, (run, method)
        worse = {place for place, d in found(done).items() if d["verdict"] == "worse"}
        assert (method, "psnr") in worse
        assert {caught for caught, _ in worse} == {method}

    # The network that learns nothing loses its gain, a quarter of which is the limit that nobody gave.
    differences = found(compare("faulty"))
    dead, cubic = differences["learner", "psnr"], differences["cubic", "psnr"]
    assert dead["run"] == pytest.approx(cubic["run"], abs=1e-3)
    assert dead["limit"] <= 0.25 * (dead["baseline"] - cubic["baseline"]) + 1e-6
    # A dead baseline has nothing to lose, and says so.
    idle = cli("compare", runs / "faulty", runs / "faulty", "--max-slowdown", "inf")
    assert idle.returncode == 0
    assert "guard nothing" in idle.stdout.splitlines()[-1]

    refused = compare("version")
    assert (refused.returncode, refused.stdout) == (2, "")
    refusal = "full cubic seed 0: version of metric level is 2 in RUN and 1 in BASELINE"
    assert refused.stderr.startswith(f"a2ibench: error: {refusal}")

    gone = shutil.copytree(runs / "whole", runs / "gone")
    shutil.rmtree(gone / "jobs" / "full--steady--s0")
    missing = compare("gone")
    assert missing.returncode == 1
    assert found(missing)["steady", "seed 0"]["verdict"] == "worse"
    new = compare("whole", gone)
    assert new.returncode == 0
    assert found(new)["steady", "seed 0"]["verdict"] == "note"

    is_shown_to_people_and_to_ci(runs, baseline, cli)
    is_refused_when_tampered_with(runs, cli)


def is_shown_to_people_and_to_ci(runs: Path, baseline: Path, cli: Cli) -> None:
    baseline = baseline_of(baseline, "steady")
    scaled = runs / "scaled"
    shown = cli("compare", scaled, baseline, "--junit", runs / "junit.xml", "--github")
    assert shown.returncode == 1
    assert shown.stdout.isascii()
    lines = shown.stdout.splitlines()
    worst = next(line for line in lines if line.startswith("| full"))
    assert worst.split()[3] == "steady"
    assert worst.split()[-2] == "WORSE"
    assert any(line.startswith("regression: ") for line in lines)
    assert "::error title=psnr of steady on full::psnr " in shown.stdout
    report = ElementTree.fromstring((runs / "junit.xml").read_bytes())  # noqa: S314 (our own)
    failures = report.findall(".//testcase[@name='psnr']/failure")
    assert [failure.attrib["type"] for failure in failures] == ["metric"]
    metrics = sorted(json.loads(baseline.read_text())["metrics"])
    limits = [word for metric in metrics for word in ("--max-drop", f"{metric}=99")]
    allowed = cli("compare", scaled, baseline, *limits)
    assert allowed.returncode == 0, allowed.stdout


def is_refused_when_tampered_with(runs: Path, cli: Cli) -> None:
    whole = runs / "whole"
    copy = shutil.copytree(whole / "jobs" / "full--learner--s0", whole / "jobs" / "full--learner--s1")
    double = cli("compare", whole, runs / "faulty")
    assert (double.returncode, double.stdout) == (2, "")
    assert "it is that of full--learner--s0" in double.stderr
    (copy / "record.json").write_text('{"dataset": "full", "dataset": "thin"}')
    damaged = cli("compare", runs / "faulty", whole)
    assert (damaged.returncode, damaged.stdout) == (2, "")
    assert "s1/record.json: is damaged or was edited" in damaged.stderr
    assert "key 'dataset' is given twice" in damaged.stderr
    assert len(damaged.stderr.splitlines()) == 1
