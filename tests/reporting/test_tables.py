from __future__ import annotations

import io
import math
import re

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from scipy import stats

from a2ibench.bench.run import Run, read_run
from a2ibench.registry import PluginHost, host
from a2ibench.reporting.markup import latex_text
from a2ibench.reporting.tables import console_table, timing_frame, write_tables

INTERVAL = re.compile(r"(?<=\d|\*) \[.+, .+\]")
SEEDED = {0: (30.0, 0.80), 1: (30.5, 0.83), 2: (30.1, 0.81)}


@pytest.fixture
def run(make_run):
    job = make_run.job
    failure = {"type": "RuntimeError", "message": "no 8x8 | window", "traceback": "..."}
    return make_run(
        job(
            "b-set",
            "cubic",
            scores={"psnr": 29.0, "ssim": 0.9, "psnr_xz": 28.5},
            timings={"reconstruct": 0.25},
        ),
        *(
            job(
                "b-set",
                "net",
                seed,
                scores={"psnr": psnr, "ssim": ssim, "psnr_xz": psnr - 0.5},
                timings={"fit": 100.0 + seed, "reconstruct": 2.0, "load": 0.5},
                model={"params": 1_496_705, "macs_per_voxel": 2.5, "voxels_per_second": 1e6},
            )
            for seed, (psnr, ssim) in SEEDED.items()
        ),
        job("b-set", "broken", status="error", error=failure),
        job("a-set", "cubic", model={"params": 0}, timings={"fit": 0.0}),
        job("a-set", "net", status="skipped", reason="needs isotropic\nvoxels"),
        datasets=["b-set", "a-set"],
        methods=["net", "cubic"],
    )


def markdown_tables(text):
    """Dataset, then method, then heading to cell, without the intervals of means."""
    tables = {}
    for heading, body in re.findall(r"### (\S+)\n\n((?:\|.*\n)+)", text):
        head, _, *rows = [
            [INTERVAL.sub("", cell).strip() for cell in line.strip("|").split(" | ")]
            for line in body.splitlines()
        ]
        tables[heading] = {row[0]: dict(zip(head, row, strict=True)) for row in rows}
    return tables


def latex_tables(text):
    tables, dataset = {}, None
    rows = [line.strip().removesuffix(r"\\").strip() for line in text.splitlines() if line.endswith(r"\\")]
    head = rows[0].split(" & ")
    for row in rows[1:]:
        block = re.fullmatch(r"\\multicolumn\{(\d+)\}\{l\}\{\\textit\{(.*)\}\}", row)
        if block:
            assert int(block[1]) == len(head)
            dataset = tables.setdefault(block[2], {})
        else:
            cells = row.split(" & ")
            dataset[cells[0]] = dict(zip(head, cells, strict=True))
    return tables


def test_summary_holds_means_and_sample_spreads(run):
    assert [path.name for path in write_tables(read_run(run))] == [
        "table.csv",
        "table.md",
        "table.tex",
        "timing.csv",
    ]
    table = pd.read_csv(run / "table.csv").set_index(["dataset", "method"])
    net = table.loc["b-set", "net"]
    psnr, ssim = np.array(list(SEEDED.values())).T
    assert net["psnr_mean"] == pytest.approx(psnr.mean(), abs=1e-12)
    assert net["psnr_std"] == pytest.approx(psnr.std(ddof=1), abs=1e-12)
    assert net["ssim_std"] == pytest.approx(ssim.std(ddof=1), abs=1e-12)
    ends = stats.t.interval(0.95, 2, psnr.mean(), stats.sem(psnr))
    assert net[["psnr_low", "psnr_high"]].tolist() == pytest.approx(ends)
    assert net["psnr_xz_mean"] == pytest.approx(psnr.mean() - 0.5, abs=1e-12)
    assert net["psnr_gain_over_cubic"] == pytest.approx(psnr.mean() - 29.0, abs=1e-12)
    assert (net["psnr_n"], net["psnr_version"], net["jobs"], net["jobs_ok"]) == (3, 1, 3, 3)
    assert (net["params"], net["fit_seconds_mean"], net["fit_seconds_std"]) == (1_496_705, 101, 1)
    cubic = table.loc["b-set", "cubic"]
    assert cubic[["psnr_std", "psnr_low", "psnr_high"]].isna().all()
    assert table.loc["b-set", "broken"]["status"] == "error"
    assert math.isnan(table.loc["a-set", "cubic"]["psnr_mean"])


