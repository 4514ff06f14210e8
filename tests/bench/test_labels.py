"""Labels of datasets reach the metrics that look at them, and change nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import a2ibench
from a2ibench import DatasetSpec, Simulation
from a2ibench.bench.cache_key import job_key
from a2ibench.bench.job import Job, dataset_from_dict, dataset_identity, dataset_to_dict
from a2ibench.bench.provenance import describe_voxels
from a2ibench.contracts import Budget
from a2ibench.data.phantom import phantom, phantom_labels
from a2ibench.metrics.segmentation import agreement_of, contrast_of, pieces
from a2ibench.metrics.segmenter import segment

SIZE, SEED, NM = 50, 55, (15.0,) * 3
GENERATED = DatasetSpec("p", "P", NM, phantom={"size": SIZE, "seed": SEED}, simulate=Simulation(3.0))


def test_a_run_scores_against_labels_and_the_record_says_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path / "cache"))
    labels = phantom_labels(SIZE, SEED)
    tifffile.imwrite(tmp_path / "grey.tif", phantom(SIZE, SEED), photometric="minisblack")
    tifffile.imwrite(tmp_path / "labels.tif", labels.astype(np.uint16), photometric="minisblack")
    (tmp_path / "c.toml").write_text(
        f"[drawn]\nphantom = {{size = {SIZE}, seed = {SEED}}}\nlabels = true\n"
        "voxel_size = [15, 15, 15]\nsimulate = {ratio = 3.0}\n"
        '[read]\npath = "grey.tif"\nlabels = "labels.tif"\n'
        "voxel_size = [15, 15, 15]\nsimulate = {ratio = 3.0}\n"
        '[bare]\npath = "grey.tif"\nvoxel_size = [15, 15, 15]\nsimulate = {ratio = 3.0}\n'
        '[gone]\npath = "grey.tif"\nlabels = "gone.tif"\n'
        "voxel_size = [15, 15, 15]\nsimulate = {ratio = 3.0}\n"
    )
    options: dict[str, Any] = {"profile": "smoke", "executor": "inline", "reporters": [], "device": "cpu"}
    out = tmp_path / "run"
    a2ibench.run(
        "cubic",
        "all",
        catalogue=tmp_path / "c.toml",
        metrics="voi,arand,psnr",
        keep_volumes=True,
        out=out,
        **options,
    )
    drawn, read, bare, gone = a2ibench.read_run(out).records
    assert gone.error is not None
    assert gone.error.message.endswith("gone.tif, which is no file; correct it in the catalogue")
    assert drawn.metrics == read.metrics != bare.metrics
    assert drawn.metrics["psnr"] == bare.metrics["psnr"]

    cut = labels[:48]
    result = a2ibench.open_volume(out / "jobs" / "drawn--cubic--s0" / "volume.ome.zarr").data
    found = agreement_of(pieces(cut), segment(result, 15.0, contrast_of(phantom(SIZE, SEED)[:48])))
    assert drawn.metrics["voi"].value == pytest.approx(found.voi)
    assert drawn.metrics["arand"].value == pytest.approx(found.arand)
    assert drawn.provenance["dataset"]["labels"] == describe_voxels(cut)
    assert "labels" not in bare.provenance["dataset"]


def test_labels_are_no_part_of_what_is_compared() -> None:
    named = replace(GENERATED, labels=True)
    assert dataset_identity(named) == dataset_identity(GENERATED)
    assert not {"labels", "labels_key"} & dataset_identity(named).keys()


def test_labels_come_back_from_json_and_older_runs_have_none(tmp_path: Path) -> None:
    for labels in (False, True, tmp_path / "a.tif"):
        spec = replace(GENERATED, labels=labels, labels_key="cells")
        assert dataset_from_dict(dataset_to_dict(spec)) == spec
    older = dataset_to_dict(GENERATED)
    del older["labels"], older["labels_key"]
    assert dataset_from_dict(older) == GENERATED


def test_the_key_changes_with_labels_that_a_metric_looks_at(tmp_path: Path) -> None:
    path = tmp_path / "labels.tif"
    path.write_bytes(b"one")
    labelled = replace(GENERATED, labels=path)

    def key(spec: DatasetSpec, *metrics: str) -> str:
        return job_key(Job(spec, "cubic", 0, "smoke", Budget(steps=1), metrics=metrics))

    assert key(labelled, "psnr") == key(GENERATED, "psnr")
    before = key(labelled, "psnr", "voi")
    assert before != key(GENERATED, "psnr", "voi")
    path.write_bytes(b"two")
    assert key(labelled, "psnr", "voi") != before
