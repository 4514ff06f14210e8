"""What GitHub shows of a step, read back as Markdown."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from markdown_it import MarkdownIt

from a2ibench.bench.gate.compare import Comparison
from a2ibench.bench.gate.rules import Difference
from a2ibench.bench.record import Failure, Record
from a2ibench.bench.run import Run
from a2ibench.bench.score import Score
from a2ibench.reporting.step_summary import (
    MOST_BYTES,
    append_summary,
    comparison_summary,
    error_summary,
    run_summary,
)

HOSTILE = "<img src=x> [a](http://b.example) `c` | @someone #1 **d** \\"
DROP = Difference("cells", "cubic", "psnr", "metric", "worse", "down 0.34", 29.74, 29.4, -0.34, 0.1, 3.4)
GAIN = Difference("cells", "cubic", "ssim", "metric", "better", "up", 0.8, 0.9, 0.1, 0.01, -10.0)
NEAR = Difference("cells", "cubic", "gmsd", "metric", "within", "same", 0.9, 0.9, 0.0, 0.1)


def parsed(text: str) -> BeautifulSoup:
    soup = BeautifulSoup(MarkdownIt("gfm-like", {"linkify": False}).render(text), "html.parser")
    assert not soup.find_all(["a", "img", "script"])
    return soup


def cells(soup: BeautifulSoup) -> list[list[str]]:
    return [[cell.text for cell in row.find_all(["th", "td"])] for row in soup.find_all("tr")]


def test_a_comparison_has_a_verdict_and_what_dropped_with_the_reason() -> None:
    soup = parsed(comparison_summary(Comparison((DROP, GAIN, NEAR), ("torch: 2.6, 2.7",)), "smoke.json"))
    assert soup.strong.text == "regression: 1 of 3 values worse than allowed, 1 better"
    assert soup.h3.text == "\N{CROSS MARK} Comparison with smoke.json"
    heads, worse, _, better = cells(soup)
    assert heads[-2:] == ["verdict", "reason"]
    assert worse == ["cells", "cubic", "psnr", "29.74", "29.4", "-0.34", "0.1", "WORSE", "down 0.34"]
    assert better[2] == "ssim"
    assert "gmsd" not in soup.text
    assert soup.details.li.text == "torch: 2.6, 2.7"


def test_a_comparison_that_passed_says_so_without_a_table() -> None:
    soup = parsed(comparison_summary(Comparison((NEAR,)), "smoke.json"))
    assert soup.h3.text.startswith("\N{WHITE HEAVY CHECK MARK}")
    assert soup.table is None


def test_names_are_neither_markup_nor_links_nor_further_cells() -> None:
    odd = Difference(HOSTILE, "m\n\n# x", "psnr", "job", "worse", HOSTILE, excess=math.inf)
    soup = parsed(comparison_summary(Comparison((odd,), (HOSTILE,)), HOSTILE))
    heads, row = cells(soup)
    assert len(row) == len(heads)
    shown = HOSTILE.replace("`", r"\x60").replace("|", r"\x7c")
    assert row[0] == row[-1] == soup.details.li.text == shown
    assert all(cell.code for cell in soup.find_all("td") if cell.text)
    assert shown in parsed(error_summary(HOSTILE, "a2ibench compare")).text
    assert len(soup.find_all(["h1", "h2"])) == 0


def test_what_is_long_is_cut() -> None:
    many = tuple(Difference("c", f"m{n}", "psnr", "job", "worse", "gone") for n in range(150))
    soup = parsed(comparison_summary(Comparison(many, tuple(map(str, range(150)))), "x"))
    assert len(cells(soup)) == 101
    assert "and 50 more" in soup.text


def test_a_run_shows_what_failed_and_its_tables(tmp_path: Path) -> None:
    records = (
        Record("cells", "cubic", 0, metrics={"psnr": Score(29.5, 1)}),
        Record("cells", HOSTILE, 0, status="error", error=Failure("X", HOSTILE)),
        Record("cells", "shy", 0, status="skipped", reason="needs more"),
    )
    soup = parsed(run_summary(Run(tmp_path / "first", {}, {}, records), ["tables: the disk is full"]))
    assert soup.h3.text == "\N{CROSS MARK} first: 1 of 3 jobs ok"
    heads, failed, *scores = cells(soup)
    assert (heads[-1], failed[2:4]) == ("reason", ["0", "error"])
    assert soup.li.text == "tables: the disk is full"
    assert any("29.5" in cell for row in scores for cell in row)


def test_summaries_follow_each_other_and_none_breaks_what_is_there(tmp_path: Path) -> None:
    file = tmp_path / "summary.md"
    file.write_text("# Earlier\n\n")
    append_summary(file, "### One\n")
    append_summary(file, "x" * MOST_BYTES)
    assert file.read_text() == "# Earlier\n\n### One\n\na2ibench: too long to be shown here.\n\n"


@pytest.mark.parametrize("text", ["\ud800", "µ"])
def test_any_text_can_be_written(tmp_path: Path, text: str) -> None:
    append_summary(tmp_path / "summary.md", text)
    assert (tmp_path / "summary.md").read_bytes().strip()
