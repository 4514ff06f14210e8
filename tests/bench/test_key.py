from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from a2ibench.bench import cache_key, code_digest
from a2ibench.bench.cache_key import ingredients, job_key, metric_versions
from a2ibench.bench.job import Job
from a2ibench.contracts import Budget, DatasetSpec, Simulation
from a2ibench.registry import host

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
def site_apart(install_plugin: Callable[..., Any]) -> Path:
    return Path(install_plugin("keyed", PLUGIN, files=FILES).locate_file(""))


@pytest.fixture
def site(together: None, site_apart: Path) -> Path:
    return site_apart


def test_the_key_changes_with_what_the_job_is(site: Path) -> None:
    jobs = [
        JOB,
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
    ]
    assert len(set(map(job_key, jobs))) == len(jobs)


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


def test_the_key_changes_with_the_version_of_a_metric(
    site_apart: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_key, "code_digest", lambda registered: "the same")
    before = job_key(JOB)
    (site_apart / "keyed/metric.py").write_text("class Scored:\n    version = 5\n")
    host.cache_clear()
    assert job_key(JOB) != before


def test_a_metric_that_cannot_be_imported_has_no_version(site: Path) -> None:
    versions = metric_versions(("scored", "lost"))
    assert versions["scored"][1] == 4
    assert versions["lost"] is None


