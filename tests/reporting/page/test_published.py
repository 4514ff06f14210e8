"""The section of published results: beside the run's scores where the protocol matches, else why not."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from a2ibench.bench.run import Run
from a2ibench.reporting.page import page as module
from a2ibench.reporting.page.model import page_model
from a2ibench.reporting.page.page import page
from a2ibench.reporting.published.matching import conditions, reasons
from a2ibench.reporting.published.points import Words
from a2ibench.reporting.published.results import Published, PublishedRow, Value, load_published
from a2ibench.reporting.report import report

DATASET = {
    "name": "cells",
    "sha256": "ab" * 32,
    "shape": [150, 160, 160],
    "voxel_size": [8.0, 8.0, 8.0],
    "intensity": [0.0, 255.0],
    "dtype": "uint8",
    "definition": {"bin": 1, "crop": None},
    "simulation": {"ratio": 3.0, "degradation": "slab-average", "settings": {"gaussian": 0.0}},
}
MATCHING = Published(
    "Somebody, 2026",
    "somebody",
    "Somebody. A made-up paper, 2026",
    "Table 2",
    "cells",
    ("cells",),
    training="100 epochs",
    protocol={
        "voxel_size": (8.0, 8.0, 8.0),
        "bin": 1,
        "crop": "whole",
        "shape": (150, 160, 160),
        "ratio": 3.0,
        "axis": "z",
        "degradation": "slab-average",
        "settings": {"gaussian": 0.0},
        "trained_on": "input",
        "over": "volume",
        "data_range": 255.0,
        "rounded": "uint8",
        "border": 0,
    },
    rows=(
        PublishedRow("Bicubic", "cubic", "nothing", {"psnr": Value(30.1)}),
        PublishedRow("Great-Net", values={"psnr": Value(99.5, 0.25), "ssim": Value(0.9)}),
    ),
)


@pytest.fixture(autouse=True)
def without_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "charts", lambda run: [])


@pytest.fixture
def run(tmp_path: Path, make_record) -> Run:
    records = tuple(
        make_record(
            "cells", method, seed, {"psnr": 30.0 + seed, "ssim": 0.8}, provenance={"dataset": DATASET}
        )
        for method in ("cubic", "net")
        for seed in range(2)
    )
    return Run(tmp_path, records=records)


def section(run: Run, *published: Published) -> BeautifulSoup:
    return BeautifulSoup(page(run, 0, published), "html.parser").select_one("#published")


def cells(row) -> list[str]:
    return [cell.get_text(" ", strip=True) for cell in row.find_all(["th", "td"])]


def test_what_matches_stands_beside_ours_in_rows_of_its_own(run: Run) -> None:
    found = section(run, replace(MATCHING, rows=MATCHING.rows[:1]), replace(MATCHING, name="Else"))
    (beside,) = (one for one in found.find_all("table") if "same protocol" in one.caption.get_text())
    assert cells(beside.thead.tr) == ["method", "PSNR (dB)"]
    ours, theirs, others = ([cells(row) for row in body.find_all("tr")] for body in beside.find_all("tbody"))
    assert ours == [["This run"], ["cubic", "30.50 ± 0.71"], ["net", "30.50 ± 0.71"]]
    assert theirs == [["As published, not ranked: Somebody, 2026, Table 2"], ["Bicubic here cubic", "30.1"]]
    assert others[1:] == [["Bicubic here cubic", "30.1"], ["Great-Net", "99.5 ± 0.25"]]
    assert "need not be that of this run: 100 epochs" in found.get_text()
    # The score that is not said to be computed alike stays apart, with why.
    (apart,) = (one for one in found.find_all("details") if "Else" in one.summary.get_text())
    assert "in part not comparable" in apart.summary.get_text()
    assert "SSIM: what is averaged: all voxels" not in apart.get_text()
    assert "not stated for SSIM: window" in apart.get_text()


def test_it_is_never_ranked(run: Run) -> None:
    model = page_model(run, (MATCHING,))
    assert "Great-Net" not in str(model["scores"])
    assert "Great-Net" not in str(model["files"])
    assert page_model(run, ())["scores"] == model["scores"]
    text = page(run, 0, (MATCHING,))
    soup = BeautifulSoup(text, "html.parser")
    assert "Great-Net" not in soup.select_one("#ranking").get_text()
    found = soup.select_one("#published")
    assert not found.select(".best, .sort, .sorts, strong")
    assert {link["href"] for link in soup.select("nav a")} >= {"#published"}


def test_what_does_not_match_is_folded_away_with_its_reasons(run: Run) -> None:
    protocol = {**MATCHING.protocol, "ratio": 4.0, "crop": Words("a corner"), "data_range": None}
    found = section(run, replace(MATCHING, protocol=protocol, rows=MATCHING.rows[:1]))
    assert "none stands beside its scores" in found.get_text()
    assert not [one for one in found.find_all("table") if "same protocol" in one.caption.get_text()]
    folded, sources = found.find_all("details")
    assert not folded.has_attr("open")
    assert folded.summary.get_text() == (
        "Somebody, 2026, Table 2: not comparable: 2 points that cannot be matched, 1 point not stated"
    )
    assert [line.get_text() for line in folded.find_all("li")] == [
        "region: a corner (stated in words only); here the whole stored volume",
        "ratio: 4; here 3",
        "not stated for PSNR: data range",
    ]
    assert cells(folded.find("tbody").tr) == ["Bicubic", "30.1"]
    assert "Somebody. A made-up paper, 2026" in folded.get_text()
    assert "@misc{source-somebody," in sources.pre.get_text()


def test_data_of_which_nothing_is_published_has_no_section(run: Run) -> None:
    assert section(run, replace(MATCHING, datasets=("others",))) is None
    assert section(run, replace(MATCHING, rows=())) is None
    assert page_model(run)["published"] == []


def test_runs_know_what_ships_and_a_file_of_ones_own(run: Run, tmp_path: Path) -> None:
    records = [replace(one, dataset="epfl-ca1") for one in run.records]
    epfl = Run(tmp_path, records=tuple(records))
    shipped = [one.name for one in load_published() if one.rows]
    titles = [one["title"].partition(", Table")[0] for one in page_model(epfl)["published"][0]["apart"]]
    assert titles == shipped
    file = tmp_path / "mine.toml"
    file.write_text(
        '[[results]]\nname = "Mine"\ndatasets = ["epfl*"]\nrows = [{name = "B", values = {psnr = 1}}]\n'
    )
    soup = BeautifulSoup(report(epfl, "html", planes=0, published=file).decode(), "html.parser")
    folded = [one.get_text() for one in soup.select("#published details > summary")]
    assert [line.partition(":")[0].partition(", Table")[0] for line in folded[:-1]] == ["Mine", *shipped]


def test_a_record_that_tells_little_or_nonsense_is_no_match(run: Run) -> None:
    for dataset in ({}, {"shape": "big", "definition": [], "simulation": {"settings": 3, "ratio": [1]}}):
        told = {"dataset": dataset}
        odd = replace(run, records=tuple(replace(one, provenance=told) for one in run.records))
        for part in page_model(odd, (MATCHING,))["published"]:
            assert part["beside"] is None
    assert reasons(MATCHING, conditions({"name": "cells", "simulated": True}))


def test_hostile_texts_are_texts(hostile: Run) -> None:
    script, quoted = (
        "<script>alert(1)</script>",
        "\"onload='alert(2)' x=\"</script><img src=x onerror=alert(3)>",
    )
    row = PublishedRow(script, quoted, "nothing", {quoted: Value(1.0), "psnr": Value(2.0)})
    one = Published(
        script,
        quoted,
        quoted,
        script,
        quoted,
        ("*",),
        training=script,
        protocol={"crop": Words(script)},
        rows=(row,),
    )
    text = page(hostile, 0, (one,))
    soup = BeautifulSoup(text, "html.parser")
    assert len(soup.find_all("script")) == 1
    assert not soup.find_all("img")
    assert not {name for each in soup.find_all(True) for name in each.attrs if name.startswith("on")}
    assert "<script>alert" not in text
    assert script in soup.select_one("#published summary").get_text()
    assert re.search(r"stated in words only|there is none", soup.select_one("#published").get_text())
