"""Scores without a reference, from the options of a run to its table."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import a2ibench
from a2ibench.bench.cache_key import ingredients
from a2ibench.bench.options import RunOptions
from a2ibench.bench.plan import plan_run
from a2ibench.bench.run import read_run
from a2ibench.contracts import DatasetSpec, Simulation
from a2ibench.data.catalogue import load_catalogue
from a2ibench.errors import CatalogueError, UnknownNameError

METHODS = """
import json
import numpy as np
from a2ibench import MethodSpec, hookimpl, interpolate, normalise


class Planes:
    halo = (2, 0)

    def fit(self, volume, ctx):
        if ctx.workdir is not None:
            (ctx.workdir / "seen.json").write_text(json.dumps(volume.shape))

    def reconstruct(self, volume, grid, ctx):
        return interpolate(normalise(volume.data, volume), grid)

    def reconstruct_planes(self, volume, grid, ctx):
        return np.clip(self.reconstruct(volume, grid, ctx), 0.2, 0.8)

    def reconstruct_with_disagreement(self, volume, grid, ctx):
        data = self.reconstruct(volume, grid, ctx)
        return data, np.full_like(data, 2 / 255)

    def save(self, path):
        pass

    def load(self, path):
        pass


class Blocks(Planes):
    reconstruct_planes = property()
    reconstruct_with_disagreement = property()


class Brighter(Planes):
    def reconstruct(self, volume, grid, ctx):
        return super().reconstruct(volume, grid, ctx) + np.float32(0.4)


@hookimpl
def a2ibench_register_methods(register):
    for name in ("planes", "blocks", "brighter"):
        register(MethodSpec(name, f"__name__:{name.title()}", "a probe"))
