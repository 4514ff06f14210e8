"""What users run, in real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

METHODS = ["cubic", "plain", "srmd", "pssr", "swinir", "a2i-3dem"]
STACK = Path(__file__).parents[2] / "shared" / "data" / "vnc_sstem_stack1.tif"

CATALOGUE = """
[small]
title = "a small phantom"
phantom = {size = 36, seed = 1}
voxel_size = [15.0, 15.0, 15.0]
simulate = {ratio = 3.0, degradation = "slab-average"}

[odd]
title = "a ratio that is no integer"
phantom = {size = 35, seed = 2}
voxel_size = [15.0, 15.0, 15.0]
simulate = {ratio = 3.3333333, degradation = "gaussian", gaussian = 0.01}
"""
REAL = f"""
[vnc]
path = "{STACK}"
voxel_size = [50.0, 4.6, 4.6]
crop = [[0, 6], [0, 64], [0, 80]]
"""


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Write a catalogue of two small phantoms, and of a real volume where it is there."""
    folder = tmp_path_factory.mktemp("catalogue")
    file = folder / "datasets.toml"
    file.write_text(CATALOGUE + (REAL if STACK.is_file() else ""))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("A2IBENCH_CACHE", str(folder / "cache"))
        yield file


@pytest.fixture(scope="module")
def whole(catalogue: Path, once: Callable[[str, Callable[[Path], None]], Path]) -> Path:
    """Return the folder of a run of all methods on all datasets, with what it printed in printed.txt."""

    def make(folder: Path) -> None:
        done = _run(catalogue, folder, "--datasets", "all", "--executor", "inline")
        assert done.returncode == 0, done.stderr
        (folder / "printed.txt").write_text(done.stdout)

    return once("whole", make)


def _command(catalogue: Path, out: Path, *options: str) -> list[str]:
    return [
        *(sys.executable, "-m", "a2ibench", "run", "--profile", "smoke", "--catalogue", str(catalogue)),
        *("--out", str(out), *options),
    ]


def _run(*arguments, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(_command(*arguments), capture_output=True, text=True, timeout=500, **options)


def _scores(out: Path) -> dict[tuple[str, str], dict[str, float]]:
    records = [json.loads(file.read_text()) for file in (out / "jobs").glob("*/record.json")]
    return {
        (record["dataset"], record["method"]): {k: v["value"] for k, v in record["metrics"].items()}
        for record in records
        if record["status"] == "ok"
    }


def test_all_methods_run_and_leave_what_a_reader_needs(whole: Path) -> None:
    scores = _scores(whole)
    assert {job for job in scores if job[0] != "vnc"} == {(d, m) for d in ("small", "odd") for m in METHODS}
    for (dataset, _), values in scores.items():
        assert dataset == "vnc" or {"psnr", "ssim", "psnr_xz", "ssim_3d"} <= set(values)
    for name in ("run.json", "table.csv", "table.md", "table.tex", "timing.csv"):
        assert (whole / name).stat().st_size > 0
    printed = (whole / "printed.txt").read_text()
    assert all(method in printed for method in METHODS)
    job = whole / "jobs" / "small--a2i-3dem--s0"
    assert (job / "checkpoint" / "weights.safetensors").exists()
    assert len((job / "train.csv").read_text().splitlines()) == 11
    record = json.loads((job / "record.json").read_text())
    assert {"load", "simulate", "fit", "reconstruct", "score", "write"} <= set(record["timings"])
    for dataset in ("small", "odd"):
        assert (whole / "figures" / f"{dataset}.png").stat().st_size > 10_000


def test_a_real_anisotropic_volume_has_a_figure_and_scores_without_a_reference(
    shared_data: Path, whole: Path
) -> None:
    found = {job: values for job, values in _scores(whole).items() if job[0] == "vnc"}
    assert {method for _, method in found} == {*METHODS}
    for values in found.values():
        # So few slices that none is held out.
        assert "consistency" in values
        assert not {"psnr", "ssim", "haarpsi"} & values.keys()
    assert (whole / "figures" / "vnc.png").stat().st_size > 10_000
    table = pd.read_csv(whole / "table.csv").query("dataset == 'vnc' and status != 'control'")
    assert len(table) == len(METHODS)
    assert table.filter(regex="^(psnr|ssim).*_mean$").isna().all(axis=None)


BAD_PLUGIN = """
from a2ibench import MethodSpec, hookimpl

@hookimpl
def a2ibench_register_methods(register):
    for name in ("Dies", "Works"):
        register(MethodSpec(name.lower(), f"third_party.methods:{name}", "a method of a third party"))
"""
BAD_METHODS = """
import os
import signal
from a2ibench import interpolate, normalise

class Works:
    halo = (2, 0)
    def fit(self, volume, ctx): pass
    def reconstruct(self, volume, grid, ctx): return normalise(interpolate(volume.data, grid), volume)
    def save(self, path): pass
    def load(self, path): pass

class Dies(Works):
    def fit(self, volume, ctx): os.kill(os.getpid(), signal.SIGKILL)
"""
MISSPELT = """
from a2ibench import hookimpl

@hookimpl
def a2ibench_register_method(register):
    pass
"""


def test_plugins_that_fail_take_nothing_else_with_them(
    catalogue: Path, whole: Path, tmp_path: Path, install_plugin: Callable[..., object]
) -> None:
    install_plugin("third-party", BAD_PLUGIN, files={"methods.py": BAD_METHODS})
    install_plugin("raises-on-import", "raise ImportError('a library is missing')")
    install_plugin("misspelt", MISSPELT)
    out = tmp_path / "run"
    done = _run(catalogue, out, "--datasets", "small", "--methods", "dies,works")
    assert done.returncode == 3
    assert "raises-on-import" in done.stderr
    assert "a2ibench_register_methods" in done.stderr
    scores = _scores(out)
    assert set(scores) == {("small", "works")}
    assert scores["small", "works"] == pytest.approx(_scores(whole)["small", "cubic"], abs=1e-6)
    assert set(pd.read_csv(out / "table.csv")["method"]) == {"dies", "works"}
    record = json.loads((out / "jobs" / "small--dies--s0" / "record.json").read_text())
    assert record["status"] == "error"
    assert "SIGKILL" in record["error"]["message"]


@pytest.mark.slow
def test_a_killed_run_continues_and_ends_like_an_uninterrupted_one(
    catalogue: Path, whole: Path, tmp_path: Path
) -> None:
    # In processes of their own, whereas the whole was in one: that changes nothing either.
    methods, killed = ["cubic", "srmd"], tmp_path / "killed"
    options = ("--datasets", "small", "--methods", ",".join(methods))
    process = subprocess.Popen(
        _command(catalogue, killed, *options), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    first = killed / "jobs" / "small--cubic--s0" / "record.json"
    second = killed / "jobs" / "small--srmd--s0"
    deadline = time.monotonic() + 120
    while not (first.exists() and second.exists()) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (killed / "table.csv").exists()
    before = first.stat().st_mtime_ns
    done = _run(catalogue, killed, *options)
    assert done.returncode == 0, done.stderr
    assert first.stat().st_mtime_ns == before
    timeless = ["dataset", "psnr", "ssim", "ssim_3d"]
    tables = [
        pd.read_csv(out / "table.csv").query("dataset == 'small'").set_index("method").loc[methods]
        for out in (whole, killed)
    ]
    columns = [c for c in tables[0].columns if c.split("_mean")[0] in timeless or c in timeless]
    assert len(columns) >= 4
    pd.testing.assert_frame_equal(tables[0][columns], tables[1][columns], rtol=0, atol=1e-6)
