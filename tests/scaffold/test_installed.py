"""New plugins as their author has them: installed, listed, checked, and passing their own tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from a2ibench.scaffold import kinds, write_plugin


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """Install one plugin of each kind; return where their sources are, and an environment that has them."""
    sources, site = tmp_path_factory.mktemp("sources"), tmp_path_factory.mktemp("site")
    for kind in kinds():
        write_plugin(kind, f"new-{kind}", sources / kind)
    pip = [sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", "--no-build-isolation"]
    pip.append("--no-cache-dir")
    targets = [str(sources / kind) for kind in kinds()]
    subprocess.run([*pip, "--target", str(site), *targets], check=True, capture_output=True, timeout=500)
    environment = dict(os.environ) | {
        "PYTHONPATH": str(site),
        # What is tested is what was installed, not the sources in the working directory.
        "PYTHONSAFEPATH": "1",
        "A2IBENCH_CACHE": str(tmp_path_factory.mktemp("cache")),
    }
    return sources, environment


@pytest.fixture(scope="module")
def report(installed: tuple[Path, dict[str, str]]) -> str:
    """What pytest says of the tests of all kinds, in one process since its imports take most of the time."""
    tests = [f"{kind}/tests" for kind in kinds()]
    return _python(
        installed, "pytest", "-v", "-p", "no:cacheprovider", "--rootdir=.", "--import-mode=importlib", *tests
    )


def _python(installed: tuple[Path, dict[str, str]], *arguments: str) -> str:
    sources, environment = installed
    done = subprocess.run(
        [sys.executable, *(arguments if arguments[0] == "-c" else ("-m", *arguments))],
        cwd=sources,
        env=environment,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_all_are_found_and_none_has_failed(installed: tuple[Path, dict[str, str]]) -> None:
    plugins = json.loads(_python(installed, "a2ibench", "list", "plugins", "--json"))
    found = {plugin["name"]: plugin for plugin in plugins if plugin["name"].startswith("new-")}
    assert set(found) == {f"new-{kind}" for kind in kinds()}
    for name, plugin in found.items():
        assert plugin["distribution"] == f"a2ibench-{name}"
        assert plugin["status"] == "ok"


@pytest.mark.parametrize("kind", ["method", "degradation", "metric", "dataset"])
def test_each_is_listed_among_its_kind(kind: str, installed: tuple[Path, dict[str, str]]) -> None:
    assert f"new-{kind}" in _python(installed, "a2ibench", "list", f"{kind}s")


@pytest.mark.parametrize("kind", kinds())
def test_each_conforms_and_passes_its_own_tests(kind: str, report: str) -> None:
    lines = [line for line in report.splitlines() if line.startswith(f"{kind}/") and "::test_" in line]
    assert any("test_conforms[listed-lightly] PASSED" in line for line in lines)
    own = [line for line in lines if "test_conforms" not in line]
    assert own
    assert all("PASSED" in line for line in own)


PLANNED = """
import sys
from pathlib import Path
from a2ibench.bench.gate.limits import read_thresholds
from a2ibench.bench.plan import plan_run
from a2ibench.bench.run_file import combined_options, read_run_file
from a2ibench.registry import host

for kind in sys.argv[1:]:
    run = plan_run(combined_options(read_run_file(Path(kind, "gate/run.toml")), {}))
    for job in run.jobs():
        print(kind, job.dataset.name, job.method, *job.metrics)
"""


def test_the_gate_of_each_kind_runs_what_it_is_for(installed: tuple[Path, dict[str, str]]) -> None:
    gated = [kind for kind in kinds() if (installed[0] / kind / "gate").is_dir()]
    printed = _python(installed, "-c", PLANNED, *gated)
    jobs = [line.split() for line in printed.splitlines()]
    assert {kind for kind, *_ in jobs} == {"method", "degradation", "metric", "dataset"}
    assert ["small", "new-method"] in [job[1:3] for job in jobs if job[0] == "method"]
    assert all("new-metric" in job[3:] for job in jobs if job[0] == "metric")
    assert {job[1] for job in jobs if job[0] == "dataset"} == {"new-dataset"}
    simulated = (installed[0] / "degradation/gate/small.toml").read_text(encoding="utf-8")
    assert 'degradation = "new-degradation"' in simulated


@pytest.mark.slow
def test_the_gate_of_a_new_method_has_something_to_guard(installed: tuple[Path, dict[str, str]]) -> None:
    gate = "method/gate"
    _python(installed, "a2ibench", "run", f"{gate}/run.toml", "--executor", "inline", "--out", "reports/gate")
    _python(installed, "a2ibench", "baseline", "reports/gate", "baseline", "--out", gate)
    limits = ["--thresholds", f"{gate}/limits.toml"]
    printed = _python(
        installed, "a2ibench", "compare", "reports/gate", f"{gate}/baseline.json", "--all", *limits
    )
    (row,) = [line for line in printed.splitlines() if "new-method" in line and " psnr " in line]
    assert "guards nothing" not in row
    assert "ok" in row
