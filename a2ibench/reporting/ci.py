"""A comparison as CI services show it: JUnit XML, and lines that GitHub puts beside a workflow run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

from a2ibench.bench.gate.compare import Comparison
from a2ibench.bench.gate.difference import Difference
from a2ibench.errors import printable


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
