"""Settings of metrics: checked before a run, part of its identity by content, told with every score."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import a2ibench
from a2ibench import Record, Score, read_run, registry
from a2ibench.bench.cache_key import job_key
from a2ibench.bench.gate.compare import find_differences
from a2ibench.bench.gate.outcome import Outcome, RunOutcome, parse
from a2ibench.bench.groups import group
from a2ibench.bench.metric_settings import content_of, ready_metrics
from a2ibench.bench.options import RunOptions
from a2ibench.bench.plan import Plan, plan_run
from a2ibench.bench.record import read_record, write_record
from a2ibench.bench.run_file import combined_options, read_run_file
from a2ibench.errors import A2IBenchError, InputError, PluginError
from a2ibench.registry import host

pytestmark = pytest.mark.usefixtures("quick_jobs", "weighing")

PLUGIN = """
from a2ibench import MethodSpec, MetricSpec, hookimpl

@hookimpl
def a2ibench_register_methods(register):
    register(MethodSpec("double", "a2ibench_cubic.method:Cubic", "a method and a metric of one name"))

@hookimpl
def a2ibench_register_metrics(register):
    for name, target in {"weighed": "Weighed", "bare": "Bare", "double": "Double"}.items():
        register(MetricSpec(name, f"weighing.metrics:{target}", "a probe"))
    for name, target in {"waits": "Waits", "fails": "Fails", "lost": "Lost"}.items():
        register(MetricSpec(name, f"weighing.metrics:{target}", "a probe", on_request=True))
"""

METRICS = """
from pathlib import Path

from a2ibench import Configurable, InputError, setting


class Weighed(Configurable):
    name, version, higher_is_better, needs_reference = "weighed", 1, True, False
    factor: float = setting(1.0, "factor of the score", low=0, high=9)
    file: str = setting("", "file with a number that is added")

    def __call__(self, prediction, reference, data_range):
        return self.factor * 2 + (float(Path(self.file).read_text()) if self.file else 0.0)


class Bare:
    version, higher_is_better, needs_reference = 1, True, False

    def __init__(self, factor=1.0):
        self.factor = factor

    __call__ = lambda self, prediction, reference, data_range: float(self.factor)


class Double(Weighed):
    name = "double"


class Waits(Weighed):
    name = "waits"

    def check_settings(self):
        if not self.file:
            raise InputError("waits.file: set a file")


class Fails(Weighed):
    name = "fails"

    def check_settings(self):
        raise KeyError("file")
