"""Where checks come from, what they cost before they run, and how test runners show them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unittest
from pathlib import Path

import pytest

from a2ibench.errors import InputError, PluginError, UnknownNameError
from a2ibench.testing import Check, CheckFailed, CheckSkipped, checks, find_registered, judge
from a2ibench.testing.side_effects import pickled

ONE_OF_EACH = [
    ("method", "cubic"),
    ("degradation", "slab-average"),
    ("metric", "psnr"),
]


def check(run) -> Check:
    return Check("a-check", "what is required", "what to do", run)


def test_what_a_check_raises() -> None:
    def fail() -> None:
        raise CheckFailed("too\nlong")

    def skip() -> None:
        raise CheckSkipped("no GPU")

    def crash() -> None:
        raise ZeroDivisionError("division\nby zero")

    assert check(lambda: None)() is None
    assert (judge(check(lambda: None)).status, judge(check(lambda: None)).message) == ("ok", "")
    assert (judge(check(fail)).status, judge(check(fail)).message) == ("failed", "too long")
    assert (judge(check(skip)).status, judge(check(skip)).message) == ("skipped", "no GPU")
    crashed = judge(check(crash))
    assert crashed.status == "failed"
    assert crashed.message == "the plugin raised ZeroDivisionError: division by zero"
    with pytest.raises(AssertionError) as caught:
        check(crash)()
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert issubclass(CheckSkipped, unittest.SkipTest)


def test_ctrl_c_stops_a_check() -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        judge(check(interrupt))


@pytest.mark.parametrize(("kind", "name"), ONE_OF_EACH)
def test_every_check_says_what_is_required_and_what_to_do(kind: str, name: str) -> None:
    suite = checks(kind, name)
    assert len({str(found) for found in suite}) == len(suite)
    for found in suite:
        assert str(found) == found.name
        assert set(found.name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
        for text in (found.summary, found.advice):
            assert text
            assert "\n" not in text
            assert text[-1] != "."


def test_names_are_looked_up_in_all_kinds(install) -> None:
    assert find_registered("cubic") == ["method"]
    assert find_registered("srmd") == ["method", "degradation"]
    assert find_registered("srmd", "degradation") == ["degradation"]
    with pytest.raises(UnknownNameError, match="unknown plugin 'cubik'; did you mean 'cubic'"):
        find_registered("cubik")
    with pytest.raises(UnknownNameError, match="unknown kind"):
        find_registered("cubic", "methods")
    with pytest.raises(UnknownNameError, match="unknown metric 'cubic'"):
        checks("metric", "cubic")
    install("metric", head="raise RuntimeError('out of order')")
    with pytest.raises(PluginError, match="out of order"):
        find_registered("planted")


def test_a_device_that_cannot_be_used_is_told_at_once() -> None:
    with pytest.raises(UnknownNameError, match="unknown device 'tpu'"):
        checks("method", "cubic", device="tpu")
    from a2ibench.bench.device import cuda_present

    if not cuda_present():
        with pytest.raises(InputError, match="got cuda"):
            checks("method", "cubic", device="cuda")


def test_listing_checks_imports_nothing_heavy() -> None:
    code = (
        "import json, sys\n"
        "from a2ibench.testing import checks\n"
        "light = sorted(sys.modules)\n"
        "found = len(checks('method', 'swinir'))\n"
        "print(json.dumps([found, light, sorted(sys.modules)]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found, before, after = json.loads(done.stdout)
    assert found > 20
    assert {"torch", "numpy", "scipy", "pytest"}.isdisjoint(before)
    assert {"timm", "scipy", "pandas", "pytest", "a2ibench_swinir.network"}.isdisjoint(after)


TESTS = """
import pytest
from a2ibench.testing import checks

@pytest.mark.parametrize("check", checks("metric", "planted"), ids=str)
def test_conforms(check):
    check()
"""


def pytest_of(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rfs", *arguments]
    return subprocess.run(
        command, cwd=folder, env=dict(os.environ), capture_output=True, text=True, check=False
    ).stdout


BROKEN = """
    per_slice = property()

    def __call__(self, prediction, reference, data_range):
        return np.float32(super().__call__(prediction, reference, data_range))
"""


def test_a_plugins_own_repository_runs_them_with_pytest(install, tmp_path: Path) -> None:
    install("metric", BROKEN)
    file = tmp_path / "own" / "test_conformance.py"
    file.parent.mkdir()
    file.write_text(TESTS)
    shown = pytest_of(file.parent)
    assert "1 failed, 10 passed, 3 skipped" in shown
    assert "FAILED test_conformance.py::test_conforms[returns-float]" in shown
    assert "a call returned a float32 for uint8" in shown
    assert "it gives no values by slice" in shown


def test_pytest_runs_them_without_any_file(install, tmp_path: Path) -> None:
    install("metric", BROKEN)
    options = ("-p", "a2ibench.testing.pytest_plugin", "--pyargs", "a2ibench.testing")
    shown = pytest_of(tmp_path, *options, "--a2ibench-plugin", "planted")
    assert "1 failed, 10 passed, 3 skipped" in shown
    assert "test_conforms[metric-returns-float]" in shown
    assert "1 skipped" in pytest_of(tmp_path, *options)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("weights.safetensors", b"\x08\x00\x00\x00\x00\x00\x00\x00{}      ", False),
        ("state.json", b"{}", False),
        ("empty", b"", False),
        ("state.pkl", b"", True),
        ("model.PTH", b"", True),
        ("state", b"\x80\x04\x95\x00", True),
        ("bytes", b"\x80\x09", False),
        ("array.npy", b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'shape': ()}", True),
        ("array.npy", b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'shape': ()}", False),
    ],
)
def test_pickles_are_told_by_content_and_by_suffix(
    name: str, content: bytes, expected: bool, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    assert pickled(tmp_path / name) is expected