def test_markdown_shows_spread_best_gain_and_failures(run):
    write_tables(read_run(run))
    text = (run / "table.md").read_text()
    tables = markdown_tables(text)
    assert list(tables) == ["b-set", "a-set"]
    assert list(tables["b-set"]) == ["net", "cubic", "broken"]
    psnr = np.array([values[0] for values in SEEDED.values()])
    net, cubic, broken = tables["b-set"].values()
    assert net["PSNR (dB)"] == f"**{psnr.mean():.2f} ± {psnr.std(ddof=1):.2f}**"
    low, high = stats.t.interval(0.95, 2, psnr.mean(), stats.sem(psnr))
    assert f"| {net['PSNR (dB)']} [{low:.2f}, {high:.2f}] |" in text
    assert "In brackets after a mean: its 95 % interval over the seeds." in text
    assert cubic["PSNR (dB)"] == "29.00"
    assert cubic["SSIM"] == "**0.9000**"
    assert "**" not in net["SSIM"]
    assert (net["gain (dB)"], cubic["gain (dB)"]) == (f"{psnr.mean() - 29:+.2f}", "0.00")
    assert (net["params"], net["fit (s)"], cubic["reconstruct (s)"]) == ("1.50 M", "101", "0.25")
    assert broken == dict.fromkeys(net, "—") | {"method": "broken", "status": "error"}
    assert tables["a-set"]["cubic"]["PSNR (dB)"] == "—"
    assert "xz" not in text
    assert r"- broken on b-set (seed 0): error: no 8x8 \| window" in text
    assert "- net on a-set (seed 0): skipped: needs isotropic voxels" in text


def test_latex_has_the_cells_of_markdown(run):
    write_tables(read_run(run))
    text = (run / "table.tex").read_text()
    for opening, closing in ((r"\begin{", r"\end{"), ("{", "}")):
        assert text.count(opening) == text.count(closing)
    shown = {
        dataset: {
            method: [re.sub(r"\*\*(.+)\*\*", r"\\textbf{\1}", cell) for cell in row.values()]
            for method, row in rows.items()
        }
        for dataset, rows in markdown_tables((run / "table.md").read_text()).items()
    }
    written = {
        dataset: {
            method: [
                cell.replace(r"$\pm$", "±").replace("$-$", "-").replace("--", "—") for cell in row.values()
            ]
            for method, row in rows.items()
        }
        for dataset, rows in latex_tables(text).items()
    }
    assert written == shown


def test_latex_escapes_names_and_draws_a_minus(make_run):
    job = make_run.job
    run = make_run(
        job("50%_set", "cubic", scores={"psnr": 30.0}),
        job("50%_set", "a_b&c", scores={"psnr": 29.0}),
    )
    write_tables(read_run(run))
    tables = latex_tables((run / "table.tex").read_text())
    assert tables[r"50\%\_set"][r"a\_b\&c"]["gain (dB)"] == "$-$1.00"


def test_ties_at_displayed_precision_are_both_best(make_run):
    job = make_run.job
    values = {"cubic": 30.001, "one": 30.004, "two": 29.99}
    run = make_run(*(job(method=name, scores={"psnr": v}) for name, v in values.items()))
    write_tables(read_run(run))
    rows = markdown_tables((run / "table.md").read_text())["cells"]
    assert {name: row["PSNR (dB)"].startswith("**") for name, row in rows.items()} == {
        "cubic": True,
        "one": True,
        "two": False,
    }


def test_lower_is_better_is_respected_and_unknown_metrics_have_no_best(make_run, monkeypatch):
    monkeypatch.setattr(PluginHost, "higher_is_better", lambda _, name: {"error": False, "other": None}[name])
    job = make_run.job
    run = make_run(
        job(method="one", scores={"error": 0.5, "other": 2.0}),
        job(method="two", scores={"error": 0.25, "other": 1.0}),
    )
    write_tables(read_run(run))
    rows = markdown_tables((run / "table.md").read_text())["cells"]
    assert [(row["error"], row["other"]) for row in rows.values()] == [("0.5", "2"), ("**0.25**", "1")]


@pytest.mark.parametrize("name", ["psnr", "ssim_3d", "never-registered"])
def test_sense_of_metrics_comes_from_the_plugins(name):
    assert host().higher_is_better(name) is (None if name == "never-registered" else True)


