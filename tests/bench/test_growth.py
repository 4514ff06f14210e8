"""A run grows by methods, datasets and seeds, refuses what would change its meaning, and rows leave it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile

import a2ibench
from a2ibench.bench import run_folder
from a2ibench.bench.benchmark import benchmark
from a2ibench.bench.forecast import forecast
from a2ibench.bench.gate.baseline import write_baseline
from a2ibench.bench.gate.records import places_of
from a2ibench.bench.growth import RunPlan
from a2ibench.bench.options import RunOptions, asks_for_jobs
from a2ibench.bench.plan import Plan, plan_run
from a2ibench.bench.run_folder import check_run_folder, prepare_run_folder
from a2ibench.errors import InputError

pytestmark = pytest.mark.usefixtures("quick_jobs")

Run = Callable[..., pd.DataFrame]
SHARP, SOFT, FLAT, STEEP = ({"method": "cubic", "a": a} for a in (-1.0, -0.25, 0.0, -0.75))
VARIANTS = {"sharp": SHARP, "soft": SOFT, "flat": FLAT, "steep": STEEP}
TIMES = r"_seconds|voxels_per_second"


@pytest.fixture
def volumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path / "cache"))
    draw = np.random.default_rng(0)
    tables = []
    for name in ("a", "b", "c"):
        tifffile.imwrite(tmp_path / f"{name}.tif", draw.integers(0, 256, (24, 20, 16), np.uint8))
        tables.append(f"[{name}]\npath = '{name}.tif'\nvoxel_size = [1, 1, 1]\nsimulate = {{ratio = 2.0}}\n")
    file = tmp_path / "datasets.toml"
    file.write_text("".join(tables))
    return file


@pytest.fixture
def run(volumes: Path, tmp_path: Path) -> Run:
    """Run into the folder "run", or another one; what is not given is cheap."""

    def run(*methods: str, datasets: Any = "a", out: str = "run", **options: Any) -> pd.DataFrame:
        common: dict[str, Any] = {"profile": "smoke", "executor": "inline", "metrics": ["psnr", "ssim"]}
        common |= {"reporters": ["tables"], "catalogue": volumes, "out": tmp_path / out, **options}
        rows = {name: VARIANTS[name] for name in methods if name in VARIANTS}
        variants = {**rows, **options.get("variants", {})} or None
        return a2ibench.run(list(methods) or "all", datasets, **common | {"variants": variants})

    return run


def planned(volumes: Path, *methods: str, **options: Any) -> Plan:
    rows = {name: VARIANTS[name] for name in methods if name in VARIANTS} or None
    given = {"profile": "smoke", "catalogue": volumes, "variants": rows, "datasets": "a", **options}
    return plan_run(RunOptions(list(methods), **given))


def without_times(table: Path) -> pd.DataFrame:
    frame = pd.read_csv(table)
    return frame[[name for name in frame if not pd.Series([name]).str.contains(TIMES).any()]]


def test_four_commands_make_the_table_of_one(run: Run, tmp_path: Path) -> None:
    run("cubic", "sharp")
    first = (tmp_path / "run/jobs/a--sharp--s0/record.json").read_bytes()
    run("soft", datasets=["a", "b"])
    run("steep", "flat", datasets="c")
    everything = ("cubic", "sharp", "soft", "flat", "steep")
    grown = run(*everything, datasets=["a", "b", "c"])
    run(*everything, datasets=["a", "b", "c"], out="whole")
    assert len(grown) == 15
    assert (tmp_path / "run/jobs/a--sharp--s0/record.json").read_bytes() == first
    one, other = (without_times(tmp_path / name / "table.csv") for name in ("run", "whole"))
    assert list(one.method[:5]) == list(everything)
    pd.testing.assert_frame_equal(one, other)
    stored = [json.loads((tmp_path / name / "run.json").read_text()) for name in ("run", "whole")]
    assert stored[0]["fingerprint"] == stored[1]["fingerprint"]
    assert stored[0]["plan"] == stored[1]["plan"]


def test_rows_of_earlier_commands_stay_in_results_and_order(run: Run, tmp_path: Path) -> None:
    run("sharp", datasets="b")
    frame = run("cubic", seeds=[1], metrics=["psnr", "ssim"])
    rows = [("b", "sharp", 0), ("a", "cubic", 1)]
    assert [*zip(frame.dataset, frame.method, frame.seed, strict=True)] == rows
    assert a2ibench.read_run(tmp_path / "run").methods == ("sharp", "cubic")
    # Not all combinations were asked for, and the gate misses none.
    assert places_of(a2ibench.read_run(tmp_path / "run")) == rows
    assert write_baseline(tmp_path / "run", "grown", tmp_path).is_file()


def test_a_folder_of_the_previous_release_is_continued(run: Run, volumes: Path, tmp_path: Path) -> None:
    run("cubic", "sharp")
    file = tmp_path / "run/run.json"
    content = json.loads(file.read_text())
    del content["plan"]["jobs"], content["plan"]["keep_volumes"]
    file.write_text(json.dumps(content))
    before = (tmp_path / "run/jobs/a--cubic--s0/record.json").read_bytes()
    run("soft")
    assert (tmp_path / "run/jobs/a--cubic--s0/record.json").read_bytes() == before
    assert list(RunPlan.read(tmp_path / "run").places()) == ["a--cubic--s0", "a--sharp--s0", "a--soft--s0"]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"profile": "quick"}, r"other profile \(there smoke, now quick\)"),
        ({"metrics": ["psnr"]}, "other installed metrics"),
        ({"settings": ["cubic.a=-0.75"]}, r"other settings \(there none, now cubic.a=-0.75\)"),
    ],
)
def test_what_would_change_the_rows_is_named(
    run: Run, tmp_path: Path, options: dict[str, Any], problem: str
) -> None:
    run("cubic")
    before = (tmp_path / "run/run.json").read_bytes()
    with pytest.raises(InputError, match=problem):
        run("cubic", "soft", datasets=["a", "b"], **options)
    assert (tmp_path / "run/run.json").read_bytes() == before


def test_a_dataset_or_a_variant_of_another_definition_is_refused(
    run: Run, volumes: Path, tmp_path: Path
) -> None:
    run("cubic", "sharp")
    volumes.write_text(volumes.read_text().replace("ratio = 2.0", "ratio = 3.0", 1))
    with pytest.raises(InputError, match=r"other definitions of datasets \(a: simulate there .*3.0"):
        run("soft", datasets=["a", "b"])
    volumes.write_text(volumes.read_text().replace("ratio = 3.0", "ratio = 2.0", 1))
    changed = {"sharp": {"method": "cubic", "a": -2.0}}
    with pytest.raises(
        InputError, match=r"other variants \(there .*sharp.a=-1.0, now .*sharp.a=-2.0.*remove=sharp"
    ):
        run("sharp", variants=changed)
    # Settings of a method that has no row yet change none.
    assert len(run("soft", settings=["soft.a=-0.3"])) == 3


def test_removed_rows_lie_aside_and_never_over_each_other(run: Run, tmp_path: Path) -> None:
    run("cubic", "sharp", datasets=["a", "b"], reporters=["tables", "figures"])
    for number in (1, 2):
        left = run("sharp", datasets="a", remove="sharp")
        assert [*left.method] == ["cubic", "sharp", "cubic"]
        assert (tmp_path / f"run/removed/a--sharp--s0.{number}/record.json").is_file()
    left = run(datasets=None, remove=["b--cubic--s0", "sharp"], profile="quick")
    assert [*zip(left.dataset, left.method, strict=True)] == [("a", "cubic")]
    assert "sharp" not in (tmp_path / "run/table.csv").read_text()
    assert not (tmp_path / "run/figures/b.png").exists()
    stored = RunPlan.read(tmp_path / "run")
    assert (list(stored.places()), stored.identity["methods"]) == (["a--cubic--s0"], ["cubic"])
    assert "sharp" not in str(stored.identity)
    with pytest.raises(InputError, match=r"remove: .*unknown row 'sharp'; known: a--cubic--s0, cubic"):
        run(datasets=None, remove="sharp")
    with pytest.raises(InputError, match=r"remove: .*nothing holds no run; give its folder with out"):
        run("cubic", remove="cubic", out="nothing")
    with pytest.raises(InputError, match=r"out: .* holds no run that can be read"):
        run(datasets=None, remove="cubic", out="nothing")
    with pytest.raises(InputError, match="fresh and remove"):
        run("cubic", remove="cubic", fresh=True)


def test_a_setting_changes_where_its_rows_are_removed(run: Run, tmp_path: Path) -> None:
    before = run("cubic").psnr[0]
    assert run("cubic", settings=["cubic.a=-2.0"], remove="cubic").psnr[0] != before
    assert RunPlan.read(tmp_path / "run").identity["set"] == {"cubic": {"a": -2.0}}


@pytest.mark.parametrize("when", ["before the plan is written", "after the first move"])
def test_a_removal_that_is_killed_is_continued(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    run("cubic", "sharp", "soft")
    if when == "before the plan is written":
        monkeypatch.setattr(run_folder, "write_run", _killed)
    else:
        rename = Path.rename

        def once(self: Path, target: Path) -> Path:
            return _killed() if "soft" in self.name else rename(self, target)

        monkeypatch.setattr(Path, "rename", once)
    with pytest.raises(KeyboardInterrupt):
        run(datasets=None, remove=["sharp", "soft"])
    monkeypatch.undo()
    assert [*run(datasets=None, remove=["sharp", "soft"]).method] == ["cubic"]
    names = sorted(path.name for path in (tmp_path / "run/removed").iterdir())
    assert names == ["a--sharp--s0.1", "a--soft--s0.1"]


def _killed(*_: object) -> Any:
    raise KeyboardInterrupt


def test_a_growth_that_is_killed_is_continued(run: Run, volumes: Path, tmp_path: Path) -> None:
    run("cubic")
    plan = planned(volumes, "soft", metrics=["psnr", "ssim"], datasets=["a", "b"])
    prepare_run_folder(plan, tmp_path / "run")
    assert [*run("sharp").method] == ["cubic", "sharp"]
    check_run_folder(plan, tmp_path / "run", whole=True)
    assert len(run("soft", datasets=["a", "b"])) == 4


def test_what_would_be_done_says_what_stays(run: Run, volumes: Path, tmp_path: Path) -> None:
    run("cubic", "sharp")
    plan = planned(volumes, "cubic", "soft", metrics=["psnr", "ssim"])
    foretold = forecast(plan, tmp_path / "run", remove=["sharp"])
    assert foretold.state == "continued"
    assert {one.job.method: one.action for one in foretold.jobs} == {"cubic": "keep", "soft": "run"}
    assert [(one.method, one.action) for one in foretold.others] == [("sharp", "remove")]
    assert [(one.method, one.action) for one in forecast(plan, tmp_path / "run").others] == [
        ("sharp", "stay")
    ]
    assert (tmp_path / "run/jobs/a--sharp--s0").is_dir()


def test_earlier_rows_are_written_again_where_a_plugin_removes_them(
    run: Run, volumes: Path, tmp_path: Path
) -> None:
    run("cubic", "sharp")

    class Destroying:
        def job_started(self, *_: Any) -> None:
            shutil.rmtree(tmp_path / "run/jobs/a--sharp--s0")
            (tmp_path / "run/run.json").unlink()

        def progress(self, *_: Any) -> None: ...

        def job_finished(self, *_: Any) -> None: ...

        job_cached = job_finished

    plan = replace(planned(volumes, "soft", metrics=["psnr", "ssim"]), executor="inline")
    results = benchmark(plan, out=tmp_path / "run", events=Destroying())
    assert [record.method for record in results.run.records] == ["cubic", "sharp", "soft"]
    assert sum("wrote" in problem for problem in results.problems) == 2
    again = a2ibench.read_run(tmp_path / "run")
    assert (again.methods, len(again.records)) == (("cubic", "sharp", "soft"), 3)


def test_the_exit_tells_of_the_jobs_that_were_asked_for(run: Run, volumes: Path, tmp_path: Path) -> None:
    (tmp_path / "a.tif").rename(tmp_path / "gone.tif")
    assert [*run("cubic").status] == ["error"]
    plan = replace(planned(volumes, "cubic", metrics=["psnr", "ssim"], datasets="b"), executor="inline")
    results = benchmark(plan, out=tmp_path / "run")
    assert not results.failed
    assert [record.status for record in results.run.records] == ["error", "ok"]


@pytest.mark.parametrize(
    "options",
    [{"methods": "cubic"}, {"datasets": "a"}, {"variants": VARIANTS}, {"commands": {}}, {"environments": []}],
)
def test_rows_are_only_removed_where_nothing_is_named(options: dict[str, Any]) -> None:
    assert asks_for_jobs(RunOptions(remove="sharp", **options))
    assert not asks_for_jobs(RunOptions(remove="sharp", profile="quick", seeds=2))
