"""The folder of a run: whose it is, and that only one process runs in it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock

from a2ibench.bench.files import read_json, write_json
from a2ibench.bench.record import JOBS
from a2ibench.environment import environment
from a2ibench.errors import InputError

if TYPE_CHECKING:
    from a2ibench.bench.plan import Plan

RUN = "run.json"
_LOCK = ".lock"
_JOB_FOLDER = re.compile(r".+--.+--s\d+")
_FILES = ("table.csv", "table.md", "table.tex", "table.html", "table.parquet", "timing.csv", "report.html")
_FIGURES = ("*.png", "*.svg", "*.pdf")
_OPTIONS = {"set": "--set", "metrics": "installed metrics", "datasets": "--datasets or their definitions"}


def prepare_run_folder(plan: Plan, out: Path | None = None, fresh: bool = False) -> Path:
    """Make or take up the folder of a run, and write run.json.

    Parameters
    ----------
    plan : Plan
        What will run in it.
    out : Path, optional
        The folder; by default ``plan.default_folder()``.
    fresh : bool
        Start over: remove what an earlier run wrote there. Other files stay.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    InputError
        If it is no folder or cannot be written, belongs to a run with other options, or another process
        runs in it.
    """
    run_dir = plan.default_folder() if out is None else Path(out)
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise InputError(f"--out: {run_dir} is not a folder; give a folder, which need not exist") from None
    except OSError as error:
        raise InputError(
            f"--out: {run_dir} cannot be made ({error.strerror}); choose another folder"
        ) from error
    with lock_run(run_dir):
        if fresh:
            _remove_run(run_dir)
        elif (run_dir / RUN).exists():
            check_run_folder(plan, run_dir)
        write_run(plan, run_dir)
    return run_dir


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
        raise InputError(
            f"{run_dir}: another process runs in this folder; wait for it, or choose another --out"
        ) from None
    except OSError as error:
        raise InputError(f"{run_dir} cannot be written ({error.strerror}); choose another --out") from error
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
    file = run_dir / RUN
    try:
        stored = read_json(file)
        fingerprint, identity = stored["fingerprint"], stored["identity"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise InputError(
            f"{file}: not readable as the plan of a run ({type(error).__name__}); add --fresh to start over"
        ) from error
    if fingerprint != plan.fingerprint():
        raise InputError(
            f"{run_dir}: holds a run with {_difference(identity, plan.identity())}; "
            "choose another --out, or add --fresh to start over"
        )


def _difference(there: Mapping[str, Any], here: Mapping[str, Any]) -> str:
    different = [option for option in here if there.get(option) != here[option]]
    if not different:
        return "the options of another release"
    return " and ".join(
        f"other {_OPTIONS.get(option, f'--{option}')} (there {_show(option, there.get(option))}, "
        f"now {_show(option, here[option])})"
        for option in different
    )


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
    write_json(run_dir / RUN, content)


def _remove_run(run_dir: Path) -> None:
    jobs, figures = run_dir / JOBS, run_dir / "figures"
    for folder in jobs.glob("*"):
        if _JOB_FOLDER.fullmatch(folder.name) and folder.is_dir() and not folder.is_symlink():
            shutil.rmtree(folder)
    for pattern in _FIGURES:
        for figure in figures.glob(pattern):
            figure.unlink()
    for name in (*_FILES, RUN):
        (run_dir / name).unlink(missing_ok=True)
    for folder in (jobs, figures):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
