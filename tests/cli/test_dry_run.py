"""``a2ibench run --dry-run``: says what a run would do, and does nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

import pytest

from a2ibench.bench.record import Record, write_record

Cli = Callable[..., subprocess.CompletedProcess[str]]
Install = Callable[..., Distribution]

HEAVY = {"torch", "timm", "pandas", "matplotlib", "skimage", "pooch"}
PROBE = """
import json, sys
from a2ibench.cli import main
code = main(sys.argv[1:])
print(json.dumps([code, sorted(sys.modules)]))
"""
PLUGIN = """
from a2ibench import MethodSpec, hookimpl

@hookimpl
def a2ibench_register_methods(register):
    for name, target in {"fails": "Fails", "refuses": "Refuses", "learns": "Learns"}.items():
        register(MethodSpec(name, f"helper.methods:{target}", "a method for tests"))
"""
METHODS = """
import os
from a2ibench_cubic.method import Cubic

class Fails(Cubic):
    def fit(self, volume, ctx):
        if not os.environ.get("LUCK"):
            raise RuntimeError("no luck")

class Refuses(Cubic):
    def skip(self, volume):
        return "too thin"

class Learns(Cubic):
    def parameters(self):
        return 5
"""


@pytest.fixture
def command(together: None, install_plugin: Install, catalogue: Path) -> list[str | Path]:
    install_plugin("helper", PLUGIN, files={"methods.py": METHODS})
    return ["run", "--methods", "cubic,fails,refuses,learns", "--datasets", "thin", "--catalogue", catalogue,
            "--profile", "smoke", "--executor", "inline", "--reporters", "none", "--no-controls"]  # fmt: skip


def everything_in(folder: Path) -> dict[str, int]:
    return {
        str(path): path.stat().st_mtime_ns for path in folder.rglob("*") if "__pycache__" not in path.parts
    }


def foretold(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def actions(forecast: dict[str, Any]) -> dict[str, str]:
    return {job["method"]: job["action"] for job in forecast["jobs"]}


def test_before_and_after_a_run(cli: Cli, command: list[str | Path], tmp_path: Path) -> None:
    before = everything_in(tmp_path)
    first = foretold(cli(*command, "--dry-run", "--json"))
    assert everything_in(tmp_path) == before
    assert first["state"] == "new"
    assert set(actions(first).values()) == {"run"}
    assert (first["seconds"], first["unknown"]) == (None, 4)
    assert all(job["seconds"] is None for job in first["jobs"])

    done = cli(*command)
    assert done.returncode == 3, done.stderr
    folder = Path(first["folder"])
    assert str(folder) in done.stdout.splitlines()
    assert {path.name for path in (tmp_path / "here" / folder / "jobs").iterdir()} == {
        job["name"] for job in first["jobs"]
    }
    settled = everything_in(tmp_path)
    second = foretold(cli(*command, "--dry-run", "--json"))
    assert everything_in(tmp_path) == settled
    assert second["state"] == "continued"
    assert actions(second) == {"cubic": "keep", "fails": "retry", "refuses": "keep", "learns": "keep"}
    why = {job["method"]: job["reason"] for job in second["jobs"]}
    assert why["cubic"] == "finished before: ok"
    assert why["refuses"] == "finished before: skipped, too thin"
    assert why["fails"].startswith("failed before: error, RuntimeError: no luck")
    counts = {"run": 0, "retry": 1, "skip": 0, "keep": 3, "stay": 0, "remove": 0}
    assert (second["counts"], second["unknown"]) == (counts, 1)

    again = foretold(cli(*command, "--fresh", "--dry-run", "--json"))
    assert everything_in(tmp_path) == settled
    assert again["state"] == "started over"
    assert actions(again) == {"cubic": "run", "fails": "run", "refuses": "skip", "learns": "run"}


def test_times_come_from_the_records_beside_it(cli: Cli, command: list[str | Path], tmp_path: Path) -> None:
    assert cli(*command).returncode == 3
    records = sorted((tmp_path / "here" / "reports").glob("*/jobs/*/record.json"))
    stored = {path.parent.name.split("--")[1]: json.loads(path.read_text()) for path in records}
    recorded = {method: sum(record["timings"].values()) for method, record in stored.items()}
    seeds = foretold(cli(*command, "--seeds", "2", "--dry-run", "--json"))
    assert seeds["state"] == "new"
    times = {(job["method"], job["seed"]): job["seconds"] for job in seeds["jobs"]}
    assert times["cubic", 0] == times["cubic", 1] == pytest.approx(recorded["cubic"])
    assert times["learns", 1] == pytest.approx(recorded["learns"])
    assert times["fails", 0] is None
    assert seeds["seconds"] == pytest.approx(2 * (recorded["cubic"] + recorded["learns"]))
    assert seeds["unknown"] == 2
    assert {job["source"] for job in seeds["jobs"] if job["seconds"]} <= {
        str(path.parent.relative_to(tmp_path / "here")) for path in records
    }
    (refused,) = {(job["action"], job["reason"]) for job in seeds["jobs"] if job["method"] == "refuses"}
    assert refused[0] == "skip"
    assert refused[1].startswith("too thin (reports")

    rest = recorded["learns"] - stored["learns"]["timings"]["fit"]
    for path in records:
        record = stored[path.parent.name.split("--")[1]]
        record["timings"]["fit"] = 1000.0
        write_record(path.parent, Record.from_dict(record))
    longer = foretold(cli(*command, "--budget", "30steps", "--dry-run", "--json"))
    times = {job["method"]: job["seconds"] for job in longer["jobs"]}
    assert times["learns"] == pytest.approx(3000 + rest)
    assert times["cubic"] is None


def test_the_plan_for_people(cli: Cli, command: list[str | Path]) -> None:
    first = cli(*command, "--dry-run", "--set", "cubic.a=-0.75", "--datasets", "thin,gone,asked,flat")
    assert first.returncode == 0, first.stderr
    lines = first.stdout.splitlines()
    assert "profile    smoke" in lines
    assert "settings   cubic.a=-0.75" in lines
    assert any(line.startswith("folder     reports") and line.endswith(" (new)") for line in lines)
    rows = [line.split() for line in lines]
    assert ["DATASET", "METHOD", "SEED", "ACTION", "TIME", "WHY"] in rows
    assert ["thin", "cubic", "0", "run", "unknown", "-"] in rows
    (gone,) = (line for line in lines if line.startswith("gone") and " cubic " in line)
    assert "will fail: " in gone
    assert "gone.tif is no file" in gone
    (asked,) = (line for line in lines if line.startswith("asked") and " cubic " in line)
    assert asked.endswith("will fail: its file must be got by hand")
    assert "16 jobs: 16 to run" in lines
    assert lines[-1].startswith("estimated time: unknown; no earlier record of the same method")
    assert cli(*command).returncode == 3
    lines = cli(*command, "--dry-run").stdout.splitlines()
    assert "4 jobs: 1 to retry, 3 to keep" in lines
    assert lines[-1].startswith("estimated time: unknown")
    lines = cli(*command, "--dry-run", "--seeds", "3", "--methods", "cubic,fails").stdout.splitlines()
    assert lines[-1].endswith(" s, and 3 jobs of unknown time")
    assert cli(*command, "--methods", "cubic,learns").returncode == 0
    lines = cli(*command, "--methods", "cubic,learns", "--dry-run").stdout.splitlines()
    assert lines[-2:] == ["2 jobs: 2 to keep", "estimated time: none, since nothing is left to do"]


def test_what_the_code_of_a_finished_job_was_matters(
    cli: Cli, catalogue: Path, tmp_path: Path, install_plugin: Install
) -> None:
    install_plugin("helper", PLUGIN, files={"methods.py": METHODS})
    command = ["run", "--methods", "learns", "--datasets", "thin", "--catalogue", catalogue,
               "--profile", "smoke", "--executor", "inline", "--out", tmp_path / "runs" / "one"]  # fmt: skip
    assert cli(*command).returncode == 0
    assert actions(foretold(cli(*command, "--dry-run", "--json"))) == {"learns": "keep"}
    (module,) = (path for path in tmp_path.glob("site*/helper/methods.py"))
    module.write_text(module.read_text().replace("return 5", "return 6"))
    changed = foretold(cli(*command, "--dry-run", "--json"))
    assert actions(changed) == {"learns": "run"}
    assert "with other code" in changed["jobs"][0]["reason"]
    assert changed["jobs"][0]["seconds"] > 0


def test_a_folder_that_cannot_be_used_is_an_error_as_in_a_run(
    cli: Cli, command: list[str | Path], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    assert cli(*command, "--methods", "cubic", "--out", out).returncode == 0
    for more in ([], ["--dry-run"]):
        other = cli(*command, "--precision", "fp32", "--out", out, *more)
        assert other.returncode == 2
        assert "holds a run with other --precision (there auto, now fp32)" in other.stderr
    (tmp_path / "file").write_text("")
    refused = cli(*command, "--dry-run", "--out", tmp_path / "file")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "is not a folder" in refused.stderr
    assert cli(*command, "--seeds", "2", "--out", out, "--fresh", "--dry-run").returncode == 0
    alone = cli(*command, "--json")
    assert alone.returncode == 2
    assert "add --dry-run" in alone.stderr


def test_a_run_file_and_its_settings(cli: Cli, command: list[str | Path], catalogue: Path) -> None:
    file = catalogue.parent / "bench.toml"
    file.write_text(
        'methods = ["cubic", "learns"]\ndatasets = ["thin"]\ncatalogue = "datasets.toml"\n'
        'profile = "smoke"\nexecutor = "inline"\nout = "results"\n[settings.cubic]\na = -0.75\n'
    )
    forecast = foretold(cli("run", file, "--dry-run", "--json"))
    assert forecast["folder"] == str(catalogue.parent / "results")
    assert forecast["plan"]["set"] == {"cubic": {"a": -0.75}}
    assert not (catalogue.parent / "results").exists()
    done = cli("run", file)
    assert done.returncode == 0, done.stderr
    record = json.loads(
        (catalogue.parent / "results" / "jobs" / "thin--cubic--s0" / "record.json").read_text()
    )
    assert record["provenance"]["configuration"]["a"] == -0.75
    assert record["provenance"]["protocol"]["steps"] == 10
    assert set(actions(foretold(cli("run", file, "--dry-run", "--json"))).values()) == {"keep"}
    other = foretold(cli("run", file, "--set", "cubic.a=-0.6", "--out", "other", "--dry-run", "--json"))
    assert other["plan"]["set"] == {"cubic": {"a": -0.6}}
    assert other["folder"] == "other"


def test_a_forecast_imports_nothing_heavy_and_takes_little(
    cli: Cli, command: list[str | Path], tmp_path: Path
) -> None:
    resource = pytest.importorskip("resource", reason="this system does not tell what child processes took")
    command = [*command, "--device", "cpu", "--methods", "cubic,learns"]
    assert cli(*command).returncode == 0
    spent: dict[str, list[float]] = {"list": [], "first": [], "more": []}
    runs = {"list": ["list", "methods"], "first": [*command, "--dry-run"],
            "more": [*command, "--seeds", "3", "--dry-run"]}  # fmt: skip
    for _ in range(2):
        for name, words in runs.items():
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            done = subprocess.run(
                [sys.executable, "-c", PROBE, *map(str, words)],
                cwd=tmp_path / "here",
                env=dict(os.environ),
                capture_output=True,
                text=True,
                timeout=120,
                check=True,
            )
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            spent[name].append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
            code, modules = json.loads(done.stdout.splitlines()[-1])
            assert code == 0
            assert HEAVY.isdisjoint(modules)
    # Processor time beside that of a command which asks plugins, too: a busy machine slows both down.
    assert min(spent["first"]) < 2.8 * min(spent["list"])
    assert min(spent["more"]) < 2.8 * min(spent["list"])


def test_controls_are_on_unless_they_are_left_out(cli: Cli, command: list[str | Path]) -> None:
    without = "--no-controls"
    command = [word for word in command if word != without]
    plans = [foretold(cli(*command, "--dry-run", "--json", *more))["plan"] for more in ([], [without])]
    assert [plan["controls"] for plan in plans] == [True, False]
    assert plans[0] | {"controls": False} == plans[1]
    done = cli(*command, "--dry-run", "--controls")
    assert done.returncode == 2
    assert "--controls" in done.stderr
