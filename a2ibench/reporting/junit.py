"""A comparison as JUnit XML: a suite for each dataset, a case for each job and each value."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

from a2ibench.bench.gate.compare import Comparison
from a2ibench.bench.gate.outcome import Outcome
from a2ibench.bench.gate.rules import Difference
from a2ibench.errors import printable

_BEGINNING = 4096


def junit(comparison: Comparison, name: str, when: datetime | None = None) -> bytes:
    """Return a suite for each dataset, with a case for each job and for each value of each method.

    Regressions are failures, and so is what has a limit that somebody gave and could not be compared. A job
    takes the seconds of all its phases; values take none of their own. A job that has no result, and is not
    worse for it, is skipped.

    Elements and attributes are those of the schema of Ant's JUnit task, in its order, which other readers
    take too.

    Parameters
    ----------
    comparison : Comparison
        What was found.
    name : str
        The names of the suites begin with it.
    when : datetime, optional
        Time of the comparison, by default now.
    """
    suites = ElementTree.Element("testsuites")
    found: dict[str, list[_Case]] = {}
    for case in _cases(comparison):
        found.setdefault(case.dataset, []).append(case)
    for dataset, cases in found.items():
        _add_suite(suites, f"{name}: {dataset}", when, cases, () if len(suites) else comparison.notes)
    if not found:
        _add_suite(suites, name, when, (), comparison.notes)
    return _xml(suites)


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
    suites = ElementTree.Element("testsuites")
    _add_suite(suites, name, when, [_Case("", "a2ibench", "compare", "error", "input", message)])
    return _xml(suites)


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


@dataclass(frozen=True)
class _Case:
    dataset: str
    place: str
    name: str
    fault: str = ""
    kind: str = ""
    text: str = ""
    seconds: float = 0.0


def _cases(comparison: Comparison) -> Iterator[_Case]:
    """Yield jobs, those that are worse first, then values."""
    jobs = {(one.dataset, one.method, f"seed {one.seed}"): one for one in comparison.jobs}
    judged = {
        (one.dataset, one.method, one.subject): one for one in comparison.differences if one.kind == "job"
    }
    for place in [*judged, *(place for place in jobs if place not in judged)]:
        yield _of_job(place, jobs.get(place), judged.get(place))
    for one in comparison.differences:
        if one.kind != "job":
            fault = ("failure", one.kind, one.text) if one.failed else ("", "", "")
            yield _Case(one.dataset, f"{one.dataset}.{one.method}", one.subject, *fault)


def _of_job(place: tuple[str, str, str], job: Outcome | None, judged: Difference | None) -> _Case:
    dataset, method, name = place
    seconds = 0.0 if job is None else math.fsum(job.timings.values())
    fault = ("", "", "")
    if judged is not None and judged.failed:
        fault = ("failure", judged.kind, judged.text)
    elif job is None or not job.ok:
        fault = ("skipped", "", judged.text if judged is not None else "skipped on both sides")
    return _Case(dataset, f"{dataset}.{method}", name, *fault, seconds)


def _add_suite(
    suites: ElementTree.Element,
    name: str,
    when: datetime | None,
    cases: Sequence[_Case],
    notes: Iterable[str] = (),
) -> None:
    moment = (when or datetime.now(UTC)).astimezone(UTC)
    faults = [case.fault for case in cases]
    attributes = {
        "name": printable(name),
        "package": "a2ibench",
        "id": str(len(suites)),
        "hostname": "localhost",
        "timestamp": moment.strftime("%Y-%m-%dT%H:%M:%S"),
        "time": _time(math.fsum(case.seconds for case in cases)),
        "tests": str(len(cases)),
        "failures": str(faults.count("failure")),
        "errors": str(faults.count("error")),
        "skipped": str(faults.count("skipped")),
    }
    suite = ElementTree.SubElement(suites, "testsuite", attributes)
    ElementTree.SubElement(suite, "properties")
    for case in cases:
        _add_case(suite, case)
    ElementTree.SubElement(suite, "system-out").text = "\n".join(map(printable, notes))
    ElementTree.SubElement(suite, "system-err")


def _time(seconds: float) -> str:
    return f"{seconds:.3f}"


def _add_case(suite: ElementTree.Element, case: _Case) -> None:
    told = {"classname": printable(case.place), "name": printable(case.name), "time": _time(case.seconds)}
    element = ElementTree.SubElement(suite, "testcase", told)
    if not case.fault:
        return
    text = printable(case.text)
    kind = {} if case.fault == "skipped" else {"type": case.kind}
    fault = ElementTree.SubElement(element, case.fault, kind | {"message": text})
    # The schema wants nothing within what was skipped.
    fault.text = None if case.fault == "skipped" else text


def _xml(suites: ElementTree.Element) -> bytes:
    ElementTree.indent(suites)
    xml: bytes = ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True)
    return xml + b"\n"
