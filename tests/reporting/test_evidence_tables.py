"""Intervals and marks in the tables of a run."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from a2ibench.bench.run import read_run
from a2ibench.reporting.layout import table_content
from a2ibench.reporting.tables import console_table, summary_frame, write_tables

N = {"xz": 80, "yz": 64}
SLICES = {plane: np.random.default_rng(n).normal(0, 0.5, n) for plane, n in N.items()}
# Mean gain over cubic in dB, and how much that differs from slice to slice.
METHODS = {"cubic": (0.0, 0.0), "clear": (1.0, 0.02), "close": (0.98, 0.15), "behind": (0.9, 0.02)}


def scored(job, method, seed=0, noise=0.0, **fields):
    """A job whose slices make up its scores."""
    gain, spread = METHODS[method]
    generator = np.random.default_rng([seed, *method.encode()])
    errors = {
        plane: 10 ** (-(30 + gain + noise + SLICES[plane] + generator.normal(0, spread, n)) / 10)
        for plane, n in N.items()
    }
    # Both families cover all voxels, so that their errors have one mean.
    psnr = -10 * np.log10(errors["xz"].mean())
    errors["yz"] *= errors["xz"].mean() / errors["yz"].mean()
    ssim = {plane: 0.8 + (gain + noise) / 10 + SLICES[plane] / 100 for plane in N}
    slices = {f"psnr.{plane}": (-10 * np.log10(error)).astype(np.float32) for plane, error in errors.items()}
    slices |= {f"ssim.{plane}": row.astype(np.float32) for plane, row in ssim.items()}
    scores = {"psnr": psnr, "ssim": float(np.concatenate(list(ssim.values())).mean()), "ssim_3d": 0.9}
    return job(method=method, seed=seed, scores=scores, slices=slices, **fields)


@pytest.fixture
def run(make_run):
    return make_run(*(scored(make_run.job, method) for method in METHODS), methods=list(METHODS))


def cells(run):
    """Method to the cells of table.md."""
    lines = [line for line in (run / "table.md").read_text().splitlines() if line.startswith("| ")]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return {row[0]: dict(zip(rows[0], row, strict=True)) for row in rows[2:]}


def table(run):
    return pd.read_csv(run / "table.csv").set_index("method")


def test_gains_have_intervals_and_what_is_level_with_the_best_is_marked(run):
    write_tables(read_run(run))
    rows = cells(run)
    assert rows["clear"]["PSNR (dB)"].startswith("**3")
    assert rows["close"]["PSNR (dB)"].startswith("≈ 3")
    assert re.fullmatch(r"3\d\.\d\d", rows["behind"]["PSNR (dB)"])
    assert re.fullmatch(r"\+0\.9\d \[0\.\d\d, 0\.\d\d\]", rows["behind"]["gain (dB)"])
    assert rows["cubic"]["gain (dB)"] == "0.00"
    text = (run / "table.md").read_text()
    assert "gain: PSNR above that of cubic [95 % interval over axial slices]" in text
    assert "≈ in psnr and ssim: the 95 % interval of the difference from the best contains 0" in text


def test_table_csv_tells_gain_and_difference_from_the_best(run):
    write_tables(read_run(run))
    found = table(run)
    assert set(found["psnr_best"]) == {"clear"}
    assert found["psnr_gain_over_cubic"].tolist() == pytest.approx(
        found["psnr_mean"] - found["psnr_mean"]["cubic"]
    )
    assert found["psnr_above_best"].tolist() == pytest.approx(
        found["psnr_mean"] - found["psnr_mean"]["clear"]
    )
    learned = found.drop("cubic")
    assert (learned["psnr_gain_low"] < learned["psnr_gain_over_cubic"]).all()
    assert (learned["psnr_gain_over_cubic"] < learned["psnr_gain_high"]).all()
    assert learned["psnr_gain_significant"].tolist() == [True, True, True]
    assert found.loc[["cubic", "close", "behind"], "psnr_above_best_significant"].tolist() == [
        True,
        False,
        True,
    ]
    assert pd.isna(found.loc["clear", "psnr_above_best_significant"])
    assert pd.isna(found.loc["cubic", "psnr_gain_significant"])
    # SSIM differs by the same amount in every slice.
    assert found.loc["close", ["ssim_above_best_low", "ssim_above_best_high"]].tolist() == pytest.approx(
        [-0.002, -0.002], abs=1e-6
    )
    assert not [name for name in found if name.startswith("ssim_3d_gain")]


def test_latex_and_terminal_show_the_same(run):
    write_tables(read_run(run))
    gain = cells(run)["behind"]["gain (dB)"]
    tex = (run / "table.tex").read_text()
    assert f" & {gain} & " in tex
    assert r"$\approx$ 3" in tex
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(console_table(read_run(run)))
    text = console.export_text()
    assert gain.replace(", ", ",") in text
    assert re.search("│ +≈ 3", text)


def learned(job, *jobs, **fields):
    """Jobs of methods that learn, but for cubic."""
    return [scored(job, *each, model={"params": 9 * (each[0] != "cubic")}, **fields) for each in jobs]


def test_below_three_seeds_methods_that_learn_are_not_ranked(make_run):
    jobs = [(method, seed) for method in METHODS for seed in (0, 1)]
    run = make_run(*learned(make_run.job, *jobs))
    write_tables(read_run(run))
    found, rows = table(run), cells(run)
    assert not {"*", "≈"} & {row["PSNR (dB)"][0] for row in rows.values()}
    assert found[["psnr_best", "psnr_above_best", "psnr_above_best_significant"]].isna().to_numpy().all()
    assert found["psnr_gain_significant"].drop("cubic").tolist() == [True, True, True]
    text = (run / "table.md").read_text()
    assert "[95 % interval over axial slices and seeds, of these trainings]" in text
    assert "not ranked among each other" in text
    assert "≈" not in text


def test_one_method_that_lacks_a_seed_leaves_its_dataset_without_ranks(make_run):
    jobs = [(method, seed) for method in METHODS for seed in (0, 1, 2)]
    whole = learned(make_run.job, *jobs, dataset="whole")
    lacking = learned(make_run.job, *(each for each in jobs if each != ("behind", 1)))
    run = make_run(*whole, *lacking)
    write_tables(read_run(run))
    best = pd.read_csv(run / "table.csv").groupby("dataset")["psnr_best"].unique()
    assert best["whole"].tolist() == ["clear"]
    assert best["cells"].isna().all()
    bold = [len(re.findall(r"\*\*3", part)) for part in (run / "table.md").read_text().split("### ")]
    assert bold == [0, 0, 1]


def test_negative_ends_have_a_minus_in_latex(make_run):
    job = make_run.job
    run = make_run(scored(job, "cubic"), scored(job, "close", noise=-1.0))
    write_tables(read_run(run))
    gain = cells(run)["close"]["gain (dB)"]
    assert re.fullmatch(r"-0\.0\d \[-0\.\d\d, 0\.\d\d\]", gain)
    assert f" & {gain.replace('-', '$-$')} & " in (run / "table.tex").read_text()


def test_seeds_widen_intervals_and_are_averaged(make_run):
    job = make_run.job
    spread = {0: -0.1, 1: 0.0, 2: 0.1}
    jobs = [
        scored(job, method, seed, noise * (method != "cubic"))
        for method in METHODS
        for seed, noise in spread.items()
    ]
    run = make_run(*jobs)
    write_tables(read_run(run))
    found, rows = table(run), cells(run)
    half = found["psnr_gain_high"] - found["psnr_gain_over_cubic"]
    # Student's quantile for three seeds.
    assert half["clear"] == pytest.approx(4.303 * 0.1 / 3**0.5, rel=0.05)
    assert {method: rows[method]["PSNR (dB)"][0] for method in METHODS if method != "cubic"} == {
        "clear": "*",
        "close": "≈",
        "behind": "≈",
    }
    assert re.fullmatch(r"≈ 3\d\.\d\d ± 0\.1\d \[3\d\.\d\d, 3\d\.\d\d\]", rows["close"]["PSNR (dB)"])
    assert "[95 % interval over axial slices and seeds]" in (run / "table.md").read_text()


def spoil(folder, kind):
    path = folder / "scores.npz"
    if kind == "missing":
        path.unlink()
    elif kind == "damaged":
        path.write_bytes(path.read_bytes()[:200])
    else:
        with np.load(path) as stored:
            rows = {name: stored[name] for name in stored.files}
        change = {"shorter": lambda row: row[:-1], "another's": lambda row: row + 1}[kind]
        np.savez(path, **{name: change(row) for name, row in rows.items()})


@pytest.mark.parametrize("kind", ["missing", "damaged", "shorter", "another's"])
def test_unusable_slices_cost_their_own_interval_only(run, kind):
    spoil(run / "jobs" / "cells--close--s0", kind)
    write_tables(read_run(run))
    found, rows = table(run), cells(run)
    assert found["psnr_gain_low"].notna().tolist() == [False, True, False, True]
    assert found["psnr_gain_over_cubic"].notna().all()
    assert re.fullmatch(r"3\d\.\d\d", rows["close"]["PSNR (dB)"])
    assert re.fullmatch(r"\+\d\.\d\d", rows["close"]["gain (dB)"])
    assert "[" in rows["behind"]["gain (dB)"]


def test_without_the_baseline_methods_are_still_compared(make_run):
    run = make_run(*(scored(make_run.job, method) for method in ("clear", "close")))
    write_tables(read_run(run))
    assert cells(run)["close"]["PSNR (dB)"].startswith("≈")
    assert table(run)["psnr_gain_low"].isna().all()


def test_without_slices_nothing_is_claimed(make_run):
    job = make_run.job
    run = make_run(job(scores={"psnr": 30.0}), job(method="net", scores={"psnr": 31.0}))
    write_tables(read_run(run))
    assert cells(run)["net"]["gain (dB)"] == "+1.00"
    text = (run / "table.md").read_text()
    assert "≈" not in text
    assert "95 %" not in text
    assert not [name for name in table(run) if "best" in name or "gain_low" in name]


def test_failed_jobs_and_other_versions_are_not_compared(make_run):
    job = make_run.job
    run = make_run(
        scored(job, "cubic"),
        scored(job, "clear", version=2),
        scored(job, "close", status="error"),
        scored(job, "behind"),
    )
    write_tables(read_run(run))
    found = pd.read_csv(run / "table.csv").set_index(["psnr_version", "method"])
    assert found["psnr_best"].dropna().to_dict() == {
        (1, "cubic"): "behind",
        (1, "behind"): "behind",
        (2, "clear"): "clear",
    }
    assert pd.isna(found["psnr_gain_low"][2, "clear"])


def test_records_alone_have_scores_without_intervals(run, tmp_path):
    alone = replace(read_run(run), folder=tmp_path / "elsewhere")
    assert not [name for name in summary_frame(alone) if "gain_low" in name]
    assert summary_frame(read_run(run))["psnr_gain_low"].notna().sum() == 3
    (part,) = alone.groups
    assert "95 %" not in table_content(part, alone.standings()).caption


def test_same_records_give_the_same_bytes(run):
    first = {path.name: path.read_bytes() for path in write_tables(read_run(run))}
    assert {path.name: path.read_bytes() for path in write_tables(read_run(run))} == first