def test_versions_never_share_a_table(make_run):
    job = make_run.job
    run = make_run(
        job(method="cubic", scores={"psnr": 20.0}),
        job(method="new", scores={"psnr": 21.0}, version=2),
        job(method="old", scores={"psnr": 22.0}, protocol=0),
        job(method="failed", status="oom"),
    )
    write_tables(read_run(run))
    parts = re.split(r"(?=Protocol version)", (run / "table.md").read_text())[1:]
    assert [
        re.match(r"Protocol version (\d); metric versions: (.*?)[;.]", part).groups() for part in parts
    ] == [
        ("0", "psnr 1"),
        ("1", "psnr 1"),
        ("1", "psnr 2"),
    ]
    assert [list(markdown_tables(part)["cells"]) for part in parts] == [["old"], ["cubic"], ["failed", "new"]]
    assert (run / "table.tex").read_text().count(r"\begin{table}") == 3
    table = pd.read_csv(run / "table.csv")
    assert table[["protocol_version", "psnr_version"]].values.tolist() == [[0, 1], [1, 1], [1, 2], [1, 2]]
    assert table["psnr_gain_over_cubic"].notna().tolist() == [False, True, False, False]


def test_seeds_that_ended_differently_are_counted(make_run):
    job = make_run.job
    run = make_run(
        job(seed=0, scores={"psnr": 30.0}),
        job(seed=1, scores={"psnr": 31.0}),
        job(seed=2, status="timeout", scores={"psnr": 1.0}),
    )
    write_tables(read_run(run))
    row = markdown_tables((run / "table.md").read_text())["cells"]["cubic"]
    assert row["status"] == "2 ok, 1 timeout"
    assert row["PSNR (dB)"] == "**30.50 ± 0.71**"


def test_infinite_scores_are_shown(make_run):
    job = make_run.job
    run = make_run(job(scores={"psnr": math.inf}), job(method="net", scores={"psnr": 40.0}))
    write_tables(read_run(run))
    rows = markdown_tables((run / "table.md").read_text())["cells"]
    assert (rows["cubic"]["PSNR (dB)"], rows["net"]["PSNR (dB)"]) == ("**inf**", "40.00")


def test_what_networks_ran_in_is_said(make_run):
    told = {"device": "cpu", "precision": "auto", "protocol_version": 1}
    job = make_run.job
    run = make_run(
        job(),
        job(method="net", provenance=told | {"precision_used": "bf16"}),
        job(method="other", provenance=told | {"precision_used": "fp32"}),
        job(method="third", provenance=told | {"precision_used": "fp32"}),
    )
    write_tables(read_run(run))
    assert "; networks in bf16 on cpu and fp32 on cpu" in (run / "table.md").read_text()
    used = pd.read_csv(run / "timing.csv").set_index("method")["precision_used"].dropna()
    assert used.to_dict() == {"net": "bf16", "other": "fp32", "third": "fp32"}


def test_same_records_give_the_same_bytes(run):
    first = {path.name: path.read_bytes() for path in write_tables(read_run(run))}
    assert {path.name: path.read_bytes() for path in write_tables(read_run(run))} == first
    assert not list(run.glob(".*.tmp"))


def test_a_method_that_trains_another_number_of_parameters_with_each_seed_has_their_mean(make_run):
    counts = [2_860_032, 2_809_856, 2_809_856]
    jobs = [make_run.job("a-set", "net", seed, model={"params": n}) for seed, n in enumerate(counts)]
    run = make_run(*jobs, datasets=["a-set"], methods=["net"])
    write_tables(read_run(run))
    assert pd.read_csv(run / "table.csv")["params"].tolist() == [2_826_581]


def test_timing_has_one_row_for_each_job(run):
    write_tables(read_run(run))
    table = pd.read_csv(run / "timing.csv")
    assert table[["dataset", "method", "seed"]].values.tolist()[:4] == [
        ["b-set", "net", 0],
        ["b-set", "net", 1],
        ["b-set", "net", 2],
        ["b-set", "cubic", 0],
    ]
    assert table.loc[1, ["load_seconds", "fit_seconds", "reconstruct_seconds"]].tolist() == [0.5, 101.0, 2.0]
    assert table.loc[1, "total_seconds"] == 103.5
    assert table.loc[1, ["voxels_per_second", "params", "macs_per_voxel"]].tolist() == [1e6, 1_496_705, 2.5]
    assert (table["peak_process_bytes"] == 3 << 30).all()
    assert not {"psnr", "ssim", "message"} & set(table.columns)


