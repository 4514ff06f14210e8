"""What is said while jobs run."""

from __future__ import annotations

import io
import logging
import re
import sys
from dataclasses import replace

import pytest
from rich.console import Console

from a2ibench.bench.job import Job
from a2ibench.bench.record import Failure, Record
from a2ibench.bench.score import Score
from a2ibench.cli import progress
from a2ibench.cli.bars import BarEvents, PhaseBar
from a2ibench.cli.progress import PlainEvents, interactive, shown_messages
from a2ibench.contracts import Budget, DatasetSpec

JOB = Job(DatasetSpec("d", "D", (1.0, 1.0, 1.0)), "m", 2, "smoke", Budget(steps=1))
OK = Record("cells", "cubic", 0, metrics={"psnr": Score(29.256, 1)})


class Clock:
    """Seconds that a test sets."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def run_steps(seconds_each: float, steps: int) -> list[str]:
    """Return the lines about a job whose steps take so long."""
    clock, lines = Clock(), list[str]()
    events = PlainEvents(lines.append, clock)
    events.job_started(JOB, 3, 7)
    events.progress(JOB, "load", 0, 1, {})
    events.progress(JOB, "load", 1, 1, {})
    events.progress(JOB, "fit", 0, 1, {})
    for step in range(1, steps + 1):
        clock.now += seconds_each
        events.progress(JOB, "fit", step, steps, {"loss": 0.0123456})
    events.progress(JOB, "fit", 1, 1, {})
    events.job_finished(JOB, OK)
    return lines


def test_a_line_for_every_tenth() -> None:
    first, *between, last = run_steps(1, 100)
    assert first == "[3/7] d m seed 2: started"
    assert [line.split()[6] for line in between] == [f"{tenth}0/100," for tenth in range(1, 10)]
    assert between[1] == "[3/7] d m seed 2: fit 20/100, loss 0.01235, 1 min 20 s left"
    assert last == "[3/7] d m seed 2: ok, psnr 29.26, 1 min 40 s"


def test_a_line_every_15_seconds_of_a_long_phase_and_none_within_2_seconds() -> None:
    _, *slow, _ = run_steps(1, 1000)
    assert [line.split()[6] for line in slow][:3] == ["15/1000,", "30/1000,", "45/1000,"]
    _, *fast, _ = run_steps(0.125, 100)
    assert [line.split()[6] for line in fast] == [f"{step}/100," for step in (16, 32, 48, 64, 80, 96)]
    assert len(run_steps(0.001, 1000)) == 2


def test_outcomes_are_one_line() -> None:
    failed = replace(OK, status="error", metrics={}, error=Failure("ValueError", "no\nluck", "..."))
    assert progress.outcome(OK) == "ok, psnr 29.26"
    assert progress.outcome(failed) == "error, no luck"
    skipped = replace(OK, status="skipped", metrics={}, reason="too thin")
    assert progress.outcome(skipped) == "skipped, too thin"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (59.94, "59.9 s"), (59.96, "1 min 00 s"), (125, "2 min 05 s"), (4800, "1 h 20 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert progress.duration(seconds) == text


def test_counts_are_whole_steps_or_seconds_with_a_digit() -> None:
    assert progress.count(20, 20_000) == "20/20000"
    assert progress.count(1.0559, 6) == "1.1/6.0"
    assert progress.count(123_456_789, 1_234_567_890) == "10 %"


def test_bars_show_job_phase_steps_and_loss() -> None:
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=120, legacy_windows=False, _environ={})
    with BarEvents(console) as events:
        events.job_cached(JOB, OK)
        events.job_started(JOB, 2, 4)
        events.progress(JOB, "fit", 0, 1, {})
        events.progress(JOB, "fit", 30, 400, {"loss": 0.5})
        events._progress.refresh()
        shown = text.getvalue()
        events.job_finished(JOB, OK)
        events._progress.refresh()
    assert "d m seed 2: finished before (ok, psnr 29.26)" in shown
    for part in ("jobs", "1/4", "d m seed 2 fit", "30/400", "loss 0.5"):
        assert part in shown
    rest = text.getvalue()[len(shown) :]
    assert re.search(r"d m seed 2: ok, psnr 29\.26, \d+\.\d s", rest)
    assert "2/4" in rest


LONG = "a phase with a name as long as a plugin may give it, and longer"


@pytest.mark.parametrize(
    ("phase", "done", "total", "values", "parts"),
    [
        ("fit", 0, 1, {}, ["fit", "━"]),
        ("fit", 30, 20_000, {"loss": 0.012345}, ["fit", "━", "30/20000", "--:--", "loss 0.01235"]),
        ("intensity", 3e8, 4e9, {}, ["intensity", "━", "8 %", "--:--"]),
        (LONG, 123_456, 234_567, {"loss": 0.5, "psnr": 22.1}, ["a phase", "━", "123456/234567", "--:--"]),
    ],
)
def test_the_bar_of_a_phase_is_one_line_of_80_columns_and_goes_in_the_end(
    phase: str, done: float, total: float, values: dict[str, float], parts: list[str]
) -> None:
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=80, legacy_windows=False, _environ={})
    with PhaseBar(console) as bar:
        bar("another", 1, 2)
        bar(phase, done, total, **values)
        bar._progress.refresh()
        console.print("a warning")
        bar._progress.refresh()
        drawn = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text.getvalue())
    (line,) = drawn.rpartition("a warning\n")[2].strip("\r\n").rsplit("\r", 1)[-1:]
    assert "another" not in line
    assert "\n" not in line
    assert len(line) <= 80
    assert all(part in line for part in parts)
    # The last thing that is written clears the line and shows the cursor again.
    assert text.getvalue().rpartition("━")[2].count("\x1b[2K") >= 1


@pytest.mark.parametrize(
    ("terminal", "variables", "expected"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"CI": "true"}, False),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"TERM": "dumb"}, False),
    ],
)
def test_bars_only_where_somebody_watches(
    terminal: bool, variables: dict[str, str], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CI", "NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: terminal)
    monkeypatch.setattr(sys, "stderr", stream)
    assert interactive() is expected


def test_what_is_logged_is_shown_in_a_printable_line_while_it_is_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logger = logging.getLogger("a2ibench")
    before = logger.level, list(logger.handlers)
    with shown_messages():
        logger.info("training %s", "\x1b[31m")
        logging.getLogger("a2ibench.files").warning("odd")
        logger.debug("never")
    logger.info("later")
    assert capsys.readouterr().err == "training \\x1b[31m\nodd\n"
    assert (logger.level, logger.handlers) == before


def job_of(seed: int) -> Job:
    return replace(JOB, seed=seed)


def test_jobs_that_run_beside_each_other_have_lines_of_their_own_and_are_counted() -> None:
    clock, lines = Clock(), list[str]()
    events = PlainEvents(lines.append, clock)
    events.job_cached(job_of(9), OK)
    events.job_started(job_of(0), 2, 5)
    events.job_started(job_of(1), 3, 5)
    clock.now += 10
    events.progress(job_of(0), "fit", 0, 10, {})
    events.progress(job_of(1), "fit", 0, 10, {})
    clock.now += 10
    events.progress(job_of(0), "fit", 5, 10, {})
    events.job_finished(job_of(1), OK)
    assert lines[3:] == [
        "[2/5] d m seed 0: fit 5/10, 10.0 s left",
        "[3/5] d m seed 1: ok, psnr 29.26, 20.0 s",
        "2 of 5 done, 1 running, 2 waiting, about 1 min 00 s left",
    ]


def test_each_job_that_runs_has_a_bar() -> None:
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=160, legacy_windows=False, _environ={})
    with BarEvents(console) as events:
        for seed in (0, 1):
            events.job_started(job_of(seed), seed + 1, 4)
            events.progress(job_of(seed), "fit", 10 * seed + 1, 400, {})
        events._progress.refresh()
        shown = text.getvalue()
        events.job_finished(job_of(1), OK)
        events._progress.refresh()
    for part in ("d m seed 0 fit", "1/400", "d m seed 1 fit", "11/400", "0 of 4 done, 2 running, 2 waiting"):
        assert part in shown
    assert "1 of 4 done, 1 running, 2 waiting" in text.getvalue()[len(shown) :]
