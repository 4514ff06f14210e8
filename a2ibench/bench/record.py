"""The record of a job: checked, written in one piece, and read back."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from a2ibench import values
from a2ibench.bench.paths import JobFiles, job_name
from a2ibench.bench.result_files import result_files
from a2ibench.bench.score import Score, read_score, without_empty_settings
from a2ibench.documents import read_json
from a2ibench.errors import InputError, one_line
from a2ibench.files import plain, write_json
from a2ibench.values import show, text, whole

STATUSES = ("ok", "skipped", "error", "oom", "timeout", "interrupted")
FINISHED = frozenset({"ok", "skipped"})
"""Statuses that are not tried again."""

CEILING = "ceiling"
CONTROLS = ("nearest", "linear", "smoothed", CEILING)
"""What is scored beside the methods, in the order of tables."""

BESIDE = "beside"
"""In the provenance: whether other jobs may have run on the same machine meanwhile."""

_CONTROLS, _FILES, _DIGEST = "controls", "files", "digest"


@dataclass(frozen=True)
class Calibration:
    """How fast the machine was in wide and in serial work, see `a2ibench.bench.calibration`."""

    version: int
    kernel: str
    seconds: float
    serial_seconds: float


@dataclass(frozen=True)
class Failure:
    """Why a job has no result: type of the error, one line that says it, and the traceback or log's end."""

    type: str
    message: str
    traceback: str = ""


@dataclass(frozen=True)
class Record:
    """What came of a job.

    Parameters
    ----------
    dataset, method : str
        Names.
    seed : int
        Seed.
    status : str
        ``"ok"``, ``"skipped"``, ``"error"``, ``"oom"``, ``"timeout"`` or ``"interrupted"``.
    reason : str or None
        Why the job was skipped.
    metrics : mapping of str to Score
        By metric; absent where it is not defined or failed.
    metric_errors : mapping of str to str
        One line by metric that failed.
    controls : mapping of str to mapping of str to Score
        Scores of the dataset's controls, by control and metric; empty where the job scored none.
    timings : mapping of str to float
        Seconds by phase.
    calibration : Calibration or None
        How fast the machine was meanwhile.
    memory : mapping of str to float
        Peak bytes of the ``"process"`` and the ``"device"``.
    model : mapping of str to float
        ``"params"``, ``"macs_per_voxel"`` and ``"voxels_per_second"``, where they are known.
    provenance : mapping
        Key, plugin, settings, dataset, protocol, machine and times; nested, of JSON's types.
    error : Failure or None
        Why the job failed.
    files : mapping of str to str or None
        Checksums of the results beside the record, by path, of a volume as a whole; None in one that was
        not written yet, or by an older release.
    digest : str or None
        Of everything else, as it was written.
    """

    dataset: str
    method: str
    seed: int
    status: str = "ok"
    reason: str | None = None
    metrics: Mapping[str, Score] = field(default_factory=dict)
    metric_errors: Mapping[str, str] = field(default_factory=dict)
    controls: Mapping[str, Mapping[str, Score]] = field(default_factory=dict)
    timings: Mapping[str, float] = field(default_factory=dict)
    calibration: Calibration | None = None
    memory: Mapping[str, float] = field(default_factory=dict)
    model: Mapping[str, float] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    error: Failure | None = None
    files: Mapping[str, str] | None = None
    digest: str | None = None

    @property
    def name(self) -> str:
        """Name of the job, which is also that of its folder."""
        return job_name(self.dataset, self.method, self.seed)

    @property
    def ok(self) -> bool:
        """Whether it has results."""
        return self.status == "ok"

    @property
    def learned(self) -> bool:
        """Whether its method learns: it tells of trained parameters, or has left a checkpoint."""
        # Neither is required of a method, but what was learned and not kept could not be loaded again.
        kept = (self.files or {}).keys()
        return self.model.get("params", 0) > 0 or any(name.startswith("checkpoint/") for name in kept)

    @property
    def external(self) -> Mapping[str, Any] | None:
        """What was stated about a finished volume that was entered; None where a job made the result."""
        told = self.provenance.get("external")
        return told if isinstance(told, Mapping) else None

    @property
    def beside(self) -> bool:
        """Whether other jobs may have run on the same machine meanwhile, so that its times are longer."""
        return bool(self.provenance.get(BESIDE))

    @property
    def pretrained(self) -> bool:
        """Whether its method began with weights that other volumes have trained."""
        return bool(self.provenance.get("trained_on"))

    @property
    def finished(self) -> bool:
        """Whether the job is not tried again: it is ok, or was skipped."""
        return self.status in FINISHED

    @property
    def message(self) -> str | None:
        """Why the job has no result, in one line; None where it has."""
        failure = self.error or Failure("", "")
        found = self.reason or failure.message or failure.type
        return " ".join(found.split()) if found else None

    @property
    def failed_metrics(self) -> list[str]:
        """One line for each metric that failed, which begins with its name."""
        return [one_line(f"{name} failed: {self.metric_errors[name]}") for name in sorted(self.metric_errors)]

    @property
    def protocol_version(self) -> int | None:
        """Version of the protocol; None where the record does not tell."""
        return whole_number(self.provenance.get("protocol_version"))

    def to_dict(self) -> dict[str, Any]:
        """Return what stands in record.json, with numbers that are not finite as they are."""
        content = without_empty_settings(asdict(self))
        absent = {name for name in _ADDED if content[name] is None}
        # Only where there are any, so that other records stay as they were.
        absent |= set() if self.controls else {_CONTROLS}
        return {name: value for name, value in content.items() if name not in absent}

    @classmethod
    def from_dict(cls, content: Any) -> Record:
        """Return the record that record.json holds; fields that this release does not know are left out.

        Raises
        ------
        InputError
            If a field is missing or of another type; names it.
        """
        try:
            return cls(**_RECORD(content))
        except ValueError as error:
            raise InputError(f"record{error}" if str(error)[0] == "." else f"record: {error}") from None