def test_frame_has_one_row_for_each_record(run):
    table = read_run(run).to_frame()
    assert len(table) == 7
    assert table.columns[:6].tolist() == ["dataset", "method", "seed", "status", "psnr", "ssim"]
    failed = table[table["status"] == "error"].iloc[0]
    assert failed["message"] == "no 8x8 | window"
    assert math.isnan(failed["psnr"])
    skipped = table[table["status"] == "skipped"].iloc[0]
    assert skipped["message"] == "needs isotropic voxels"
    assert table.loc[table["method"] == "net", "psnr"].dropna().tolist() == [30.0, 30.5, 30.1]
    assert len(timing_frame(read_run(run))) == 7


def test_no_records_give_an_empty_frame_and_no_files(tmp_path):
    assert Run(tmp_path).to_frame().empty
    assert write_tables(Run(tmp_path)) == []
    assert list(tmp_path.iterdir()) == []


def test_console_shows_the_same_content(run):
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(console_table(read_run(run)))
    text = console.export_text()
    for rows in markdown_tables((write_tables(read_run(run))[1]).read_text()).values():
        for row in rows.values():
            line = next(
                line for line in text.splitlines() if all(c.replace("*", "") in line for c in row.values())
            )
            assert line.count("│") == len(row) + 2
    assert text.index("b-set") < text.index("a-set")


def test_console_puts_versions_below_each_other(make_run):
    job = make_run.job
    run = make_run(job(scores={"psnr": 20.0}), job(method="old", protocol=0, scores={"psnr": 21.0}))
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(console_table(read_run(run)))
    text = console.export_text()
    assert text.index("Protocol version 0") < text.index("Protocol version 1")


def test_a_metric_of_another_distribution_looks_like_ours(make_run, install_plugin):
    """Its spec says what tables show of it and what the gate allows."""
    from a2ibench.bench.gate.limits import Names, Thresholds, default_limit

    install_plugin(
        "sharpness",
        """
        from a2ibench import MetricSpec, hookimpl

        @hookimpl
        def a2ibench_register_metrics(register):
            register(MetricSpec("isotropy", "sharpness.m:M", "", heading="Isotropy", unit="oct", decimals=3,
                                allowed_drop=0.25))
        """,
    )
    job = make_run.job
    run = make_run(job(method="one", scores={"isotropy": 1.0, "unknown": 1.23456}))
    write_tables(read_run(run))
    (row,) = markdown_tables((run / "table.md").read_text())["cells"].values()
    assert (row["Isotropy (oct)"], row["unknown"]) == ("1.000", "1.235")
    assert Thresholds().limit("cells", "one", "isotropy") == default_limit("isotropy") == 0.25
    assert "isotropy" in Names(set(), set(), set()).keys
    assert default_limit("unknown") is None


def test_metrics_that_stay_out_of_tables_are_in_table_csv(make_run):
    job = make_run.job
    names = ["psnr", "ssim", "haarpsi", "gmsd"]
    run = make_run(job(scores=dict.fromkeys(["bias", "fsim", "nrmse", "psnr_xz", "ssim_3d", *names], 0.5)))
    csv, markdown, *_ = write_tables(read_run(run))
    (row,) = markdown_tables(markdown.read_text())["cells"].values()
    assert [*row][1:6] == ["PSNR (dB)", "SSIM", "HaarPSI", "FSIM", "params"]
    assert {"bias_mean", "gmsd_mean", "nrmse_mean", "psnr_xz_mean", "ssim_3d_mean"} <= {*pd.read_csv(csv)}


def test_a_run_that_was_asked_for_nothing_else_still_has_a_table(make_run):
    run = make_run(make_run.job(scores={"bias": 0.5, "nrmse": 0.25}))
    (row,) = markdown_tables(write_tables(read_run(run))[1].read_text())["cells"].values()
    assert (row["bias (grey levels)"], row["NRMSE"]) == ("**0.50**", "**0.2500**")


def test_hyphens_stay_hyphens_in_latex():
    assert latex_text("--seeds 3 — or more") == "-{}-seeds 3 -- or more"
