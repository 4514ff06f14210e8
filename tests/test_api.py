"""Benchmark and reconstruct from Python."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import a2ibench
from a2ibench import InputError, UnknownNameError, Volume, interpolate

Install = Callable[..., Distribution]

PLUGIN = """
from a2ibench import MethodSpec, hookimpl

@hookimpl
def a2ibench_register_methods(register):
    register(MethodSpec("probe", "prober.method:Probe", "a method for tests"))
"""
METHOD = """
import numpy as np
from a2ibench import Configurable, setting

class Probe(Configurable):
    halo = (0, 0)
    level: float = setting(0.25, "what is returned", low=-1, high=2)
    learnt = 0.0

    def fit(self, volume, ctx):
        self.learnt = 0.5
        ctx.progress("fit", 1, 2, seed=ctx.seed)
        if self.level == 2:
            raise KeyboardInterrupt

    def reconstruct(self, volume, grid, ctx):
        assert (ctx.size, ctx.device, str(ctx.budget), ctx.patch) == ("tiny", "cpu", "7steps", 32)
        return np.full((grid.n_out, *volume.shape[1:]), self.level + self.learnt, np.float32)

    def skip(self, volume):
        return "too thin" if volume.shape[0] == 1 else None

    def save(self, path):
        (path / "learnt").write_text(str(self.learnt))

    def load(self, path):
        self.learnt = float((path / "learnt").read_text())
