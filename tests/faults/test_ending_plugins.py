"""Plugins that end the process, hang or destroy: no command does nothing and says that all is well."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from a2ibench.bench.executors.events import checked_report, parse_report
from a2ibench.errors import PluginError, one_line
from a2ibench.isolation.supervised import Supervised
from a2ibench.registry import host
from a2ibench.registry.validation import try_metric

Install = Callable[..., object]

IMPORTS = {
    "exit": "import os; os._exit(0)",
    "system exit": "raise SystemExit(0)",
    "interrupt": "raise KeyboardInterrupt",
    "kill": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "sleep": "import time; time.sleep(600)",
}
REPORTER = """
from a2ibench import ReporterSpec, hookimpl

@hookimpl
def a2ibench_register_reporters(register):
    register(ReporterSpec("rough", "rough.deep:write", ""))
    register(ReporterSpec("rougher", "rough.deep:destroy", ""))

@hookimpl
def a2ibench_job_finished(record):
    {hook}
"""


def command(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "a2ibench", *arguments],
        capture_output=True, text=True, timeout=120, check=False, env=dict(os.environ) | variables,
    )  # fmt: skip


@pytest.mark.parametrize("attack", IMPORTS)
def test_a_plugin_that_does_not_answer_failed_and_the_command_works(
    install_plugin: Install, attack: str
) -> None:
    install_plugin("rough", IMPORTS[attack])
    done = command("list", "plugins", A2IBENCH_PLUGIN_TIMEOUT="3")
    assert done.returncode == 0, done.stderr
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("rough"))
    assert "failed: " in line
    assert any(line.startswith("cubic") and line.rstrip().endswith("ok") for line in done.stdout.splitlines())


@pytest.mark.parametrize(
    ("hook", "deep"),
    [
        (
            "import os; os._exit(0)",
            "import os, shutil\ndef write(run): os._exit(0)\ndef destroy(run): shutil.rmtree(run.folder)",
        ),
        pytest.param(
            "raise KeyboardInterrupt", "def write(run): raise KeyboardInterrupt", marks=pytest.mark.slow
        ),
        pytest.param("pass", "def write(run): return [run.folder / 'never-written']", marks=pytest.mark.slow),
    ],
)
def test_a_run_with_a_rough_reporter_keeps_its_records_and_says_so(
    install_plugin: Install, tmp_path: Path, hook: str, deep: str
) -> None:
    install_plugin("rough", REPORTER.format(hook=hook), files={"deep.py": deep})
    catalogue = tmp_path / "t.toml"
    catalogue.write_text(
        "[t]\nphantom = {size = 32, seed = 1}\nvoxel_size = [15.0, 15.0, 15.0]\nsimulate = {ratio = 2.0}\n"
    )
    out = tmp_path / "run"
    done = command(
        "run", "--methods", "cubic", "--catalogue", str(catalogue), "--profile", "smoke", "--executor",
        "inline", "--out", str(out), "--device", "cpu",
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    assert (out / "jobs/t--cubic--s0/record.json").is_file()
    assert "cubic" in (out / "table.md").read_text()
    assert "reporter rough: " in done.stderr
    assert "reporter rougher: " in done.stderr
    assert (hook == "pass") or "a2ibench_job_finished failed" in done.stderr


@pytest.mark.parametrize("deep", ["import os; os._exit(0)", "raise SystemExit(0)", "raise KeyboardInterrupt"])
def test_a_target_that_ends_the_process_is_an_error_of_one_line(install_plugin: Install, deep: str) -> None:
    source = REPORTER.format(hook="pass")
    install_plugin("rough", source, files={"deep.py": deep})
    with pytest.raises(PluginError, match=r"plugin rough .* cannot import reporter rough.deep:write: "):
        host().load("reporter", "rough")


DAEMONS = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen(["sleep", "300"], start_new_session=True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.write(1, f"{{os.getpid()}} {{child.pid}}\\n".encode())
        time.sleep(300)
    os._exit(0)
{after}
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="sub-reapers are of Linux")
@pytest.mark.parametrize(
    "after",
    ["time.sleep(0.2)", "time.sleep(300)", "time.sleep(0.2); os.kill(os.getppid(), 9); time.sleep(9)"],
)
def test_nothing_that_a_process_started_outlives_it(after: str) -> None:
    process = Supervised([sys.executable, "-c", DAEMONS.format(after=after)], stderr=None, patience=0.3)
    pids = [int(word) for word in process.stdout.readline().split()]
    process.ended(2.0)
    process.stop()
    for _ in range(100):
        if not any(psutil.pid_exists(pid) and alive(pid) for pid in pids):
            break
        time.sleep(0.02)
    assert len(pids) == 2
    assert not any(map(alive, pids))


def alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"7",
        b"{",
        b"[" * 100_000,
        b'{"phase": 1, "done": 0, "total": 1, "values": {}}',
        b'{"phase": "x", "done": 2, "total": 1, "values": {}}',
        b'{"phase": "x", "done": 0, "total": 0, "values": {}}',
        b'{"phase": "x", "done": true, "total": 1, "values": {}}',
        b'{"phase": "x", "done": 0, "total": 1e999, "values": {}}',
        b'{"phase": "x", "done": 0, "total": 1, "values": []}',
    ],
)
def test_a_line_that_is_no_report_is_ignored(line: bytes) -> None:
    assert list(parse_report(line)) == []


def test_a_report_is_printable_and_its_values_are_numbers() -> None:
    (report,) = checked_report("a\x1b[2J", 1, 2, {"loss": float("nan"), "gain": 1, 3: 4, "text": "x"})
    assert "\x1b" not in report.phase
    assert report.values == {"gain": 1.0}


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"version": True}, "version is True"),
        ({"version": "1"}, "version is '1'"),
        ({"name": "other"}, "is called 'other'"),
        ({"__call__": lambda *_: "5"}, "gave '5'"),
        ({"__call__": lambda *_: None}, "gave None"),
        ({"per_slice": lambda *_: {"xy": [1.0]}}, "per_slice gave shape"),
        ({"per_slice": lambda *_: {"zz": [1.0] * 24}}, "per_slice gave plane 'zz'"),
        ({"per_slice": lambda *_: 5}, "per_slice gave 5"),
    ],
)
def test_a_metric_that_keeps_no_contract_is_refused(change: dict[str, object], line: str) -> None:
    members = {"name": "odd", "version": 1, "needs_reference": True, "__call__": lambda *_: 1.0}
    try_metric(type("Odd", (), members)(), "odd")
    with pytest.raises(PluginError, match=line):
        try_metric(type("Odd", (), members | change)(), "odd")


def test_an_exception_that_cannot_say_what_it_is_has_a_line() -> None:
    class MuteError(PluginError):
        def __str__(self) -> str:
            raise ValueError

    assert one_line(MuteError()) == "MuteError, which cannot be shown"
