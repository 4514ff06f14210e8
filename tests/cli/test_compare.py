"""The commands ``a2ibench baseline`` and ``a2ibench compare``: real runs, and what is planted in them."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import Distribution
from pathlib import Path
from xml.etree import ElementTree

import pytest

from a2ibench.bench.files import write_json
from a2ibench.bench.gate.outcome import Calibration, Outcome, RunOutcome, Score

Completed = subprocess.CompletedProcess[str]
Cli = Callable[..., Completed]
Install = Callable[..., Distribution]
Write = Callable[..., Path]

PLUGIN = """
from a2ibench import MethodSpec, MetricSpec, hookimpl

@hookimpl
def a2ibench_register_methods(register):
    register(MethodSpec("steady", "planted.methods:Steady", "cubic interpolation, or a regression of it"))

@hookimpl
def a2ibench_register_metrics(register):
    register(MetricSpec("level", "planted.methods:Level", "mean intensity"))
"""
METHODS = """
import os
import numpy as np
from scipy import ndimage
from a2ibench_cubic.method import Cubic

PLANTED = os.environ.get("PLANTED", "").split(",")

class Steady(Cubic):
    def fit(self, volume, ctx):
        # Some seconds of one core, so that a busy machine slows it as it slows the calibration.
        steps = 1_000_000 * int(os.environ.get("SLOWNESS", "0"))
        small = values = np.linspace(-1, 1, 4096, dtype=np.float32)
        for _ in range(steps):
            values = np.tanh(values) + small

    def reconstruct(self, volume, grid, ctx):
        cubic = super().reconstruct(volume, grid, ctx)
        if "shifted" in PLANTED:
            cubic = ndimage.shift(cubic, (0.5, 0, 0), mode="nearest")
        return cubic * np.float32(0.98 if "scaled" in PLANTED else 1)

class Level:
    name, higher_is_better, needs_reference = "level", True, False
    version = 2 if "version" in PLANTED else 1

    def __call__(self, prediction, reference, data_range):
        return float(prediction.mean()) / data_range
"""
HEAVY = {"torch", "timm", "pandas", "matplotlib", "skimage", "scipy", "h5py", "pooch", "rich.progress"}
PROBE = """
import json, sys
from a2ibench.cli import main
code = main(sys.argv[1:])
print(json.dumps([code, sorted(sys.modules)]))
"""


@pytest.fixture
def bench(cli: Cli, catalogue: Path, tmp_path: Path, install_plugin: Install) -> Write:
    """Return a function that runs jobs with the planted plugin, in a folder of the given name."""
    install_plugin("planted", PLUGIN, files={"methods.py": METHODS})

    def run(name: str, *options: str, methods: str = "cubic,steady", datasets: str = "full") -> Path:
        done = cli("run", "--methods", methods, "--datasets", datasets, "--catalogue", catalogue,
                   "--profile", "smoke", "--device", "cpu", "--out", tmp_path / name, *options)  # fmt: skip
        assert done.returncode == 0, done.stderr
        return tmp_path / name

    return run


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a writer of baselines made by hand, with the given scores of one job."""

    def write_one(name: str, scores: dict[str, float], fit: float = 10.0, **identity: object) -> Path:
        outcome = Outcome(
            *("cells", "cubic", 0, "ok"),
            metrics={metric: Score(value, 1) for metric, value in scores.items()},
            timings={"fit": fit},
            calibration=Calibration(1, "torch", 0.01, 0.005),
            identity={"profile": "smoke"} | identity,
        )
        directions = dict.fromkeys(scores, True)
        write_json(tmp_path / f"{name}.json", RunOutcome.of([outcome], directions).to_dict())
        return tmp_path / f"{name}.json"

    return write_one


def found(done: Completed) -> dict[tuple[str, str], str]:
    """Return the verdict of each method and subject that ``--json`` printed."""
    differences = json.loads(done.stdout)["differences"]
    return {(d["method"], d["subject"]): d["verdict"] for d in differences}


