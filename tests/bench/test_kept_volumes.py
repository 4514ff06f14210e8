"""Jobs keep their reconstructions where that is asked for, and tell their digests in any case."""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import a2ibench
from a2ibench.bench.options import RunOptions
from a2ibench.bench.plan import plan_run
from a2ibench.bench.record import load_record
from a2ibench.bench.run_file import read_run_file
from a2ibench.data.formats import open_lazy

pytestmark = pytest.mark.usefixtures("quick_jobs")

JOB = "full--nearest--s0"


@pytest.fixture
def run(probe: Path, catalogue: Path, tmp_path: Path) -> Callable[..., Path]:
    def run(**options: Any) -> Path:
        common = {"profile": "smoke", "executor": "inline", "reporters": "none", "metrics": ["spread"]}
        a2ibench.run("nearest", "full", catalogue=catalogue, out=tmp_path / "run", **common | options)
        return tmp_path / "run" / "jobs" / JOB

    return run


def fits(probe: Path) -> int:
    return (probe / "fits.txt").read_text().count("Nearest")


def test_a_volume_is_kept_with_its_voxel_size_and_history(run: Callable[..., Path], catalogue: Path) -> None:
    folder = run(keep_volumes=True)
    record = load_record(folder)
    told = record.provenance["reconstruction"]
    volume = a2ibench.open_volume(folder / "volume.ome.zarr")
    assert hashlib.sha256(np.ascontiguousarray(volume.data)).hexdigest() == told["sha256"]
    assert (list(volume.shape), volume.data.dtype.name) == (told["shape"], told["dtype"])
    assert list(volume.voxel_size) == record.provenance["dataset"]["voxel_size"]
    import zarr

    history = dict(zarr.open_group(folder / "volume.ome.zarr", mode="r").attrs)
    assert '"nearest"' in str(history).replace("'", '"')
    assert "volume.ome.zarr" in (record.files or {})


def test_the_digest_is_told_and_the_identity_the_same_without_a_volume(
    run: Callable[..., Path], catalogue: Path
) -> None:
    folder = run()
    assert not (folder / "volume.ome.zarr").exists()
    assert load_record(folder).provenance["reconstruction"]["dtype"] == "uint8"
    plans = [plan_run(RunOptions("nearest", "full", catalogue=catalogue, keep_volumes=k)) for k in (0, 1)]
    assert plans[0].identity() == plans[1].identity()


def test_a_job_runs_again_only_where_its_volume_is_asked_for_and_not_there(
    run: Callable[..., Path], probe: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = run()
    with caplog.at_level(logging.WARNING):
        run(keep_volumes=True)
    assert fits(probe) == 2
    assert f"{JOB}: its volume was not kept; the job runs again" in caplog.text
    run(keep_volumes=True)
    run()
    assert fits(probe) == 2
    shutil.rmtree(folder / "volume.ome.zarr")
    run()
    assert fits(probe) == 2
    run(keep_volumes=True)
    assert fits(probe) == 3


def test_a_volume_that_was_changed_is_damage(run: Callable[..., Path], probe: Path) -> None:
    folder = run(keep_volumes=True)
    chunk = max(
        (folder / "volume.ome.zarr").rglob("*"), key=lambda path: path.stat().st_size * path.is_file()
    )
    chunk.write_bytes(chunk.read_bytes()[:-1] + b"?")
    run(keep_volumes=True)
    assert fits(probe) == 2
    with open_lazy(folder / "volume.ome.zarr") as volume:
        assert volume.shape[1:] == (20, 16)


def test_a_skipped_job_has_no_volume_to_keep(probe: Path, catalogue: Path, tmp_path: Path) -> None:
    for _ in range(2):
        a2ibench.run("skips", "thin", catalogue=catalogue, profile="smoke", executor="inline",
                     reporters="none", keep_volumes=True, out=tmp_path / "run")  # fmt: skip
    record = tmp_path / "run/jobs/thin--skips--s0/record.json"
    before = record.stat().st_mtime_ns
    a2ibench.run("skips", "thin", catalogue=catalogue, profile="smoke", executor="inline",
                 reporters="none", keep_volumes=True, out=tmp_path / "run")  # fmt: skip
    assert record.stat().st_mtime_ns == before


def test_a_run_file_may_ask_for_volumes(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text("keep_volumes = true\n")
    assert read_run_file(file).options == {"keep_volumes": True}
    file.write_text("keep_volumes = 1\n")
    with pytest.raises(ValueError, match="keep_volumes is 1; give true or false"):
        read_run_file(file)
    file.write_text("remove = 'cubic'\n")
    with pytest.raises(ValueError, match="remove cannot be in a file; every run of it would remove them"):
        read_run_file(file)
