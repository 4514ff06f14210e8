"""The folder of a run: whose it is, that only one process runs in it, and that nothing in it is lost."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock

from a2ibench.bench.executors.events import Events, Quiet
from a2ibench.bench.paths import RECORD, RUN, RunFiles
from a2ibench.bench.record import Record, read_record, restore_record
from a2ibench.bench.specs import Job
from a2ibench.documents import read_json
from a2ibench.environment import environment
from a2ibench.errors import InputError, OptionError, one_line, printable
from a2ibench.files import TEMPORARY, write_json

if TYPE_CHECKING:
    from a2ibench.bench.plan import Plan

_logger = logging.getLogger(__name__)


class Keeping:
    """Events that keep every record, and pass on what they are told.

    Parameters
    ----------
    events : Events, optional
        Who else is told.
    """

    def __init__(self, events: Events | None = None) -> None:
        self._events: Events = events or Quiet()
        self._records: dict[str, Record] = {}

    def job_started(self, job: Job, index: int, total: int) -> None:
        """Pass it on."""
        self._events.job_started(job, index, total)

    def progress(self, job: Job, phase: str, done: float, total: float, values: Mapping[str, float]) -> None:
        """Pass it on."""
        self._events.progress(job, phase, done, total, values)

    def job_finished(self, job: Job, record: Record) -> None:
        """Keep the record, and pass it on."""
        self._records[job.name] = record
        self._events.job_finished(job, record)

    def job_cached(self, job: Job, record: Record) -> None:
        """Keep the record, and pass it on."""
        self._records[job.name] = record
        self._events.job_cached(job, record)

    def records(self, plan: Plan) -> list[Record]:
        """Return the records so far, in the plan's order."""
        return [self._records[job.name] for job in plan.jobs() if job.name in self._records]

    def restore(self, plan: Plan, run_dir: Path) -> list[str]:
        """Write again what is gone from a run's folder, or is not as it was written.

        Returns
        -------
        list of str
            One line for each record, and for the run's plan, that had to be written again.
        """
        problems: list[str] = []
        try:
            run_dir.mkdir(parents=True, exist_ok=True)
            check_run_folder(plan, run_dir)
        except InputError:
            problems += _again(str(run_dir), "its plan", lambda: write_run(plan, run_dir))
        except OSError as error:
            return [
                f"{run_dir}: was damaged while the run went on and cannot be made again: {one_line(error)}"
            ]
        for name, record in self._records.items():
            folder = RunFiles(run_dir).job(name).folder
            if _stands(folder, record):
                continue

            def write(folder: Path = folder, record: Record = record) -> None:
                folder.mkdir(parents=True, exist_ok=True)
                restore_record(folder, record)

            problems += _again(f"{folder}", f"{RECORD} (other files of the job may be lost)", write)
        return problems


def _stands(folder: Path, record: Record) -> bool:
    there = read_record(folder)
    return there is not None and there.digest == record.digest


def _again(place: str, what: str, write: Callable[[], None]) -> list[str]:
    try:
        write()
    except OSError as error:
        return [f"{place}: was damaged while the run went on; cannot write {what} again: {one_line(error)}"]
    return [f"{place}: was removed or changed while the run went on; wrote {what} again"]


_LOCK = ".lock"
# What a process that was killed while it made the folder leaves is nobody's work.
_OURS = re.compile(rf"\.lock|{TEMPORARY.pattern}")
_OPTIONS = {
    "set": "{settings}",
    "metrics": "installed metrics",
    "datasets": "{datasets} or their definitions",
}


def prepare_run_folder(plan: Plan, out: Path | None = None, fresh: bool = False) -> Path:
    """Make or take up the folder of a run, and write run.json.

    Parameters
    ----------
    plan : Plan
        What will run in it.
    out : Path, optional
        The folder; by default ``plan.default_folder()``.
    fresh : bool
        Start over: a run that is there is kept beside it as ``NAME.1``, ``NAME.2`` and so on, as is said in
        the log.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    InputError
        If the folder is none or cannot be written, holds anything but a run, belongs to a run with other
        options, cannot be moved aside, or another process runs in it.
    """
    run_dir = plan.default_folder() if out is None else Path(out)
    state_of(plan, run_dir, fresh)
    _make(run_dir)
    with lock_run(run_dir):
        state = state_of(plan, run_dir, fresh)
        if state != "started over":
            write_run(plan, run_dir)
            return run_dir
        place = run_dir.resolve()
        kept = _move_aside(place)
        _make(place)
        # The old lock is held until the new one is, so that nobody comes between.
        with lock_run(run_dir):
            state_of(plan, run_dir)
            write_run(plan, run_dir)
    _logger.warning("%s: starts over; the earlier run is kept as %s", run_dir, kept)
    return run_dir


