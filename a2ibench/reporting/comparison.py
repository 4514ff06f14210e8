"""A comparison for people: a table, and a line that says how it ended."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from a2ibench.bench.compare import Comparison
from a2ibench.bench.gate.difference import Difference
from a2ibench.errors import one_line

_WORDS = {"worse": "WORSE", "better": "better", "within": "ok", "note": "note"}
_STYLES = {"worse": "bold red", "better": "green", "within": "", "note": "dim"}
_COLUMNS = ("dataset", "method", "what", "baseline", "run", "change", "allowed", "verdict")
_NUMBERS = ("baseline", "run", "change", "allowed")


def comparison_table(comparison: Comparison, everything: bool = False) -> Table:
    """Return a table of the differences, the worst first.

    Parameters
    ----------
    comparison : Comparison
        What was found.
    everything : bool
        Show every value; otherwise, of the values of a dataset and method that are within their limits,
        only the one that came closest.
    """
    table = Table()
    for name in _COLUMNS:
        table.add_column(name, justify="right" if name in _NUMBERS else "left", no_wrap=True)
    for difference in comparison.differences if everything else _telling(comparison):
        cells = [difference.dataset, difference.method, *_cells(difference), _WORDS[difference.verdict]]
        # Text, because names may hold what would pass for markup.
        table.add_row(*(Text(one_line(cell)) for cell in cells), style=_STYLES[difference.verdict])
    return table


def conclusion(comparison: Comparison) -> str:
    """Return in one line how a comparison ended."""
    worse, better = len(comparison.of("worse")), len(comparison.of("better"))
    judged = worse + better + len(comparison.of("within"))
    gained = f", {better} better" if better else ""
    if worse:
        return f"regression: {worse} of {judged} {_values(judged)} worse than allowed{gained}"
    return f"no regression: {judged} {_values(judged)} compared{gained}"


def _values(count: int) -> str:
    return "value" if count == 1 else "values"


def _telling(comparison: Comparison) -> Iterator[Difference]:
    shown: set[tuple[str, str]] = set()
    for difference in comparison.differences:
        place = difference.dataset, difference.method
        if difference.verdict != "within":
            yield difference
        elif place not in shown:
            shown.add(place)
            yield difference


def _cells(difference: Difference) -> list[str]:
    subject = f"{difference.subject} time" if difference.kind == "time" else difference.subject
    if difference.change is None:
        return [subject, "", "", difference.text.removeprefix(f"{difference.subject} is "), ""]
    limit = difference.limit
    if difference.kind == "time":
        change, allowed = f"x{difference.change:.2f}", "" if limit is None else f"x{limit:.2f}"
    else:
        change, allowed = f"{difference.change:+.3g}", "" if limit is None else f"{limit:g}"
    return [subject, f"{difference.baseline:.6g}", f"{difference.run:.6g}", change, allowed]
