"""Finished volumes are handed out, checked, scored like any other, and entered as rows of a run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter, shift

import a2ibench
from a2ibench import InputError, UnknownNameError
from a2ibench.bench.gate.baseline import read_outcome, write_baseline
from a2ibench.bench.gate.compare import compare
from a2ibench.bench.options import RunOptions
from a2ibench.bench.plan import plan_run
from a2ibench.bench.provenance import describe_voxels
from a2ibench.bench.run_folder import prepare_run_folder
from a2ibench.data.writing.whole import write_whole
from a2ibench.protocol.intensity import quantise

pytestmark = pytest.mark.usefixtures("quick_jobs")

COMMON: dict[str, Any] = {"profile": "smoke", "executor": "inline", "metrics": ["psnr", "ssim"]}
COMMON |= {"reporters": ["tables"]}


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    grey = gaussian_filter(np.random.default_rng(0).normal(size=(40, 36, 32)), 1.2)
    data = np.rint(np.interp(grey, (grey.min(), grey.max()), (0, 255))).astype(np.uint8)
    tifffile.imwrite(folder / "full.tif", data)
    tifffile.imwrite(folder / "thin.tif", data[1::3])
    tifffile.imwrite(folder / "wide.tif", (data.astype(np.uint16) * 16)[1::3])
    file = folder / "datasets.toml"
    file.write_text(
        "[full]\npath = 'full.tif'\nvoxel_size = [5, 5, 5]\nsimulate = {ratio = 2.5}\n"
        "[thin]\npath = 'thin.tif'\nvoxel_size = [15, 5, 5]\n"
        "[wide]\npath = 'wide.tif'\nvoxel_size = [15, 5, 5]\n"
    )
    return file


@pytest.fixture(scope="module")
def made(catalogue: Path) -> Path:
    """The folder of a run with the volumes of cubic interpolation, which stays as it is."""
    a2ibench.run("cubic", ["full", "thin", "wide"], catalogue=catalogue, keep_volumes=True,
                 out=catalogue.parent / "run", **COMMON)  # fmt: skip
    return catalogue.parent / "run"


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    """A copy of that folder."""
    return Path(shutil.copytree(made, tmp_path / "run"))


def kept(run: Path, dataset: str = "full") -> np.ndarray:
    data: np.ndarray = a2ibench.open_volume(run / f"jobs/{dataset}--cubic--s0/volume.ome.zarr").data
    return data


def test_what_is_handed_out_is_what_methods_see(catalogue: Path) -> None:
    volume, reference = a2ibench.simulate("full", catalogue=catalogue)
    assert (volume.shape, reference.shape) == ((16, 36, 32), (40, 36, 32))
    assert (volume.voxel_size, reference.voxel_size) == ((12.5, 5, 5), (5, 5, 5))
    np.testing.assert_array_equal(reference.data, tifffile.imread(catalogue.parent / "full.tif"))
    slab = reference.data[:2].sum(axis=0) + reference.data[2].astype(float) / 2
    assert np.abs(volume.data[0] - slab / 2.5).max() <= 0.5 + 1e-6
    same, _ = a2ibench.simulate(catalogue.parent / "full.tif", ratio=2.5, voxel_size="5nm,5nm,5nm")
    np.testing.assert_array_equal(same.data, volume.data)
    with pytest.raises(InputError, match="thin: simulates no input"):
        a2ibench.simulate("thin", catalogue=catalogue)


@pytest.mark.parametrize("dataset", ["full", "thin", "wide"])
def test_the_same_voxels_score_the_same_as_the_job(run: Path, dataset: str) -> None:
    (row,) = [record for record in a2ibench.read_run(run).records if record.dataset == dataset]
    place = run / f"jobs/{dataset}--cubic--s0/volume.ome.zarr"
    record = a2ibench.score(place, dataset, name="again", into=run, software="cp", seconds=2)
    assert record.metrics == row.metrics
    assert record.provenance["reconstruction"] == row.provenance["reconstruction"]
    assert record.provenance["dataset"] == row.provenance["dataset"]
    assert record.external is not None
    assert (record.external["software"], record.external["seconds"]) == ("cp", 2.0)
    assert (record.timings, record.external["file"]) == ({}, "volume.ome.zarr")
    files = run / f"jobs/{dataset}--again--s0"
    for name in ("slices.npz", "scores.npz"):
        if (run / f"jobs/{dataset}--cubic--s0" / name).exists():
            ours, theirs = np.load(files / name), np.load(run / f"jobs/{dataset}--cubic--s0" / name)
            assert all(np.array_equal(ours[key], theirs[key]) for key in theirs)


def test_arrays_floats_and_wider_integers_are_the_same_volume(run: Path, catalogue: Path) -> None:
    data = kept(run)
    truth = a2ibench.score(data, "full", catalogue=catalogue).metrics
    for other in (data.astype(np.uint16), data.astype(np.float32) + 0.25, data.astype(np.int32)):
        assert a2ibench.score(other, "full", catalogue=catalogue).metrics == truth
    volume = a2ibench.Volume(data, (5.0, 5.0, 5.0), (0.0, 255.0))
    assert a2ibench.score(volume, "full", catalogue=catalogue).metrics == truth


def test_floats_are_rounded_as_those_of_methods(run: Path, catalogue: Path) -> None:
    handed, _ = a2ibench.simulate("full", catalogue=catalogue)
    levels = np.clip(kept(run) + np.random.default_rng(0).integers(0, 4, (40, 36, 32)) / 4, 0, 255)
    result = a2ibench.normalise(levels, handed)
    record = a2ibench.score(levels, "full", catalogue=catalogue)
    assert record.provenance["reconstruction"] == describe_voxels(quantise(result, handed))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda data: data[:-1], r"shape is \(39, 36, 32\), not \(40, 36, 32\).*ratio 2.5 has 40.*so 1 more"),
        (lambda data: data[:16], "that is the input, before reconstruction"),
        (lambda data: data.transpose(2, 1, 0), r"are its axes \(x, y, z\)\? Write them as \(z, y, x\)"),
        (lambda data: data[:, :9], r"shape is \(40, 9, 32\)"),
        (lambda data: data[None], "give .z, y, x. grey levels"),
        (lambda data: data / 255, "most of its grey levels lie in"),
        (lambda data: data.astype(int) - 128, "lie outside .0, 255., the grey levels of the dataset"),
        (lambda data: np.where(data == data[0, 0, 0], np.nan, data), "holds NaN or infinite voxels"),
        (lambda data: data[::-1], "beside the reference, it fits best flipped along z"),
        (
            lambda data: shift(data.astype(np.float32), (-0.5, 0, 0), mode="nearest"),
            r"0\.[45]\d voxels too low along z: .* sits at .*\(k \+ 0.5\) / 2.5 - 0.5.*allow_shift=True",
        ),
    ],
)
def test_what_is_no_reconstruction_is_refused_by_name(
    run: Path, change: Callable[[np.ndarray], np.ndarray], problem: str
) -> None:
    before = sorted(run.rglob("*"))
    with pytest.raises(InputError, match=problem):
        a2ibench.score(change(kept(run)), "full", name="other", into=run)
    assert sorted(run.rglob("*")) == before


def test_without_reference_a_volume_is_held_against_its_input(run: Path) -> None:
    moved = shift(kept(run, "thin").astype(np.float32), (0, 1, 0), mode="nearest")
    with pytest.raises(InputError, match=r"beside the interpolated input.* too high along y"):
        a2ibench.score(moved, "thin", name="other", into=run)


def test_a_voxel_size_that_is_stated_must_be_the_right_one(run: Path, tmp_path: Path) -> None:
    write_whole(tmp_path / "coarse.tif", kept(run), (12.5, 5.0, 5.0))
    with pytest.raises(InputError, match=r"voxel size is \(12.5, 5, 5\) nm, not 5 .*that is the input's"):
        a2ibench.score(tmp_path / "coarse.tif", "full", into=run, name="other")


def test_a_shift_that_is_allowed_stands_in_record_and_table(run: Path) -> None:
    moved = shift(kept(run).astype(np.float32), (1.0, 0, 0), mode="nearest")
    record = a2ibench.score(moved, "full", name="moved", into=run, allow_shift=True)
    assert record.external is not None
    assert record.external["shift"][0] == pytest.approx(1, abs=0.1)
    assert "too high along z" in record.external["allowed"]
    assert "entered although its content lies 1.0" in (run / "table.md").read_text()


def test_a_row_is_marked_kept_and_never_run(run: Path, catalogue: Path, tmp_path: Path) -> None:
    a2ibench.score(kept(run), "full", name="mine", into=run, software="IMOD", software_version="4.12")
    text = (run / "table.md").read_text()
    assert "| mine (external) |" in text
    assert "mine on full: external: a finished volume of IMOD 4.12" in text
    before = (run / "jobs/full--mine--s0/record.json").read_bytes()
    frame = a2ibench.run("cubic", ["full", "thin", "wide"], catalogue=catalogue, keep_volumes=True,
                         out=run, **COMMON)  # fmt: skip
    assert list(frame.method) == ["cubic", "mine", "cubic", "cubic"]
    assert (run / "jobs/full--mine--s0/record.json").read_bytes() == before
    baseline = write_baseline(run, "with", tmp_path)
    assert compare(read_outcome(run), read_outcome(baseline)).ok
    outcome = read_outcome(baseline).jobs["full", "mine", 0]
    assert (outcome.information["plugin"], outcome.timings) == ("external: IMOD 4.12", {})
    # Nothing else takes its place, and its dataset stays what it is.
    a2ibench.run(remove="full--cubic--s0", out=run, reporters="none")
    assert a2ibench.read_run(run).datasets == ("full", "thin", "wide")
    taken = {"mine": {"method": "cubic", "a": -1.0}}
    with pytest.raises(InputError, match="full--mine--s0 is a finished volume that was entered"):
        a2ibench.run("cubic", "full", variants=taken, catalogue=catalogue, out=run, **COMMON)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"name": "cubic"}, "name: cubic is a registered method; choose another name"),
        ({"name": "Bad name"}, "name: 'Bad name': bad name"),
        ({"name": None}, "name: none is given"),
        ({"seconds": -1}, "seconds: got -1"),
        ({"dataset": "ful"}, "has no such row: unknown dataset 'ful'; did you mean 'full'"),
        ({"into": "nowhere"}, "into: nowhere holds no run that can be read"),
        ({"volume": "gone.tif"}, "gone.tif"),
    ],
)
def test_what_a_run_cannot_have_is_refused(run: Path, given: dict[str, Any], problem: str) -> None:
    options = {"volume": kept(run), "dataset": "full", "name": "mine", "into": run, **given}
    with pytest.raises((InputError, OSError), match=problem):
        a2ibench.score(options.pop("volume"), options.pop("dataset"), **options)
    a2ibench.score(kept(run), "full", name="mine", into=run)
    with pytest.raises(InputError, match=r"has a row mine of full; .* take full--mine--s0 out of"):
        a2ibench.score(kept(run), "full", name="mine", into=run)


def test_data_and_definitions_must_be_those_of_the_run(run: Path, catalogue: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text(catalogue.read_text().replace("ratio = 2.5", "ratio = 4.0"))
    with pytest.raises(InputError, match=r"another definition of full \(simulate there"):
        a2ibench.score(kept(run), "full", name="mine", into=run, catalogue=other)
    data, file = kept(run), catalogue.parent / "full.tif"
    before = file.read_bytes()
    changed = tifffile.imread(file)
    changed[0, 0, 0] ^= 1
    tifffile.imwrite(file, changed)
    try:
        with pytest.raises(InputError, match=r"rows of full in .* are of other data \(sha256 there"):
            a2ibench.score(data, "full", name="mine", into=run)
    finally:
        file.write_bytes(before)
    with pytest.raises(UnknownNameError):
        a2ibench.score(data, "nothing", catalogue=catalogue)


def test_a_variant_and_a_job_that_is_planned_keep_their_names(catalogue: Path, run: Path) -> None:
    rows = {"sharp": {"method": "cubic", "a": -1.0}}
    plan = plan_run(RunOptions("cubic", "thin", variants=rows, catalogue=catalogue, profile="smoke",
                               metrics=["psnr", "ssim"]))  # fmt: skip
    prepare_run_folder(replace(plan, executor="inline"), run)
    with pytest.raises(InputError, match="has rows of sharp already"):
        a2ibench.score(kept(run), "full", name="sharp", into=run)


def test_an_entry_that_is_killed_is_made_again(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from a2ibench.bench import entry

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(entry, "write_record", killed)
        with pytest.raises(KeyboardInterrupt):
            a2ibench.score(kept(run), "full", name="mine", into=run)
    assert (run / "jobs/full--mine--s0/slices.npz").exists()
    assert len(a2ibench.read_run(run).records) == 3
    a2ibench.score(kept(run), "full", name="mine", into=run)
    assert len(a2ibench.read_run(run).records) == 4
    content = json.loads((run / "jobs/full--mine--s0/record.json").read_text())
    assert content["provenance"]["external"]["allowed"] is None
