"""Runs as their folders tell them: listed, and followed."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from a2ibench.bench.job import dataset_to_dict
from a2ibench.bench.paths import RunFiles
from a2ibench.bench.record import Failure, Record, write_record
from a2ibench.bench.run_lock import lock_run
from a2ibench.cli import main
from a2ibench.contracts import DatasetSpec


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a run of three jobs, none of which has begun."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "reports" / "first"
    (folder / "jobs").mkdir(parents=True)
    jobs = [f"d--cubic--s{seed}" for seed in range(3)]
    dataset = dataset_to_dict(DatasetSpec("d", "D", (1.0, 1.0, 1.0)))
    plan = {"methods": ["cubic"], "datasets": [dataset], "seeds": [0, 1, 2], "profile": "smoke", "jobs": jobs}
    content = {"fingerprint": "f", "identity": {"methods": ["cubic"]}, "plan": plan, "environment": {}}
    (folder / "run.json").write_text(json.dumps(content))
    return folder


def end(run: Path, seed: int, status: str = "ok") -> None:
    folder = RunFiles(run).job(f"d--cubic--s{seed}").folder
    folder.mkdir(exist_ok=True)
    error = None if status == "ok" else Failure("ValueError", "no luck")
    write_record(folder, Record("d", "cubic", seed, status, error=error))


def begin(run: Path, seed: int) -> None:
    folder = RunFiles(run).job(f"d--cubic--s{seed}").folder
    folder.mkdir()
    (folder / "job.json").write_text("{}")


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, object]]:
    assert main(["runs", *arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    for one in found:
        one.pop("folder")
    return found


def test_runs_are_listed_with_their_state(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    counts = {"jobs": 3, "ok": 0, "skipped": 0, "failed": 0, "running": 0, "left": 3}
    assert told(capsys) == [{"state": "stopped", **counts}]
    with lock_run(run):
        end(run, 0)
        begin(run, 1)
        assert told(capsys) == [{"state": "running", **counts, "ok": 1, "running": 1, "left": 1}]
    end(run, 1, "error")
    end(run, 2)
    assert told(capsys, str(run)) == [{"state": "finished", **counts, "ok": 2, "failed": 1, "left": 0}]
    assert main(["runs"]) == 0
    header, row = capsys.readouterr().out.splitlines()
    assert header.split() == ["RUN", "STATE", "JOBS", "OK", "SKIPPED", "FAILED", "RUNNING", "LEFT"]
    assert row.split() == ["reports/first", "finished", "3", "2", "0", "1", "0", "0"]


def test_a_folder_without_runs_is_said_to_hold_none(tmp_path: Path, capsys) -> None:
    assert main(["runs", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{tmp_path} holds no run\n"
    assert main(["runs", str(tmp_path / "none")]) == 2
    assert main(["run", "--follow", str(tmp_path)]) == 2
    assert "--follow: " in capsys.readouterr().err.splitlines()[-1]
    assert main(["run", "--follow", str(tmp_path), "--workers", "2"]) == 2


@pytest.mark.parametrize(("last", "code"), [("ok", 0), ("error", 3), ("interrupted", 130), (None, 3)])
def test_who_follows_a_run_sees_it_end_and_ends_as_it(
    run: Path, last: str | None, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    end(run, 0)
    locked = threading.Event()

    def carry_out() -> None:
        with lock_run(run):
            locked.set()
            time.sleep(0.5)
            begin(run, 1)
            time.sleep(1.5)
            end(run, 1)
            if last is not None:
                end(run, 2, last)

    running = threading.Thread(target=carry_out)
    running.start()
    locked.wait()
    assert main(["run", "--follow", str(run)]) == code
    running.join()
    said = capsys.readouterr()
    assert "d cubic seed 0: finished before (ok)" in said.err
    assert "[2/3] d cubic seed 1: started" in said.err
    assert "[2/3] d cubic seed 1: ok" in said.err
    assert said.out.startswith(f"{run}: {'stopped' if last is None else 'finished'}, 3 jobs: ")
