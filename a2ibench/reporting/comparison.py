"""A comparison as people and CI services read it: a table, and lines beside a workflow run."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from a2ibench.bench.gate.compare import Comparison
from a2ibench.bench.gate.rules import Difference
from a2ibench.errors import one_line, printable

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
        cells = [difference.dataset, difference.method, *cells_of(difference), word_of(difference)]
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


def word_of(difference: Difference) -> str:
    """Return the verdict for people."""
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


def cells_of(difference: Difference) -> list[str]:
    """Return what changed, both values, the change, and how much is allowed."""
    subject = f"{difference.subject} time" if difference.kind == "time" else difference.subject
    if difference.change is None:
        return [difference.subject, "", "", difference.text.removeprefix(f"{difference.subject} is "), ""]
    limit = difference.limit
    if difference.kind in ("time", "resource"):
        change, allowed = f"x{difference.change:.2f}", "" if limit is None else f"x{limit:.2f}"
    else:
        change, allowed = f"{difference.change:+.3g}", "" if limit is None else f"{limit:.4g}"
    return [subject, f"{difference.baseline:.6g}", f"{difference.run:.6g}", change, allowed]


def github_lines(comparison: Comparison) -> Iterator[str]:
    """Yield an error for each regression, the worst first, since GitHub shows but the first ten.

    What has a limit that somebody gave and could not be compared comes after them.
    """
    for difference in (*comparison.of("worse"), *comparison.of("unknown")):
        title = f"{difference.subject} of {difference.method} on {difference.dataset}"
        yield annotation("error", difference.text, title)


def annotation(level: str, message: str, title: str) -> str:
    """Return a workflow command, escaped as GitHub wants it.

    Parameters
    ----------
    level : {"error", "warning", "notice"}
        How it is shown.
    message, title : str
        Any text; characters that cannot be seen are written as escapes.
    """
    title = _escaped(title).replace(":", "%3A").replace(",", "%2C")
    return f"::{level} title={title}::{_escaped(message)}"


def _escaped(text: str) -> str:
    escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return printable(escaped)
