"""Who is to blame for a worker that is gone: what a job's folder tells."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from a2ibench.bench.executors import attempts
from a2ibench.bench.executors.attempts import (
    FORGIVEN,
    FORGIVEN_AMONG_OTHERS,
    Attempts,
    begin,
    forgiven_losses,
    note_loss,
    noted,
    taken_up,
)
from a2ibench.bench.executors.signals import SIGNAL_SENT
from a2ibench.protocol.checkpointer import TRAINING


def test_what_ended_in_order_counts_as_it_ended(tmp_path: Path) -> None:
    assert taken_up(tmp_path, "run") == Attempts("run")
    begun = begin(tmp_path, Attempts("run"))
    noted(tmp_path, begun.failed())
    assert taken_up(tmp_path, "run").failures == 1
    # Another command begins anew.
    assert taken_up(tmp_path, "other") == Attempts("other")


def test_a_job_that_sent_a_signal_has_killed_its_worker(tmp_path: Path) -> None:
    begin(tmp_path, Attempts("run"))
    (tmp_path / SIGNAL_SENT).write_text("os.kill 1 9")
    found = taken_up(tmp_path, "run")
    assert (found.failures, found.unexplained) == (1, 0)
    assert found.verdict(1) is None
    assert found.verdict(0).kind == "WorkerKilled"
    # The next attempt is judged by what it does itself.
    begin(tmp_path, found)
    assert taken_up(tmp_path, "run").failures == 1


def test_memory_that_ran_out_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(tmp_path, Attempts("run"))
    killed = attempts._kills()
    monkeypatch.setattr(attempts, "_kills", lambda: killed + 1)
    verdict = taken_up(tmp_path, "run").verdict(0)
    assert (verdict.status, verdict.kind) == ("oom", "WorkerKilled")
    assert "the job ran out of the machine's memory" in verdict.message


def test_a_training_that_got_further_was_killed_from_outside(tmp_path: Path) -> None:
    begun = begin(tmp_path, Attempts("run"))
    (tmp_path / TRAINING).touch()
    os.utime(tmp_path / TRAINING, (begun.begun + 1, begun.begun + 1))
    for _ in range(50):
        found = taken_up(tmp_path, "run")
        assert found.verdict(0) is None


def test_what_nothing_explains_is_forgiven_a_few_times_and_more_often_where_others_are_killed(
    tmp_path: Path,
) -> None:
    found, losses = Attempts("run"), 0
    while found.verdict(0) is None:
        begin(tmp_path, found)
        found, losses = taken_up(tmp_path, "run"), losses + 1
    assert losses == FORGIVEN + 1
    assert found.verdict(0).kind == "WorkerLost"
    locks = tmp_path / "locks"
    for name in ("a", "b", "c"):
        note_loss(locks, name)
        (locks / f"{name}.lock").touch()
        (locks / f"other-{name}.lock").touch()
    assert forgiven_losses(locks, "other-a") == FORGIVEN_AMONG_OTHERS
    assert forgiven_losses(locks, "a") == FORGIVEN


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="signals go elsewhere")
def test_signals_to_processes_above_are_noted_and_others_are_not(tmp_path: Path) -> None:
    code = (
        "import os, signal, subprocess, sys\n"
        "from pathlib import Path\n"
        "from a2ibench.bench.executors.signals import SIGNAL_SENT, tell_signals\n"
        "folder = Path(sys.argv[1])\n"
        "tell_signals(folder)\n"
        "child = subprocess.Popen(['sleep', '60'])\n"
        "os.kill(os.getppid(), 0)\n"
        "child.kill()\n"
        "print((folder / SIGNAL_SENT).exists())\n"
        "os.kill(os.getppid(), signal.SIGCONT)\n"
        "print((folder / SIGNAL_SENT).read_text().split()[0])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "os.kill"]
