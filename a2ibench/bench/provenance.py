"""Records before their results: what a job was, where it ran, and what went wrong."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench import __version__
from a2ibench.bench.job import FOR_PEOPLE, FOR_SCORES, Job, dataset_to_dict
from a2ibench.bench.metric_settings import METRIC_SETTINGS
from a2ibench.bench.outside import provenance_outside
from a2ibench.bench.record import BESIDE, Failure, Record
from a2ibench.contracts import PROTOCOL_VERSION, Context, DatasetSpec, Volume
from a2ibench.data.checksums import sha256_of
from a2ibench.data.intensity_range import noise_level
from a2ibench.environment import environment
from a2ibench.external.failures import failure_of
from a2ibench.files import plain
from a2ibench.protocol.profiles import PROFILES
from a2ibench.registry import host

_logger = logging.getLogger(__name__)


def new_record(job: Job, status: str = "ok") -> Record:
    """Return the record of a job that has no results yet.

    Parameters
    ----------
    job : Job
        With its key.
    status : str
        One of ``STATUSES``.
    """
    return Record(job.dataset.name, job.method, job.seed, status, provenance=_provenance(job))


def failed_record(job: Job, status: str, kind: str, message: str, trace: str = "") -> Record:
    """Return the record of a job that came to no result.

    Parameters
    ----------
    job : Job
        With its key.
    status : str
        ``"error"``, ``"oom"``, ``"timeout"`` or ``"interrupted"``.
    kind, message, trace : str
        Kept as ``error``; the message in one line.
    """
    failure = Failure(kind, " ".join(message.split()), trace)
    return finished(replace(new_record(job, status), error=failure))


def finished(record: Record) -> Record:
    """Return a record that tells of environment and time at the end of its job."""
    end = {"environment": environment(), "finished": _now()}
    return replace(record, provenance={**record.provenance, **end})


def describe_error(error: BaseException) -> tuple[str, Failure]:
    """Return status and error of a record: ``"oom"`` where memory ran out, else ``"error"``."""
    failed = failure_of(error)
    return failed.status, Failure(failed.kind, failed.message, failed.trace)


def describe_dataset(spec: DatasetSpec, stored: Volume, volume: Volume, n_out: int) -> dict[str, Any]:
    """Return what a job read and reconstructs.

    Parameters
    ----------
    spec : DatasetSpec
        What was asked for.
    stored : Volume, shape (z, y, x)
        As opened.
    volume : Volume, shape (n_in, y, x)
        What the method is handed.
    n_out : int
        Slices of the reconstruction.

    Returns
    -------
    dict
        ``shape`` and ``voxel_size`` (nm, z y x) are those of the reconstruction, ``input_shape`` and
        ``input_voxel_size`` those of the method's input; ``sha256`` is what the catalogue states or the
        file's, or where neither is known the voxels', and ``sha256_of`` tells of what it is: ``"file"``,
        ``"folder"``, ``"archive"``, ``"crop"`` (the voxels downloaded) or ``"voxels"`` (those opened);
        ``intensity`` are the grey levels that map to 0 and 1, and ``contrast``, where they are others, those
        that networks see as 0 and 1 and whose width the scores take as data range; ``padding`` is a list of
        value and fraction of all voxels, where there is any;
        ``noise`` is the `noise_level` of the method's input; ``definition`` is what the catalogue says
        about how the voxels are read, generated and degraded;
        ``simulation`` is how the input was made, with every setting of the degradation, or None.
    """
    lateral = volume.voxel_size[1]
    checksum, subject = spec.sha256, _guarded(spec)
    if checksum is None and spec.path is not None and spec.path.is_file():
        checksum = sha256_of(spec.path)
    elif checksum is None:
        checksum, subject = hashlib.sha256(np.ascontiguousarray(stored.data).data).hexdigest(), "voxels"
    return {
        "name": spec.name,
        "title": spec.title,
        "sha256": checksum,
        "sha256_of": subject,
        "shape": [n_out, *volume.shape[1:]],
        "voxel_size": [lateral, lateral, lateral],
        "input_shape": list(volume.shape),
        "input_voxel_size": list(volume.voxel_size),
        "intensity": list(volume.intensity),
        **_levels(volume),
        "dtype": str(volume.data.dtype),
        "ratio": volume.ratio,
        "noise": noise_level(volume),
        "simulated": spec.simulate is not None,
        "definition": _definition(spec),
        "simulation": _simulation(spec),
    }


def describe_voxels(data: NDArray[Any]) -> dict[str, Any]:
    """Return what tells a reconstruction apart.

    Returns
    -------
    dict
        ``sha256`` of the voxels in C order, little-endian; ``shape``, (z, y, x); and ``dtype``.
    """
    plain_order = np.ascontiguousarray(data, data.dtype.newbyteorder("<"))
    return {
        "sha256": hashlib.sha256(plain_order.data).hexdigest(),
        "shape": list(data.shape),
        "dtype": data.dtype.name,
    }


def _levels(volume: Volume) -> dict[str, Any]:
    # Only where they say something, so that the records of other volumes stay as they were.
    told: dict[str, Any] = {}
    if volume.contrast is not None and tuple(volume.contrast) != tuple(volume.intensity):
        told["contrast"] = list(volume.contrast)
    if volume.padding:
        shares = {level: float(np.mean(volume.data == level)) for level in volume.padding}
        told["padding"] = [{"value": level, "fraction": share} for level, share in shares.items()]
    return told


_FIRST_FIELDS = ("key", "bin", "crop", "phantom", "simulate")
_TOLD_ELSEWHERE = (*FOR_PEOPLE, *FOR_SCORES, "name", "voxel_size", "path", "url", "sha256", "intensity")


def _definition(spec: DatasetSpec) -> dict[str, Any]:
    fields = dataset_to_dict(spec)
    if spec.generated:
        from a2ibench.data.generators import find_generator

        fields["phantom"] |= {"generator_version": find_generator(spec).version}
    # Later fields only where they are given, so that the records of entries without them stay as they were.
    given = {name for name, value in fields.items() if _is_given(value) and name not in _TOLD_ELSEWHERE}
    return {name: fields[name] for name in dict.fromkeys([*_FIRST_FIELDS, *sorted(given)])}


def _is_given(value: object) -> bool:
    return value is not None and value is not False


def _guarded(spec: DatasetSpec) -> str:
    """Return what the checksum of a catalogue's entry is of."""
    if spec.member is not None:
        return "archive"
    if spec.chunked:
        return "crop"
    return "folder" if spec.path is not None and spec.path.is_dir() else "file"


