"""Scores finished volumes like any other reconstruction, and enters them as rows of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from a2ibench import __version__
from a2ibench.bench.finished import check_alignment, fitted, read_finished
from a2ibench.bench.growth import RunPlan
from a2ibench.bench.handed import open_handed
from a2ibench.bench.job import REPORT_PLANES, dataset_from_dict, dataset_identity
from a2ibench.bench.kept_planes import save_planes
from a2ibench.bench.metric_settings import METRIC_SETTINGS, MetricSettings, as_lines, contents
from a2ibench.bench.options import check_option
from a2ibench.bench.paths import RunFiles, job_name
from a2ibench.bench.provenance import describe_voxels, finished
from a2ibench.bench.record import Record, whole_number, write_record
from a2ibench.bench.run import Run, read_run
from a2ibench.bench.run_folder import existing_plan, stored_plan
from a2ibench.bench.run_job import save_slices
from a2ibench.bench.run_lock import lock_run
from a2ibench.bench.scoring import Scores, axial_powers, score_within, want_labels
from a2ibench.bench.specs import find_datasets, metric_names, reporter_names
from a2ibench.bench.volume_options import NAME, ScoreOptions
from a2ibench.contracts import PROTOCOL_VERSION, DatasetSpec
from a2ibench.errors import OptionError, UnknownNameError
from a2ibench.files import fresh_folder
from a2ibench.registry import host

_SAME = ("sha256", "shape", "input_shape", "voxel_size", "intensity", "dtype", "definition")
"""What of a dataset's description a run's rows have in common."""


@dataclass(frozen=True)
class Scored:
    """What a finished volume came to.

    Parameters
    ----------
    record : Record
        Its record.
    run : Run
        The run that it was entered into; else one of this row alone, without a folder.
    written : list of Path
        Reports that were written anew.
    problems : list of str
        One line for each report that could not be written.
    """

    record: Record
    run: Run
    written: list[Path]
    problems: list[str]


def score_volume(options: ScoreOptions) -> Scored:
    """Check and score a finished volume, and enter it into a run where one is given.

    Raises
    ------
    InputError
        If it does not fit its dataset, or the run cannot have it.
    """
    into = check_option("into", options)
    name = check_option("name", options)
    if into is None:
        spec = _named(options)
        record, _ = _scored(options, spec, name or NAME, metric_names(), {})
        return Scored(record, Run(Path(), records=(record,)), [], [])
    if name is None:
        raise OptionError("{name}: none is given; say what the row is called in the run")
    stored = existing_plan(into, "into")
    spec = _of_run(options, stored, into)
    _check_free(name, spec.name, stored, into)
    metrics = tuple(stored.plan.get("metrics", ()))
    record, parts = _scored(options, spec, name, metrics, _metric_settings(stored, into))
    with lock_run(into):
        _check_free(name, spec.name, stored_plan(into), into)
        _check_same_dataset(record, into)
        folder = RunFiles(into).job(record.name).folder
        fresh_folder(folder)
        parts.write(folder, _kept_planes(stored))
        record = write_record(folder, record)
    from a2ibench.bench.benchmark import write_reports

    known = [one for one in stored.plan.get("reporters", ()) if one in reporter_names()]
    written, problems = write_reports(into, known)
    return Scored(record, read_run(into), written, problems)


@dataclass(frozen=True)
class _Parts:
    """What lies beside a record."""

    scores: Scores
    planes: tuple[Any, ...]

    def write(self, folder: Path, planes: int) -> None:
        self.scores.save(folder)
        save_slices(folder, *self.planes)
        save_planes(folder, planes, *self.planes)


def _kept_planes(stored: RunPlan) -> int:
    # Runs of older releases do not tell.
    found = whole_number(stored.plan.get("report_planes", REPORT_PLANES))
    return REPORT_PLANES if found is None else found


def _named(options: ScoreOptions) -> DatasetSpec:
    given = options.dataset
    if isinstance(given, DatasetSpec):
        return given
    (spec,) = find_datasets([given], check_option("catalogue", options))
    return spec


def _of_run(options: ScoreOptions, stored: RunPlan, into: Path) -> DatasetSpec:
    """Return the definition that a run has of a dataset.

    Raises
    ------
    InputError
        If it has none, or another than the one given.
    """
    given = options.dataset
    name = given.name if isinstance(given, DatasetSpec) else given
    defined = {one["name"]: one for one in stored.plan.get("datasets", ())}
    if name not in defined:
        unknown = UnknownNameError("dataset", name, defined)
        raise OptionError("{into}: {run} has no such row: {unknown}", run=into, unknown=unknown)
    try:
        spec = dataset_from_dict(defined[name])
    except (LookupError, TypeError, ValueError) as error:
        raise OptionError(
            "{into}: {run} does not define {name} as this release does ({cause}); run it again",
            run=into,
            name=name,
            cause=type(error).__name__,
        ) from None
    if isinstance(given, DatasetSpec) or options.catalogue is not None:
        named = _named(options)
        there, here = dataset_identity(spec), dataset_identity(named)
        # Where the file lies is no matter; that its content is the same is checked when it was read.
        differ = [key for key in here if key != "path" and here[key] != there.get(key)]
        if differ:
            raise OptionError(
                "{into}: {run} has another definition of {name} ({key} there {there}, now {here})",
                run=into,
                name=name,
                key=differ[0],
                there=there.get(differ[0]),
                here=here[differ[0]],
            )
        return named
    return spec


def _metric_settings(stored: RunPlan, into: Path) -> MetricSettings:
    """Return the settings of a run's metrics, once it is known that files in them are what they were.

    Raises
    ------
    OptionError
        If they are not.
    """
    settings: MetricSettings = stored.plan.get(METRIC_SETTINGS, {})
    here, there = as_lines(contents(settings)), stored.identity.get(METRIC_SETTINGS, [])
    if here != there:
        raise OptionError(
            "{into}: {run} scored by a file that is gone or another one now ({settings}; there {there}, now "
            "{here}); put it back, or run it again",
            run=into,
            settings=" ".join(as_lines(settings)),
            there=" ".join(there),
            here=" ".join(here),
        )
    return settings


def _check_free(name: str, dataset: str, stored: RunPlan, into: Path) -> None:
    if name in host().methods:
        raise OptionError("{name}: {given} is a registered method; choose another name", given=name)
    if name in stored.plan.get("methods", ()):
        raise OptionError("{name}: {run} has rows of {given} already; choose another", run=into, given=name)
    if RunFiles(into).job(job_name(dataset, name, 0)).record.exists():
        raise OptionError(
            "{name}: {run} has a row {given} of {dataset}; choose another name, or take {job} out of the run "
            "with {remove}",
            run=into,
            given=name,
            dataset=dataset,
            job=job_name(dataset, name, 0),
        )


def _check_same_dataset(record: Record, into: Path) -> None:
    here: Mapping[str, Any] = record.provenance["dataset"]
    for other in read_run(into).records:
        there = other.provenance.get("dataset")
        if other.dataset != record.dataset or not other.ok or not isinstance(there, dict):
            continue
        for name in _SAME:
            if there.get(name) != here.get(name):
                raise OptionError(
                    "{into}: the rows of {dataset} in {run} are of other data ({name} there {there}, now "
                    "{here}); run it again first",
                    dataset=record.dataset,
                    run=into,
                    name=name,
                    there=there.get(name),
                    here=here.get(name),
                )


def _scored(
    options: ScoreOptions,
    spec: DatasetSpec,
    name: str,
    metrics: tuple[str, ...],
    settings: MetricSettings,
) -> tuple[Record, _Parts]:
    seconds = check_option("seconds", options)
    handed = open_handed(spec, labels=want_labels(metrics, settings))
    given = read_finished(options.volume, options.key, options.level)
    data = fitted(given, handed)
    alignment = check_alignment(given, data, handed, allow=options.allow_shift)
    reference = None if handed.reference is None else handed.reference.data
    scores = score_within(
        metrics, data, reference, handed.volume, spec.simulate, settings, labels=handed.labels
    )
    stated = {
        "software": options.software,
        "version": options.software_version,
        "seconds": seconds,
        "file": given.name,
        "sha256": given.sha256,
        "shift": list(alignment.shift),
        "stretch": alignment.stretch,
        "correlation": alignment.correlation,
        "allowed": alignment.problem(handed.volume.ratio),
    }
    provenance = {
        "external": stated,
        "distribution": options.software,
        "version": options.software_version,
        "settings": {},
        **({METRIC_SETTINGS: dict(settings)} if settings else {}),
        "configuration": {},
        "dataset": handed.described,
        "reconstruction": describe_voxels(data),
        **axial_powers(data, reference, handed.volume),
        "a2ibench": __version__,
        "protocol_version": PROTOCOL_VERSION,
    }
    record = Record(
        spec.name, name, 0, metrics=scores.metrics, metric_errors=scores.errors, provenance=provenance
    )
    return finished(replace(record)), _Parts(scores, (data, reference, handed.volume))
