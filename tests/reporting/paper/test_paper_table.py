"""What a table for a paper shows: choice, marks, ranks and words."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pandas as pd
import pytest

from a2ibench.bench.run import read_run
from a2ibench.errors import InputError, UnknownNameError


def cells(table):
    """Title of a part, then method, then heading to cell of the Markdown."""
    found = {}
    for title, body in re.findall(r"### (.+)\n\n((?:\|.*\n)+)", table.text("md")):
        head, _, *rows = [
            [cell.strip() for cell in line.strip("|").split(" | ")] for line in body.splitlines()
        ]
        found[title] = {row[0]: dict(zip(head, row, strict=True)) for row in rows}
    return found


def bare(table):
    """The numbers of a metric by dataset and method, in a table of one metric with datasets as columns."""
    return pd.read_csv(io.StringIO(table.text("csv"))).set_index("method")


def test_metrics_as_columns_have_a_part_for_each_dataset_and_one_of_mean_ranks(run):
    table = read_run(run).table()
    found = cells(table)
    assert list(found) == ["a-set", "b-set", "c-set", "mean rank"]
    assert found["a-set"] == {
        "cubic": {"method": "cubic", "PSNR (dB) ↑": "28.00", "SSIM ↑": "0.7000"},
        "plain": {"method": "plain", "PSNR (dB) ↑": "28.51 ± 0.01", "SSIM ↑": "0.7128 ± 0.0002"},
        "srmd": {
            "method": "srmd",
            "PSNR (dB) ↑": "≈ <ins>29.01</ins> ± 0.01",
            "SSIM ↑": "<ins>0.7252</ins> ± 0.0003",
        },
        "swinir": {
            "method": "swinir",
            "PSNR (dB) ↑": "**29.03** ± 0.01",
            "SSIM ↑": "**0.7258** ± 0.0002",
        },
    }
    # What cannot be told from the best shares ranks 1 and 2; SSIM has no slices, and no such mark.
    ranks = {name: [*row.values()][1:] for name, row in found["mean rank"].items()}
    assert ranks == {
        "cubic": ["4.00", "4.00"],
        "plain": ["3.00", "3.00"],
        "srmd": ["1.50", "2.00"],
        "swinir": ["1.50", "1.00"],
    }
    assert table.notes == ()


def test_datasets_as_columns_show_the_same_numbers(run):
    by_metrics, by_datasets = (
        cells(read_run(run).table(columns=columns)) for columns in ("metrics", "datasets")
    )
    assert list(by_datasets) == ["PSNR (dB) ↑", "SSIM ↑"]
    for metric, methods in by_datasets.items():
        for method, row in methods.items():
            assert list(row) == ["method", "a-set", "b-set", "c-set", "mean rank"]
            for dataset, cell in list(row.items())[1:]:
                assert by_metrics[dataset][method][metric] == cell


def test_csv_has_means_spreads_and_marks_apart(run):
    table = read_run(run).table(["psnr"])
    found = pd.read_csv(io.StringIO(table.text("csv")))
    assert list(found) == ["dataset", "method", "psnr", "psnr_std", "psnr_mark"]
    row = found.set_index(["dataset", "method"]).loc["b-set"]
    assert row["psnr"].tolist() == [30.0, 30.51, 31.01, 31.03]
    assert row["psnr_mark"].fillna("").tolist() == ["", "", "second tied", "best"]
    wide = pd.read_csv(io.StringIO(read_run(run).table(["psnr"], columns="datasets").text("csv")))
    assert list(wide)[-4:] == ["c-set", "c-set_std", "c-set_mark", "mean_rank"]


def test_order_and_choice_are_those_given_and_marks_are_among_what_is_shown(run):
    table = read_run(run).table(
        ["ssim", "psnr"], datasets=["c-set", "a-set"], methods=["srmd", "plain", "cubic"]
    )
    found = cells(table)
    assert list(found) == ["c-set", "a-set", "mean rank"]
    assert list(found["c-set"]) == ["srmd", "plain", "cubic"]
    assert list(found["c-set"]["srmd"]) == ["method", "SSIM ↑", "PSNR (dB) ↑"]
    assert found["c-set"]["srmd"]["PSNR (dB) ↑"] == "**33.01** ± 0.01"
    assert found["c-set"]["plain"]["PSNR (dB) ↑"] == "<ins>32.51</ins> ± 0.01"
    assert "≈" not in table.text("md")
    two = read_run(run).table(["psnr"], methods=["srmd", "plain"])
    assert "<ins>" not in two.text("md")
    assert "underlined" not in two.caption


def test_spreads(run):
    one = read_run(run)
    table = one.table(["psnr"], datasets=["a-set"], spread="interval")
    assert cells(table)["a-set"]["plain"]["PSNR (dB) ↑"] == "28.51 [28.49, 28.53]"
    assert "Mean [its 95 % interval] over 3 trainings of each method that learns." in table.caption
    table = one.table(["psnr"], datasets=["a-set"], spread="none")
    assert cells(table)["a-set"]["plain"]["PSNR (dB) ↑"] == "28.51"
    assert "Mean over 3 trainings of each method that learns." in table.caption


def test_mean_ranks_are_over_datasets_where_every_ranked_method_has_a_score(make_run, jobs, scored):
    failed = {"status": "error", "error": {"type": "E", "message": "no luck", "traceback": ""}}
    kept = [job for job in jobs() if (job[0]["dataset"], job[0]["method"]) != ("b-set", "plain")]
    run = read_run(make_run(*kept, *(scored("b-set", "plain", seed, **failed) for seed in range(3))))
    table = run.table(["psnr"], columns="datasets")
    found = bare(table)
    assert found["mean_rank"].to_dict() == {"cubic": 4.0, "srmd": 1.5, "swinir": 1.5, "plain": 3.0}
    assert pd.isna(found["b-set"]["plain"])
    assert "Mean rank over the 2 datasets with a score of every ranked method" in table.caption
    assert "—: no result, or no rank." in table.caption
    assert table.notes == tuple(f"plain on b-set (seed {seed}): error: no luck" for seed in range(3))
    # Two datasets are the least that a mean is of.
    alone = run.table(["psnr"], datasets=["a-set", "b-set"])
    assert "mean rank" not in alone.text("md")
    assert "Mean rank" not in alone.caption
    assert "—: no result." in alone.caption
    assert "mean rank" not in run.table(ranks=False).text("md")
    assert "ean rank" not in run.table(methods=["srmd"]).text("md")


def test_equal_values_share_a_mean_rank(make_run, scored):
    level = {"scores": {"ssim": 0.8}, "slices": None, "model": {}}
    one = [scored(name, method, **level) for name in ("a-set", "b-set") for method in ("plain", "srmd")]
    low = [scored(name, "cubic", **level | {"scores": {"ssim": 0.7}}) for name in ("a-set", "b-set")]
    run = read_run(make_run(*one, *low))
    table = run.table(["ssim"], columns="datasets")
    assert bare(table)["mean_rank"].to_dict() == {"plain": 1.5, "srmd": 1.5, "cubic": 3.0}
    assert bare(table)["a-set_mark"].fillna("").to_dict() == {
        "plain": "best",
        "srmd": "best",
        "cubic": "second",
    }


def test_controls_and_pretrained_methods_have_no_rank_and_no_mark(make_run, jobs, scored):
    controls = {
        "linear": {"psnr": {"value": 99.0, "version": 1}},
        "ceiling": {"psnr": {"value": 100.0, "version": 1}},
    }
    told = {"protocol_version": 1, "trained_on": ["elsewhere"]}
    base = [
        scored(name, "cubic", controls=controls) if job is None else job
        for name in ("a-set", "b-set")
        for job in [None, *jobs([name], ["plain", "srmd"])]
    ]
    more = [
        scored(name, "swinir", seed, gain=9.0, provenance=told)
        for name in ("a-set", "b-set")
        for seed in range(3)
    ]
    run = read_run(make_run(*base, *more))
    table = run.table(["psnr"], columns="datasets", methods=["linear", "swinir", "plain", "srmd"])
    found = bare(table)
    assert list(found.index) == ["swinir (pretrained)", "plain", "srmd", "(linear)"]
    assert found["a-set"].tolist() == [37.01, 28.51, 29.01, 99.0]
    assert found["a-set_mark"].fillna("").tolist() == ["", "", "best", ""]
    assert found["mean_rank"].fillna(0).tolist() == [0, 2.0, 1.0, 0]
    assert "Controls in brackets: " in table.caption
    assert "(pretrained): began with weights trained on other volumes, and has no rank." in table.caption
    assert list(cells(run.table(["psnr"]))["mean rank"]) == ["cubic", "plain", "srmd"]
    assert "linear" not in run.table().text("md")
    with pytest.raises(UnknownNameError, match="unknown method 'nearest'; did you mean 'linear'"):
        run.table(methods=["nearest"])


def test_below_three_trainings_nothing_is_best_and_the_caption_says_so(make_run, scored):
    run = read_run(make_run(*(scored("a-set", method) for method in ("cubic", "plain", "srmd"))))
    table = run.table()
    assert not re.search(r"\*\*|<ins>|≈", table.text("md"))
    assert "One training of each method that learns." in table.caption
    assert "With fewer than three seeds numbers are of these trainings" in table.caption
    assert "bold" not in table.caption


def test_scores_with_and_without_a_reference_are_kept_apart(make_run, jobs, scored, run):
    one = read_run(run)
    assert "in_plane" not in one.table().text("csv")
    with pytest.raises(
        InputError,
        match=r"^metrics: ssim compares with a reference and in_plane_psnr does not, so they may not",
    ):
        one.table(["ssim", "in_plane_psnr"])
    table = one.table(["in_plane_psnr"])
    assert table.caption.startswith(
        "Scores without a reference, which say nothing of the distance from a truth. "
    )


def test_a_run_without_a_reference_has_a_table_of_the_other_scores(make_run, scored):
    scores = {"in_plane_psnr": 20.0}
    run = make_run(*(scored("a-set", method, scores=scores, slices=None) for method in ("cubic", "plain")))
    assert "in_plane_psnr" in read_run(run).table().text("csv")


def test_a_dataset_without_a_score_is_left_out_and_named(make_run, jobs, scored):
    scores = {"in_plane_psnr": 20.0}
    run = make_run(*jobs(["a-set"]), scored("c-set", "cubic", scores=scores, slices=None))
    table = read_run(run).table()
    assert list(cells(table)) == ["a-set"]
    assert table.notes == ("c-set: has no score of psnr, ssim; left out",)


def test_versions_never_share_a_table(make_run, scored):
    older = scored("a-set", "cubic", version=2)
    run = read_run(make_run(older, scored("a-set", "plain"), scored("b-set", "plain", protocol=2)))
    with pytest.raises(
        InputError,
        match=r"plain on a-set is of protocol version 1 and plain on b-set of protocol version 2: they ",
    ):
        run.table()
    with pytest.raises(
        InputError, match=r"plain on a-set is of psnr 1, ssim 1 and cubic on a-set of psnr 2, ssim 2"
    ):
        run.table(datasets=["a-set"])
    assert list(cells(run.table(methods=["plain"], datasets=["b-set"]))) == ["b-set"]


def test_only_versions_of_what_is_shown_count(make_run, scored):
    record, planes, slices = scored("a-set", "cubic")
    record["metrics"]["ssim"] = {"value": 0.7, "version": 2}
    run = read_run(make_run((record, planes, slices), scored("a-set", "plain")))
    assert list(cells(run.table(["psnr"]))["a-set"]) == ["cubic", "plain"]
    with pytest.raises(InputError, match=r"is of ssim 1 and .* of ssim 2"):
        run.table()


def test_the_caption_says_what_is_needed(run):
    caption = read_run(run).table().caption
    for sentence in (
        "Reconstructions compared with the reference.",
        "Mean ± sample standard deviation over 3 trainings of each method that learns.",
        "Best of each dataset in bold, second best underlined.",
        "≈ in PSNR: the 95 % interval of the difference from the best contains 0.",
        "Protocol version 1; metric versions: psnr 1, ssim 1.",
    ):
        assert sentence in caption
    own = read_run(run).table(caption="Mine: 50 % & more", label="tab:mine")
    assert own.marks == caption
    tex = own.text()
    assert r"\caption{Mine: 50 \% \& more}" in tex
    assert r"\label{tab:mine}" in tex
    assert "% Reconstructions compared with the reference." in tex


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": "rows"}, "unknown kind of columns 'rows'; known: datasets, metrics"),
        ({"width": "three"}, "unknown width 'three'; known: one, two"),
        ({"spread": "sem"}, "unknown spread 'sem'; known: interval, none, std"),
        ({"metrics": ["psn"]}, "unknown metric 'psn'; did you mean 'psnr'?"),
        ({"datasets": ["d"]}, "unknown dataset 'd'; known: a-set, b-set, c-set"),
        ({"methods": [""]}, "unknown method ''; known: cubic, plain, srmd, swinir"),
    ],
)
def test_unknown_names_are_told(run, options, message):
    with pytest.raises(UnknownNameError) as error:
        read_run(run).table(**options)
    assert str(error.value) == message


def test_what_cannot_be_shown_is_told(make_run, scored, tmp_path):
    failed = {"status": "error", "error": {"type": "E", "message": "no luck", "traceback": ""}}
    run = read_run(make_run(scored("a-set", "cubic"), scored("b-set", "cubic", **failed)))
    with pytest.raises(InputError, match="nothing that was chosen has a score"):
        run.table(datasets=["b-set"])
    with pytest.raises(InputError, match="label: got 'a}b'; give letters"):
        run.table(label="a}b")
    with pytest.raises(InputError, match=r"out: got .*table.doc; give a file that ends in .tex, .md, .csv"):
        run.table().save(tmp_path / "table.doc")
    with pytest.raises(UnknownNameError, match="unknown format 'doc'"):
        run.table().text("doc")


def test_it_is_saved_by_suffix_and_shown_by_notebooks(run, tmp_path):
    table = read_run(run).table()
    for form in ("tex", "md", "csv"):
        file = table.save(tmp_path / "new" / f"t.{form.upper()}")
        assert file.read_text(encoding="utf-8") == table.text(form)
    assert table._repr_markdown_() == table.text("md")
    assert read_run(run).table().text() == table.text()


def test_records_elsewhere_have_scores_and_no_marks_of_slices(run, tmp_path):
    alone = replace(read_run(run), folder=tmp_path / "elsewhere")
    assert "≈" not in alone.table().text("md")
    assert "**29.03** ± 0.01" in alone.table().text("md")