"""


@pytest.fixture
def probes(install_plugin: Callable[..., object]) -> None:
    install_plugin("restorers", METHODS.replace("__name__", "restorers"))


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    data = np.random.default_rng(0).integers(0, 255, (24, 40, 44)).astype(np.uint8)
    np.save(tmp_path / "stack.npy", data)
    return tmp_path / "stack.npy"


def run(stack: Path, out: Path, methods: str, **options: Any) -> Any:
    given = {"voxel_size": (30, 10, 10), "executor": "inline", "profile": "smoke", "reporters": "tables"}
    frame = a2ibench.run(methods, input=stack, out=out, **given | options)
    return read_run(out), frame


def test_a_volume_without_a_reference_is_scored_by_held_out_planes(
    probes: None, stack: Path, tmp_path: Path
) -> None:
    found, _ = run(stack, tmp_path / "out", "cubic,planes,blocks", metrics="all")
    records = {record.method: record for record in found.records}
    assert [record.status for record in found.records] == ["ok"] * 3
    # All train on the same slices, whether or not they can restore planes.
    for name in ("planes", "blocks"):
        seen = (tmp_path / "out" / "jobs" / records[name].name / "seen.json").read_text()
        assert seen == "[21, 40, 44]"
        assert records[name].provenance["validation"]["held_out_slices"] == 3
    assert "in_plane_psnr" not in records["blocks"].metrics
    assert "cannot restore planes" in records["blocks"].provenance["validation"]["left_out"]["in-plane"]
    assert records["planes"].metrics["disagreement"].value == pytest.approx(2, rel=1e-5)
    assert "disagreement" not in records["cubic"].metrics
    assert "psnr" not in records["cubic"].metrics
    standing = found.standings()[found.datasets[0], "planes"]["in_plane_psnr"]
    assert standing.gain.known
    assert standing.gain.value == pytest.approx(
        records["planes"].metrics["in_plane_psnr"].value - records["cubic"].metrics["in_plane_psnr"].value
    )
    with (tmp_path / "out" / "table.csv").open() as file:
        rows = {row["method"]: row for row in csv.DictReader(file)}
    assert float(rows["planes"]["in_plane_psnr_gain_low"]) < standing.gain.value
    table = (tmp_path / "out" / "table.md").read_text()
    assert "in-plane PSNR (dB)" in table
    # Controls have no held-out planes, and so nothing to show.
    assert "(nearest)" not in table
    assert "nearest" in rows
    assert "validate" in records["planes"].timings


def test_reduced_resolution_is_for_any_method(probes: None, stack: Path, tmp_path: Path) -> None:
    found, _ = run(stack, tmp_path / "out", "cubic,blocks", evaluate="reduced-resolution")
    scores = [record.metrics["reduced_psnr"].value for record in found.records]
    assert scores[0] == scores[1] > 5
    seen = (tmp_path / "out" / "jobs" / found.records[1].name / "seen.json").read_text()
    assert seen == "[24, 40, 44]"


@pytest.mark.parametrize(
    ("shape", "evaluate", "words"),
    [
        ((9, 40, 44), "in-plane", "has 9 slices; in-plane validation needs 10"),
        ((24, 20, 44), "in-plane", "are 6 rows at ratio 3"),
        ((7, 40, 44), "reduced-resolution", "has 7 slices; validation at reduced resolution needs 8"),
    ],
)
def test_what_is_too_small_is_left_out_and_said(
    tmp_path: Path, shape: tuple[int, ...], evaluate: str, words: str
) -> None:
    data = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
    np.save(tmp_path / "stack.npy", data)
    found, _ = run(tmp_path / "stack.npy", tmp_path / "out", "cubic", evaluate=evaluate)
    (record,) = found.records
    assert record.ok
    assert words in record.provenance["validation"]["left_out"][evaluate]
    assert set(record.metrics) == {"consistency"}
    assert "validate" not in record.timings


def test_what_is_evaluated_follows_the_dataset_or_the_option(stack: Path, tmp_path: Path) -> None:
    acquired = DatasetSpec("a", "a", (30, 10, 10), path=stack)
    simulated = replace(acquired, voxel_size=(10, 10, 10), simulate=Simulation(3.0))
    assert acquired.evaluations == ("in-plane",)
    assert simulated.evaluations == ()
    assert replace(simulated, evaluate=("in-plane",)).evaluations == ("in-plane",)
    assert replace(acquired, evaluate=()).evaluations == ()
    options = RunOptions("cubic", input=stack, voxel_size=(30, 10, 10), evaluate="none")
    (job,) = plan_run(options).jobs()
    assert job.evaluate == ()
    with pytest.raises(UnknownNameError, match="in-plane"):
        plan_run(RunOptions("cubic", input=stack, voxel_size=(30, 10, 10), evaluate="in-plain"))


def test_a_key_names_evaluations_only_where_there_are_any(stack: Path) -> None:
    (job,) = plan_run(RunOptions("cubic", input=stack, voxel_size=(30, 10, 10))).jobs()
    assert ingredients(job)["evaluate"] == ["in-plane"]
    assert "evaluate" not in ingredients(replace(job, evaluate=()))


def test_a_catalogue_tells_what_to_evaluate(tmp_path: Path) -> None:
    entry = '[a]\npath = "a.tif"\nvoxel_size = [30, 10, 10]\nevaluate = '
    (tmp_path / "c.toml").write_text(entry + '["in-plane", "reduced-resolution"]')
    assert load_catalogue(tmp_path / "c.toml")["a"].evaluate == ("in-plane", "reduced-resolution")
    (tmp_path / "c.toml").write_text(entry + '["wald"]')
    with pytest.raises(CatalogueError, match="evaluate is 'wald'; give one of in-plane, reduced-resolution"):
        load_catalogue(tmp_path / "c.toml")
    (tmp_path / "c.toml").write_text(entry + '"in-plane"')
    with pytest.raises(CatalogueError, match="give a list of in-plane"):
        load_catalogue(tmp_path / "c.toml")


def test_a_score_beyond_its_limit_is_noted_and_never_ranked_by(
    probes: None, stack: Path, tmp_path: Path
) -> None:
    data = (np.load(stack) // 8 + 80).astype(np.uint8)
    np.save(stack, data)
    found, _ = run(stack, tmp_path / "out", "cubic,brighter")
    cubic, brighter = (record.metrics["consistency"].value for record in found.records)
    assert cubic < 1.2 < brighter
    table = (tmp_path / "out" / "table.md").read_text()
    assert f"brighter on stack (seed 0): consistency is {brighter:.2f}, above its limit of 1.2" in table
    assert "cubic on stack (seed 0): consistency" not in table
    assert f"**{cubic:.2f}**" not in table
