"""Reads a bundle that a stranger may have made: nothing is believed, and nothing is written where it says."""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from a2ibench.bench.bundle.contents import (
    FORMAT,
    FORMAT_VERSION,
    MANIFEST,
    SCORES,
    is_member,
    record_member,
    scores_member,
)
from a2ibench.bench.growth import RunPlan, fingerprint
from a2ibench.bench.paths import RUN
from a2ibench.bench.record import content_digest
from a2ibench.bench.result_files import belongs
from a2ibench.bench.run import Run, read_run
from a2ibench.documents import parse_json
from a2ibench.errors import InputError, one_line
from a2ibench.values import show

Rows = Mapping[str, NDArray[np.float64]]

MOST_BYTES: Final = 1 << 28
"""Of a bundle; that of a thousand jobs has less."""

_MOST_MEMBERS: Final = 20_000
_MOST_OF_ONE: Final = 1 << 25
_ENCRYPTED: Final = 0x1
_LONGEST: Final = 120


@dataclass(frozen=True)
class Bundle:
    """A bundle whose digests were found to be right.

    Parameters
    ----------
    path : Path
        The file.
    manifest : mapping
        See `manifest_of`.
    members : mapping of str to bytes
        All but the manifest.
    run : Run
        What it tells, from a temporary folder.
    slices : mapping of str to mapping
        Scores of slices by job and ``"metric.plane"``.
    """

    path: Path
    manifest: Mapping[str, Any]
    members: Mapping[str, bytes]
    run: Run
    slices: Mapping[str, Rows] = field(default_factory=dict)


@contextmanager
def opened(path: Path) -> Iterator[Bundle]:
    """Yield a bundle, once every digest in it is known to be right; its run lies in a temporary folder.

    Raises
    ------
    InputError
        If it is none, or is not as it was written; names the member.
    """
    members = read_members(path)
    manifest = _manifest(path, members.pop(MANIFEST))
    _check_digests(path, members, manifest)
    with TemporaryDirectory(prefix="a2ibench-bundle-") as folder:
        for name, content in members.items():
            place = Path(folder, name)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        run = _run(path, Path(folder), members)
        slices = {
            record.name: read_rows(members[name], f"{path}: {name}")
            for record in run.records
            if (name := scores_member(record.name)) in members
        }
        yield Bundle(path, manifest, members, run, slices)


