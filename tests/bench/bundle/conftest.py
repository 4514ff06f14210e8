"""A small run, made once, its bundle, and what somebody may do to one."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import a2ibench
from a2ibench.bench.bundle.contents import MANIFEST, as_bytes, manifest_of
from a2ibench.bench.bundle.writing import packed, write_bundle
from a2ibench.bench.record import content_digest
from a2ibench.bench.run import read_run

JOB = "tiny--cubic--s0"
RECORD, SCORES = f"jobs/{JOB}/record.json", f"jobs/{JOB}/scores.npz"
CATALOGUE = """
[tiny]
title = "Tiny phantom"
phantom = {size = 32, seed = 0}
voxel_size = [15.0, 15.0, 15.0]
simulate = {ratio = 4.0, degradation = "slab-average"}
"""
METRICS = "psnr,psnr_xz,ssim,ssim_xy,ssim_3d,haarpsi,gmsd,bias,fsc_axial"

Members = dict[str, bytes]


@pytest.fixture(scope="session")
def finished_run(once: Callable[..., Path]) -> Path:
    """Return the folder of a run of cubic, with its volume; nothing may write into it."""

    def make(folder: Path) -> None:
        catalogue = folder / "datasets.toml"
        catalogue.write_text(CATALOGUE)
        a2ibench.run(
            "cubic", "tiny", catalogue=catalogue, profile="smoke", device="cpu", metrics=METRICS,
            executor="inline", reporters="none", report_planes=0, keep_volumes=True, out=folder / "run",
        )  # fmt: skip

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("A2IBENCH_CACHE", str(once("bundle-cache", lambda folder: None)))
        return once("bundle-run", make) / "run"


@pytest.fixture
def run(finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the run that may be changed."""
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path / "cache"))
    return Path(shutil.copytree(finished_run, tmp_path / "run"))


@pytest.fixture
def bundle(run: Path, tmp_path: Path) -> Path:
    """Return a bundle of the run."""
    return write_bundle(run, tmp_path / "honest.zip")


def members_of(path: Path) -> Members:
    """Return the members of a bundle, read with nothing of the project."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def with_manifest(members: Members, folder: Path) -> Members:
    """Return members with the manifest that follows from them, as a forger would make it."""
    rest = {name: content for name, content in members.items() if name != MANIFEST}
    shutil.rmtree(folder, ignore_errors=True)
    for name, content in rest.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return {MANIFEST: as_bytes(manifest_of(read_run(folder), rest)), **rest}


@pytest.fixture(name="members_of")
def members_of_fixture() -> Callable[[Path], Members]:
    """Return `members_of`."""
    return members_of


@pytest.fixture(name="with_manifest")
def with_manifest_fixture() -> Callable[[Members, Path], Members]:
    """Return `with_manifest`."""
    return with_manifest


@pytest.fixture
def forged(bundle: Path, tmp_path: Path) -> Callable[..., Path]:
    """Return a function that edits record and scores of slices, and makes every digest right again."""

    def forge(
        edit: Callable[[dict[str, Any]], object],
        rows: Callable[[dict[str, Any]], object] = lambda rows: None,
        plan: Callable[[dict[str, Any]], object] = lambda plan: None,
    ) -> Path:
        members = members_of(bundle)
        record, run_json = json.loads(members[RECORD]), json.loads(members["run.json"])
        with np.load(io.BytesIO(members[SCORES])) as stored:
            arrays = dict(stored)
        rows(arrays)
        stream = io.BytesIO()
        np.savez_compressed(stream, **arrays)
        members[SCORES] = stream.getvalue()
        record["files"]["scores.npz"] = hashlib.sha256(stream.getvalue()).hexdigest()
        edit(record)
        plan(run_json["plan"])
        members[RECORD] = json.dumps(record | {"digest": content_digest(record)}).encode()
        members["run.json"] = json.dumps(run_json).encode()
        path = tmp_path / "forged.zip"
        path.write_bytes(packed(with_manifest(members, tmp_path / "forger")))
        return path

    return forge