def _simulation(spec: DatasetSpec) -> dict[str, Any] | None:
    given = spec.simulate
    if given is None:
        return None
    model = host().build("degradation", given.degradation, **given.options)
    settings = dict(given.options) | dict(configuration_of(model))
    return {"ratio": given.ratio, "degradation": given.degradation, "settings": settings}


def _provenance(job: Job) -> dict[str, Any]:
    method = host().methods.get(job.registered)
    return {
        "key": job.key,
        "plugin": method.plugin if method else None,
        "distribution": method.distribution if method else None,
        "version": method.version if method else None,
        # Only where there is one, so that other records stay as they were.
        **({"variant_of": job.variant_of} if job.variant_of else {}),
        **provenance_outside(job),
        "settings": dict(job.settings),
        **({METRIC_SETTINGS: plain(job.metric_settings)} if job.metric_settings else {}),
        "configuration": {},
        "dataset": {"name": job.dataset.name, "sha256": job.dataset.sha256},
        "a2ibench": __version__,
        "protocol_version": PROTOCOL_VERSION,
        "seed": job.seed,
        "profile": job.profile,
        "device": job.device,
        "precision": job.precision,
        "budget": str(job.budget),
        "protocol": _protocol(job),
        # Only where it is so, so that other records stay as they were.
        **({BESIDE: True} if job.beside else {}),
        "started": _now(),
    }


def _protocol(job: Job) -> dict[str, Any]:
    profile = PROFILES[job.profile]
    return {
        "size": profile.size,
        "steps": job.budget.steps,
        "seconds": job.budget.seconds,
        "batch": profile.batch,
        "patch": profile.patch,
        "training_degradation": job.training_degradation,
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def configuration_of(method: Any) -> Mapping[str, Any]:
    """Return the resolved settings of a method; nothing where it does not tell."""
    configuration = _told(method, "configuration")
    return configuration if isinstance(configuration, Mapping) else {}


def model_of(method: Any) -> dict[str, float]:
    """Return ``params`` and ``macs_per_voxel`` of a fitted method, where it tells them."""
    told = {"params": _told(method, "parameters"), "macs_per_voxel": _told(method, "macs_per_voxel")}
    return {name: value for name, value in told.items() if isinstance(value, int | float)}


def trained_on(method: Any) -> dict[str, tuple[str, ...]]:
    """Return the SHA-256, by name, of what weights that came with a method have seen; mostly nothing."""
    told = dict(getattr(method, "trained_on", None) or {})
    return {
        str(name): (found,) if isinstance(found, str) else tuple(map(str, found))
        for name, found in told.items()
    }


def seen_before(learnt_from: Mapping[str, Sequence[str]], dataset: Mapping[str, Any]) -> str | None:
    """Return why a method cannot be judged on a dataset that its weights have seen; None where it can.

    Parameters
    ----------
    learnt_from : mapping of str to sequence of str
        What `trained_on` tells.
    dataset : mapping
        As a record's provenance describes it.
    """
    for name, checksums in learnt_from.items():
        if dataset.get("sha256") in checksums:
            return f"its weights were trained on this volume ({name})"
    return None


def precision_of(method: Any, ctx: Context) -> dict[str, str]:
    """Return ``precision_used``, what a fitted method runs in; nothing where it does not tell."""
    used = _told(method, "precision_used", ctx)
    return {"precision_used": used} if isinstance(used, str) else {}


def _told(method: Any, member: str, *given: Any) -> Any:
    # What a method tells of itself is worth less than the results of its training.
    try:
        return getattr(method, member)(*given) if hasattr(method, member) else None
    except Exception:
        _logger.warning("%s.%s failed", type(method).__name__, member, exc_info=True)
        return None