"""


@pytest.fixture(scope="module")
def weighing(
    tmp_path_factory: pytest.TempPathFactory, write_distribution: Callable[..., Any]
) -> Iterator[None]:
    """Install the plugin once, without a process of its own for each of its metrics in every test."""
    site = tmp_path_factory.mktemp("site")
    write_distribution(site, "weighing", PLUGIN, files={"metrics.py": METRICS})
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        host.cache_clear()
        registry.take_over(host().described())
        yield
        registry._described.clear()
        host.cache_clear()
        for name in [name for name in sys.modules if name.partition(".")[0] == "weighing"]:
            del sys.modules[name]


@pytest.fixture
def catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    tifffile.imwrite(tmp_path / "full.tif", draw.integers(0, 256, (24, 20, 16), np.uint8))
    file = tmp_path / "datasets.toml"
    file.write_text("[full]\npath = 'full.tif'\nvoxel_size = [10, 10, 10]\nsimulate = {ratio = 3.0}\n")
    return file


@pytest.fixture
def number(tmp_path: Path) -> Path:
    path = tmp_path / "number.txt"
    path.write_text("5")
    return path


def options(catalogue: Path, **given: Any) -> dict[str, Any]:
    usual = {"methods": ["cubic"], "catalogue": catalogue, "device": "cpu", "profile": "smoke"}
    return usual | {"metrics": ["weighed", "bare"], "executor": "inline", "reporters": ["tables"]} | given


def planned(catalogue: Path, *settings: str, **given: Any) -> Plan:
    return plan_run(RunOptions(**options(catalogue, settings=settings, **given)))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"settings": ["weigh.factor=2"]}, "unknown method or metric 'weigh'; did you mean 'weighed'?"),
        ({"settings": ["weighed.facto=2"]}, "unknown setting of weighed 'facto'; did you mean 'factor'?"),
        ({"settings": ["weighed.factor=10"]}, "weighed.factor: got 10.0; give a value from 0 to 9"),
        ({"settings": ["bare.size=2"]}, "unknown setting of bare 'size'"),
        ({"settings": ["bare.factor=much"]}, "bare.factor: got 'much'; give a number such as 1.0"),
        ({"settings": ["psnr.a=1"]}, "settings: 'psnr.a=1' is for the metric psnr, which is not asked for"),
        (
            {"settings": ["double.factor=2"], "methods": ["double"], "metrics": ["double"]},
            "settings: double is both a row and a metric of this run",
        ),
        (
            {"settings": ["bare.a=2"], "variants": {"bare": {"method": "cubic"}}},
            "settings: bare is both a row and a metric of this run",
        ),
        ({"settings": ["lost.factor=2"], "metrics": ["lost"]}, "cannot import metric weighing.metrics:Lost"),
        ({"metrics": ["waits"]}, "waits.file: set a file"),
        ({"settings": ["fails.factor=2"], "metrics": ["fails"]}, "check_settings failed: KeyError: 'file'"),
    ],
)
def test_what_is_wrong_is_said_before_anything_starts(
    catalogue: Path, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(A2IBenchError) as raised:
        plan_run(RunOptions(**options(catalogue, **given)))
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_name_is_that_of_what_is_part_of_the_run(catalogue: Path) -> None:
    of_method = planned(catalogue, "double.a=-0.75", methods=["double"])
    assert (of_method.metric_settings, of_method.jobs()[0].settings) == ({}, {"a": -0.75})
    of_metric = planned(catalogue, "double.factor=2", metrics=["double"])
    assert (of_metric.metric_settings, of_metric.jobs()[0].settings) == ({"double": {"factor": 2.0}}, {})


def test_settings_that_are_the_metrics_own_are_none(catalogue: Path) -> None:
    usual = planned(catalogue)
    assert usual.identity().keys().isdisjoint({"metric_settings"})
    for texts in (["weighed.factor=1"], ["bare.factor=1.0"], ["weighed.factor=2", "weighed.factor=1"]):
        same = planned(catalogue, *texts)
        assert same.identity() == usual.identity()
        assert job_key(same.jobs()[0]) == job_key(usual.jobs()[0])
    assert planned(catalogue, "weighed.factor=1", "weighed.factor=2").metric_settings == {
        "weighed": {"factor": 2.0}
    }


def test_a_file_counts_by_its_content_and_not_by_its_place(catalogue: Path, number: Path) -> None:
    def identity(path: str | Path) -> tuple[str, str]:
        plan = planned(catalogue, f"weighed.file={path}")
        return plan.fingerprint(), job_key(plan.jobs()[0])

    first = identity(number)
    moved = shutil.copy(number, number.with_name("elsewhere.dat"))
    assert identity(moved) == identity("elsewhere.dat") == first
    number.write_text("6")
    assert {*identity(number)}.isdisjoint(first)
    assert {*identity("absent.txt")}.isdisjoint(first)
    plan = planned(catalogue, "weighed.file=elsewhere.dat")
    assert plan.metric_settings == {"weighed": {"file": str(moved)}}


def test_scores_and_controls_are_those_of_the_settings_and_tell_of_them(
    catalogue: Path, number: Path, tmp_path: Path
) -> None:
    given = {"weighed": {"factor": 3, "file": number}, "bare": {"factor": 4}}
    a2ibench.run(**options(catalogue, settings=given, out=tmp_path / "run"))
    (record,) = read_run(tmp_path / "run").records
    told = {"factor": 3.0, "file": content_of({"file": str(number)})["file"]}
    assert str(told["file"]).startswith("sha256:")
    expected = {"weighed": Score(11.0, 1, told), "bare": Score(4.0, 1, {"factor": 4})}
    assert record.metrics == record.controls["nearest"] == expected
    assert record.provenance["metric_settings"]["weighed"] == {"factor": 3.0, "file": str(number)}
    assert "weighed 1 (factor 3.0, file sha256:" in (tmp_path / "run/table.md").read_text()
    assert f"factor=3.0 file={told['file']}" in (tmp_path / "run/table.csv").read_text()
    # The folder is one of these settings from now on.
    number.write_text("6")
    with pytest.raises(
        InputError, match=r"holds a run with other settings of metrics \(there .*weighed.file"
    ):
        a2ibench.run(**options(catalogue, settings=given, out=tmp_path / "run"))


def test_scores_without_settings_stand_as_they_always_did(catalogue: Path, tmp_path: Path) -> None:
    a2ibench.run(**options(catalogue, out=tmp_path / "run"))
    (record,) = read_run(tmp_path / "run").records
    content = json.loads((tmp_path / "run/jobs/full--cubic--s0/record.json").read_text())
    assert content["metrics"]["weighed"] == {"value": 2.0, "version": 1}
    assert content["controls"]["nearest"]["weighed"] == {"value": 2.0, "version": 1}
    assert record.metrics["weighed"] == Score(2.0, 1)
    assert "metric_settings" not in content["provenance"]
    assert "settings" not in (tmp_path / "run/table.csv").read_text()


def test_a_moved_file_keeps_what_is_finished(catalogue: Path, number: Path, tmp_path: Path) -> None:
    given = options(catalogue, out=tmp_path / "run")
    record = tmp_path / "run/jobs/full--cubic--s0/record.json"
    a2ibench.run(**given, settings=[f"weighed.file={number}"])
    before = record.read_bytes()
    moved = number.rename(tmp_path / "moved.txt")
    a2ibench.run(**given, settings=[f"weighed.file={moved}"])
    assert record.read_bytes() == before


def scored(method: str, **settings: Any) -> Record:
    scores = {"weighed": Score(1.0, 1, settings)}
    return Record("d", method, 0, metrics=scores, provenance={"protocol_version": 1})


def test_records_of_different_settings_share_no_table() -> None:
    records = [scored("a"), scored("b", factor=2.0), scored("c", factor=2.0), scored("d", factor=3.0)]
    found = {tuple(r.method for r in part.records): part.settings for part in group(records)}
    assert found == {
        ("a",): {},
        ("b", "c"): {"weighed": {"factor": 2.0}},
        ("d",): {"weighed": {"factor": 3.0}},
    }
    # One that has no such score stands in one table all the same.
    assert sum(len(part.records) for part in group([*records, replace(scored("e"), metrics={})])) == 5


def test_controls_of_other_settings_stand_in_no_table() -> None:
    controls = {"nearest": {"weighed": Score(5.0, 1, {"factor": 2.0})}}
    (same,) = group([replace(scored("a", factor=2.0), controls=controls)])
    assert same.controls == {"d": {"nearest": {"weighed": 5.0}}}
    (other,) = group([replace(scored("a"), controls=controls)])
    assert other.controls == {}


def test_records_and_baselines_keep_settings(tmp_path: Path) -> None:
    write_record(tmp_path, scored("a", factor=2.0))
    record = read_record(tmp_path)
    assert record is not None
    assert record.metrics == {"weighed": Score(1.0, 1, {"factor": 2.0})}


def test_the_gate_compares_no_scores_of_different_settings() -> None:
    def outcome(**settings: Any) -> RunOutcome:
        scores = {"weighed": Score(1.0, 1, settings)}
        made = RunOutcome.of([Outcome("d", "cubic", 0, "ok", metrics=scores)], {"weighed": True})
        again = parse(json.loads(json.dumps(made.to_dict())))
        assert again == made
        return again

    assert find_differences(outcome(factor=2.0), outcome(factor=2.0)).ok
    with pytest.raises(InputError, match=r"setting of metric weighed\.factor is 2.0 in RUN and absent in B"):
        find_differences(outcome(factor=2.0), outcome())


def test_all_leaves_out_what_waits_for_a_setting(
    catalogue: Path, number: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plan = planned(catalogue, metrics="all")
    assert {"weighed", "fsim"} <= {*plan.metrics}
    assert {"waits", "lpips"}.isdisjoint(plan.metrics)
    assert "metric waits is left out: waits.file: set a file" in caplog.text
    given = planned(catalogue, f"waits.file={number}", metrics="all")
    assert "waits" in given.metrics
    with pytest.raises(InputError, match=r"lpips\.weights: .*absent: cannot be read"):
        planned(catalogue, "lpips.weights=absent", metrics="all")


def test_a_metric_that_does_not_work_costs_no_run() -> None:
    assert ready_metrics(["lost"], {}) == ("lost",)
    with pytest.raises(PluginError, match="cannot import"):
        ready_metrics(["lost"], {"lost": {"factor": 2.0}})


def test_a_run_file_holds_settings_of_metrics(catalogue: Path, tmp_path: Path) -> None:
    file = tmp_path / "bench.toml"

    def of(text: str, **given: Any) -> Plan:
        file.write_text(f"methods = ['cubic']\ncatalogue = 'datasets.toml'\nmetrics = ['weighed']\n{text}")
        return plan_run(combined_options(read_run_file(file), given))

    table = "[settings.weighed]\nfactor = 3\n"
    assert of(table).metric_settings == {"weighed": {"factor": 3.0}}
    assert of(table, settings=["weighed.factor=4"]).metric_settings == {"weighed": {"factor": 4.0}}
    # What the command line leaves out needs no settings.
    assert of(table, metrics="psnr").metric_settings == {}
    with pytest.raises(InputError, match=r"\[settings.weighed\]: facto: unknown setting of weighed 'facto'"):
        of("[settings.weighed]\nfacto = 3\n")
    with pytest.raises(
        InputError, match=r"\[settings.bare\]: the metric bare is not asked for; add it to met"
    ):
        of("[settings.bare]\nfactor = 3\n")


def test_an_entered_volume_is_scored_as_the_run_is(catalogue: Path, number: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    settings = [f"weighed.file={number}"]
    a2ibench.run(**options(catalogue, settings=settings, out=out, keep_volumes=True))
    volume = out / "jobs/full--cubic--s0/volume.ome.zarr"
    entered = a2ibench.score(volume, "full", name="again", into=out)
    (row, _) = read_run(out).records
    assert entered.metrics == row.metrics
    assert len(read_run(out).groups) == 1
    number.write_text("6")
    with pytest.raises(InputError, match=r"into: .* scored by a file that is gone or another one now"):
        a2ibench.score(volume, "full", name="third", into=out)


def test_the_host_still_tells_which_way_is_better() -> None:
    assert host().higher_is_better("lpips") is False
