"""Controls in tables: below the methods, told apart, never ranked."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from a2ibench.bench.record import CONTROLS
from a2ibench.bench.run import read_run
from a2ibench.cli.table import plain_table
from a2ibench.reporting.tables import console_table, summary_frame, write_tables


def told(version=1, **scores):
    return {name: {"value": value, "version": version} for name, value in scores.items()}


SCORES = {
    "ceiling": told(psnr=100.0, ssim=1.0, error=0.0),
    "smoothed": told(psnr=27.0, ssim=0.72, error=0.3),
    "nearest": told(psnr=24.0, ssim=0.60, error=0.4),
    "linear": told(psnr=26.0, ssim=0.70, error=0.2),
}


@pytest.fixture
def run(make_run):
    job = make_run.job
    cubic = {"psnr": 26.0, "ssim": 0.70, "error": 0.2}
    return make_run(
        job("cells", "cubic", scores=cubic, controls=SCORES, timings={"score": 1.0, "controls": 4.0}),
        *(
            job("cells", "nearest", seed, scores={"psnr": 28.0, "ssim": 0.79, "error": 0.1})
            for seed in (0, 1)
        ),
        job("cells", "cubic", 1, scores=cubic, controls={"nearest": told(psnr=1.0)}),
        job("thin", "cubic"),
        datasets=["cells", "thin"],
        methods=["cubic", "nearest"],
    )


def test_they_follow_the_methods_of_their_dataset(run):
    write_tables(read_run(run))
    table = pd.read_csv(run / "table.csv")
    names = list(zip(table["dataset"], table["method"], table["status"], strict=True))
    assert names == [
        ("cells", "cubic", "ok"),
        ("cells", "nearest", "ok"),
        *(("cells", name, "control") for name in CONTROLS),
        ("thin", "cubic", "ok"),
    ]
    controls = table[table["status"] == "control"]
    assert list(controls["psnr_mean"]) == [24.0, 26.0, 27.0, 100.0]
    assert set(controls["psnr_n"]) == {1}
    assert set(controls["psnr_version"]) == {1}
    assert set(controls["jobs"]) == {0}
    assert list(controls["psnr_gain_over_cubic"]) == [-2.0, 0.0, 1.0, 74.0]
    empty = [*("psnr_std", "psnr_low", "params", "voxels_per_second"), "score_seconds_mean"]
    assert controls[empty].isna().all(axis=None)


def test_shares_are_of_the_way_from_cubic_to_the_ceiling(run):
    table = summary_frame(read_run(run))
    cells = table[table["dataset"] == "cells"].set_index(["method", "status"])
    share = cells["ssim_share_of_ceiling"]
    assert share["nearest", "ok"] == pytest.approx(0.3)
    assert share["nearest", "control"] == pytest.approx(-1 / 3)
    assert (share["cubic", "ok"], share["ceiling", "control"]) == (0, 1)
    # No way to go in decibels, and none that is known of a metric that no plugin tells of.
    assert [name for name in table if name.endswith("_share_of_ceiling")] == ["ssim_share_of_ceiling"]
    # Root mean squared errors in the data range: 10 ** (-26 / 20) of cubic, 10 ** (-28 / 20) of the method.
    removed = cells["error_removed"]
    assert removed["nearest", "ok"] == pytest.approx(1 - 10**-1.4 / 10**-1.3)
    assert removed["ceiling", "control"] == pytest.approx(1, abs=2e-4)
    assert math.isnan(table.set_index("dataset").loc["thin", "error_removed"])


def test_a_share_needs_a_way_to_go(make_run):
    scores = {"psnr": 26.0, "ssim": 1.0}
    run = read_run(make_run(make_run.job(scores=scores, controls={"ceiling": told(psnr=100.0, ssim=1.0)})))
    assert not [name for name in summary_frame(run) if name.endswith("_share_of_ceiling")]


def test_tables_for_people_tell_them_apart_and_rank_methods_only(run):
    write_tables(read_run(run))
    lines = (run / "table.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    head = rows[0]
    assert head == [
        *("method", "PSNR (dB)", "SSIM", "error", "gain (dB)", "error removed"),
        *("params", "fit (s)", "reconstruct (s)"),
    ]
    assert rows[4] == ["(nearest)", "24.00", "0.6000", "0.4", "-2.00", "-25.9 %", "—", "—", "—"]
    assert [row[0] for row in rows[5:7]] == ["(linear)", "(smoothed)"]
    assert rows[7] == ["(ceiling)", "100.00", "1.0000", "0", "—", "100.0 %", "—", "—", "—"]
    bold = [row[0] for row in rows if any("**" in cell for cell in row)]
    assert bold == ["nearest"]
    assert rows[3][5] == "20.6 %"
    assert "controls in brackets" in lines[0]
    assert "Error removed" in lines[0]


def test_narrow_tables_leave_the_error_out(run):
    found = read_run(run)
    write_tables(found)
    text = plain_table(console_table(found))
    latex = (run / "table.tex").read_text()
    assert "(ceiling)" in text
    assert "(ceiling)" in latex
    assert "gain (dB)" in text
    assert "rror removed" not in text + latex
    assert r"\multicolumn{8}" in latex


def test_a_run_tells_of_its_controls(run):
    found = read_run(run).controls
    assert list(found) == ["cells"]
    assert list(found["cells"]) == list(CONTROLS)
    assert found["cells"]["nearest"] == {"psnr": 24.0, "ssim": 0.6, "error": 0.4}


def test_scores_of_another_version_are_not_compared(make_run):
    job = make_run.job
    controls = {"nearest": told(2, psnr=20.0) | told(1, ssim=0.5), "linear": told(2, psnr=21.0)}
    run = read_run(make_run(job(scores={"psnr": 26.0, "ssim": 0.7}, controls=controls)))
    assert run.controls == {"cells": {"nearest": {"ssim": 0.5}}}
    assert list(summary_frame(run)["method"]) == ["cubic", "nearest"]
