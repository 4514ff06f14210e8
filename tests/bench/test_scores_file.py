"""scores.npz: what a job keeps of slices and curves, and what is read of it again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from a2ibench.bench.record import Record, write_record
from a2ibench.bench.run import Run
from a2ibench.bench.scores_file import StoredScores, write_scores
from a2ibench.bench.scoring import score
from a2ibench.contracts import Curve
from a2ibench.testing.metrics import context_of, truth, worse

SLICES = {"psnr.xz": np.linspace(20, 30, 7, dtype=np.float32), "psnr.xy": np.zeros(3, np.float32)}
CURVE = Curve(np.array([0.01, 0.02, 0.03]), np.array([1.0, np.nan, 0.1]))


def written(file: Path, **arrays: object) -> bytes:
    np.savez(file, **arrays)
    return file.read_bytes()


def test_slices_and_curves_are_read_as_they_were_written(tmp_path: Path) -> None:
    file = tmp_path / "scores.npz"
    write_scores(file, SLICES, {"a.b": {"axial": CURVE, "lateral": CURVE}})
    found = StoredScores(file.read_bytes())
    assert found.slices.keys() == {"psnr.xz"}
    assert {metric: list(curves) for metric, curves in found.curves.items()} == {"a.b": ["axial", "lateral"]}
    np.testing.assert_array_equal(found.curves["a.b"]["axial"].x, CURVE.x)
    np.testing.assert_allclose(found.curves["a.b"]["lateral"].y, CURVE.y, rtol=1e-7)
    before = file.read_bytes()
    write_scores(file, SLICES, {"a.b": {"axial": CURVE, "lateral": CURVE}})
    assert file.read_bytes() == before


def test_files_of_older_releases_have_no_curves_and_nothing_leaves_no_file(tmp_path: Path) -> None:
    found = StoredScores(written(tmp_path / "old.npz", **SLICES))
    assert (list(found.slices), found.curves) == (["psnr.xz"], {})
    write_scores(tmp_path / "scores.npz", {}, {})
    assert not (tmp_path / "scores.npz").exists()


@pytest.mark.parametrize(
    "arrays",
    [
        {"m.a.x": np.arange(3.0)},
        {"m.a.y": np.arange(3.0)},
        {"m.a.x": np.arange(3.0), "m.a.y": np.arange(4.0)},
        {"m.a.x": np.array([0.0, 2.0, 1.0]), "m.a.y": np.arange(3.0)},
        {"m.a.x": np.array([0.0, np.inf]), "m.a.y": np.arange(2.0)},
        {"m.a.x": np.zeros((2, 2)), "m.a.y": np.zeros((2, 2))},
    ],
)
def test_curves_that_are_none_are_left_out(tmp_path: Path, arrays: dict[str, object]) -> None:
    found = StoredScores(written(tmp_path / "scores.npz", **SLICES, **arrays))
    assert (list(found.slices), found.curves) == (["psnr.xz"], {})


def test_curves_are_kept_where_their_metric_was_computed() -> None:
    reference = truth((24, 32, 28))
    context = context_of(worse(reference, 0.1, 255.0), reference, reference, 255.0, None)
    assert score(("psnr",), context).curves == {}
    scores = score(("psnr", "fsc_axial"), context)
    assert {metric: list(curves) for metric, curves in scores.curves.items()} == {
        "fsc_axial": ["axial", "lateral"]
    }
    assert scores.curves["fsc_axial"]["axial"].y[0] > 0.9


def test_a_run_reads_the_scores_of_a_job_once_and_only_its_own(tmp_path: Path) -> None:
    jobs = [Record("d", method, 0) for method in ("mine", "changed", "none", "older")]
    for job in jobs:
        folder = tmp_path / "jobs" / job.name
        folder.mkdir(parents=True)
        if job.method != "none":
            write_scores(folder / "scores.npz", SLICES, {"m": {"axial": CURVE}})
    records = [write_record(tmp_path / "jobs" / job.name, job) for job in jobs[:3]]
    write_scores(tmp_path / "jobs" / jobs[1].name / "scores.npz", SLICES, {})
    run = Run(tmp_path, records=(*records, jobs[3]))
    mine, changed, none, older = map(run.scores_of, run.records)
    for found in (mine, older):
        assert (list(found.slices), list(found.curves)) == (["psnr.xz"], ["m"])
    for found in (changed, none):
        assert (found.slices, found.curves) == ({}, {})
    run.files_of(run.records[0]).scores.unlink()
    assert run.scores_of(run.records[0]) is mine
