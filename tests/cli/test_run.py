"""The command ``a2ibench run``, from files to files."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from a2ibench.contracts import AxialGrid
from a2ibench.protocol.resample import interpolate

Cli = Callable[..., subprocess.CompletedProcess[str]]
Install = Callable[..., Distribution]

PLUGIN = """
from a2ibench import MethodSpec, ReporterSpec, hookimpl

@hookimpl
def a2ibench_register_methods(register):
    for name, target in {"fails": "Fails", "skips": "Skips", "waits": "Waits"}.items():
        register(MethodSpec(name, f"helper.methods:{target}", "a method for tests"))

@hookimpl
def a2ibench_register_reporters(register):
    for name in ("counts", "stops"):
        register(ReporterSpec(name, f"helper.methods:{name}", "a reporter for tests"))
"""
METHODS = """
import time
from a2ibench_cubic.method import Cubic

class Fails(Cubic):
    def fit(self, volume, ctx):
        raise RuntimeError("no luck")

class Skips(Cubic):
    def skip(self, volume):
        return "too thin"

class Waits(Cubic):
    def fit(self, volume, ctx):
        ctx.progress("fit", 1, 10, loss=0.5)
        time.sleep(300)

def counts(run):
    path = run.folder / "count.txt"
    path.write_text(str(len(run.records)))
    return [path]

def stops(run):
    raise SystemExit("reporter stops")
"""


def record_of(run: Path, job: str) -> dict[str, Any]:
    """Return a job's record."""
    found: dict[str, Any] = json.loads((run / "jobs" / job / "record.json").read_text())
    return found


