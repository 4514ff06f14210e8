"""The page of published results shows all of the file, and other pages that quote it say the same."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from a2ibench.reporting.published.matching import sentences
from a2ibench.reporting.published.results import load_published

DOCS = Path(__file__).parents[2] / "docs"


def test_every_table_stands_on_the_page_with_its_reasons(site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(DOCS / "_ext"))
    directive = importlib.import_module("published_results")
    page = site.page("published.html")
    shown = [[cell.get_text(strip=True) for cell in row.find_all("td")] for row in page.find_all("tr")]
    lines = [" ".join(line.get_text().split()) for line in page.find_all("li")]
    text = " ".join(page.get_text().split())
    for one in load_published():
        assert (one.citation or one.name) in text
        for row in one.rows:
            assert [row.name, *(f"{score.value:.10g}" for score in row.values.values())] in shown
        if one.rows:
            found = directive.reasons(one, directive.ours())
            assert found
            headings = {name: directive.heading(name) for name in one.metrics}
            assert set(sentences(found, headings)) <= set(lines), one.name


def test_the_puzzle_quotes_the_table_of_the_paper() -> None:
    (paper,) = (one for one in load_published() if one.place == "Table I")
    rows = {row.method: row.values for row in paper.rows}
    cubic, pssr = rows["cubic"], rows["pssr"]
    text = (DOCS / "studies" / "ssim_puzzle.md").read_text(encoding="utf-8")
    (quoted,) = re.findall(r"^\| \[paper\].*$", text, re.MULTILINE)
    gains = (pssr[name].value - cubic[name].value for name in ("psnr", "ssim"))
    assert f"{cubic['psnr'].value}, {cubic['ssim'].value}" in quoted
    assert "PSSR {:+.2f} dB, {:+.3f}".format(*gains) in quoted
