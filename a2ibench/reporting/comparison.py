"""A comparison as people and CI services read it: a table, JUnit XML, and lines beside a workflow run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

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


_BEGINNING = 4096


def junit(comparison: Comparison, name: str, when: datetime | None = None) -> bytes:
    """Return one test case for each value of each dataset and method; regressions are failures.

    So is what has a limit that somebody gave and could not be compared.

    Elements and attributes are those of the schema of Ant's JUnit task, in its order, which other readers
    take too.

    Parameters
    ----------
    comparison : Comparison
        What was found.
    name : str
        Name of the suite.
    when : datetime, optional
        Time of the comparison, by default now.
    """
    failures = sum(difference.failed for difference in comparison.differences)
    suites, suite = _suite(name, when, tests=len(comparison.differences), failures=failures)
    for difference in comparison.differences:
        _add_case(suite, difference)
    return _xml(suites, suite, comparison.notes)


def junit_of_error(message: str, name: str, when: datetime | None = None) -> bytes:
    """Return one test case that has an error, for a comparison that did not come about.

    Parameters
    ----------
    message : str
        Why it did not.
    name : str
        Name of the suite.
    when : datetime, optional
        Time of the comparison, by default now.
    """
    suites, suite = _suite(name, when, tests=1, errors=1)
    attributes = {"classname": "a2ibench", "name": "compare", "time": "0"}
    case = ElementTree.SubElement(suite, "testcase", attributes)
    _add_fault(case, "error", "input", message)
    return _xml(suites, suite)


def is_junit(path: Path) -> bool:
    """Whether a file may be replaced by JUnit XML, since it begins as such, or is empty.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    with path.open("rb") as file:
        beginning = file.read(_BEGINNING)
    return not beginning.strip() or b"<testsuite" in beginning


def _suite(
    name: str, when: datetime | None, *, tests: int, failures: int = 0, errors: int = 0
) -> tuple[ElementTree.Element, ElementTree.Element]:
    moment = (when or datetime.now(UTC)).astimezone(UTC)
    attributes = {
        "name": printable(name),
        "package": "a2ibench",
        "id": "0",
        "hostname": "localhost",
        "timestamp": moment.strftime("%Y-%m-%dT%H:%M:%S"),
        "time": "0",
        "tests": str(tests),
        "failures": str(failures),
        "errors": str(errors),
        "skipped": "0",
    }
    suites = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(suites, "testsuite", attributes)
    ElementTree.SubElement(suite, "properties")
    return suites, suite


def _xml(suites: ElementTree.Element, suite: ElementTree.Element, notes: Iterable[str] = ()) -> bytes:
    ElementTree.SubElement(suite, "system-out").text = "\n".join(map(printable, notes))
    ElementTree.SubElement(suite, "system-err")
    ElementTree.indent(suites)
    xml: bytes = ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True)
    return xml + b"\n"


def _add_case(suite: ElementTree.Element, difference: Difference) -> None:
    place = f"{difference.dataset}.{difference.method}"
    attributes = {"classname": printable(place), "name": printable(difference.subject), "time": "0"}
    case = ElementTree.SubElement(suite, "testcase", attributes)
    if difference.failed:
        _add_fault(case, "failure", difference.kind, difference.text)


def _add_fault(case: ElementTree.Element, tag: str, kind: str, message: str) -> None:
    text = printable(message)
    ElementTree.SubElement(case, tag, {"type": kind, "message": text}).text = text