@pytest.mark.parametrize("name", ["PROTOCOL_VERSION", "__version__"])
def test_the_key_changes_with_releases(site: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    before = job_key(JOB)
    monkeypatch.setattr(cache_key, name, "next")
    assert job_key(JOB) != before


def test_the_key_holds_library_versions(site: Path) -> None:
    assert set(ingredients(JOB)["libraries"]) == {"torch", "numpy", "timm"}


@pytest.mark.parametrize("told", [None, hashlib.sha256(b"1234").hexdigest()])
def test_a_file_counts_by_its_content_alone(site: Path, tmp_path: Path, told: str | None) -> None:
    file = tmp_path / "v.tif"
    file.write_bytes(b"1234")
    os.utime(file, ns=(1, 1))
    job = replace(JOB, dataset=DatasetSpec("d", "D", (3.0, 1.0, 1.0), path=file, sha256=told))
    before = job_key(job)
    os.utime(file, ns=(2, 2))
    assert job_key(job) == before
    file.write_bytes(b"1324")
    os.utime(file, ns=(1, 1))
    assert job_key(job) != before


@pytest.mark.parametrize("name", ["z/0/0", "slice_1.tif"])
def test_a_folder_counts_by_the_content_of_every_member(site: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "volume"
    for one in ("z/0/0", "z/0/1", "slice_1.tif"):
        (folder / one).parent.mkdir(parents=True, exist_ok=True)
        (folder / one).write_bytes(b"abc")
    job = replace(JOB, dataset=DatasetSpec("d", "D", (3.0, 1.0, 1.0), path=folder))
    before = job_key(job)
    member = folder / name
    times = member.stat()
    member.write_bytes(b"abd")
    os.utime(member, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert job_key(job) != before


@pytest.mark.parametrize("value", ["{}", "blur:kernel={},width=2"])
def test_files_that_settings_name_count_by_content(site: Path, tmp_path: Path, value: str) -> None:
    file = tmp_path / "weights.bin"
    file.write_bytes(b"1")
    settings: dict[str, Any] = {"weights": value.format(file), "gain": 2, "mode": "none"}
    simulate = Simulation(3.0, options={"psf": str(file)})
    for job in (
        replace(JOB, settings=settings),
        replace(JOB, settings=settings | {"weights": str(tmp_path)}),
        replace(JOB, dataset=replace(SPEC, simulate=simulate)),
    ):
        before = job_key(job)
        file.write_bytes(b"2")
        assert job_key(job) != before
        file.write_bytes(b"1")
        assert job_key(job) == before


def test_texts_that_are_no_files_do_no_harm(site: Path) -> None:
    texts = ["\0", "x" * 5000, "~nobody-of-this-name/x", "/", ".", "", "a:b"]
    keys = {job_key(replace(JOB, settings={"text": text})) for text in texts}
    assert len(keys | {job_key(JOB)}) == len(texts) + 1


def test_the_key_changes_with_every_file_of_the_plugins_package(site: Path) -> None:
    keys = [job_key(JOB)]
    for name in ("weights.npz", "data/table.csv", "deep/module.py", "metric.py"):
        file = site / "keyed" / name
        file.parent.mkdir(exist_ok=True)
        for text in ("1", "2"):
            file.write_text(text)
            keys.append(job_key(JOB))
    assert len(set(keys)) == len(keys)


def test_code_of_a2ibench_that_a_plugin_imports_counts(
    site: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    content = code_digest._content
    window_attention = "a2ibench/layers/window_attention.py"

    def edited(file: Path, number: int) -> str:
        return "edited" if file.as_posix().endswith(window_attention) else content(file, number)

    for method, stale in (("class Keyed: pass\n", False), ("from a2ibench import to_map\n", True)):
        (site / "keyed" / "method.py").write_text(method)
        before = job_key(JOB)
        with monkeypatch.context() as changed:
            changed.setattr(code_digest, "_content", edited)
            assert (job_key(JOB) != before) == stale


def test_bytecode_and_caches_of_a_package_play_no_part(site: Path) -> None:
    before = job_key(JOB)
    for name in ("__pycache__/x.cpython-311.pyc", ".git/index", "x.pyc", ".DS_Store"):
        (site / "keyed" / name).parent.mkdir(exist_ok=True)
        (site / "keyed" / name).write_text("x")
    assert job_key(JOB) == before


def test_other_modules_of_the_distribution_count(install_plugin: Callable[..., Any]) -> None:
    site = Path(install_plugin("keyed", PLUGIN, files=FILES).locate_file(""))
    (info,) = site.glob("*.dist-info")
    (site / "keyed_helpers").mkdir()
    helper = site / "keyed_helpers" / "__init__.py"
    single = site / "keyed_tables.py"
    for file in (helper, single):
        file.write_text("x = 1\n")
        with (info / "RECORD").open("a") as record:
            record.write(f"{file.relative_to(site)},,\n")
    for file in (helper, single):
        before = job_key(JOB)
        file.write_text("x = 2\n")
        assert job_key(JOB) != before


@pytest.mark.parametrize("how", ["pth", "finder", "top_level"])
def test_modules_of_a_project_installed_in_place_count(
    install_plugin: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    project = tmp_path / "project" / "src"
    (project / "keyed").mkdir(parents=True)
    (project / "keyed_more").mkdir()
    for name, text in {"__init__.py": PLUGIN, **FILES}.items():
        (project / "keyed" / name).write_text(text)
    more = project / "keyed_more" / "__init__.py"
    more.write_text("x = 1\n")
    site = Path(install_plugin("keyed", PLUGIN, files=FILES).locate_file(""))
    shutil.rmtree(site / "keyed")
    (info,) = site.glob("*.dist-info")
    table = f"MAPPING: dict[str, str] = {{'keyed_more': {str(more)!r}}}\n"
    listed = {
        "pth": ("_keyed.pth", f"{project}\n"),
        "finder": ("__editable___keyed_finder.py", table),
        "top_level": (f"{info.name}/top_level.txt", "keyed\nkeyed_more\n"),
    }[how]
    (site / listed[0]).write_text(listed[1])
    (info / "RECORD").write_text(f"{listed[0]},,\n")
    monkeypatch.syspath_prepend(str(project))
    before = job_key(JOB)
    more.write_text("x = 2\n")
    assert job_key(JOB) != before


def test_code_beside_a_metric_counts(site: Path, tmp_path: Path) -> None:
    job = replace(JOB, method="cubic", metrics=("scored",))
    before = job_key(job)
    (site / "keyed" / "tables.json").write_text("{}")
    assert job_key(job) != before


def test_a_file_with_checksum_counts_by_it_wherever_it_lies(site: Path) -> None:
    spec = DatasetSpec("d", "D", (3.0, 1.0, 1.0), path=Path("/a/v.tif"), sha256="0" * 64)
    moved = replace(spec, path=Path("/b/v.tif"))
    changed = replace(spec, sha256="1" * 64)
    keys = [job_key(replace(JOB, dataset=dataset)) for dataset in (spec, moved, changed)]
    assert keys[0] == keys[1] != keys[2]