def test_from_a_tiff_to_tables_and_figures_and_once_more(cli: Cli, catalogue: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    command = ("run", "--methods", "cubic", "--datasets", "full,thin", "--catalogue", catalogue,
               "--profile", "smoke", "--out", out)  # fmt: skip
    first = cli(*command)
    assert first.returncode == 0, first.stderr
    names = {"run.json", "table.csv", "table.md", "table.tex", "timing.csv", "report.html", "figures", "jobs"}
    assert names <= {path.name for path in out.iterdir()}
    assert {path.name for path in (out / "figures").iterdir()} == {"full.png", "thin.png"}
    records = {name: record_of(out, f"{name}--cubic--s0") for name in ("full", "thin")}
    assert [record["status"] for record in records.values()] == ["ok", "ok"]
    assert "psnr" in records["full"]["metrics"]
    assert "psnr" not in records["thin"]["metrics"]
    assert first.stdout.isascii()
    for path in ("table.csv", "table.md", "table.tex", "timing.csv", "figures/full.png"):
        assert str(out / path) in first.stdout.splitlines()
    psnr = f"{records['full']['metrics']['psnr']['value']:.2f}"
    (row,) = (line for line in first.stdout.splitlines() if line.startswith("| full"))
    assert psnr in row
    lines = first.stderr.splitlines()
    assert "[1/2] full cubic seed 0: started" in lines
    assert any(line.startswith(f"[1/2] full cubic seed 0: ok, psnr {psnr}, ") for line in lines)
    assert any(line.startswith("[2/2] thin cubic seed 0: ok, ") for line in lines)

    times = [path.stat().st_mtime_ns for path in sorted(out.glob("jobs/*/*"))]
    second = cli(*command)
    assert second.returncode == 0
    assert "started" not in second.stderr
    assert f"full cubic seed 0: finished before (ok, psnr {psnr})" in second.stderr.splitlines()
    assert second.stdout == first.stdout
    assert [path.stat().st_mtime_ns for path in sorted(out.glob("jobs/*/*"))] == times

    other = cli(*command, "--precision", "fp32")
    assert other.returncode == 2
    assert [path.stat().st_mtime_ns for path in sorted(out.glob("jobs/*/*"))] == times


def test_the_score_is_that_of_the_volume(cli: Cli, catalogue: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = cli("run", "--methods", "cubic", "--datasets", "full", "--catalogue", catalogue,
               "--set", "cubic.a=-0.75", "--executor", "inline", "--out", out)  # fmt: skip
    assert done.returncode == 0, done.stderr
    whole = tifffile.imread(catalogue.parent / "full.tif").astype(np.float64)
    thick = np.rint(whole.reshape(12, 4, 48, 48).mean(axis=1)).astype(np.uint8)
    rough = np.clip(np.rint(interpolate(thick, AxialGrid(12, 4.0), -0.75)), 0, 255)
    psnr = 10 * np.log10(255**2 / np.mean((rough - whole) ** 2))
    record = record_of(out, "full--cubic--s0")
    assert record["metrics"]["psnr"]["value"] == pytest.approx(psnr, abs=0.01)
    assert record["provenance"]["configuration"]["a"] == -0.75


def test_what_fails_costs_only_itself(
    cli: Cli, catalogue: Path, tmp_path: Path, install_plugin: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_plugin("helper", PLUGIN, files={"methods.py": METHODS})
    install_plugin("crash", "raise RuntimeError('broken on import')")
    install_plugin("unwanted", "")
    monkeypatch.setenv("A2IBENCH_DISABLE_PLUGINS", "unwanted")
    out = tmp_path / "run"
    command = ("run", "--methods", "fails,skips,cubic", "--datasets", "flat,full", "--catalogue", catalogue,
               "--executor", "inline", "--profile", "smoke", "--out", out)  # fmt: skip
    done = cli(*command)
    assert done.returncode == 3
    statuses = {path.name: record_of(out, path.name)["status"] for path in (out / "jobs").iterdir()}
    assert statuses == {
        "flat--fails--s0": "error",
        "flat--skips--s0": "error",
        "flat--cubic--s0": "error",
        "full--fails--s0": "error",
        "full--skips--s0": "skipped",
        "full--cubic--s0": "ok",
    }
    assert (out / "count.txt").read_text() == "6"
    assert str(out / "count.txt") in done.stdout.splitlines()
    assert (out / "table.csv").is_file()
    assert (out / "figures" / "full.png").is_file()
    lines = done.stderr.splitlines()
    assert "Traceback" not in done.stderr
    assert "a2ibench: error: reporter stops: SystemExit: reporter stops" in lines
    assert any("[4/6] full fails seed 0: error, RuntimeError: no luck" in line for line in lines)
    assert any("[5/6] full skips seed 0: skipped, too thin" in line for line in lines)
    assert any("flat.tif: holds 2D" in line for line in lines)
    assert any(line.startswith("a2ibench: plugin crash") and "broken on import" in line for line in lines)
    assert any(line.startswith("a2ibench: plugin unwanted") and "disabled" in line for line in lines)


def test_a_skipped_job_is_no_failure(
    cli: Cli, catalogue: Path, tmp_path: Path, install_plugin: Install
) -> None:
    source = PLUGIN.replace('("counts", "stops")', '("counts",)')
    install_plugin("helper", source, files={"methods.py": METHODS})
    done = cli("run", "--methods", "skips", "--datasets", "thin", "--catalogue", catalogue,
               "--executor", "inline", "--out", tmp_path / "run")  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGINT")
def test_ctrl_c_keeps_what_is_finished(
    catalogue: Path, tmp_path: Path, install_plugin: Install, cli: Cli
) -> None:
    source = PLUGIN.replace('("counts", "stops")', '("counts",)')
    install_plugin("helper", source, files={"methods.py": METHODS})
    out = tmp_path / "run"
    arguments = ["run", "--methods", "cubic,waits", "--datasets", "thin", "--catalogue", str(catalogue),
                 "--profile", "smoke", "--out", str(out)]  # fmt: skip
    with (tmp_path / "out.txt").open("w") as stdout, (tmp_path / "err.txt").open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "a2ibench", *arguments],
            stdout=stdout,
            stderr=stderr,
            # A test runner in the background may have SIGINT ignored, which children inherit.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler) and None,
        )
    deadline = time.monotonic() + 120
    try:
        while not (out / "jobs" / "thin--waits--s0" / "job.json").exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    finally:
        process.kill()
    assert record_of(out, "thin--cubic--s0")["status"] == "ok"
    assert record_of(out, "thin--waits--s0")["status"] == "interrupted"
    assert (out / "count.txt").read_text() == "2"
    written = (tmp_path / "out.txt").read_text()
    assert "thin" in written
    assert str(out / "table.csv") in written.splitlines()
    said = (tmp_path / "err.txt").read_text()
    assert said.splitlines()[-1] == "a2ibench: error: interrupted"
    assert "Traceback" not in said
