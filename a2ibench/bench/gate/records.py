"""The records of a run for the gate, which overlooks none: what is damaged or double is an error."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from a2ibench.bench.files import read_json
from a2ibench.bench.folder import RUN
from a2ibench.bench.gate.outcome import Place, place_text
from a2ibench.bench.record import JOBS, RECORD, Record, check_record, read_record
from a2ibench.errors import InputError, one_line, printable

_AGAIN = "run it again, or take the folder away"


def records_of(run_dir: Path) -> list[tuple[Path, Record]]:
    """Return every record of a run with its file, in the order of the folders' names.

    A folder without record.json is a job that has not ended, and has none.

    Raises
    ------
    InputError
        If a record is damaged, was edited, or is the second of its dataset, method and seed; names the
        file.
    """
    found: dict[Place, Path] = {}
    records = []
    for folder in _folders(run_dir):
        file = folder / RECORD
        record = _record(folder, file)
        place = record["dataset"], record["method"], record["seed"]
        if place in found:
            raise InputError(
                f"{printable(str(found[place]))} and {printable(str(file))}: "
                f"both are {place_text(place)}; keep one"
            )
        found[place] = file
        records.append((file, record))
    return records


def plan_of(run_dir: Path) -> dict[str, Any]:
    """Return the plan in a run's run.json; nothing where there is no such file.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    file = run_dir / RUN
    if not file.exists():
        return {}
    try:
        return dict(read_json(file)["plan"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise InputError(f"{printable(str(file))}: is damaged ({one_line(error)}); {_AGAIN}") from None


def places_of(plan: dict[str, Any], run_dir: Path) -> list[Place]:
    """Return the places of all jobs of a plan.

    Raises
    ------
    InputError
        If the plan has another form.
    """
    try:
        names = [dataset["name"] for dataset in plan.get("datasets", [])]
        jobs = [(d, m, s) for d in names for m in plan.get("methods", []) for s in plan.get("seeds", [])]
        # What cannot be looked up is no place.
        return list(dict.fromkeys(jobs))
    except (LookupError, TypeError, AttributeError):
        raise InputError(f"{printable(str(run_dir / RUN))}: its plan names no jobs; {_AGAIN}") from None


def _folders(run_dir: Path) -> Iterator[Path]:
    for folder in sorted((run_dir / JOBS).glob("*")):
        file = folder / RECORD
        # A link that leads nowhere is there, too.
        if file.exists() or file.is_symlink():
            yield folder


def _record(folder: Path, file: Path) -> Record:
    try:
        record = read_record(folder)
    except ArithmeticError:
        record = None
    if record is not None:
        return record
    try:
        check_record(read_json(file))
    except (OSError, ValueError, RecursionError) as error:
        problem = one_line(error)
    else:
        problem = "it was changed after it was written"
    raise InputError(f"{printable(str(file))}: is damaged or was edited ({problem}); {_AGAIN}")
