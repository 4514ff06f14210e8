"""Files that the gate writes: none is left with yesterday's news, and nobody else's is overwritten."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

Completed = subprocess.CompletedProcess[str]
Cli = Callable[..., Completed]
Write = Callable[..., Path]


def suite_in(path: Path) -> ElementTree.Element:
    return ElementTree.fromstring(path.read_bytes())[0]  # noqa: S314 (our own)


def test_junit_of_an_earlier_comparison_does_not_stay_where_this_one_is_refused(
    write: Write, cli: Cli, tmp_path: Path
) -> None:
    xml = tmp_path / "junit.xml"
    old, empty, quick = (
        write("old", {"psnr": 30.0}),
        write("empty", {}),
        write("quick", {"psnr": 30.0}, profile="quick"),
    )
    assert cli("compare", old, old, "--junit", xml).returncode == 0
    assert (suite_in(xml).attrib["tests"], suite_in(xml).attrib["errors"]) == ("3", "0")
    damaged = tmp_path / "damaged.json"
    damaged.write_text(old.read_text()[:-9])
    for arguments in (
        [empty, empty],
        [quick, old],
        [damaged, old],
        [old, tmp_path / "none.json"],
        [old, old, "--thresholds", tmp_path / "none.toml"],
        [old, old, "--max-drop", "pnsr=1"],
    ):
        xml.write_text("<testsuites><testsuite errors='0'/></testsuites>")
        done = cli("compare", *arguments, "--junit", xml)
        assert (done.returncode, done.stdout) == (2, "")
        suite = suite_in(xml)
        assert [suite.attrib[name] for name in ("tests", "failures", "errors")] == ["1", "0", "1"]
        assert done.stderr == f"a2ibench: error: {suite.find('testcase/error').attrib['message']}\n"
    xml.unlink()
    assert cli("compare", empty, empty, "--junit", tmp_path / "new" / "junit.xml").returncode == 2
    assert suite_in(tmp_path / "new" / "junit.xml").attrib["errors"] == "1"


def test_junit_takes_no_other_files_place(write: Write, cli: Cli, tmp_path: Path) -> None:
    old = write("old", {"psnr": 30.0})
    limits = tmp_path / "limits.toml"
    limits.write_text("[default]\npsnr = 1\n")
    for file in (old, limits, tmp_path):
        before = file.read_bytes() if file.is_file() else b""
        done = cli("compare", old, old, "--thresholds", limits, "--junit", file)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"a2ibench: error: --junit: {file}: ")
        assert len(done.stderr.splitlines()) == 1
        assert before == (file.read_bytes() if file.is_file() else b"")
