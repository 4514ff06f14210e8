"""The cache key of a job: it changes with everything that may change the job's result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from a2ibench import __version__
from a2ibench.bench.files import plain
from a2ibench.bench.record import FINISHED, Record
from a2ibench.bench.specs import Job, dataset_identity
from a2ibench.contracts import PROTOCOL_VERSION, DatasetSpec
from a2ibench.errors import A2IBenchError
from a2ibench.plugins import host

_LIBRARIES = ("torch", "numpy", "timm")
_ROOMS = ("a2ibench.contracts", "a2ibench.protocol", "a2ibench.degradations", "a2ibench.volumes")


def job_key(job: Job) -> str:
    """Return 64 hexadecimal digits that differ where `ingredients` differ."""
    text = json.dumps(plain(ingredients(job)), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def is_current(record: Record, job: Job) -> bool:
    """Whether a job's record is finished, and of what would run now; `job` need not hold its key."""
    if record["status"] not in FINISHED:
        return False
    return bool(record["provenance"].get("key") == (job.key or job_key(job)))


def ingredients(job: Job) -> dict[str, Any]:
    """Return what the result of a job depends on, JSON-able.

    Code counts by the versions of distributions and by its text, so that a method under development is
    not taken for the one that ran before.
    """
    return code_of(job.method) | {
        "settings": dict(job.settings),
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
        "code": _code("method", method),
        "protocol": PROTOCOL_VERSION,
        "a2ibench": __version__,
        "rooms": [package_digest(name) for name in _ROOMS],
        "libraries": {name: library_version(name) for name in _LIBRARIES},
    }


def metric_versions(names: tuple[str, ...]) -> dict[str, Any]:
    """Return each metric's version; None where it cannot be imported."""
    versions: dict[str, Any] = {}
    for name in names:
        try:
            version = getattr(host().load("metric", name), "version", None)
            versions[name] = [_registered("metric", name), version]
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


def package_digest(name: str) -> str | None:
    """Return a digest of the Python files of a package or module, found without importing it."""
    top, *rest = name.split(".")
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        return None
    if spec.submodule_search_locations is None:
        files = [Path(spec.origin)] if spec.origin else []
    else:
        places = [Path(place, *rest) for place in spec.submodule_search_locations]
        files = [f for place in places for f in (place.with_suffix(".py"), *sorted(place.rglob("*.py")))]
    digest = hashlib.sha256()
    for file in files:
        if file.is_file():
            digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def file_content(path: Path) -> Any:
    """Return sizes and times of change of a file, or of all files of a folder; None where there is none."""
    if path.is_dir():
        members = sorted(file for file in path.rglob("*") if file.is_file())
        return [[str(file.relative_to(path)), *file_content(file)] for file in members]
    try:
        status = path.stat()
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]


def _registered(kind: str, name: str) -> Mapping[str, Any]:
    entry = host().find(kind, name)
    return {
        "name": name,
        "target": entry.spec.target,
        "distribution": entry.distribution,
        "version": entry.version,
    }


def _code(kind: str, name: str) -> str | None:
    module = host().find(kind, name).spec.target.partition(":")[0]
    return package_digest(module.rpartition(".")[0] or module)


def _dataset(spec: DatasetSpec) -> Mapping[str, Any]:
    identity = dataset_identity(spec)
    if spec.sha256 is not None:
        # The same voxels wherever the file lies.
        identity |= {"path": None, "url": None}
    elif spec.path is not None:
        identity["content"] = file_content(spec.path)
    if spec.simulate is not None:
        name = spec.simulate.degradation
        identity["degradation"] = [_registered("degradation", name), _code("degradation", name)]
    return identity
