"""The cache key of a job: it changes with everything that may change the job's result, inputs by content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from a2ibench import __version__
from a2ibench.bench.code_digest import code_digest, core_digest, target_digest, tree_digest
from a2ibench.bench.job import Job, dataset_identity
from a2ibench.bench.metric_settings import METRIC_SETTINGS, contents
from a2ibench.bench.outside import identity_outside
from a2ibench.bench.paths import JobFiles
from a2ibench.bench.record import Record
from a2ibench.bench.result_files import files_are_whole
from a2ibench.bench.scoring import want_labels
from a2ibench.contracts import PROTOCOL_VERSION, DatasetSpec
from a2ibench.data.checksums import content_sha256
from a2ibench.data.generators import DEFAULT_TARGET
from a2ibench.errors import A2IBenchError
from a2ibench.files import plain
from a2ibench.registry import host


def dataset_content(spec: DatasetSpec) -> str | None:
    """Return the checksum of a dataset's own file or folder; None where it has none that can be read.

    What a catalogue says of the checksum is no matter: it need not be true of the file any more.
    """
    if spec.path is None:
        return None
    try:
        return content_sha256(spec.path)
    except (OSError, ValueError):
        return None


def named_files(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return digests of the files and folders that settings name.

    Parameters
    ----------
    settings : mapping
        By name; a text may be a path, or have paths in options as in ``"model:weights=PATH,gain=2"``.

    Returns
    -------
    dict
        By setting and path; a path that does not exist is left out.
    """
    return {
        f"{name}={path}": tree_digest([path])
        for name, value in settings.items()
        if isinstance(value, str)
        for path in dict.fromkeys(_existing(value))
    }


