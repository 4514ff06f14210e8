"""The folder of a run: whose it is, that only one process runs in it, and that nothing in it is lost."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from a2ibench.bench.growth import RunPlan, differences
from a2ibench.bench.metric_settings import METRIC_SETTINGS
from a2ibench.bench.paths import RUN, RunFiles
from a2ibench.bench.record import read_record
from a2ibench.bench.removal import left_without, move_aside, move_figures, rows_named
from a2ibench.bench.run_lock import lock_run
from a2ibench.errors import InputError, OptionError, printable
from a2ibench.files import TEMPORARY, write_json

if TYPE_CHECKING:
    from a2ibench.bench.plan import Plan

_logger = logging.getLogger(__name__)

# What a process that was killed while it made the folder leaves is nobody's work.
_OURS = re.compile(rf"\.lock|{TEMPORARY.pattern}")
_OPTIONS = {
    "set": "{settings}",
    "metrics": "installed metrics",
    METRIC_SETTINGS: "{settings} of metrics",
    "datasets": "definitions of {datasets}",
}


def prepare_run_folder(
    plan: Plan, out: Path | None = None, fresh: bool = False, remove: Sequence[str] = ()
) -> Path:
    """Make or take up the folder of a run, and write run.json, which from now on has the plan's jobs, too.

    Parameters
    ----------
    plan : Plan
        What will run in it.
    out : Path, optional
        The folder; by default ``plan.default_folder()``.
    fresh : bool
        Start over: a run that is there is kept beside it as ``NAME.1``, ``NAME.2`` and so on, as is said in
        the log.
    remove : sequence of str
        Methods or jobs whose rows are moved aside first.

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
    state_of(plan, run_dir, fresh, remove)
    _make(run_dir)
    with lock_run(run_dir):
        state = state_of(plan, run_dir, fresh, remove)
        if state == "new":
            write_run(RunPlan.of(plan), run_dir)
            return run_dir
        if state == "continued":
            stored = _set_aside(stored_plan(run_dir), run_dir, remove)
            write_run(stored.with_jobs_of(plan), run_dir)
            return run_dir
        place = run_dir.resolve()
        kept = _move_aside(place)
        _make(place)
        # The old lock is held until the new one is, so that nobody comes between.
        with lock_run(run_dir):
            state_of(plan, run_dir)
            write_run(RunPlan.of(plan), run_dir)
    _logger.warning("%s: starts over; the earlier run is kept as %s", run_dir, kept)
    return run_dir


def check_not_fresh(fresh: bool, remove: Sequence[str]) -> None:
    """Refuse to start over and to remove rows at once.

    Raises
    ------
    OptionError
        If both are asked for.
    """
    if fresh and remove:
        raise OptionError("{fresh} and {remove}: a run that starts over has no rows to remove; give one")


def remove_rows(run_dir: Path, names: Sequence[str]) -> None:
    """Move the jobs of rows aside, and take them out of run.json.

    Parameters
    ----------
    run_dir : Path
        Folder of a run.
    names : sequence of str
        Methods, or jobs.

    Raises
    ------
    InputError
        If the folder holds no run, or no such row, or another process runs in it.
    """
    existing_plan(run_dir, "out")
    with lock_run(run_dir):
        write_run(_set_aside(stored_plan(run_dir), run_dir, names), run_dir)


def _set_aside(stored: RunPlan, run_dir: Path, names: Sequence[str]) -> RunPlan:
    if not names:
        return stored
    # The folders first: what run.json still has can be removed again after a kill, and nothing is run over.
    jobs = rows_named(names, run_dir, stored)
    move_aside(jobs, run_dir)
    left = left_without(jobs, run_dir, stored)
    move_figures({*stored.datasets()} - {*left.datasets()}, run_dir)
    _logger.warning("%s: %s moved into removed/", run_dir, ", ".join(jobs))
    return left


def state_of(plan: Plan, run_dir: Path, fresh: bool = False, remove: Sequence[str] = ()) -> str:
    """Return what a run would make of a folder: ``"new"``, ``"continued"`` or ``"started over"``.

    Parameters
    ----------
    plan : Plan
        What would run.
    run_dir : Path
        The folder, which need not exist.
    fresh : bool
        Whether the run would start over.
    remove : sequence of str
        Methods or jobs whose rows would be moved aside first.

    Raises
    ------
    InputError
        If it must not run there: it is no folder, holds something that is no run, or another run.
    """
    check_not_fresh(fresh, remove)
    try:
        names = sorted(name for name in os.listdir(run_dir) if not _OURS.fullmatch(name))  # noqa: PTH208
    except FileNotFoundError:
        _check_absent(run_dir)
        return _new(run_dir, remove)
    except (NotADirectoryError, ValueError):
        raise _no_folder(run_dir) from None
    except OSError as error:
        raise OptionError(
            "{out}: {run} cannot be read ({cause}); choose another folder", run=run_dir, cause=error.strerror
        ) from error
    if not names:
        return _new(run_dir, remove)
    damaged = not _is_run(run_dir)
    if damaged and not (RUN in names and RunFiles(run_dir).jobs.is_dir()):
        found = printable(", ".join(names[:3])) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        raise OptionError(
            "{out}: {run} is not empty and holds no run (there is {found}); choose a new or empty folder",
            run=run_dir,
            found=found,
        )
    if not fresh:
        check_run_folder(plan, run_dir, remove)
        return "continued"
    if Path.cwd().resolve().is_relative_to(run_dir.resolve()):
        raise OptionError(
            "{fresh}: {run} is, or holds, the folder that you are in, and cannot be moved aside; "
            "change to another folder, or choose another {out}",
            run=run_dir,
        )
    return "started over"


