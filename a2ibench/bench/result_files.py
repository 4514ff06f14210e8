"""The results beside a record, and whether they are still those that it is of."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from a2ibench.bench.paths import JobFiles
from a2ibench.data.checksums import content_sha256, files_below, sha256_of

if TYPE_CHECKING:
    from a2ibench.bench.record import Record


def result_files(folder: Path) -> dict[str, str]:
    """Return the checksums of the results in a job's folder, by their paths within it."""
    job = JobFiles(folder)
    places = [file for file in (job.scores, job.slices, job.planes) if file.is_file()]
    if job.checkpoint.is_dir():
        places += sorted(files_below(job.checkpoint))
    found = {place.relative_to(folder).as_posix(): sha256_of(place) for place in places}
    if job.volume.is_dir():
        # One for all of its chunks, which is looked up where no file of it has another size or time.
        found[job.volume.name] = content_sha256(job.volume)
    return found


def belongs(record: Record, folder: Path, name: str) -> bool:
    """Whether a file in a job's folder is the one that the record is of.

    Records of older releases do not tell; any file is taken for theirs.
    """
    if record.files is None:
        return True
    try:
        digest = content_sha256 if (folder / name).is_dir() else sha256_of
        return bool(digest(folder / name) == record.files.get(name))
    except (OSError, ValueError):
        return False


def content_of(record: Record, file: Path) -> bytes | None:
    """Return what a file of a job holds; None where it is gone, or not the one that the record is of.

    Records of older releases do not tell; any file is taken for theirs.
    """
    try:
        # A pipe of that name would be waited for.
        content = file.read_bytes() if file.is_file() else None
    except OSError:
        return None
    if content is None or record.files is None:
        return content
    digest = record.files.get(file.name)
    return content if digest == hashlib.sha256(content).hexdigest() else None


def files_are_whole(record: Record, folder: Path) -> bool:
    """Whether all files that a record names lie in a job's folder, unchanged.

    Its volume may be gone, and the planes to look at: they take room, and nothing is computed from them.
    """
    if record.files is None:
        return False
    job = JobFiles(folder)
    gone = {place.name for place in (job.volume, job.planes) if not os.path.lexists(place)}
    return all(belongs(record, folder, name) for name in record.files if name not in gone)