def degradation_identity(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what tells a degradation apart: who registers it, its code, and files that its options name."""
    entry = host().find("degradation", name)
    return {
        "name": name,
        "target": entry.spec.target,
        "distribution": entry.distribution,
        "version": entry.version,
        "code": code_digest(entry),
        "files": named_files(options),
    }


def used_by(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a method reads by its resolved settings: files, and the degradation it trains with.

    Parameters
    ----------
    configuration : mapping
        Settings with their defaults, which only the class of the method knows.
    """
    files, degradation = named_files(configuration), None
    text = configuration.get("degradation")
    if isinstance(text, str):
        try:
            degradation = degradation_identity(text.partition(":")[0], {})
        except A2IBenchError:
            degradation = None
    return {"files": files, "degradation": degradation}


def _existing(value: str) -> Iterator[Path]:
    options = value.partition(":")[2].split(",")
    for text in (value, *(option.partition("=")[2] for option in options)):
        try:
            path = Path(text).expanduser()
            # A folder such as "/" or the current one is no file that a setting means.
            if text and path.exists() and not Path.cwd().resolve().is_relative_to(path.resolve()):
                yield path
        except (OSError, ValueError, RuntimeError):
            continue


_LIBRARIES = ("torch", "numpy", "timm")


def job_key(job: Job) -> str:
    """Return 64 hexadecimal digits that differ where `ingredients` differ."""
    text = json.dumps(plain(ingredients(job)), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def is_current(record: Record, job: Job, folder: Path) -> bool:
    """Whether a job's record is finished, whole, and of what would run now.

    Parameters
    ----------
    record : Record
        As `read_record` gives it; one without digest, of an older release, is not current.
    job : Job
        What would run; need not hold its key.
    folder : Path
        The job's folder, whose files must be those that the record is of. Its volume must be there only if
        the job is to keep it.
    """
    if not record.finished or not record.digest:
        return False
    provenance = record.provenance
    if provenance.get("key") != (job.key or job_key(job)):
        return False
    if not (_used_the_same(provenance, job) and files_are_whole(record, folder)):
        return False
    return not (job.keep_volume and _lacks_volume(record, folder))


def _lacks_volume(record: Record, folder: Path) -> bool:
    """Whether a result was not kept as a volume, or the volume is gone; a skipped job has none."""
    volume = JobFiles(folder).volume
    return record.ok and not (volume.name in (record.files or {}) and volume.is_dir())


NOT_KEPT = "its volume was not kept"


def wants_volume_only(record: Record, job: Job, folder: Path) -> bool:
    """Whether a job's record would be current if its volume, which is asked for, had been kept."""
    return job.keep_volume and is_current(record, replace(job, keep_volume=False), folder)


def ingredients(job: Job) -> dict[str, Any]:
    """Return what the result of a job depends on, JSON-able.

    Code counts by the versions of distributions and by its text, so that a method under development is
    not taken for the one that ran before. So do weights and other files beside it, the file of the dataset,
    and files that settings name: by their content, never by their names or times.
    """
    outside = identity_outside(job)
    # What writes volumes counts where a command reads them.
    core = core_digest("a2ibench.bench.run_job", writers=job.command is not None)
    code = code_of(job.registered, core) if outside is None else core_of(core) | outside
    # Only where they count, so that the keys of other jobs stay what they were.
    evaluated = {"evaluate": sorted(job.evaluate)} if job.evaluate else {}
    wanted = job.dataset.labels and want_labels(job.metrics, job.metric_settings)
    labels = {"labels": _labels(job.dataset)} if wanted else {}
    of_metrics = {METRIC_SETTINGS: contents(job.metric_settings)} if job.metric_settings else {}
    return (
        code
        | evaluated
        | labels
        | of_metrics
        | {
            "settings": dict(job.settings),
            "files": named_files(job.settings),
            "dataset": _dataset(job.dataset),
            "metrics": metric_versions(job.metrics),
            "seed": job.seed,
            "profile": job.profile,
            "budget": str(job.budget),
            "training_degradation": job.training_degradation,
            "device": job.device,
            "precision": job.precision,
        }
    )


def code_of(method: str, core: str) -> dict[str, Any]:
    """Return what tells the code apart that a registered method runs, JSON-able.

    Parameters
    ----------
    method : str
        Its name.
    core : str
        Digest of the code of a2ibench that runs it.
    """
    registered = {"method": _registered("method", method), "code": code_digest(host().find("method", method))}
    return registered | core_of(core)


def core_of(core: str) -> dict[str, Any]:
    """Return what tells the code apart that runs methods, JSON-able; `core` is its digest."""
    return {
        "protocol": PROTOCOL_VERSION,
        "a2ibench": __version__,
        "core": core,
        "libraries": {name: library_version(name) for name in _LIBRARIES},
    }


def metric_versions(names: tuple[str, ...]) -> dict[str, Any]:
    """Return who registers each metric, its version and code; None where it cannot be imported."""
    versions: dict[str, Any] = {}
    codes: dict[tuple[str, str], str] = {}
    for name in names:
        try:
            version, entry = host().metric_version(name), host().find("metric", name)
            # Most come with others in one module.
            home = entry.distribution, entry.spec.target.partition(":")[0]
            codes[home] = codes.get(home) or code_digest(entry)
            versions[name] = [_registered("metric", name), version, codes[home]]
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


def _labels(spec: DatasetSpec) -> Mapping[str, Any]:
    # Those that a generator makes, or that lie in the volume's own file, are told by the dataset.
    content = None if isinstance(spec.labels, bool) else dataset_content(replace(spec, path=spec.labels))
    return {"content": content, "key": spec.labels_key}


def _dataset(spec: DatasetSpec) -> Mapping[str, Any]:
    identity = dataset_identity(spec)
    if spec.path is not None:
        # The same voxels wherever the file lies; its name may tell the format.
        identity |= {"path": spec.path.name, "content": dataset_content(spec)}
    elif spec.sha256 is not None:
        identity["url"] = None
    if spec.phantom is not None:
        identity["generator"] = target_digest(str(spec.phantom.get("target", DEFAULT_TARGET)))
    if spec.simulate is not None:
        simulate = spec.simulate
        identity["degradation"] = degradation_identity(simulate.degradation, simulate.options)
    return identity
