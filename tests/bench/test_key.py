from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from a2ibench.bench import key
from a2ibench.bench.key import ingredients, job_key, metric_versions
from a2ibench.bench.specs import Job
from a2ibench.contracts import Budget, DatasetSpec, Simulation
from a2ibench.plugins import host

PLUGIN = """
from a2ibench import MethodSpec, MetricSpec, hookimpl

@hookimpl
def a2ibench_register_methods(register):
    register(MethodSpec(name="keyed", target="keyed.method:Keyed", summary="nothing"))

@hookimpl
def a2ibench_register_metrics(register):
    register(MetricSpec(name="scored", target="keyed.metric:Scored", summary="nothing"))
    register(MetricSpec(name="lost", target="keyed.nowhere:Lost", summary="nothing"))
"""
FILES = {"method.py": "class Keyed: pass\n", "metric.py": "class Scored:\n    version = 4\n"}
SPEC = DatasetSpec("d", "D", (3.0, 1.0, 1.0), phantom={"size": 8}, simulate=Simulation(3.0))
JOB = Job(SPEC, "keyed", 0, "smoke", Budget(steps=1), metrics=("scored", "lost"))


@pytest.fixture
def site(install_plugin: Callable[..., Any]) -> Path:
    return Path(install_plugin("keyed", PLUGIN, files=FILES).locate_file(""))


@pytest.mark.parametrize(
    "other",
    [
        replace(JOB, settings={"width": 3}),
        replace(JOB, seed=1),
        replace(JOB, profile="quick"),
        replace(JOB, budget=Budget(steps=2)),
        replace(JOB, device="cuda"),
        replace(JOB, precision="bf16"),
        replace(JOB, metrics=("scored",)),
        replace(JOB, dataset=replace(SPEC, phantom={"size": 9})),
        replace(JOB, dataset=replace(SPEC, simulate=Simulation(4.0))),
        replace(JOB, dataset=replace(SPEC, voxel_size=(2.0, 1.0, 1.0))),
    ],
)
def test_the_key_changes_with_what_the_job_is(site: Path, other: Job) -> None:
    assert job_key(JOB) != job_key(other)


def test_the_key_is_stable_and_blind_to_texts_for_people(site: Path) -> None:
    assert job_key(JOB) == job_key(replace(JOB, dataset=replace(SPEC, title="other", licence="CC0")))


def test_the_key_changes_with_the_version_of_the_distribution(
    site: Path, install_plugin: Callable[..., Any]
) -> None:
    before = job_key(JOB)
    install_plugin("keyed", PLUGIN, version="2.0", files=FILES)
    assert job_key(JOB) != before


def test_the_key_changes_with_the_methods_code(site: Path) -> None:
    before = job_key(JOB)
    (site / "keyed" / "method.py").write_text("class Keyed:\n    better = True\n")
    assert job_key(JOB) != before


def test_the_key_changes_with_the_version_of_a_metric(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = job_key(JOB)
    monkeypatch.setattr(host().load("metric", "scored"), "version", 5)
    assert job_key(JOB) != before


def test_a_metric_that_cannot_be_imported_has_no_version(site: Path) -> None:
    versions = metric_versions(("scored", "lost"))
    assert versions["scored"][1] == 4
    assert versions["lost"] is None


@pytest.mark.parametrize("name", ["PROTOCOL_VERSION", "__version__"])
def test_the_key_changes_with_releases(site: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    before = job_key(JOB)
    monkeypatch.setattr(key, name, "next")
    assert job_key(JOB) != before


def test_the_key_holds_library_versions_and_the_code_of_the_protocol(site: Path) -> None:
    parts = ingredients(JOB)
    assert set(parts["libraries"]) == {"torch", "numpy", "timm"}
    assert all(parts["rooms"])
    assert len(set(parts["rooms"])) == len(parts["rooms"])


def test_a_file_without_checksum_counts_by_size_and_time(site: Path, tmp_path: Path) -> None:
    file = tmp_path / "v.tif"
    file.write_bytes(b"1234")
    job = replace(JOB, dataset=DatasetSpec("d", "D", (3.0, 1.0, 1.0), path=file))
    before = job_key(job)
    os.utime(file, ns=(1, 1))
    assert job_key(job) != before


def test_a_file_with_checksum_counts_by_it_wherever_it_lies(site: Path) -> None:
    spec = DatasetSpec("d", "D", (3.0, 1.0, 1.0), path=Path("/a/v.tif"), sha256="0" * 64)
    moved = replace(spec, path=Path("/b/v.tif"))
    changed = replace(spec, sha256="1" * 64)
    keys = [job_key(replace(JOB, dataset=dataset)) for dataset in (spec, moved, changed)]
    assert keys[0] == keys[1] != keys[2]


def test_a_folder_counts_by_all_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "v.zarr" / "c").mkdir(parents=True)
    (tmp_path / "v.zarr" / "c" / "0").write_bytes(b"x")
    before = key.file_content(tmp_path / "v.zarr")
    (tmp_path / "v.zarr" / "c" / "1").write_bytes(b"x")
    assert len(key.file_content(tmp_path / "v.zarr")) == len(before) + 1
    assert key.file_content(tmp_path / "missing") is None
