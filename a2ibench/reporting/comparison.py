"""A comparison for people: a table, and a line that says how it ended."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from a2ibench.bench.gate.compare import Comparison
from a2ibench.bench.gate.difference import Difference
from a2ibench.errors import one_line

_WORDS = {"worse": "WORSE", "unknown": "NOT COMPARED", "better": "better", "within": "ok", "note": "note"}
_STYLES = {"worse": "bold red", "unknown": "bold red", "better": "green", "within": "", "note": "dim"}
_IDLE = "guards nothing"
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
        only the one that came closest, and of those whose limits guard nothing only one.
    """
    table = Table()
    for name in _COLUMNS:
        table.add_column(name, justify="right" if name in _NUMBERS else "left", no_wrap=True)
    for difference in comparison.differences if everything else _telling(comparison):
        cells = [difference.dataset, difference.method, *_cells(difference), _word(difference)]
        # Text, because names may hold what would pass for markup.
        table.add_row(*(Text(one_line(cell)) for cell in cells), style=_STYLES[difference.verdict])
    return table


def conclusion(comparison: Comparison) -> str:
    """Return in one line how a comparison ended."""
    worse, unknown, better = (len(comparison.of(verdict)) for verdict in ("worse", "unknown", "better"))
    judged = sum(
        d.compared or (d.limit is None and d.verdict in ("worse", "better")) for d in comparison.differences
    )
    idle = sum(d.verdict == "within" and not d.guards for d in comparison.differences)
    rest = f", {better} better" if better else ""
    if unknown:
        rest += f", {unknown} with a limit could not be compared"
    if idle:
        rest += f", {idle} {'guards' if idle == 1 else 'guard'} nothing"
    if worse:
        return f"regression: {worse} of {judged} {_values(judged)} worse than allowed{rest}"
    start = "not passed" if unknown else "no regression"
    return f"{start}: {judged} {_values(judged)} compared{rest}"


def _word(difference: Difference) -> str:
    idle = difference.verdict == "within" and not difference.guards
    return _IDLE if idle else _WORDS[difference.verdict]


def _values(count: int) -> str:
    return "value" if count == 1 else "values"


def _telling(comparison: Comparison) -> Iterator[Difference]:
    shown: set[tuple[str, str, bool]] = set()
    for difference in comparison.differences:
        place = difference.dataset, difference.method, difference.guards
        if difference.verdict != "within":
            yield difference
        elif place not in shown:
            shown.add(place)
            yield difference


def _cells(difference: Difference) -> list[str]:
    subject = f"{difference.subject} time" if difference.kind == "time" else difference.subject
    if difference.change is None:
        return [difference.subject, "", "", difference.text.removeprefix(f"{difference.subject} is "), ""]
    limit = difference.limit
    if difference.kind in ("time", "resource"):
        change, allowed = f"x{difference.change:.2f}", "" if limit is None else f"x{limit:.2f}"
    else:
        change, allowed = f"{difference.change:+.3g}", "" if limit is None else f"{limit:.4g}"
    return [subject, f"{difference.baseline:.6g}", f"{difference.run:.6g}", change, allowed]
