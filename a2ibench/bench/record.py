"""The record of a job: checked, written in one piece, and read back."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from a2ibench.bench.run_files import JobFiles, RunFiles
from a2ibench.data.checksums import files_below, sha256_of
from a2ibench.documents import read_json
from a2ibench.errors import InputError
from a2ibench.files import plain, write_json

Record = dict[str, Any]

STATUSES = ("ok", "skipped", "error", "oom", "timeout", "interrupted")
DIGEST, FILES = "digest", "files"
FINISHED = frozenset({"ok", "skipped"})
"""Statuses that are not tried again."""

_FIELDS: Mapping[str, type | tuple[type, ...]] = {
    "dataset": str,
    "method": str,
    "seed": int,
    "status": str,
    "metrics": dict,
    "timings": dict,
    "memory": dict,
    "model": dict,
    "provenance": dict,
    "error": (dict, type(None)),
}


def write_record(folder: Path, record: Record) -> None:
    """Write record.json into a job's folder in one piece.

    Parameters
    ----------
    folder : Path
        The job's folder, which exists.
    record : dict
        See `check_record`. Metric values that are NaN or minus infinity are left out; plus infinity, the
        PSNR of identical volumes, is stored as the text ``"inf"``. Added are ``files``, the checksums of the
        results that lie beside it (scores.npz, slices.npz and the checkpoint), and ``digest``, that of
        everything else in the record.

    Raises
    ------
    InputError
        If the record has another form.
    OSError
        If the file cannot be written.
    """
    scores = record.get("metrics", {})
    kept = {name: score for name, score in scores.items() if not _undefined(score["value"])}
    stored = plain(record | {"metrics": kept, FILES: _files(folder)})
    check_record(stored)
    write_json(JobFiles(folder).record, stored | {DIGEST: _digest(stored)})


def restore_record(folder: Path, record: Record) -> None:
    """Write a record again as `read_record` gave it, with the checksums of results that may be lost.

    Where they are, the job counts as unfinished and runs again.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    write_json(JobFiles(folder).record, plain(record))


def read_record(folder: Path) -> Record | None:
    """Return the record in a job's folder; None where there is none, or it is damaged or was edited.

    A record of an older release, which has no digest, is taken as it stands.
    """
    try:
        record = read_json(JobFiles(folder).record)
        check_record(record)
        # Releases that wrote no digest told no files either.
        if (DIGEST in record or FILES in record) and record.get(DIGEST) != _digest(record):
            return None
    except (OSError, ValueError):
        return None
    for score in record["metrics"].values():
        score["value"] = float(score["value"])
    return dict(record)


def is_damaged(folder: Path) -> bool:
    """Whether a job's folder holds a record that was edited, or cannot be read."""
    return JobFiles(folder).record.exists() and read_record(folder) is None


def damaged_records(run_dir: Path) -> list[Path]:
    """Return the record.json files of a run that were edited or cannot be read, by the folders' names."""
    return [job.record for job in RunFiles(run_dir).all_jobs() if is_damaged(job.folder)]


def belongs(record: Record, folder: Path, name: str) -> bool:
    """Whether a file in a job's folder is the one that the record is of.

    Records of older releases do not tell; any file is taken for theirs.
    """
    if not isinstance(record.get(FILES), dict):
        return True
    try:
        return bool(sha256_of(folder / name) == record[FILES].get(name))
    except (OSError, ValueError):
        return False


def files_are_whole(record: Record, folder: Path) -> bool:
    """Whether all files that a record names lie in a job's folder, unchanged."""
    named = record.get(FILES)
    return isinstance(named, dict) and all(belongs(record, folder, name) for name in named)


def read_records(run_dir: Path) -> list[Record]:
    """Return every complete record of a run, in the order of the folders' names.

    Parameters
    ----------
    run_dir : Path
        Folder of a run; one without jobs, or none at all, has no records.
    """
    records = (read_record(job.folder) for job in RunFiles(run_dir).all_jobs())
    return [record for record in records if record is not None]


def check_record(record: Any) -> None:
    """Check the form of a record as it stands in record.json.

    Raises
    ------
    InputError
        If a field is missing or of another type, or the status is none of `STATUSES`.
    """
    if not isinstance(record, dict):
        raise InputError(f"record: is a {type(record).__name__}; give an object")
    for field, kind in _FIELDS.items():
        if field not in record:
            raise InputError(f"record: field {field!r} is missing; give all of {', '.join(_FIELDS)}")
        if not isinstance(record[field], kind):
            raise InputError(f"record: field {field!r} is {record[field]!r}; give another type")
    if record["status"] not in STATUSES:
        raise InputError(f"record: status is {record['status']!r}; give one of {', '.join(STATUSES)}")
    for name, score in record["metrics"].items():
        if not isinstance(score, dict) or "version" not in score or not _is_score(score.get("value")):
            raise InputError(f"record: metric {name!r} is {score!r}; give a number as value, and a version")


def _files(folder: Path) -> dict[str, str]:
    job = JobFiles(folder)
    places = [file for file in (job.scores, job.slices) if file.is_file()]
    if job.checkpoint.is_dir():
        places += sorted(files_below(job.checkpoint))
    return {place.relative_to(folder).as_posix(): sha256_of(place) for place in places}


def _digest(stored: Record) -> str:
    content = {name: value for name, value in stored.items() if name != DIGEST}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _is_score(value: Any) -> bool:
    return value == "inf" or (isinstance(value, int | float) and not isinstance(value, bool))


def _undefined(value: float) -> bool:
    return math.isnan(value) or value == -math.inf
