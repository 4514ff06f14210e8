"""Times in real runs: honest repeats raise no alarm, and a method that has become slower does."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from a2ibench.bench.gate.baseline import read_outcome
from a2ibench.bench.gate.compare import compare
from a2ibench.bench.gate.records import with_directions

Completed = subprocess.CompletedProcess[str]
Cli = Callable[..., Completed]
Write = Callable[..., Path]

pytestmark = pytest.mark.alone

# Of a test beside bursts of other work, which slow one repeat and not the same one again.
CHANCES = 3
RUNS = """
import random, sys
from pathlib import Path
import torch
from a2ibench.bench.benchmark import execute
from a2ibench.bench.options import RunOptions
from a2ibench.bench.plan import plan_run
from a2ibench.bench.run_folder import prepare_run_folder

out, catalogue, *repeats = sys.argv[1:]
for repeat in map(int, repeats):
    torch.set_num_threads(1 + repeat % 2)
    methods = ["steady", "broad", "srmd"]
    random.Random(repeat).shuffle(methods)
    plan = plan_run(RunOptions(methods, ["full"], catalogue=Path(catalogue), profile="smoke", device="cpu",
                               executor="inline"))
    execute(plan, prepare_run_folder(plan, Path(out) / str(repeat)))
"""


def verdicts(done: Completed, subject: str) -> dict[str, str]:
    """Return what ``--json`` said of a subject, by method."""
    found = json.loads(done.stdout)["differences"]
    return {d["method"]: d["verdict"] for d in found if d["subject"] == subject}


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("repeats", [2, pytest.param(30, marks=pytest.mark.slow)])
def test_honest_repeats_in_other_orders_and_with_other_threads_raise_no_alarm(
    repeats: int, bench: Write, catalogue: Path, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLOWNESS", "1")
    monkeypatch.delenv("OMP_NUM_THREADS")

    def alarms(chance: int, these: list[int]) -> list[int]:
        out = tmp_path / f"chance-{chance}"
        # The baseline may have met a burst, too; and a process that is as fresh as the others' makes it.
        for some in ([repeats], these):
            command = [sys.executable, "-c", RUNS, str(out), str(catalogue), *map(str, some)]
            subprocess.run(command, check=True, capture_output=True)
        assert cli("baseline", out / str(repeats), "usual", "--out", out).returncode == 0
        baseline = with_directions(read_outcome(out / "usual.json"))
        done = {n: compare(read_outcome(out / str(n)), baseline) for n in these}
        for one in done.values():
            assert {d.method for d in one.differences if d.subject == "fit"} >= {"steady", "broad"}
        return [n for n, one in done.items() if not one.ok]

    left = list(range(repeats))
    for chance in range(CHANCES):
        left = alarms(chance, left) if left else []
        assert len(left) <= max(1, repeats // 10)
    assert left == []


@pytest.mark.parametrize("method", ["steady", "broad"])
def test_a_method_twice_as_slow_is_caught(
    method: str, bench: Write, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"methods": method, "datasets": "thin"}
    monkeypatch.delenv("OMP_NUM_THREADS")

    def runs(chance: int) -> list[Path]:
        found = []
        for name, slowness in (("usual", "1"), ("again", "1"), ("slow", "2")):
            monkeypatch.setenv("SLOWNESS", slowness)
            found.append(bench(f"{name}-{chance}", "--metrics", "psnr", **options))
        return found

    for chance in range(CHANCES):
        usual, again, slow = runs(chance)
        # Without a reference there are times alone, which count where somebody gives a limit.
        limit = ("--max-slowdown", "1.5")
        honest, done = cli("compare", again, usual, *limit), cli("compare", slow, usual, *limit, "--json")
        if (honest.returncode, done.returncode) == (0, 1):
            break
    assert honest.returncode == 0, honest.stdout
    assert done.returncode == 1, done.stdout
    assert verdicts(done, "fit") == {method: "worse"}
    assert cli("compare", slow, usual, "--max-slowdown", "inf").returncode == 2
    record = json.loads((slow / "jobs" / f"thin--{method}--s0" / "record.json").read_text())
    assert record["calibration"]["kernel"] == {"steady": "numpy", "broad": "torch"}[method]


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_processes_with_other_threads_and_another_order_raise_no_alarm(
    bench: Write, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLOWNESS", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    bench("one", methods="srmd,steady", datasets="full")
    assert cli("baseline", tmp_path / "one", "one", "--out", tmp_path).returncode == 0
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    bench("two", methods="steady,srmd", datasets="full")
    done = cli("compare", tmp_path / "two", tmp_path / "one.json", "--all")
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    assert "note: threads: 1 in BASELINE, 2 in RUN" in lines
    assert lines[-1].startswith("no regression: ")
    back = cli("compare", tmp_path / "one", tmp_path / "two", "--json")
    assert back.returncode == 0, back.stdout
    assert set(verdicts(back, "psnr").values()) == {"within"}
