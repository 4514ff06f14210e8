"""A comparison as a table and as annotations."""

from __future__ import annotations

import math

import pytest

from a2ibench.bench.gate.compare import Comparison
from a2ibench.bench.gate.rules import Difference
from a2ibench.cli.table import plain_table
from a2ibench.reporting.comparison import (
    annotation,
    comparison_table,
    conclusion,
    github_lines,
)

GONE = Difference("cells", "srmd", "seed 0", "job", "worse", "missing; it was ok", excess=math.inf)
DROP = Difference("cells", "cubic", "psnr", "metric", "worse", "down 0.34", 29.74, 29.4, -0.34, 0.1, 3.4)
SLOW = Difference("cells", "cubic", "fit", "time", "worse", "fit takes long", 100, 200.5, 2.005, 1.5, 1.7)
NEAR = Difference("cells", "cubic", "ssim", "metric", "within", "down", 0.9, 0.896, -0.004, 0.005, 0.8)
SAME = Difference("cells", "cubic", "ssim_3d", "metric", "within", "same", 0.9, 0.9, 0.0, 0.005, 0.0)
GAIN = Difference("cells", "cubic", "psnr_xy", "metric", "better", "up", 30.0, 31.0, 1.0, 0.1, -10.0)
NEW = Difference("other", "cubic", "seed 0", "job", "note", "new, ok; the baseline has no such job")
FREE = Difference("cells", "cubic", "blur", "metric", "note", "blur: no limit", 1.0, 2.0, 1.0)
ALL = Comparison((GONE, DROP, SLOW, NEAR, SAME, GAIN, NEW, FREE), ("torch: 2.6 in BASELINE, 2.7 in RUN",))


def rows(everything: bool) -> list[list[str]]:
    text = plain_table(comparison_table(ALL, everything))
    assert text.isascii()
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_table_shows_the_worst_first_and_one_line_of_what_is_well() -> None:
    header, *body = rows(everything=False)
    assert header == ["dataset", "method", "what", "baseline", "run", "change", "allowed", "verdict"]
    assert body == [
        ["cells", "srmd", "seed 0", "", "", "missing; it was ok", "", "WORSE"],
        ["cells", "cubic", "psnr", "29.74", "29.4", "-0.34", "0.1", "WORSE"],
        ["cells", "cubic", "fit time", "100", "200.5", "x2.00", "x1.50", "WORSE"],
        ["cells", "cubic", "ssim", "0.9", "0.896", "-0.004", "0.005", "ok"],
        ["cells", "cubic", "psnr_xy", "30", "31", "+1", "0.1", "better"],
        ["other", "cubic", "seed 0", "", "", "new, ok; the baseline has no such job", "", "note"],
        ["cells", "cubic", "blur", "1", "2", "+1", "", "note"],
    ]


def test_everything_is_shown_when_asked() -> None:
    shown = rows(everything=True)
    assert len(shown) == len(ALL.differences) + 1
    assert ["cells", "cubic", "ssim_3d", "0.9", "0.9", "+0", "0.005", "ok"] in shown


def test_names_are_no_markup() -> None:
    odd = Difference("[bold]x[/bold]", "[/]", "psnr", "metric", "within", "", 1.0, 1.0, 0.0, 0.1)
    assert "[bold]x[/bold]" in plain_table(comparison_table(Comparison((odd,))))


@pytest.mark.parametrize(
    ("differences", "line"),
    [
        ((), "no regression: 0 values compared"),
        ((NEAR,), "no regression: 1 value compared"),
        ((NEAR, GAIN, NEW), "no regression: 2 values compared, 1 better"),
        (ALL.differences, "regression: 3 of 6 values worse than allowed, 1 better"),
    ],
)
def test_the_conclusion_is_one_line(differences: tuple[Difference, ...], line: str) -> None:
    assert conclusion(Comparison(differences)) == line


def test_annotations_are_errors_of_one_line_each() -> None:
    assert list(github_lines(ALL)) == [
        "::error title=seed 0 of srmd on cells::missing; it was ok",
        "::error title=psnr of cubic on cells::down 0.34",
        "::error title=fit of cubic on cells::fit takes long",
    ]


def test_annotations_are_escaped() -> None:
    line = annotation("error", "100%\r\nof a: b, c", "a: b, c\n%")
    assert line == "::error title=a%3A b%2C c%0A%25::100%25%0D%0Aof a: b, c"