def state_of(plan: Plan, run_dir: Path, fresh: bool = False) -> str:
    """Return what a run would make of a folder: ``"new"``, ``"continued"`` or ``"started over"``.

    Parameters
    ----------
    plan : Plan
        What would run.
    run_dir : Path
        The folder, which need not exist.
    fresh : bool
        Whether the run would start over.

    Raises
    ------
    InputError
        If it must not run there: it is no folder, holds something that is no run, or another run.
    """
    try:
        names = sorted(name for name in os.listdir(run_dir) if not _OURS.fullmatch(name))  # noqa: PTH208
    except FileNotFoundError:
        return _check_absent(run_dir)
    except (NotADirectoryError, ValueError):
        raise _no_folder(run_dir) from None
    except OSError as error:
        raise OptionError(
            "{out}: {run} cannot be read ({cause}); choose another folder", run=run_dir, cause=error.strerror
        ) from error
    if not names:
        return "new"
    damaged = not _is_run(RunFiles(run_dir).plan)
    if damaged and not (RUN in names and RunFiles(run_dir).jobs.is_dir()):
        found = printable(", ".join(names[:3])) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        raise OptionError(
            "{out}: {run} is not empty and holds no run (there is {found}); choose a new or empty folder",
            run=run_dir,
            found=found,
        )
    if not fresh:
        check_run_folder(plan, run_dir)
        return "continued"
    if Path.cwd().resolve().is_relative_to(run_dir.resolve()):
        raise OptionError(
            "{fresh}: {run} is, or holds, the folder that you are in, and cannot be moved aside; "
            "change to another folder, or choose another {out}",
            run=run_dir,
        )
    return "started over"


@contextmanager
def lock_run(run_dir: Path) -> Iterator[None]:
    """Keep other processes from running in a folder for as long as the body takes.

    Raises
    ------
    InputError
        If another process runs in it, or it cannot be written.
    """
    lock = filelock.FileLock(run_dir / _LOCK)
    try:
        # The lock itself does not tell a folder that cannot be written from one that is in use.
        (run_dir / _LOCK).touch()
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise OptionError(
            "{run}: another process runs in this folder; wait for it, or choose another {out}", run=run_dir
        ) from None
    except OSError as error:
        raise OptionError(
            "{run} cannot be written ({cause}); choose another {out}", run=run_dir, cause=error.strerror
        ) from error
    try:
        yield
    finally:
        lock.release()


def check_run_folder(plan: Plan, run_dir: Path) -> None:
    """Check that a folder's run.json is that of the plan.

    Raises
    ------
    InputError
        If it is missing, damaged, or of a run with other options, which it names.
    """
    file = RunFiles(run_dir).plan
    try:
        stored = read_json(file)
        fingerprint, identity = stored["fingerprint"], stored["identity"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise OptionError(
            "{file}: not readable as the plan of a run ({cause}); "
            "add {fresh:True} to start over, which keeps what is there beside it",
            file=file,
            cause=type(error).__name__,
        ) from error
    if fingerprint != plan.fingerprint():
        raise _other_run(run_dir, identity, plan.identity())


def _other_run(run_dir: Path, there: Mapping[str, Any], here: Mapping[str, Any]) -> OptionError:
    different = [option for option in here if there.get(option) != here[option]]
    values = {f"values_of_{option}": _values(option, there, here) for option in different}
    others = " and ".join(
        f"other {_OPTIONS.get(option, f'{{{option}}}')} ({{values_of_{option}}})" for option in different
    )
    return OptionError(
        f"{{run}}: holds a run with {others or 'the options of another release'}; "
        "choose another {out}, or add {fresh:True} to start over, which keeps that run beside it",
        run=run_dir,
        **values,
    )


def _values(option: str, there: Mapping[str, Any], here: Mapping[str, Any]) -> str:
    return f"there {_show(option, there.get(option))}, now {_show(option, here[option])}"


def _show(option: str, value: Any) -> str:
    if option == "datasets" and value:
        return ", ".join(dataset["name"] for dataset in value)
    if option == "set" and value:
        return " ".join(f"{m}.{key}={v}" for m, values in value.items() for key, v in values.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value) if value else "none"


def write_run(plan: Plan, run_dir: Path) -> None:
    """Write run.json, from which a folder is known to be that of a plan."""
    identity = plan.identity()
    content = {
        "fingerprint": plan.fingerprint(),
        "identity": identity,
        "plan": plan.to_dict(),
        "environment": environment(),
    }
    write_json(RunFiles(run_dir).plan, content)


def _is_run(file: Path) -> bool:
    try:
        stored = read_json(file)
        return isinstance(stored["fingerprint"], str) and isinstance(stored["identity"], dict)
    except (OSError, ValueError, LookupError, TypeError):
        return False


def _check_absent(run_dir: Path) -> str:
    # A link that leads nowhere, which is in the way.
    if os.path.lexists(run_dir):
        raise _no_folder(run_dir)
    return "new"


def _no_folder(run_dir: Path) -> OptionError:
    return OptionError(
        "{out}: {run} is not a folder; give a folder, which need not exist", run=printable(str(run_dir))
    )


def _make(run_dir: Path) -> None:
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError, ValueError):
        raise _no_folder(run_dir) from None
    except OSError as error:
        raise OptionError(
            "{out}: {run} cannot be made ({cause}); choose another folder", run=run_dir, cause=error.strerror
        ) from error


def _move_aside(place: Path) -> Path:
    """Rename a folder, which is no link, to the next free name beside it; return that."""
    for number in count(1):
        aside = place.with_name(f"{place.name}.{number}")
        if os.path.lexists(aside):
            continue
        try:
            place.rename(aside)
        except OSError as error:
            # Another process may have taken the name meanwhile.
            if os.path.lexists(aside):
                continue
            raise OptionError(
                "{fresh}: {run} cannot be moved aside ({cause}); choose another {out}",
                run=place,
                cause=error.strerror,
            ) from error
        return aside
    raise AssertionError  # count never ends