def read_members(path: Path) -> dict[str, bytes]:
    """Return the members of a bundle by name.

    Raises
    ------
    InputError
        If the file is no bundle: no zip file, too large, compressed or encrypted, or with members that are
        double or that no bundle has, such as one that would lie in another folder.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"{path}: larger than {MOST_BYTES >> 20} MiB, which no bundle is")
        with zipfile.ZipFile(path) as archive:
            return _members(path, archive)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; give what a2ibench bundle wrote") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}; give what a2ibench bundle wrote") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, RuntimeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: is damaged, or no zip file ({one_line(error, _LONGEST)})") from None


def _members(path: Path, archive: zipfile.ZipFile) -> dict[str, bytes]:
    listed = archive.infolist()
    if len(listed) > _MOST_MEMBERS:
        raise InputError(f"{path}: has {len(listed)} members, more than any bundle")
    names = Counter(one.orig_filename for one in listed)
    for one in listed:
        where = f"{path}: member {one.orig_filename[:_LONGEST]!a}"
        if not is_member(one.orig_filename):
            raise InputError(f"{where} is none of a bundle")
        if names[one.orig_filename] > 1:
            raise InputError(f"{where} is there {names[one.orig_filename]} times")
        if one.compress_type != zipfile.ZIP_STORED or one.flag_bits & _ENCRYPTED:
            raise InputError(f"{where} is compressed or encrypted, which no member of a bundle is")
        if one.file_size > _MOST_OF_ONE:
            raise InputError(f"{where} is larger than {_MOST_OF_ONE >> 20} MiB")
    # Members that share bytes would unpack to more than the file.
    if sum(one.file_size for one in listed) > path.stat().st_size:
        raise InputError(f"{path}: its members are larger than it is")
    for name in (MANIFEST, RUN):
        if name not in names:
            raise InputError(f"{path}: has no {name}; give what a2ibench bundle wrote")
    return {one.orig_filename: archive.read(one) for one in listed}


def _manifest(path: Path, content: bytes) -> Mapping[str, Any]:
    try:
        manifest = parse_json(content)
    except ValueError as error:
        raise InputError(f"{path}: {MANIFEST}: {one_line(error)}") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise InputError(f"{path}: {MANIFEST} is not that of a bundle; give what a2ibench bundle wrote")
    version = manifest.get("format_version")
    if version != FORMAT_VERSION:
        raise InputError(
            f"{path}: {MANIFEST}: format_version is {show(version)}, and this a2ibench reads {FORMAT_VERSION}"
        )
    if manifest.get("digest") != content_digest(manifest):
        raise InputError(
            f"{path}: {MANIFEST} was changed after it was written (its digest is of other content)"
        )
    return manifest


def _check_digests(path: Path, members: Mapping[str, bytes], manifest: Mapping[str, Any]) -> None:
    listed = manifest.get("members")
    if not isinstance(listed, dict) or listed.keys() != members.keys():
        names = sorted({*(listed or ())} ^ members.keys()) if isinstance(listed, dict | None) else []
        raise InputError(
            f"{path}: {MANIFEST} lists other members than there are ({', '.join(names)[:_LONGEST]})"
        )
    for name, content in members.items():
        found = hashlib.sha256(content).hexdigest()
        if found != listed[name]:
            raise InputError(
                f"{path}: {name} was changed after it was written: its SHA-256 is {found[:16]}..., and "
                f"{MANIFEST} says {str(listed[name])[:16]}..."
            )


def _run(path: Path, folder: Path, members: Mapping[str, bytes]) -> Run:
    run = read_run(folder)
    for file, problem in run.damaged.items():
        raise InputError(f"{path}: {file.relative_to(folder).as_posix()}: {problem}")
    _check_plan(path, folder)
    for record in run.records:
        place = f"{path}: {record_member(record.name)}"
        if not record.digest or record.files is None:
            raise InputError(f"{place}: has no digest, as records of older releases")
        if (SCORES in record.files) != (scores_member(record.name) in members):
            raise InputError(f"{place}: {SCORES} is not beside it, or it is not of that record")
        if SCORES in record.files and not belongs(record, run.files_of(record).folder, SCORES):
            raise InputError(f"{place}: the {SCORES} beside it is of another reconstruction")
    lonely = {name for name in members if name != RUN} - {
        member(record.name) for record in run.records for member in (record_member, scores_member)
    }
    if lonely:
        raise InputError(f"{path}: {min(lonely)}: has no record beside it")
    return run


def _check_plan(path: Path, folder: Path) -> None:
    try:
        plan = RunPlan.read(folder)
        told = parse_json((folder / RUN).read_bytes())["fingerprint"]
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: {RUN}: is no plan of a run ({type(error).__name__})") from None
    if fingerprint(plan.identity) != told:
        raise InputError(f"{path}: {RUN}: was changed after it was written (fingerprint)")


def read_rows(content: bytes, where: str) -> dict[str, NDArray[np.float64]]:
    """Return the arrays of a scores.npz, each of one axis.

    Raises
    ------
    InputError
        If it is none, or holds more than it says or than a bundle has room for.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            listed = archive.infolist()
            if sum(one.file_size for one in listed) > _MOST_OF_ONE:
                raise InputError(f"{where}: unpacks to more than {_MOST_OF_ONE >> 20} MiB")
            return {one.filename.removesuffix(".npy"): _row(archive.read(one), where) for one in listed}
    except InputError:
        raise
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, EOFError, RuntimeError) as error:
        raise InputError(f"{where}: is damaged ({one_line(error, _LONGEST)})") from None


def _row(content: bytes, where: str) -> NDArray[np.float64]:
    stream = io.BytesIO(content)
    # The header alone first: what it claims to hold is not to be allocated.
    if np.lib.format.read_magic(stream) != (1, 0):
        raise InputError(f"{where}: holds an array of an unknown form")
    shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    start = stream.tell()
    if len(shape) != 1 or dtype.kind != "f" or len(content) - start != shape[0] * dtype.itemsize:
        raise InputError(f"{where}: holds something else than scores of slices")
    return np.frombuffer(content, dtype, offset=start).astype(np.float64)
