from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import pytest

from a2ibench.bench.executors import process
from a2ibench.bench.executors.events import Report

REPORT = '{"phase": "fit", "done": 1, "total": 2, "values": {}}'


def test_a_worker_that_ignores_being_asked_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        f"print('{REPORT}', flush=True); time.sleep(60)"
    )
    monkeypatch.setattr(process, "_command", lambda folder: [sys.executable, "-c", code])
    monkeypatch.setattr(process, "_PATIENCE", 0.2)
    stubborn = process.Child(tmp_path)
    next(stubborn.progress(30))
    stubborn.stop()
    assert stubborn.returncode == -signal.SIGKILL


def test_a_worker_that_hangs_after_its_record_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "record.json").touch()
    monkeypatch.setattr(
        process, "_command", lambda folder: [sys.executable, "-c", "import time; time.sleep(60)"]
    )
    monkeypatch.setattr(process, "_GRACE", 0.3)
    hanging = process.Child(tmp_path)
    start = time.monotonic()
    with pytest.raises(TimeoutError):
        list(hanging.progress(50))
    hanging.stop()
    assert time.monotonic() - start < 20


def test_a_process_that_a_worker_started_is_stopped_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        "import subprocess, sys, time;"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        f"print('{REPORT}', flush=True); time.sleep(60)"
    )
    monkeypatch.setattr(process, "_command", lambda folder: [sys.executable, "-c", code])
    worker = process.Child(tmp_path)
    next(worker.progress(30))
    worker.stop()
    start = time.monotonic()
    # Its copy of the worker's stdout would hold this open for a minute.
    assert worker._lines.finished(20)
    assert time.monotonic() - start < 20


def test_reports_arrive_and_a_cut_line_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = f"""print('{REPORT}\\n{REPORT}\\n{REPORT[:9]}', end='')"""
    monkeypatch.setattr(process, "_command", lambda folder: [sys.executable, "-c", code])
    worker = process.Child(tmp_path)
    assert list(worker.progress(30)) == [Report("fit", 1.0, 2.0, {})] * 2
    worker.stop()
    assert worker.returncode == 0