@pytest.mark.timeout(1500)
def test_planted_regressions_are_caught_and_cost_nobody_else(
    bench: Write, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inline = ("--executor", "inline")
    whole = bench("whole", *inline)
    written = cli("baseline", whole, "smoke", "--out", tmp_path / "reference")
    assert written.returncode == 0, written.stderr
    baseline = tmp_path / "reference" / "smoke.json"
    assert written.stdout == f"{baseline}\n"

    done: dict[str, Completed] = {"nothing": cli("compare", whole, baseline, "--json")}
    for planted in ("shifted", "scaled", "version"):
        monkeypatch.setenv("PLANTED", planted)
        done[planted] = cli("compare", bench(planted, *inline), baseline, "--json")
    monkeypatch.delenv("PLANTED")
    done["gone"] = cli("compare", bench("gone", *inline, methods="cubic"), baseline, "--json")
    done["new"] = cli("compare", whole, tmp_path / "gone", "--json")

    codes = {name: completed.returncode for name, completed in done.items()}
    assert codes == {"nothing": 0, "shifted": 1, "scaled": 1, "version": 2, "gone": 1, "new": 0}
    for planted in ("shifted", "scaled"):
        verdicts = found(done[planted])
        assert verdicts["steady", "psnr"] == "worse"
        assert {verdict for (method, _), verdict in verdicts.items() if method == "cubic"} <= {
            "within",
            "note",
        }
    assert found(done["gone"])["steady", "seed 0"] == "worse"
    assert found(done["new"])["steady", "seed 0"] == "note"
    assert {found(done["nothing"])[m, "ssim_3d"] for m in ("cubic", "steady")} == {"within"}
    refusal = "full cubic seed 0: version of metric level is 2 in RUN and 1 in BASELINE"
    assert done["version"].stdout == ""
    assert done["version"].stderr.startswith(f"a2ibench: error: {refusal}")

    monkeypatch.setenv("PLANTED", "scaled")
    shown = cli("compare", tmp_path / "scaled", baseline, "--junit", tmp_path / "junit.xml", "--github")
    assert shown.returncode == 1
    assert shown.stdout.isascii()
    lines = shown.stdout.splitlines()
    worst = next(line for line in lines if line.startswith("| full"))
    assert worst.split()[3] == "steady"
    assert worst.split()[-2] == "WORSE"
    assert any(line.startswith("regression: ") for line in lines)
    assert "::error title=psnr of steady on full::psnr " in shown.stdout
    report = ElementTree.fromstring((tmp_path / "junit.xml").read_bytes())  # noqa: S314 (our own)
    failures = report.findall(".//testcase[@name='psnr']/failure")
    assert [failure.attrib["type"] for failure in failures] == ["metric"]
    allowed = cli("compare", tmp_path / "scaled", baseline, *(
        word for metric in found(done["scaled"]) for word in ("--max-drop", f"{metric[1]}=99")
    ))  # fmt: skip
    assert allowed.returncode == 0, allowed.stdout


def test_a_method_much_slower_is_caught(bench: Write, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"methods": "steady", "datasets": "thin"}
    monkeypatch.setenv("SLOWNESS", "1")
    usual, again = (bench(name, "--seeds", "3", **options) for name in ("usual", "again"))
    monkeypatch.setenv("SLOWNESS", "4")
    slow = bench("slow", "--seeds", "3", **options)
    assert cli("compare", again, usual, "--max-slowdown", "3").returncode == 0
    done = cli("compare", slow, usual, "--json")
    assert done.returncode == 1, done.stdout
    assert found(done)["steady", "fit"] == "worse"
    assert cli("compare", slow, usual, "--max-slowdown", "inf").returncode == 0
    record = json.loads((slow / "jobs" / "thin--steady--s0" / "record.json").read_text())
    assert record["calibration"]["kernel"] == "numpy"


@pytest.mark.timeout(1500)
def test_other_threads_and_another_order_raise_no_alarm(
    bench: Write, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLOWNESS", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    bench("one", methods="cubic,srmd,steady", datasets="full,thin")
    assert cli("baseline", tmp_path / "one", "one", "--out", tmp_path).returncode == 0
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    bench("two", methods="steady,cubic,srmd", datasets="thin,full")
    # Scores only: what other threads do to times is not steady enough to be a test.
    scores = ("--max-slowdown", "inf")
    done = cli("compare", tmp_path / "two", tmp_path / "one.json", "--all", *scores)
    assert done.returncode == 0, done.stdout
    assert "note: threads: 1 in BASELINE, 2 in RUN" in done.stdout.splitlines()
    assert done.stdout.splitlines()[-1].startswith("no regression: ")
    back = cli("compare", tmp_path / "one", tmp_path / "two", "--json", *scores)
    assert back.returncode == 0, back.stdout
    assert {verdict for (_, subject), verdict in found(back).items() if subject == "psnr"} == {"within"}


def test_limits_come_from_the_file_and_the_command_line(write: Write, cli: Cli, tmp_path: Path) -> None:
    new, old = write("new", {"psnr": 29.5, "mine": 0.5}), write("old", {"psnr": 30.0, "mine": 0.9})
    limits = tmp_path / "limits.toml"
    limits.write_text("[dataset.cells]\npsnr = 0.6\n[dataset.phantom.method.srmd]\nslowdown = 3\n")
    assert cli("compare", new, old).returncode == 1
    assert cli("compare", new, old, "--thresholds", limits).returncode == 0
    assert cli("compare", new, old, "--thresholds", limits, "--max-drop", "psnr=0.4").returncode == 1
    named = cli("compare", new, old, "--max-drop", "psnr=1", "--max-drop", "mine=0.1", "--json")
    assert named.returncode == 1
    assert found(named) == {
        ("cubic", "mine"): "worse",
        ("cubic", "psnr"): "within",
        ("cubic", "fit"): "within",
    }
    slow = write("slow", {"psnr": 30.0}, fit=14.0)
    assert cli("compare", slow, old, "--max-drop", "mine=1").returncode == 1
    assert cli("compare", slow, slow, "--max-slowdown", "1.3").returncode == 0
    fast = write("fast", {"psnr": 30.0})
    assert cli("compare", slow, fast).returncode == 0
    assert cli("compare", slow, fast, "--max-slowdown", "1.3").returncode == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["compare", "none", "{old}"], "none: does not exist; give a run's folder or a baseline"),
        (["compare", "{old}", "."], "holds no run"),
        (
            ["compare", "{quick}", "{old}"],
            "cells cubic seed 0: profile is quick in RUN and smoke in BASELINE",
        ),
        (
            ["compare", "{old}", "{old}", "--max-drop", "pnsr=1"],
            "unknown metric 'pnsr'; did you mean 'psnr'?",
        ),
        (["compare", "{old}", "{old}", "--max-slowdown", "0.5"], "give a number of at least 1"),
        (["compare", "{old}", "{old}", "--thresholds", "none.toml"], "none.toml: cannot be read"),
        (["compare", "{old}"], "Missing argument 'BASELINE'"),
        (["baseline", "{old}", "x"], "is no folder; give the folder that a2ibench run wrote"),
        (["baseline", ".", "x"], "holds no run"),
    ],
)
def test_bad_input_is_one_line_and_code_2(write: Write, cli: Cli, arguments: list[str], message: str) -> None:
    files = {"old": write("old", {"psnr": 30.0}), "quick": write("quick", {"psnr": 30.0}, profile="quick")}
    done = cli(*(argument.format(**files) for argument in arguments))
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_json_is_one_document_and_github_is_told_beside_it(
    write: Write, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    new, old = write("new", {"psnr": 29.0}), write("old", {"psnr": math.inf})
    done = cli("compare", new, old, "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["differences"][0]["baseline"] == "inf"
    assert done.stderr.startswith("::error title=psnr of cubic on cells::psnr inf -> 29")
    assert "::error" in cli("compare", new, old).stdout
    assert "::error" not in cli("compare", new, old, "--no-github").stdout
    refused = cli("compare", write("quick", {}, profile="quick"), old)
    assert refused.returncode == 2
    assert refused.stderr.startswith("::error title=a2ibench compare::cells cubic seed 0: profile is quick")


@pytest.mark.parametrize("arguments", [["compare", "--help"], ["baseline", "--help"], ["compare"]])
def test_nothing_heavy_is_imported(arguments: list[str], write: Write, environment: None) -> None:
    if arguments == ["compare"]:
        new, old = write("new", {"psnr": 30.0}), write("old", {"psnr": 30.0})
        arguments = ["compare", str(new), str(old), "--max-drop", "psnr=0.2"]
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments],
        env=dict(os.environ), capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    code, modules = json.loads(done.stdout.splitlines()[-1])
    assert code == 0
    assert HEAVY.isdisjoint(modules)


def test_compare_takes_less_than_a_second(write: Write, cli: Cli) -> None:
    resource = pytest.importorskip("resource", reason="this system does not tell what child processes took")
    new, old = write("new", {"psnr": 30.0}), write("old", {"psnr": 30.0})

    def seconds() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert cli("compare", new, old).returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)

    # Processor time, and the best of three, so that a busy machine does not count.
    assert min(seconds() for _ in range(3)) < 1.0
