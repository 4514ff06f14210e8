"""A comparison as JUnit XML, as the schema that its readers share has it."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest

from a2ibench.bench.gate.compare import Comparison
from a2ibench.bench.gate.outcome import Outcome
from a2ibench.bench.gate.rules import Difference
from a2ibench.reporting.junit import is_junit, junit, junit_of_error

GONE = Difference("cells", "srmd", "seed 0", "job", "worse", "missing; it was ok", excess=math.inf)
DROP = Difference("cells", "cubic", "psnr", "metric", "worse", "down 0.34", 29.74, 29.4, -0.34, 0.1, 3.4)
SLOW = Difference("cells", "cubic", "fit", "time", "worse", "fit takes long", 100, 200.5, 2.005, 1.5, 1.7)
NEAR = Difference("cells", "cubic", "ssim", "metric", "within", "down", 0.9, 0.896, -0.004, 0.005, 0.8)
GAIN = Difference("cells", "cubic", "psnr_xy", "metric", "better", "up", 30.0, 31.0, 1.0, 0.1, -10.0)
FREE = Difference("cells", "cubic", "blur", "metric", "note", "blur: no limit", 1.0, 2.0, 1.0)
SAME = Difference("cells", "cubic", "ssim_3d", "metric", "within", "same", 0.9, 0.9, 0.0, 0.005, 0.0)
NEW = Difference("other", "cubic", "seed 0", "job", "note", "new, error; the baseline has no such job")
JOBS = (
    Outcome("cells", "cubic", 1, "ok", timings={"fit": 10.0, "reconstruct": 2.5}),
    Outcome("other", "cubic", 0, "error", timings={"fit": 3.0}),
)
NOTES = ("torch: 2.6 in BASELINE, 2.7 in RUN",)
ALL = Comparison((GONE, DROP, SLOW, NEAR, GAIN, FREE, SAME, NEW), NOTES, JOBS)

# What the schema of Ant's JUnit task (JUnit.xsd of Windy Road Technology) requires of each element.
ATTRIBUTES = {
    "testsuites": {},
    "testsuite": {
        "name": r"\S.*", "package": r"\S.*", "id": r"\d+", "hostname": r"\S+", "time": r"\d+(\.\d+)?",
        "timestamp": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", "tests": r"\d+", "failures": r"\d+",
        "errors": r"\d+", "skipped": r"\d+",
    },
    "testcase": {"name": r"\S.*", "classname": r"\S.*", "time": r"\d+(\.\d+)?"},
    "failure": {"type": r".+", "message": r".*"},
    "error": {"type": r".+", "message": r".*"},
    "skipped": {"message": r".*"}, "properties": {}, "system-out": {}, "system-err": {},
}  # fmt: skip


def checked(xml: bytes) -> ElementTree.Element:
    root = ElementTree.fromstring(xml)  # noqa: S314 (our own)
    for element in root.iter():
        wanted = ATTRIBUTES[element.tag]
        assert element.attrib.keys() == wanted.keys()
        for name, pattern in wanted.items():
            assert re.fullmatch(pattern, element.attrib[name]), (element.tag, name)
    assert [suite.attrib["id"] for suite in root] == [str(place) for place in range(len(root))]
    for suite in root:
        tags = [child.tag for child in suite]
        assert tags == ["properties", *["testcase"] * (len(tags) - 3), "system-out", "system-err"]
        cases = suite.findall("testcase")
        assert all(len(case) <= 1 for case in cases)
        faults = [child.tag for case in cases for child in case]
        told = [int(suite.attrib[name]) for name in ("tests", "failures", "errors", "skipped")]
        assert told == [len(cases), *(faults.count(tag) for tag in ("failure", "error", "skipped"))]
        spent = sum(float(case.attrib["time"]) for case in cases)
        assert float(suite.attrib["time"]) == pytest.approx(spent, abs=0.001 * len(cases))
    return root


def suites_in(xml: bytes) -> dict[str, ElementTree.Element]:
    return {suite.attrib["name"]: suite for suite in checked(xml)}


def test_junit_has_a_suite_for_each_dataset_and_fails_the_worse() -> None:
    when = datetime(2025, 3, 4, 5, 6, 7, tzinfo=UTC)
    suites = suites_in(junit(ALL, "comparison with smoke.json", when))
    assert list(suites) == ["comparison with smoke.json: cells", "comparison with smoke.json: other"]
    cells, other = suites.values()
    assert cells.attrib["timestamp"] == "2025-03-04T05:06:07"
    assert [cells.attrib[name] for name in ("tests", "failures", "skipped")] == ["8", "3", "0"]
    cases = [(case.attrib["classname"], case.attrib["name"]) for case in cells.iter("testcase")]
    assert ("cells.cubic", "psnr") in cases
    assert len(set(cases)) == len(cases)
    failures = {case.attrib["name"]: case[0] for case in cells.iter("testcase") if len(case)}
    assert set(failures) == {"seed 0", "psnr", "fit"}
    assert failures["psnr"].attrib == {"type": "metric", "message": "down 0.34"}
    assert failures["seed 0"].text == "missing; it was ok"
    assert cells.find("system-out").text == ALL.notes[0]
    assert other.find("system-out").text is None


def test_junit_tells_how_long_each_job_took() -> None:
    cells, other = suites_in(junit(ALL, "x")).values()
    times = {case.attrib["name"]: case.attrib["time"] for case in cells.findall("testcase")}
    assert (times["seed 1"], times["psnr"]) == ("12.500", "0.000")
    assert cells.attrib["time"] == "12.500"
    # One that failed on a dataset that is new took its time, too.
    (case,) = other.iter("testcase")
    assert (case.attrib["time"], case[0].tag, case[0].attrib["message"]) == ("3.000", "skipped", NEW.text)


def test_junit_of_a_job_that_is_skipped_on_both_sides_skips_it() -> None:
    skipped = Comparison((), (), (Outcome("cells", "net", 0, "skipped"),))
    (suite,) = checked(junit(skipped, "x"))
    assert suite.attrib["skipped"] == "1"


def test_junit_of_nothing_and_of_odd_text_is_valid() -> None:
    (suite,) = checked(junit(Comparison(()), "x"))
    assert suite.attrib["tests"] == "0"
    odd = Difference(
        "a<b>&\x00\x1b[1m", "m", "p\"'", "metric", "worse", "]]> \ufffe \x07", 1.0, 0.0, -1.0, 0.1
    )
    (case,) = checked(junit(Comparison((odd,)), "x")).iter("testcase")
    assert case.attrib["classname"] == r"a<b>&\x00\x1b[1m.m"


def test_junit_of_an_error_is_one_case_that_has_it() -> None:
    (suite,) = checked(junit_of_error("nothing was compared: a <b>\x1b\x00", "x"))
    assert [suite.attrib[name] for name in ("tests", "failures", "errors")] == ["1", "0", "1"]
    (case,) = suite.iter("testcase")
    assert case[0].tag == "error"
    assert case[0].attrib["message"] == case[0].text == r"nothing was compared: a <b>\x1b\x00"


@pytest.mark.parametrize(
    ("content", "right"),
    [
        (junit(ALL, "x"), True),
        (b'<?xml version="1.0"?>\n<!-- pytest -->\n<testsuites name="pytest tests">', True),
        (b" \n", True),
        (b"", True),
        (b'{"format": "a2ibench-baseline"}', False),
        (b"<?xml version='1.0'?><html/>", False),
        (b"\x00" * 5000 + b"<testsuite", False),
    ],
)
def test_only_junit_is_taken_for_junit(content: bytes, right: bool, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content)
    assert is_junit(tmp_path / "file") is right
