"""What of a bundle can be checked without running anything: versions, scores of slices, and outputs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from a2ibench.bench.bundle.contents import manifest_of
from a2ibench.bench.bundle.reading import Bundle, Rows
from a2ibench.bench.growth import planned_places
from a2ibench.bench.metric_settings import METRIC_SETTINGS
from a2ibench.bench.provenance import describe_voxels
from a2ibench.bench.record import Record
from a2ibench.bench.result_files import belongs
from a2ibench.bench.standings import POOLED, shares
from a2ibench.contracts import PROTOCOL_VERSION
from a2ibench.contracts.planes import AXIAL
from a2ibench.data.formats import open_lazy
from a2ibench.errors import A2IBenchError, InputError, one_line
from a2ibench.hookspecs import PROJECT
from a2ibench.registry import host
from a2ibench.values import show

_AGREE = 1e-4
_FORMS: Mapping[str, type] = {
    **dict.fromkeys(("methods", "datasets", "seeds", "metrics"), list),
    **dict.fromkeys(("variants", "commands", "environments", "set", METRIC_SETTINGS), dict),
}
_PARTS: Mapping[str, type] = {
    **dict.fromkeys(("methods", "metrics"), str),
    **dict.fromkeys(("datasets", "variants", "set", METRIC_SETTINGS), dict),
    "seeds": int,
}
_ALWAYS = ("psnr", "ssim")
"""Metrics whose slices every job with a reference keeps."""


def check_bundle(bundle: Bundle) -> list[str]:
    """Check everything that a bundle says of itself.

    Returns
    -------
    list of str
        What was left unchecked, one line each.

    Raises
    ------
    InputError
        If protocol or a metric is of another version than this release's, the manifest does not follow from
        the records, or a score is not that of its slices; names the job and the field.
    """
    notes = check_versions(bundle)
    check_consistency(bundle)
    return notes


def check_consistency(bundle: Bundle) -> None:
    """Check that a bundle agrees with itself, of whatever versions it is.

    Raises
    ------
    InputError
        If plan, manifest or scores of slices do not fit the records; names the job and the field.
    """
    _check_plan(bundle)
    if bundle.manifest != manifest_of(bundle.run, bundle.members):
        told = manifest_of(bundle.run, bundle.members)
        field = min(
            name for name in {**told, **bundle.manifest} if told.get(name) != bundle.manifest.get(name)
        )
        raise InputError(f"{bundle.path}: manifest.json: {field} does not follow from the records")
    for record in bundle.run.records:
        if record.ok:
            check_scores(record, bundle.slices.get(record.name, {}), f"{bundle.path}: {record.name}")


def check_versions(bundle: Bundle) -> list[str]:
    """Check that protocol and metrics are of the versions that this release has.

    Returns
    -------
    list of str
        A line for each metric that is not installed here.

    Raises
    ------
    InputError
        If one is of another version; names it and both values.
    """
    unknown: dict[str, None] = {}
    for record in bundle.run.records:
        where = f"{bundle.path}: {record.name}"
        if record.protocol_version != PROTOCOL_VERSION:
            raise InputError(
                f"{where}: protocol_version is {record.protocol_version}, and this a2ibench has "
                f"{PROTOCOL_VERSION}; verify it with the release that it names"
            )
        for name, score in record.metrics.items():
            here = _version_here(name)
            if here is None:
                unknown[f"metric {name} is not installed here, so its scores are not checked"] = None
            elif here != score.version:
                raise InputError(
                    f"{where}: version of metric {name} is {score.version}, and this a2ibench has {here}; "
                    "verify it with the release that it names"
                )
    return list(unknown)


def _version_here(metric: str) -> Any:
    try:
        return host().metric_version(metric)
    except A2IBenchError:
        return None


def _check_plan(bundle: Bundle) -> None:
    for name, kind in _FORMS.items():
        value = bundle.run.options.get(name, kind())
        parts = list(value.values()) if isinstance(value, dict) else value
        if not isinstance(value, kind) or not all(
            isinstance(part, _PARTS.get(name, object)) for part in parts
        ):
            raise InputError(
                f"{bundle.path}: run.json: plan.{name} is not as a run has it; got {show(value)}"
            )
    names = planned_places(bundle.run.options)
    for record in bundle.run.records:
        if record.name not in names and not record.external:
            raise InputError(f"{bundle.path}: {record.name}: is no job of run.json")


def check_scores(record: Record, rows: Rows, where: str) -> None:
    """Check that scores are what the scores of their slices come to, where they are a mean of these.

    Parameters
    ----------
    record : Record
        A job that is ok.
    rows : mapping of str to ndarray
        Scores of slices by ``"metric.plane"``.
    where : str
        For messages.

    Raises
    ------
    InputError
        If one is not; names the metric and both values.
    """
    for metric, score in record.metrics.items():
        registered = host().metrics.get(metric)
        # What a stranger's metric makes of its slices is its own affair.
        if registered is None or registered.distribution != PROJECT:
            continue
        if score.version != _version_here(metric):
            continue
        if metric in _ALWAYS and not any(name.startswith(f"{metric}.") for name in rows):
            raise InputError(
                f"{where}: {metric} has no scores of slices, which every job of this release keeps"
            )
        value = _of_slices(metric, score.value, rows)
        if value is not None:
            raise InputError(
                f"{where}: {metric} is {score.value:.6g}, and its slices come to {value:.6g}; one of "
                "them was edited"
            )


def _of_slices(metric: str, value: float, rows: Rows) -> float | None:
    """Return what slices come to where that is not the value; None where it is, or nobody can tell."""
    families = [rows[name] for plane in AXIAL if (name := f"{metric}.{plane}") in rows]
    if not all(row.size and np.isfinite(row).all() for row in families):
        return None
    if families:
        if shares(metric, value, rows):
            return None
        if metric in POOLED:
            return float(-10 * math.log10(float((10 ** (-families[0] / 10)).mean())))
        return float(np.concatenate(families).mean())
    # The mean over one plane family, whose slices are this metric's or those of the one that it is a part of.
    base, _, plane = metric.rpartition("_")
    row = rows.get(f"{metric}.xy", rows.get(f"{base}.{plane}"))
    if row is None or not row.size or math.isclose(float(row.mean()), value, rel_tol=_AGREE, abs_tol=1e-9):
        return None
    return float(row.mean()) if np.isfinite(row).all() else None


def check_outputs(bundle: Bundle, folder: Path) -> int:
    """Check outputs that lie beside a bundle by their checksums.

    Parameters
    ----------
    bundle : Bundle
        The bundle.
    folder : Path
        The run's folder, its folder of jobs, or another one of the same form: ``JOB/FILE`` for what the
        records name, and ``JOB.tif`` or any format for a reconstruction.

    Returns
    -------
    int
        How many agree.

    Raises
    ------
    InputError
        If one does not, or there is none; names it.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: is no folder; give that of the run, or one of outputs by job")
    jobs = folder / "jobs" if (folder / "jobs").is_dir() else folder
    agree = 0
    for record in bundle.run.records:
        for name in record.files or {}:
            place = jobs / record.name / name
            if not place.resolve().is_relative_to(jobs.resolve()):
                raise InputError(
                    f"{bundle.path}: {record.name}: names a file outside of its folder, {name!a}"
                )
            if not place.exists():
                continue
            if not belongs(record, jobs / record.name, name):
                raise InputError(f"{place}: is not the output of {record.name}: its checksum is another one")
            agree += 1
        for place in _volumes(jobs, record):
            _check_voxels(record, place)
            agree += 1
    if not agree:
        raise InputError(
            f"{folder}: holds no output of the bundle's jobs, such as JOB/volume.ome.zarr or JOB.tif"
        )
    return agree


def _volumes(jobs: Path, record: Record) -> Iterator[Path]:
    kept = jobs / record.name / "volume.ome.zarr"
    if kept.is_dir():
        yield kept
    # The names of jobs have no characters that a pattern would read as others.
    yield from (place for place in sorted(jobs.glob(f"{record.name}.*")) if not place.name.startswith("."))


def _check_voxels(record: Record, place: Path) -> None:
    told = record.provenance.get("reconstruction")
    if not isinstance(told, dict):
        return
    try:
        with open_lazy(place) as lazy:
            found = describe_voxels(lazy[:, :, :])
    except (A2IBenchError, OSError) as error:
        raise InputError(
            f"{place}: cannot be read as the output of {record.name} ({one_line(error)})"
        ) from None
    for field in ("shape", "dtype", "sha256"):
        if found[field] != told.get(field):
            raise InputError(
                f"{place}: is not the output of {record.name}: {field} of its voxels is "
                f"{str(found[field])[:24]}, and the bundle says {str(told.get(field))[:24]}"
            )
