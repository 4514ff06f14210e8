"""What users run, in real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import sysconfig
import time
import venv
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

METHODS = ["cubic", "srmd", "pssr", "swinir", "a2i-3dem"]


CATALOGUE = """
[small]
title = "a small phantom"
phantom = {size = 48, seed = 1}
voxel_size = [15.0, 15.0, 15.0]
simulate = {ratio = 3.0, degradation = "slab-average"}

[odd]
title = "a ratio that is no integer"
phantom = {size = 45, seed = 2}
voxel_size = [15.0, 15.0, 15.0]
simulate = {ratio = 3.3333333, degradation = "gaussian", gaussian = 0.01}
"""


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Write a catalogue of two small phantoms."""
    folder = tmp_path_factory.mktemp("catalogue")
    file = folder / "datasets.toml"
    file.write_text(CATALOGUE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("A2IBENCH_CACHE", str(folder / "cache"))
        yield file


@pytest.fixture(scope="module")
def whole(catalogue: Path) -> tuple[Path, str]:
    """Run all methods on the small phantom; return the folder and what was printed."""
    out = catalogue.parent / "whole"
    done = _run(catalogue, out, "--datasets", "small")
    assert done.returncode == 0, done.stderr
    return out, done.stdout


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


def test_all_methods_run_and_the_same_seed_gives_the_same_scores(
    catalogue: Path, whole: tuple[Path, str], tmp_path: Path
) -> None:
    out, printed = whole
    scores = _scores(out)
    assert set(scores) == {("small", m) for m in METHODS}
    assert all({"psnr", "ssim", "psnr_xz", "ssim_3d"} <= set(values) for values in scores.values())
    for name in ("run.json", "table.csv", "table.md", "table.tex", "timing.csv"):
        assert (out / name).stat().st_size > 0
    assert all(method in printed for method in METHODS)
    job = out / "jobs" / "small--a2i-3dem--s0"
    assert (job / "checkpoint" / "weights.safetensors").exists()
    assert len((job / "train.csv").read_text().splitlines()) == 11
    record = json.loads((job / "record.json").read_text())
    assert {"load", "simulate", "fit", "reconstruct", "score", "write"} <= set(record["timings"])

    # That every method repeats itself is for its conformance; here, that another executor changes nothing.
    again = _run(catalogue, tmp_path, "--methods", "cubic,srmd", "--executor", "inline")
    assert again.returncode == 0, again.stderr
    second = _scores(tmp_path)
    assert set(second) == {(d, m) for d in ("small", "odd") for m in ("cubic", "srmd")}
    for method in ("cubic", "srmd"):
        assert second["small", method] == pytest.approx(scores["small", method], abs=1e-6)
    for folder, dataset in ((out, "small"), (tmp_path, "odd")):
        assert (folder / "figures" / f"{dataset}.png").stat().st_size > 10_000


BAD_PLUGIN = """
from a2ibench import MethodSpec, hookimpl

@hookimpl
def a2ibench_register_methods(register):
    for name in ("Raises", "Dies", "Works"):
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

class Raises(Works):
    def fit(self, volume, ctx): raise RuntimeError("no luck")

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
    catalogue: Path, tmp_path: Path, install_plugin: Callable[..., object]
) -> None:
    install_plugin("third-party", BAD_PLUGIN, files={"methods.py": BAD_METHODS})
    install_plugin("raises-on-import", "raise ImportError('a library is missing')")
    install_plugin("misspelt", MISSPELT)
    out = tmp_path / "run"
    methods = "cubic,raises,dies,works"
    done = _run(catalogue, out, "--datasets", "small", "--methods", methods)
    assert done.returncode == 3
    assert "raises-on-import" in done.stderr
    assert "a2ibench_register_methods" in done.stderr
    scores = _scores(out)
    assert set(scores) == {("small", "cubic"), ("small", "works")}
    assert scores["small", "works"] == pytest.approx(scores["small", "cubic"], abs=1e-6)
    table = pd.read_csv(out / "table.csv")
    assert set(table["method"]) == set(methods.split(","))
    for method, words in {"raises": "no luck", "dies": "SIGKILL"}.items():
        record = json.loads((out / "jobs" / f"small--{method}--s0" / "record.json").read_text())
        assert record["status"] == "error"
        assert words in record["error"]["message"]


def test_a_killed_run_continues_and_ends_like_an_uninterrupted_one(
    catalogue: Path, whole: tuple[Path, str], tmp_path: Path
) -> None:
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
    tables = [pd.read_csv(out / "table.csv").set_index("method").loc[methods] for out in (whole[0], killed)]
    columns = [c for c in tables[0].columns if c.split("_mean")[0] in timeless or c in timeless]
    assert len(columns) >= 4
    pd.testing.assert_frame_equal(tables[0][columns], tables[1][columns], rtol=0, atol=1e-6)


PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "a2ibench-nearest"
version = "0.3.0"
dependencies = ["a2ibench"]

[project.entry-points.a2ibench]
nearest = "a2ibench_nearest"
"""
NEAREST = '''
import numpy as np
from a2ibench import MethodSpec, hookimpl, normalise

@hookimpl
def a2ibench_register_methods(register):
    register(MethodSpec("nearest", "a2ibench_nearest:Nearest", "repeats the nearest slice"))

class Nearest:
    """Repeats the nearest slice."""

    halo = (1, 0)

    def fit(self, volume, ctx):
        pass

    def reconstruct(self, volume, grid, ctx):
        nearest = np.clip(np.rint(grid.positions).astype(int), 0, grid.n_in - 1)
        return normalise(volume.data[nearest], volume)

    def save(self, path):
        pass

    def load(self, path):
        pass
'''


def test_a_third_party_distribution_is_installed_listed_run_and_tabulated(
    catalogue: Path, tmp_path: Path
) -> None:
    source, place = tmp_path / "source", tmp_path / "venv"
    source.mkdir()
    (source / "pyproject.toml").write_text(PYPROJECT)
    (source / "a2ibench_nearest.py").write_text(NEAREST)
    venv.create(place)
    python = place / "bin" / "python"
    site = sysconfig.get_path("purelib", vars={"base": str(place), "platbase": str(place)})
    # The libraries of this environment, without installing them once more.
    (Path(site) / "parent.pth").write_text(
        f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
    )
    install = [python, "-m", "pip", "install", "--no-index", "--no-deps", "--no-build-isolation", source]
    subprocess.run(install, check=True, capture_output=True, timeout=300)

    listed = subprocess.run(
        [python, "-m", "a2ibench", "list", "methods"], check=True, capture_output=True, text=True
    )
    assert "nearest" in listed.stdout
    out = tmp_path / "run"
    options = ("--datasets", "small", "--methods", "cubic,nearest")
    command = [python, *_command(catalogue, out, *options)[1:]]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(out / "table.csv").set_index("method")
    assert set(table.index) == {"cubic", "nearest"}
    record = json.loads((out / "jobs" / "small--nearest--s0" / "record.json").read_text())
    assert "0.3.0" in json.dumps(record["provenance"])


def test_a_real_anisotropic_volume_has_a_figure_and_no_scores(shared_data: Path, tmp_path: Path) -> None:
    file = tmp_path / "datasets.toml"
    file.write_text(
        f'[vnc]\npath = "{shared_data / "vnc_sstem_stack1.tif"}"\nvoxel_size = [50.0, 4.6, 4.6]\n'
        "crop = [[0, 6], [0, 96], [0, 128]]\n"
    )
    out = tmp_path / "run"
    done = _run(file, out, "--methods", "cubic,srmd", "--executor", "inline")
    assert done.returncode == 0, done.stderr
    assert _scores(out) == {("vnc", "cubic"): {}, ("vnc", "srmd"): {}}
    assert (out / "figures" / "vnc.png").stat().st_size > 10_000
    table = pd.read_csv(out / "table.csv")
    assert len(table) == 2
    scores = [column for column in table.columns if column.startswith(("psnr", "ssim"))]
    assert table[scores].isna().all(axis=None)
