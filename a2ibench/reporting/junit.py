"""A comparison as JUnit XML, which CI services show as test results."""

from __future__ import annotations

from datetime import UTC, datetime
from xml.etree import ElementTree

from a2ibench.bench.compare import Comparison
from a2ibench.bench.gate.difference import Difference
from a2ibench.errors import printable


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
    moment = (when or datetime.now(UTC)).astimezone(UTC)
    attributes = {
        "name": printable(name),
        "package": "a2ibench",
        "id": "0",
        "hostname": "localhost",
        "timestamp": moment.strftime("%Y-%m-%dT%H:%M:%S"),
        "time": "0",
        "tests": str(len(comparison.differences)),
        "failures": str(sum(difference.failed for difference in comparison.differences)),
        "errors": "0",
        "skipped": "0",
    }
    suites = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(suites, "testsuite", attributes)
    ElementTree.SubElement(suite, "properties")
    for difference in comparison.differences:
        _add_case(suite, difference)
    ElementTree.SubElement(suite, "system-out").text = "\n".join(map(printable, comparison.notes))
    ElementTree.SubElement(suite, "system-err")
    ElementTree.indent(suites)
    xml: bytes = ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True)
    return xml + b"\n"


def _add_case(suite: ElementTree.Element, difference: Difference) -> None:
    place = f"{difference.dataset}.{difference.method}"
    attributes = {"classname": printable(place), "name": printable(difference.subject), "time": "0"}
    case = ElementTree.SubElement(suite, "testcase", attributes)
    if difference.failed:
        text = printable(difference.text)
        failure = ElementTree.SubElement(case, "failure", {"type": difference.kind, "message": text})
        failure.text = text