_ADDED = (_FILES, _DIGEST)


def write_record(folder: Path, record: Record) -> Record:
    """Write record.json into a job's folder in one piece.

    Parameters
    ----------
    folder : Path
        The job's folder, which exists.
    record : Record
        Metric values that are NaN or minus infinity are left out; plus infinity, the PSNR of identical
        volumes, is stored as the text ``"inf"``. Added are ``files``, the checksums of the results beside it
        (scores.npz, slices.npz, checkpoint and volume), and ``digest``, that of everything else in it.

    Returns
    -------
    Record
        As `read_record` gives it.

    Raises
    ------
    InputError
        If a field has a value that it must not have.
    OSError
        If the file cannot be written.
    """
    content = record.to_dict() | {_FILES: result_files(folder)}
    content["metrics"] = _defined(content["metrics"])
    if _CONTROLS in content:
        content[_CONTROLS] = {name: _defined(scores) for name, scores in content[_CONTROLS].items()}
    return _write(folder, plain(content))


def restore_record(folder: Path, record: Record) -> None:
    """Write a record again as `read_record` gave it, with the checksums of results that may be lost.

    Where they are, the job counts as unfinished and runs again.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    _write(folder, plain(record.to_dict()))


def _write(folder: Path, content: dict[str, Any]) -> Record:
    content |= {_DIGEST: content_digest(content)}
    record = Record.from_dict(content)
    write_json(JobFiles(folder).record, content)
    return record


class DamagedRecordError(InputError):
    """A record that cannot be read, or was changed after it was written."""


def load_record(folder: Path) -> Record:
    """Return the record in a job's folder.

    A record of an older release, which has no digest, is taken as it stands.

    Raises
    ------
    FileNotFoundError
        If there is none.
    DamagedRecordError
        If it is damaged or was edited.
    InputError
        If it is whole, but a field has a value that it must not have.
    """
    try:
        content = read_json(JobFiles(folder).record)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except (OSError, ValueError) as error:
        raise DamagedRecordError(one_line(error)) from None
    # Releases that wrote no digest told no files either.
    told = isinstance(content, dict) and any(name in content for name in _ADDED)
    if told and content.get(_DIGEST) != content_digest(content):
        raise DamagedRecordError("it was changed after it was written")
    return Record.from_dict(content)


def read_record(folder: Path) -> Record | None:
    """Return the record in a job's folder; None where there is none, or it is damaged or was edited."""
    try:
        return load_record(folder)
    except (OSError, InputError):
        return None


def is_damaged(folder: Path) -> bool:
    """Whether a job's folder holds a record that was edited, or cannot be read."""
    return JobFiles(folder).record.exists() and read_record(folder) is None


def content_digest(content: Mapping[str, Any]) -> str:
    """Return the digest of what a record.json holds, itself left out."""
    rest = {name: value for name, value in content.items() if name != _DIGEST}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def whole_number(value: Any) -> int | None:
    """Return a value of a record as a whole number; None where it is none."""
    # Records of other programs, or edited ones, hold texts and NaN too.
    try:
        return None if isinstance(value, bool) else int(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _defined(scores: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {name: score for name, score in scores.items() if score["value"] > -math.inf}


def _amount(value: Any) -> float:
    # Numbers that are not finite stand as texts in a file.
    if isinstance(value, str) and value in ("inf", "-inf", "nan"):
        return float(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise ValueError(f"is {show(value)}; give a number")


_POSITIVE = values.number("a positive number", lambda value: 0 < value < math.inf)
_CALIBRATION = values.fields(
    {"version": whole(), "kernel": text, "seconds": _POSITIVE, "serial_seconds": _POSITIVE}
)
_FAILURE = values.fields({one.name: values.or_none(text) for one in fields(Failure)})


def read_calibration(value: Any) -> Calibration:
    """Read a calibration as it stands in a file."""
    return Calibration(**_CALIBRATION(value))


def _failure(value: Any) -> Failure:
    return Failure(**{name: found or "" for name, found in _FAILURE(value).items()})


_RECORD = values.fields(
    {
        "dataset": text,
        "method": text,
        "seed": whole(),
        "status": values.one_of(STATUSES),
        "reason": values.or_none(text),
        "metrics": values.each(read_score),
        "metric_errors": values.or_empty(values.each(text)),
        _CONTROLS: values.or_empty(values.each(values.each(read_score))),
        "timings": values.each(_amount),
        "calibration": values.or_none(read_calibration),
        "memory": values.each(_amount),
        "model": values.each(_amount),
        "provenance": values.mapping,
        "error": values.or_none(_failure),
        _FILES: values.or_none(values.each(text)),
        _DIGEST: values.or_none(text),
    }
)