"""
OPTIONS: dict[str, Any] = {"profile": "smoke", "device": "cpu", "budget": "7steps"}


@pytest.fixture
def probe(together: None, install_plugin: Install) -> str:
    """Install a method that returns one grey level."""
    install_plugin("prober", PLUGIN, files={"method.py": METHOD})
    return "probe"


@pytest.fixture
def thin() -> Volume:
    """Return an anisotropic volume of random 16-bit grey levels."""
    data = np.random.default_rng(1).integers(0, 4096, (6, 20, 16), np.uint16)
    return Volume(data, (50.0, 15.0, 15.0), (0.0, 4095.0), "thin")


@pytest.fixture
def catalogue(tmp_path: Path, thin: Volume) -> Path:
    """Write a catalogue of one dataset."""
    tifffile.imwrite(tmp_path / "thin.tif", thin.data)
    file = tmp_path / "datasets.toml"
    file.write_text('[thin]\npath = "thin.tif"\nvoxel_size = [50, 15, 15]\nintensity = [0, 4095]\n')
    return file


def test_cubic_is_interpolation_in_the_dtype_of_the_input(thin: Volume) -> None:
    result = a2ibench.reconstruct(thin, method="cubic", profile="smoke", device="cpu")
    assert result.shape == (20, 20, 16)
    assert result.voxel_size == (15.0, 15.0, 15.0)
    assert (result.intensity, result.name, result.data.dtype) == ((0.0, 4095.0), "thin", np.uint16)
    expected = np.clip(np.rint(interpolate(thin.data, a2ibench.AxialGrid(6, 50 / 15))), 0, 4095)
    assert np.abs(result.data - expected).max() <= 1
    assert np.mean(result.data == expected) > 0.99


def test_a_method_is_trained_with_the_options_that_are_given(probe: str, thin: Volume) -> None:
    told: list[tuple[object, ...]] = []

    def progress(phase: str, done: float, total: float, **values: float) -> None:
        told.append((phase, done, total, values))

    result = a2ibench.reconstruct(thin, probe, seed=3, progress=progress, **OPTIONS)
    assert told[0] == ("fit", 1, 2, {"seed": 3})
    np.testing.assert_array_equal(result.data, np.uint16(round(0.75 * 4095)))
    other = a2ibench.reconstruct(thin, probe, settings={"level": -0.5}, **OPTIONS)
    np.testing.assert_array_equal(other.data, 0)


def test_a_checkpoint_is_loaded_instead_of_training(probe: str, thin: Volume, tmp_path: Path) -> None:
    (tmp_path / "learnt").write_text("0.125")
    result = a2ibench.reconstruct(thin, probe, checkpoint=tmp_path, **OPTIONS)
    np.testing.assert_array_equal(result.data, np.uint16(round(0.375 * 4095)))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"method": "prob"}, UnknownNameError, "did you mean 'probe'"),
        ({"profile": "fast"}, UnknownNameError, "profile"),
        ({"device": "tpu"}, UnknownNameError, "device"),
        ({"precision": "fp8"}, UnknownNameError, "precision"),
        ({"budget": "7"}, InputError, "budget"),
        ({"seed": -1}, InputError, "seed: got -1"),
        ({"settings": {"depth": 1}}, UnknownNameError, "depth"),
        ({"settings": {"level": 9}}, InputError, "level: got 9"),
    ],
)
def test_wrong_options_of_reconstruct(
    change: dict[str, Any], error: type[Exception], message: str, probe: str, thin: Volume
) -> None:
    with pytest.raises(error, match=message):
        a2ibench.reconstruct(thin, **{"method": probe} | OPTIONS | change)


def test_volumes_that_cannot_be_reconstructed(probe: str, thin: Volume) -> None:
    with pytest.raises(InputError, match="got ndarray; give a Volume"):
        a2ibench.reconstruct(thin.data, probe)
    same = Volume(thin.data, (15.0, 15.0, 15.0), thin.intensity, "cube")
    with pytest.raises(InputError, match=r"cube: .* isotropic; nothing to reconstruct"):
        a2ibench.reconstruct(same, probe)
    one = Volume(thin.data[:1], thin.voxel_size, thin.intensity, "section")
    with pytest.raises(InputError, match="section: probe does not apply: too thin"):
        a2ibench.reconstruct(one, probe, **OPTIONS)
    holes = np.where(thin.data > 4000, np.nan, thin.data)
    with pytest.raises(InputError, match=r"holes: .* voxels are NaN"):
        a2ibench.reconstruct(Volume(holes, thin.voxel_size, thin.intensity, "holes"), probe, **OPTIONS)


def test_run_returns_a_row_for_each_job(probe: str, catalogue: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    options = {"catalogue": str(catalogue), "executor": "inline", "out": str(out)} | OPTIONS
    table = a2ibench.run([probe, "cubic"], ["thin"], seeds=[0, 4], settings={probe: {"level": -1}}, **options)
    assert list(zip(table["method"], table["seed"], table["status"], strict=True)) == [
        ("probe", 0, "ok"),
        ("probe", 4, "ok"),
        ("cubic", 0, "ok"),
        ("cubic", 4, "ok"),
    ]
    assert {"dataset", "fit_seconds", "message"} <= set(table.columns)
    assert (out / "table.csv").is_file()
    assert (out / "figures" / "thin.png").is_file()
    again = a2ibench.run("probe,cubic", "thin", seeds=(0, 4), settings=["probe.level=-1"], **options)
    assert again["fit_seconds"].tolist() == table["fit_seconds"].tolist()
    with pytest.raises(InputError, match="other settings"):
        a2ibench.run("probe,cubic", "thin", seeds=2, settings=["probe.level=1"], **options)


def test_run_tells_events_and_raises_after_ctrl_c(probe: str, catalogue: Path, tmp_path: Path) -> None:
    told: list[str] = []

    class Listener:
        def job_started(self, job: Any, index: int, total: int) -> None:
            told.append(f"{index}/{total} {job.name}")

        def progress(self, job: Any, phase: str, done: float, total: float, values: Any) -> None:
            pass

        def job_finished(self, job: Any, record: Any) -> None:
            told.append(record.status)

        def job_cached(self, job: Any, record: Any) -> None:
            told.append("cached")

    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        a2ibench.run(
            ["cubic", probe],
            catalogue=catalogue,
            executor="inline",
            settings={"probe": {"level": 2}},
            events=Listener(),
            out=out,
            **OPTIONS,
        )
    assert told == ["1/2 thin--cubic--s0", "ok", "2/2 thin--probe--s0", "interrupted"]
    assert "cubic" in (out / "table.csv").read_text()


def test_a_report_that_fails_is_a_warning(
    probe: str, catalogue: Path, tmp_path: Path, install_plugin: Install
) -> None:
    install_plugin(
        "spoiler",
        """
        from a2ibench import ReporterSpec, hookimpl

        @hookimpl
        def a2ibench_register_reporters(register):
            register(ReporterSpec("spoils", "spoiler:spoil", "fails"))
            register(ReporterSpec("lost", "spoiler.nowhere:spoil", "cannot be imported"))

        def spoil(run):
            raise ValueError
        """,
    )
    with pytest.warns(RuntimeWarning) as caught:
        table = a2ibench.run("cubic", catalogue=catalogue, executor="inline", out=tmp_path / "run", **OPTIONS)
    assert table["status"].tolist() == ["ok"]
    said = sorted(str(warning.message) for warning in caught)
    assert said[1] == "reporter spoils: ValueError"
    assert "nowhere" in said[0]
