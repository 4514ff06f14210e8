"""The cache key of a job: it changes with everything that may change the job's result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from a2ibench import __version__
from a2ibench.bench.code import code_digest, core_digests
from a2ibench.bench.files import plain
from a2ibench.bench.inputs import dataset_content, degradation_identity, named_files, used_by
from a2ibench.bench.record import FINISHED, Record, files_are_whole
from a2ibench.bench.specs import Job, dataset_identity
from a2ibench.contracts import PROTOCOL_VERSION, DatasetSpec
from a2ibench.errors import A2IBenchError
from a2ibench.plugins import host

_LIBRARIES = ("torch", "numpy", "timm")


def job_key(job: Job) -> str:
    """Return 64 hexadecimal digits that differ where `ingredients` differ."""
    text = json.dumps(plain(ingredients(job)), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def is_current(record: Record, job: Job, folder: Path) -> bool:
    """Whether a job's record is finished, whole, and of what would run now.

    Parameters
    ----------
    record : dict
        As `read_record` gives it; one without digest, of an older release, is not current.
    job : Job
        What would run; need not hold its key.
    folder : Path
        The job's folder, whose files must be those that the record is of.
    """
    if record["status"] not in FINISHED or not record.get("digest"):
        return False
    provenance = record["provenance"]
    if provenance.get("key") != (job.key or job_key(job)):
        return False
    return _used_the_same(provenance, job) and files_are_whole(record, folder)


def ingredients(job: Job) -> dict[str, Any]:
    """Return what the result of a job depends on, JSON-able.

    Code counts by the versions of distributions and by its text, so that a method under development is
    not taken for the one that ran before. So do weights and other files beside it, the file of the dataset,
    and files that settings name: by their content, never by their names or times.
    """
    return code_of(job.method) | {
        "settings": dict(job.settings),
        "files": named_files(job.settings),
        "dataset": _dataset(job.dataset),
        "metrics": metric_versions(job.metrics),
        "seed": job.seed,
        "profile": job.profile,
        "budget": str(job.budget),
        "device": job.device,
        "precision": job.precision,
    }


def code_of(method: str) -> dict[str, Any]:
    """Return what tells the code apart that a registered method runs, JSON-able."""
    return {
        "method": _registered("method", method),
        "code": code_digest(host().find("method", method)),
        "protocol": PROTOCOL_VERSION,
        "a2ibench": __version__,
        "rooms": core_digests(),
        "libraries": {name: library_version(name) for name in _LIBRARIES},
    }


def metric_versions(names: tuple[str, ...]) -> dict[str, Any]:
    """Return who registers each metric, its version and code; None where it cannot be imported."""
    versions: dict[str, Any] = {}
    for name in names:
        try:
            version = host().metric_version(name)
            code = code_digest(host().find("metric", name))
            versions[name] = [_registered("metric", name), version, code]
        except A2IBenchError:
            versions[name] = None
    return versions


@cache
def library_version(name: str) -> str | None:
    """Return the installed version of a distribution, without importing it."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _used_the_same(provenance: Mapping[str, Any], job: Job) -> bool:
    used = provenance.get("used")
    if not isinstance(used, dict):
        # A job that was skipped or failed early has read nothing that its key does not tell.
        return used is None
    now = plain(used_by(provenance.get("configuration") or {}))
    same = used.get("degradation") == now["degradation"] and used.get("dataset") == dataset_content(
        job.dataset
    )
    return same and all(now["files"].get(name) == digest for name, digest in used.get("files", {}).items())


def _registered(kind: str, name: str) -> Mapping[str, Any]:
    entry = host().find(kind, name)
    return {
        "name": name,
        "target": entry.spec.target,
        "distribution": entry.distribution,
        "version": entry.version,
    }


def _dataset(spec: DatasetSpec) -> Mapping[str, Any]:
    identity = dataset_identity(spec)
    if spec.path is not None:
        # The same voxels wherever the file lies; its name may tell the format.
        identity |= {"path": spec.path.name, "content": dataset_content(spec)}
    elif spec.sha256 is not None:
        identity["url"] = None
    if spec.simulate is not None:
        simulate = spec.simulate
        identity["degradation"] = degradation_identity(simulate.degradation, simulate.options)
    return identity
