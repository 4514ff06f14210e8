"""What went wrong in a run, and how to go on: the first thing on the page."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from a2ibench.bench.record import Record
from a2ibench.bench.run import Run
from a2ibench.errors import printable
from a2ibench.reporting.command_line import CommandLine, joined_commands, run_command
from a2ibench.reporting.tables import lost_jobs

_LINES, _BYTES = 20, 8192


def failures(run: Run) -> dict[str, Any]:
    """Return what failed, what was skipped, and the command that tries again.

    Returns
    -------
    dict
        ``jobs``, the failed ones, those of one method, dataset and reason together, with the end of a log;
        ``metrics``, a line for each that failed;
        ``lost``, a line for each record that is damaged; ``skipped``, a line for each job that was; and
        ``retry``, the command, or None.
    """
    failed = [record for record in run.records if not record.finished]
    skipped = [record for record in run.records if record.status == "skipped"]
    metrics = [f"{_name(record)}: {line}" for record in run.records for line in record.failed_metrics]
    lost = lost_jobs(run)
    retry = joined_commands(map(_retry, run.parts))
    return {
        "jobs": [_jobs(run, alike) for alike in _alike(failed)],
        "metrics": [printable(line) for line in metrics],
        "lost": lost,
        "skipped": [f"{_name(record)}: {record.message or 'skipped'}" for record in skipped],
        "retry": None if retry is None else {"text": retry.text, "note": retry.note},
    }


def _retry(run: Run) -> CommandLine | None:
    failed = [record for record in run.records if not record.finished]
    if failed:
        methods, datasets = ([getattr(one, axis) for one in failed] for axis in ("method", "dataset"))
        return run_command(run, methods, datasets)
    return run_command(run) if lost_jobs(run) else None


def _name(record: Record) -> str:
    return f"{record.method} on {record.dataset} (seed {record.seed})"


def _alike(records: Sequence[Record]) -> list[list[Record]]:
    found: dict[tuple[str, ...], list[Record]] = {}
    for record in records:
        key = record.dataset, record.method, record.status, record.message or ""
        found.setdefault(key, []).append(record)
    return [*found.values()]


def _jobs(run: Run, records: Sequence[Record]) -> dict[str, Any]:
    record, seeds = records[0], ", ".join(str(one.seed) for one in records)
    log = run.files_of(record).log
    trace = record.error.traceback if record.error is not None else ""
    return {
        "name": f"{record.method} on {record.dataset} (seed{'s' * (len(records) > 1)} {seeds})",
        "status": record.status,
        "kind": record.error.type if record.error is not None else "",
        "message": printable(record.message or "no reason is known"),
        "trace": "\n".join(map(printable, trace.strip("\n").split("\n"))) if trace else "",
        "log": "\n".join(log_end(log)),
        "file": printable(run.place_of(log)),
    }


def log_end(path: Path) -> Iterator[str]:
    """Yield the last lines of a log, printable; nothing where it cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            start = max(0, file.tell() - _BYTES)
            file.seek(start)
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return
    lines = text.splitlines()
    # The first one is cut where it is not the log's own first.
    for line in (lines[1:] if start else lines)[-_LINES:]:
        yield printable(line)
