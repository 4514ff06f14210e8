"""Writes what a run came to as one file, without volumes: the same run gives the same bytes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from a2ibench.bench.bundle.contents import (
    MANIFEST,
    SCORES,
    as_bytes,
    manifest_of,
    record_member,
    scores_member,
)
from a2ibench.bench.bundle.reading import read_members
from a2ibench.bench.paths import RUN
from a2ibench.bench.record import Record
from a2ibench.bench.result_files import belongs
from a2ibench.bench.run import Run, read_run
from a2ibench.errors import InputError, OptionError, printable
from a2ibench.files import disk_errors, write_bytes

SUFFIX = ".zip"

_ENDED = frozenset({"ok", "skipped", "error", "oom", "timeout"})
_FIRST_DAY = (1980, 1, 1, 0, 0, 0)
_READABLE_BY_ALL = 0o644 << 16
_UNIX = 3


def write_bundle(run_dir: Path, out: Path | None = None, *, force: bool = False) -> Path:
    """Write a bundle of a run: records, scores of slices, run.json and a manifest.

    Parameters
    ----------
    run_dir : Path
        Folder of a run.
    out : Path, optional
        The file; by default the folder's name with ``.zip``, beside it.
    force : bool
        Replace another bundle of that name, and nothing else of that name.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        If the folder holds no run, or none of its jobs has ended; a record is damaged or has no digest; or
        scores of slices are not those that the record is of. If the file is there and holds something else.
    """
    run = _whole(run_dir)
    path = run_dir.resolve().with_name(f"{run_dir.resolve().name}{SUFFIX}") if out is None else out
    content = packed(members_of(run))
    if path.exists() and (path.is_dir() or path.read_bytes() != content):
        _check_replaceable(path, force)
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        return write_bytes(path, content)


def members_of(run: Run) -> dict[str, bytes]:
    """Return the members of a run's bundle, the manifest included.

    Raises
    ------
    InputError
        If no job has ended, or a file is missing, damaged or of another reconstruction.
    """
    records = [record for record in run.records if record.status in _ENDED]
    if not records:
        raise InputError(f"{run.folder}: no job of this run has ended; run it first")
    members = {RUN: run.files.plan.read_bytes()}
    for record in records:
        job = run.files_of(record)
        _check_record(run, record)
        members[record_member(record.name)] = job.record.read_bytes()
        if SCORES in (record.files or {}):
            if not belongs(record, job.folder, SCORES):
                raise InputError(
                    f"{printable(str(job.scores))}: is missing, or not what {record.name} was scored with; "
                    "run it again"
                )
            members[scores_member(record.name)] = job.scores.read_bytes()
    ended = Run(run.folder, run.options, run.environment, tuple(records))
    return {MANIFEST: as_bytes(manifest_of(ended, members)), **members}


def packed(members: Mapping[str, bytes]) -> bytes:
    """Return members as a zip file: sorted, of one time, and stored as they are.

    What is not compressed is the same bytes with every release of zlib, and is never larger than it looks.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            member = zipfile.ZipInfo(name, _FIRST_DAY)
            member.create_system, member.external_attr = _UNIX, _READABLE_BY_ALL
            archive.writestr(member, members[name])
    return buffer.getvalue()


def _whole(run_dir: Path) -> Run:
    run = read_run(run_dir)
    for file, problem in run.damaged.items():
        raise InputError(f"{printable(str(file))}: is damaged or was edited ({problem}); run it again")
    if not run.files.plan.is_file():
        raise InputError(f"{run.files.plan}: is missing, so nobody could repeat the run; run it again")
    return run


def _check_record(run: Run, record: Record) -> None:
    if not record.digest or record.files is None:
        raise InputError(
            f"{printable(str(run.files_of(record).record))}: has no digest, as records of older releases; "
            "run it again"
        )


def _check_replaceable(path: Path, force: bool) -> None:
    if not force:
        raise OptionError(
            "{path}: exists already; choose another name, or add {force:True} to replace it", path=path
        )
    try:
        read_members(path)
    except (InputError, OSError):
        raise InputError(f"{path}: is no bundle, so it is not replaced; choose another name") from None
