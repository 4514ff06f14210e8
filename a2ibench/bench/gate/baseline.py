"""Baselines: what a run came to, without images, in one small file that belongs into version control."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from a2ibench.bench.gate.outcome import FORMAT, RunOutcome, parse, place_text
from a2ibench.bench.gate.records import places_of, run_outcome, whole_run, with_directions
from a2ibench.bench.record import FINISHED
from a2ibench.bench.run import Run
from a2ibench.documents import read_json
from a2ibench.errors import InputError, OptionError, one_line
from a2ibench.files import write_json

FOLDER = Path("reports/reference")
_NAME = re.compile(r"\w[\w.-]*")


def write_baseline(
    run_dir: Path, name: str, folder: Path = FOLDER, *, force: bool = False, allow_failed: bool = False
) -> Path:
    """Write what a run came to as ``folder/name.json``, in one piece.

    The same records give the same file, byte by byte.

    Parameters
    ----------
    run_dir : Path
        Folder of a run.
    name : str
        Letters, digits, dots, dashes and underscores.
    folder : Path
        Made if need be.
    force : bool
        Replace a baseline of that name, and nothing else of that name.
    allow_failed : bool
        Take also a run whose jobs did not all finish, or whose metrics failed.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        If the folder holds no run, or one that must not be a baseline; or the name or the file cannot be
        used; or no working plugin gives a metric of the run.
    OSError
        If the file cannot be written.
    """
    name = name.removesuffix(".json")
    if not _NAME.fullmatch(name):
        raise InputError(f"NAME: got {name!r}; give letters, digits, dots, dashes and underscores")
    source = whole_run(run_dir)
    run = run_outcome(source)
    if not any(outcome.ok for outcome in run.jobs.values()):
        raise InputError(f"{run_dir}: no job has a result; run it again before it becomes a baseline")
    unfinished = list(_unfinished(source, run))
    if unfinished and not allow_failed:
        more = f" (and {len(unfinished) - 1} more)" if len(unfinished) > 1 else ""
        raise OptionError(
            "{run}: {unfinished}; run it again, or add {allow_failed:True}",
            run=run_dir,
            unfinished=f"{unfinished[0]}{more}",
        )
    path = folder / f"{name}.json"
    if path.exists() and not force:
        raise OptionError(
            "{path}: exists already; choose another name, or add {force:True} to replace it", path=path
        )
    if path.exists() and not _is_baseline(path):
        raise OptionError(
            "{path}: is no baseline, so it is not replaced; choose another name or {out}", path=path
        )
    run = with_directions(run)
    for metric in sorted(run.metrics - set(run.higher_is_better)):
        raise InputError(
            f"metric {one_line(metric)}: no plugin tells whether higher is better; see a2ibench doctor"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OptionError(
            "{folder}: cannot be made ({cause}); choose another {out}", folder=folder, cause=error.strerror
        ) from error
    write_json(path, run.to_dict())
    return path


def read_outcome(path: Path) -> RunOutcome:
    """Return what a run came to, from its folder or from a baseline.

    Raises
    ------
    InputError
        If it is neither; names the file, and the field that is wrong.
    """
    if path.is_dir():
        return run_outcome(whole_run(path))
    if not path.exists():
        raise InputError(f"{path}: does not exist; give a run's folder or a baseline")
    try:
        return parse(read_json(path))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({error}); give a baseline") from error


def _is_baseline(path: Path) -> bool:
    # Also of a format that this release does not read, or edited: whoever wrote it can write it again.
    try:
        content = read_json(path)
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.get("format") == FORMAT


def _unfinished(source: Run, run: RunOutcome) -> Iterator[str]:
    for place, outcome in run.jobs.items():
        if outcome.status not in FINISHED:
            yield f"{place_text(place)} ended as {outcome.status}"
        for metric, error in sorted(outcome.metric_errors.items()):
            yield f"{place_text(place)}: metric {one_line(metric)} failed ({error})"
    for place in places_of(source):
        if place not in run.jobs:
            yield f"{place_text(place)} has no record"
