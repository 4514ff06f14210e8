"""The command ``a2ibench runs``, and what ``a2ibench run --follow`` does: runs as their folders tell them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from a2ibench.cli.errors import ExitCode, InterruptedElsewhereError, say
from a2ibench.cli.progress import shown_events
from a2ibench.cli.table import columns, terminal_width
from a2ibench.errors import counted, printable

if TYPE_CHECKING:
    from a2ibench.bench.executors.events import Events
    from a2ibench.bench.job import Job
    from a2ibench.bench.runs import RunState

_HEADER: Final = ("run", "state", "jobs", "ok", "skipped", "failed", "running", "left")
_PAUSE: Final = 1.0


def show_runs(
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="Folder that holds runs, or one run; reports by default.")
    ] = Path("reports"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List runs: which are under way, and how many jobs are ok, failed or left."""
    from a2ibench.bench.runs import list_runs

    found = list_runs(folder)
    if as_json:
        typer.echo(json.dumps([one.to_dict() for one in found], indent=2))
        return
    rows = [(str(one.folder), one.state, str(len(one.jobs)), *map(str, one.counts.values())) for one in found]
    if not rows:
        say(f"{folder} holds no run")
        return
    typer.echo("\n".join(map(printable, columns(_HEADER, rows, terminal_width()).splitlines())))


def follow(folder: Path) -> None:
    """Show a run that another process carries out until that ends, and end with its exit code.

    Raises
    ------
    InputError
        If the folder holds no run.
    typer.Exit
        With 3 where jobs failed or are left.
    InterruptedElsewhereError
        If it was interrupted.
    """
    from a2ibench.bench.runs import RUNNING, run_state

    state = run_state(folder)
    with shown_events() as events:
        shown = _Shown(folder, events)
        shown.show(state)
        while state.state == RUNNING:
            time.sleep(_PAUSE)
            state = run_state(folder)
            shown.show(state)
    _end(state)


def _end(state: RunState) -> None:
    counts = {name: count for name, count in state.counts.items() if count}
    told = ", ".join(f"{count} {name}" for name, count in counts.items())
    say(f"{state.folder}: {state.state}, {counted(len(state.jobs), 'job')}: {told}")
    if any(record.status == "interrupted" for record in state.records.values()):
        raise InterruptedElsewhereError
    records = state.records.values()
    if len(records) < len(state.jobs) or any(one.metric_errors or not one.finished for one in records):
        raise typer.Exit(ExitCode.SOME_FAILED)


class _Shown:
    """What of a run has been shown."""

    def __init__(self, folder: Path, events: Events) -> None:
        from a2ibench.bench.growth import RunPlan

        self._plan, self._events = RunPlan.read(folder), events
        self._begun: set[str] = set()
        self._ended: dict[str, str | None] = {}
        self._first = True

    def show(self, state: RunState) -> None:
        """Tell events what has changed."""
        for index, name in enumerate(state.jobs, start=1):
            record = state.records.get(name)
            job = self._job(name)
            if record is not None and self._ended.get(name) != record.digest:
                if self._first:
                    self._events.job_cached(job, record)
                else:
                    self._start(job, name, index, len(state.jobs))
                    self._events.job_finished(job, record)
                self._ended[name] = record.digest
            elif name in state.begun:
                self._start(job, name, index, len(state.jobs))
        self._first = False

    def _start(self, job: Job, name: str, index: int, total: int) -> None:
        if name not in self._begun:
            self._begun.add(name)
            self._events.job_started(job, index, total)

    def _job(self, name: str) -> Job:
        from a2ibench.bench.job import Job, dataset_from_dict
        from a2ibench.contracts import Budget

        dataset, method, seed = self._plan.places()[name]
        fields = next(one for one in self._plan.plan["datasets"] if one["name"] == dataset)
        profile = str(self._plan.plan["profile"])
        return Job(dataset_from_dict(fields), method, seed, profile, Budget(steps=1))
