"""What the page shows, before it is HTML."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from a2ibench.bench.record import Failure
from a2ibench.bench.run import Run
from a2ibench.reporting.page.costs import calibrated
from a2ibench.reporting.page.curves import charts, pareto, thinned
from a2ibench.reporting.page.failures import failures
from a2ibench.reporting.page.model import page_model
from a2ibench.reporting.page.provenance import differing_settings


def scores_of(model, title):
    """Return a part of the rankings by the beginning of its title."""
    return next(one for one in model["scores"] if one["title"].startswith(title))


def test_the_model_is_json_and_holds_what_the_tables_hold(make_many):
    run = make_many(3, 2, 3, slices=24, steps=20)
    model = page_model(run)
    assert json.loads(json.dumps(model, allow_nan=False)) == model
    assert model["counts"] == {"ok": 18}
    assert model["files"]["table.csv"].startswith("protocol_version,dataset,method")
    table = scores_of(model, "Compared")["tables"][0]
    psnr = [column["metric"] for column in table["columns"]].index("psnr")
    found = {row["name"]: row["cells"][psnr] for row in table["rows"]}
    for method, cell in found.items():
        values = [
            one.metrics["psnr"].value for one in run.records if one.name.startswith(f"volume-0--{method}--")
        ]
        assert cell["value"] == pytest.approx(np.mean(values))
        assert cell["text"] == f"{np.mean(values):.2f} ± {np.std(values, ddof=1):.2f}"


def test_scores_with_and_without_a_reference_never_share_a_table(make_many):
    model = page_model(make_many(2, 1, 1, slices=24, steps=20))
    with_reference, without = (
        {column["metric"] for table in scores_of(model, title)["tables"] for column in table["columns"]}
        for title in ("Compared", "Without")
    )
    assert {"psnr", "ssim"} <= with_reference
    assert {"in_plane_psnr", "consistency"} <= without
    assert with_reference & without == {""} & with_reference & without
    # What tables for people leave out is there on demand.
    table = scores_of(model, "Without")["tables"][0]
    assert {column["metric"]: column["more"] for column in table["columns"]} == {
        "in_plane_psnr": False,
        "consistency": True,
    }


def test_methods_that_look_the_same_share_their_ranks(tmp_path: Path, make_record):
    # Nobody of them learns, so that one seed ranks them; nothing tells of slices, so that nobody is tied.
    given = {"cubic": (30.0, 31.0), "a": (32.001, 30.0), "b": (31.999, 33.0), "c": (29.0, 29.0)}
    records = [
        make_record(dataset, method, 0, {"psnr": values[place]}, learned=False)
        for place, dataset in enumerate(("one", "two"))
        for method, values in given.items()
    ]
    part = scores_of(page_model(Run(tmp_path, records=tuple(records))), "Compared")
    ranks = [table["ranks"]["psnr"] for table in part["tables"]]
    assert ranks[0] == {"cubic": 3.0, "a": 1.5, "b": 1.5, "c": 4.0}
    assert ranks[1] == {"cubic": 2.0, "a": 3.0, "b": 1.0, "c": 4.0}
    means = {row["name"]: row["cells"][0]["value"] for row in part["ranks"]["rows"]}
    assert means == {name: (ranks[0][name] + ranks[1][name]) / 2 for name in given}
    assert list(means) == ["b", "a", "cubic", "c"]


def test_trainings_of_two_seeds_are_not_ranked(make_many):
    part = scores_of(page_model(make_many(3, 2, 2, slices=24, steps=20)), "Compared")
    assert part["ranks"] is None
    assert all(not table["ranks"] for table in part["tables"])


def test_a_method_that_a_dataset_lacks_has_no_mean_rank(tmp_path: Path, make_record):
    places = [("one", "cubic"), ("one", "a"), ("two", "cubic"), ("two", "a"), ("two", "b")]
    records = [make_record(*place, 0, {"psnr": 30.0 + n}, learned=False) for n, place in enumerate(places)]
    part = scores_of(page_model(Run(tmp_path, records=tuple(records))), "Compared")
    assert {row["name"]: row["cells"][0]["text"] for row in part["ranks"]["rows"]}["b"] == "—"


def test_failures_tell_reason_log_and_command(tmp_path: Path, make_record):
    failed = [
        make_record("d", "net", seed, {}, status="error", error=Failure("RuntimeError", "no 8x8 window"))
        for seed in range(2)
    ]
    fine = make_record("d", "cubic", 0, {"psnr": 30.0})
    log = tmp_path / "jobs" / failed[0].name / "log.txt"
    log.parent.mkdir(parents=True)
    log.write_bytes(b"\n".join(b"line %d \xff\x1b[31m" % number for number in range(5000)))
    plan = {
        "methods": ["cubic", "net"],
        "datasets": [{"name": "d"}],
        "seeds": [0, 1],
        "profile": "quick",
        "device": "cpu",
    }
    run = Run(tmp_path, plan, records=(fine, *failed))
    found = failures(run)
    (job,) = found["jobs"]
    assert (job["name"], job["kind"], job["message"]) == (
        "net on d (seeds 0, 1)",
        "RuntimeError",
        "no 8x8 window",
    )
    assert job["log"].splitlines()[-1].startswith("line 4999 ")
    assert len(job["log"].splitlines()) == 20
    assert "\x1b" not in job["log"]
    assert found["retry"]["text"] == (
        f"a2ibench run --methods net --datasets d --profile quick --device cpu --seeds 2 --out {tmp_path}"
    )
    assert failures(replace(run, records=(fine,)))["retry"] is None


def test_only_settings_that_differ_are_compared(tmp_path: Path, make_record):
    def told(**settings):
        return {"configuration": settings, "protocol": {}}

    records = (
        make_record("d", "a", 0, {}, provenance=told(rate=0.1, same=1, mine=True)),
        make_record("d", "b", 0, {}, provenance=told(rate=0.2, same=1)),
        make_record("d", "b", 1, {}, provenance=told(rate=0.3, same=1)),
        make_record("d", "none", 0, {}, provenance={}),
    )
    found = differing_settings(Run(tmp_path, records=records))
    assert found["methods"] == ["a", "b"]
    assert found["rows"] == [
        {"name": "rate", "texts": ["0.1", "varies between jobs"]},
        {"name": "mine", "texts": ["yes", ""]},
    ]
    assert found["shared"] == [("same", "1")]


def test_settings_may_be_empty_texts(make_record, tmp_path):
    told = {"configuration": {"name": "", "rate": 0.1}}
    records = tuple(make_record("d", method, 0, {}, provenance=told) for method in "ab")
    found = differing_settings(Run(tmp_path, records=records))
    assert found["rows"] == []
    assert found["shared"] == [("name", ""), ("rate", "0.1")]


def test_calibrated_times_are_of_one_kind(make_record):
    jobs = [make_record("d", "a", seed, {}) for seed in range(2)]
    assert calibrated(jobs, "fit") == pytest.approx((2 / 0.01 + 3 / 0.01) / 2)
    other = replace(jobs[1], calibration=replace(jobs[1].calibration, kernel="numpy"))
    assert np.isnan(calibrated([jobs[0], other], "fit"))


def test_the_front_has_no_method_that_another_beats():
    points = {"a": (1.0, 30.0), "b": (2.0, 29.0), "c": (3.0, 31.0), "d": (3.0, 30.5), "e": (9.0, 31.0)}
    assert pareto(points, higher=True) == ("a", "c")
    assert pareto(points, higher=False) == ("a", "b")
    draw = np.random.default_rng(0)
    cloud = {str(n): tuple(draw.uniform(size=2)) for n in range(200)}
    beaten = {
        name
        for name, (x, y) in cloud.items()
        if any(a <= x and b >= y and (a, b) != (x, y) for a, b in cloud.values())
    }
    assert set(pareto(cloud, higher=True)) == cloud.keys() - beaten


@pytest.mark.parametrize("size", [1, 159, 160, 161, 1000])
def test_long_curves_are_thinned_to_means(size):
    values = np.random.default_rng(0).normal(size=size)
    x, y = thinned(np.arange(size), values)
    assert len(x) == len(y) <= 160
    step = -(-size // 160)
    assert y[0] == pytest.approx(values[:step].mean(), rel=1e-4)
    assert y[-1] == pytest.approx(values[(len(y) - 1) * step :].mean(), rel=1e-4)


def test_each_dataset_has_its_charts(make_many):
    found = charts(make_many(3, 2, 1, slices=24, steps=20))
    titles = [chart.title for chart in found if chart.dataset == "volume-1"]
    assert titles == [
        "quality against fit time",
        "quality against reconstruction time",
        "quality against parameters",
        "quality against multiply-adds",
        "PSNR (dB) of each xz slice",
        "PSNR (dB) of each yz slice",
        "SSIM of each xz slice",
        "SSIM of each yz slice",
        "training loss",
        "axial Fourier shell correlation",
        "lateral Fourier shell correlation",
    ]
    params = found[2]
    assert params.levels == (("cubic", pytest.approx(28.0)),)
    assert [line.name for line in params.lines] == ["method-01", "method-02"]
    assert all(re.search(r"method-02 (from |below 1/2 at )?\d", chart.words) for chart in found)


def test_a_run_of_which_little_is_known_has_a_model(tmp_path: Path, make_record):
    bare = make_record("d", "gone", 0, {"unheard": 1.5}, provenance={})
    model = page_model(Run(tmp_path, {"methods": ["gone"]}, records=(bare,)))
    (part,) = model["scores"]
    assert part["tables"][0]["rows"][0]["cells"][0]["text"] == "1.5"
    assert model["command"] is not None
    assert page_model(Run(tmp_path, records=(bare,)))["command"] is None