def stored_plan(run_dir: Path) -> RunPlan:
    """Return what run.json holds.

    Raises
    ------
    InputError
        If it is missing or damaged.
    """
    try:
        return RunPlan.read(run_dir)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise OptionError(
            "{file}: not readable as the plan of a run ({cause}); "
            "add {fresh:True} to start over, which keeps what is there beside it",
            file=RunFiles(run_dir).plan,
            cause=type(error).__name__,
        ) from error


def existing_plan(run_dir: Path, option: str) -> RunPlan:
    """Return what run.json holds in the folder that an option names.

    Raises
    ------
    OptionError
        If it holds no run.
    """
    try:
        return stored_plan(run_dir)
    except InputError as error:
        raise OptionError(
            f"{{{option}}}: {{run}} holds no run that can be read; give the folder that a2ibench run wrote",
            run=run_dir,
        ) from error


def check_run_folder(plan: Plan, run_dir: Path, remove: Sequence[str] = (), *, whole: bool = False) -> None:
    """Check that a folder's run may have the jobs of a plan, or has them.

    Parameters
    ----------
    plan : Plan
        What would run.
    run_dir : Path
        The folder.
    remove : sequence of str
        Methods or jobs whose rows would be moved aside first.
    whole : bool
        Whether run.json must have all jobs of the plan already.

    Raises
    ------
    InputError
        If its run.json is missing, damaged, or of a run with other options, which it names; or if a row of
        that name is an external one.
    """
    stored = stored_plan(run_dir)
    names = rows_named(remove, run_dir, stored) if remove else []
    stored = left_without(names, run_dir, stored)
    found = differences(stored.identity, RunPlan.of(plan).identity)
    if found:
        raise _other_run(run_dir, found)
    known = stored.places()
    for job in plan.jobs():
        if job.name in known or job.name in names:
            continue
        if whole:
            raise OptionError("{run}: was changed meanwhile; give the command again", run=run_dir)
        record = read_record(RunFiles(run_dir).job(job.name).folder)
        if record is not None and record.external:
            raise OptionError(
                "{run}: {job} is a finished volume that was entered, which nothing replaces; choose another "
                "name, or take it out with {remove:NAME}",
                run=run_dir,
                job=job.name,
            )


def _other_run(run_dir: Path, found: Mapping[str, tuple[Any, Any]]) -> OptionError:
    values = {f"values_of_{option}": _values(option, *pair) for option, pair in found.items()}
    others = " and ".join(
        f"other {_OPTIONS.get(option, f'{{{option}}}')} ({{values_of_{option}}})" for option in found
    )
    rows = {name for pair in found.values() for one in pair if isinstance(one, Mapping) for name in one}
    # Where it is about rows alone, these can be run anew.
    of_rows = all(isinstance(one, Mapping) for pair in found.values() for one in pair)
    anew = f", add {{remove:{','.join(sorted(rows))}}} to run these rows anew" if of_rows else ""
    return OptionError(
        f"{{run}}: holds a run with {others}; "
        f"choose another {{out}}{anew}, or add {{fresh:True}} to start over, which keeps that run beside it",
        run=run_dir,
        **values,
    )


def _values(option: str, there: Any, here: Any) -> str:
    if option != "datasets":
        return f"there {_show(there)}, now {_show(here)}"
    return "; ".join(
        f"{old['name']}: {name} there {old.get(name)}, now {value}"
        for old, new in zip(there, here, strict=True)
        for name, value in new.items()
        if old.get(name) != value
    )


def _show(value: Any) -> str:
    if isinstance(value, Mapping) and value:
        return " ".join(text for name, one in value.items() for text in _entries(name, one))
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value) if value else "none"


def _entries(name: str, value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [f"{name}.{key}={one}" for key, one in value.items()]
    return [f"{name}={value}"]


def write_run(stored: RunPlan, run_dir: Path) -> None:
    """Write run.json, from which a folder is known to be that of a run."""
    write_json(RunFiles(run_dir).plan, stored.to_dict())


def _is_run(run_dir: Path) -> bool:
    try:
        stored_plan(run_dir)
    except InputError:
        return False
    return True


def _check_absent(run_dir: Path) -> None:
    # A link that leads nowhere, which is in the way.
    if os.path.lexists(run_dir):
        raise _no_folder(run_dir)


def _new(run_dir: Path, remove: Sequence[str]) -> str:
    if remove:
        raise OptionError("{remove}: {run} holds no run; give its folder with {out}", run=run_dir)
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
