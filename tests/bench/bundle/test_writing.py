"""Bundles as they are written."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import pytest

from a2ibench.bench.bundle.checks import check_bundle
from a2ibench.bench.bundle.reading import opened
from a2ibench.bench.bundle.writing import write_bundle
from a2ibench.errors import InputError
from a2ibench.metrics.fsc import crossing

JOB = "tiny--cubic--s0"
RECORD = f"jobs/{JOB}/record.json"
SCORES = f"jobs/{JOB}/scores.npz"


def test_the_same_run_gives_the_same_bytes(run: Path, bundle: Path, tmp_path: Path) -> None:
    (run / "jobs" / JOB / "record.json").touch()
    (run / "report.html").write_text("whatever reporters write")
    assert write_bundle(run, tmp_path / "again.zip").read_bytes() == bundle.read_bytes()
    with zipfile.ZipFile(bundle) as archive:
        names = archive.namelist()
        assert {one.date_time for one in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert names == sorted(names) == [RECORD, SCORES, "manifest.json", "run.json"]


def test_the_manifest_has_the_checksum_of_every_member_and_output(
    run: Path, bundle: Path, members_of
) -> None:
    members = members_of(bundle)
    manifest = json.loads(members.pop("manifest.json"))
    assert manifest["members"] == {
        name: hashlib.sha256(content).hexdigest() for name, content in members.items()
    }
    told = json.loads((run / "jobs" / JOB / "record.json").read_bytes())
    output = manifest["outputs"][JOB]
    assert output["files"] == told["files"]
    assert {"scores.npz", "slices.npz", "volume.ome.zarr"} <= output["files"].keys()
    assert output["reconstruction"]["sha256"] == told["provenance"]["reconstruction"]["sha256"]
    assert manifest["plugins"] == {"a2ibench": [told["provenance"]["version"]]}
    assert manifest["environment"]["libraries"]["numpy"]


def test_curves_of_metrics_are_among_the_scores_and_pass_the_checks(bundle: Path) -> None:
    with opened(bundle) as found:
        assert check_bundle(found) == []
        (record,) = found.run.records
        curve = found.run.scores_of(record).curves["fsc_axial"]["axial"]
        below = crossing(curve.x, curve.y, 1 / 2)
    assert record.metrics["fsc_axial"].value == pytest.approx(1 / below, rel=1e-6)


def test_a_damaged_record_is_refused_by_name(run: Path) -> None:
    record = run / "jobs" / JOB / "record.json"
    record.write_text(record.read_text().replace('"seed": 0', '"seed": 1', 1))
    with pytest.raises(InputError, match=rf"{JOB}/record.json: is damaged or was edited"):
        write_bundle(run)


def test_scores_of_another_reconstruction_are_refused_by_name(run: Path) -> None:
    (run / "jobs" / JOB / "scores.npz").write_bytes(b"others")
    with pytest.raises(InputError, match=rf"{JOB}/scores.npz: is missing, or not what"):
        write_bundle(run)


def test_a_run_none_of_whose_jobs_ended_has_no_bundle(run: Path) -> None:
    (run / "jobs" / JOB / "record.json").unlink()
    with pytest.raises(InputError, match="no job of this run has ended"):
        write_bundle(run)


def test_nothing_but_a_bundle_is_replaced(run: Path, bundle: Path) -> None:
    assert write_bundle(run, bundle) == bundle  # the same again
    other = bundle.with_name("other.zip")
    other.write_bytes(b"dear diary")
    with pytest.raises(InputError, match="exists already"):
        write_bundle(run, other)
    with pytest.raises(InputError, match="is no bundle, so it is not replaced"):
        write_bundle(run, other, force=True)
    (run / "run.json").write_text((run / "run.json").read_text() + "\n")
    with pytest.raises(InputError, match="exists already"):
        write_bundle(run, bundle)
    assert write_bundle(run, bundle, force=True) == bundle


def test_it_lies_beside_the_folder_by_default(run: Path) -> None:
    assert write_bundle(run) == run.with_name("run.zip")
