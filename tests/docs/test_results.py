"""docs/results.md and the README: their tables say what the baselines named above them hold."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import mean, stdev
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ("docs/results.md", "README.md")
FILE = re.compile(r"`(reports/reference/[\w.-]+\.json)`")
TABLE = re.compile(
    rf"^(?P<files>{FILE.pattern}(?: and {FILE.pattern})*)[^\n]*\n\n(?P<rows>(?:\|.*\n)+)", re.MULTILINE
)
NUMBER = re.compile(r"[-+]?\d+(?:\.(\d+))?")
METRICS = {"PSNR (dB)": "psnr", "SSIM": "ssim"}


class Table(NamedTuple):
    """A table of a page, and the baselines that it is of."""

    page: str
    files: list[str]
    headings: list[str]
    rows: list[list[str]]


def tables() -> Iterator[Table]:
    for page in PAGES:
        for found in TABLE.finditer((ROOT / page).read_text("utf-8")):
            lines = [
                [cell.strip() for cell in line.strip("|").split("|")] for line in found["rows"].splitlines()
            ]
            yield Table(page, FILE.findall(found["files"]), lines[0], lines[2:])


TABLES = [*tables()]


def scores(file: str) -> dict[str, dict[str, list[float]]]:
    """Return the scores of the seeds by method and metric."""
    content = json.loads((ROOT / file).read_text("utf-8"))
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for job in content["jobs"]:
        assert job["status"] == "ok"
        assert job["identity"]["protocol_version"] == 2
        for metric in METRICS.values():
            found[job["method"]][metric].append(job["metrics"][metric]["value"])
    return found


def rounds_to(text: str, value: float) -> bool:
    """Return whether the first number of a cell is the value, rounded as it is written."""
    number = NUMBER.search(text)
    assert number is not None, text
    return abs(float(number[0]) - value) <= 0.5 * 10.0 ** -len(number[1] or "") * (1 + 1e-9)


def test_the_pages_have_tables() -> None:
    assert {table.page for table in TABLES} == {*PAGES}


@pytest.mark.parametrize(
    "table", TABLES, ids=[f"{table.page}-{Path(table.files[0]).stem}" for table in TABLES]
)
def test_a_table_says_what_its_baselines_hold(table: Table) -> None:
    expected = {name: found for file in reversed(table.files) for name, found in scores(file).items()}
    assert {row[0].strip("*") for row in table.rows} == {*expected}
    for row in table.rows:
        cells = dict(zip(table.headings, row, strict=True))
        for heading, metric in METRICS.items():
            values = expected[row[0].strip("*")][metric]
            center, _, spread = cells[heading].partition("±")
            assert rounds_to(center, mean(values)), (row, values)
            if spread:
                assert rounds_to(spread, stdev(values)), (row, values)
