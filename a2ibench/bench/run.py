"""A run as its folder tells it: options, records in order, what may be compared, and where every file is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from a2ibench.bench.paths import JobFiles, RunFiles
from a2ibench.bench.record import Record, load_record, whole_number
from a2ibench.documents import read_json
from a2ibench.errors import InputError, one_line

if TYPE_CHECKING:
    import pandas as pd

    from a2ibench.bench.standings import Standings

CUBIC = "cubic"
METRICS = ("psnr", "ssim", "ssim_3d")
PHASES = ("setup", "load", "simulate", "fit", "reconstruct", "score", "write")
MODEL = ("voxels_per_second", "params", "macs_per_voxel")


@dataclass(frozen=True)
class Group:
    """Records that may share a table: one version of the protocol, and one of every metric.

    Parameters
    ----------
    protocol : int
        Protocol version.
    versions : mapping of str to int
        Version by metric.
    records : tuple of Record
        In the order of the run.
    """

    protocol: int
    versions: Mapping[str, int]
    records: tuple[Record, ...]


@dataclass(frozen=True)
class Run:
    """What a run came to; `a2ibench.read_run` reads it from a folder.

    Parameters
    ----------
    folder : Path
        Its folder.
    options : mapping
        The resolved options, as the plan in run.json holds them; empty where there is none.
    environment : mapping
        Libraries and machine, as run.json holds them.
    records : tuple of Record
        One for each job that has ended: dataset by dataset, method by method and seed by seed, in the order
        of the options, else by name.
    damaged : mapping of Path to str
        Files that cannot be read, were edited, or are another job's, and what is wrong with them. Their
        jobs have no record.
    """

    folder: Path
    options: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)
    records: tuple[Record, ...] = ()
    damaged: Mapping[Path, str] = field(default_factory=dict)

    @property
    def datasets(self) -> tuple[str, ...]:
        """Names of the datasets in order."""
        return _names(_planned(self.options)[0], (record.dataset for record in self.records))

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the methods in order."""
        return _names(_planned(self.options)[1], (record.method for record in self.records))

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics that any record has: the leading ones of this benchmark, then by name."""
        return tuple(metric_order({name for record in self.records for name in record.metrics}))

    @property
    def files(self) -> RunFiles:
        """Where the files of the run lie."""
        return RunFiles(self.folder)

    def files_of(self, record: Record) -> JobFiles:
        """Return where the files of a job lie: log, checkpoint, scores, slices and curve of the training."""
        return self.files.job(record.name)

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The records, divided by versions of protocol and metrics, the newest last."""
        return tuple(group(self.records))

    def standings(self, part: Group | None = None) -> Standings:
        """Return how the methods of every dataset compare, with 95 % intervals.

        Parameters
        ----------
        part : Group, optional
            Records that may be compared, one of `groups`; by default the last.

        Returns
        -------
        mapping
            By dataset and method, then by metric: a `Standing`, with the gain over cubic interpolation and
            the distance from the best of the dataset.
        """
        from a2ibench.bench.standings import standings

        if part is None and not self.groups:
            return {}
        return standings(part or self.groups[-1], self.files_of)

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each job.

        Returns
        -------
        pandas.DataFrame
            Columns: dataset, method, seed, status, one for each metric, ``<phase>_seconds``,
            ``total_seconds``, ``peak_<where>_bytes``, ``voxels_per_second``, ``params``, ``macs_per_voxel``,
            what else the model tells, profile, device, precision, precision_used (which of them ``"auto"``
            was), protocol_version, metric_errors (metrics that failed, and why), message (the reason of a
            skipped job, the error of a failed one). NaN
            stands where a job has no such number.
        """
        return _frame(self.records)


def read_run(folder: str | Path) -> Run:
    """Read what a run came to.

    Every record is checked: one that is damaged, or was changed after it was written, is left out and named
    in `Run.damaged`. Records of older releases are read, too.

    Parameters
    ----------
    folder : str or Path
        Folder that ``a2ibench run`` wrote.

    Raises
    ------
    InputError
        If the folder holds no run.
    """
    files = RunFiles(Path(folder))
    damaged: dict[Path, str] = {}
    content = _run_json(files.plan, damaged)
    records = []
    for job in files.all_jobs():
        try:
            record = load_record(job.folder)
            if record.name == job.folder.name:
                records.append(record)
            else:
                damaged[job.record] = f"it is that of {record.name}"
        except FileNotFoundError:
            # A link that leads nowhere is there, too.
            if job.record.is_symlink():
                damaged[job.record] = "it is a link that leads nowhere"
        except NotADirectoryError:
            continue
        except (OSError, InputError) as error:
            damaged[job.record] = one_line(error)
    if not records and not (content["plan"] or (files.plan.is_file() and files.jobs.is_dir())):
        raise InputError(f"{folder}: holds no run; give the folder that a2ibench run wrote")
    options = content["plan"]
    return Run(files.folder, options, content["environment"], ordered(records, options), damaged)


def _run_json(file: Path, damaged: dict[Path, str]) -> Mapping[str, Mapping[str, Any]]:
    empty: Mapping[str, Any] = MappingProxyType({})
    try:
        content = read_json(file)
        plan = dict(content["plan"])
        _planned(plan)
        dict.fromkeys(plan.get("seeds", ()))
        return {"plan": plan, "environment": dict(content.get("environment", {}))}
    except FileNotFoundError:
        pass
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        damaged[file] = one_line(error)
    # Records can be read without the plan they come from; names then give the order.
    return {"plan": empty, "environment": empty}


def _planned(options: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Return the names of datasets and methods in a plan; LookupError or TypeError where it is none."""
    datasets = [dataset["name"] for dataset in options.get("datasets", ())]
    # What cannot be looked up is no name.
    return list(dict.fromkeys(datasets)), list(dict.fromkeys(options.get("methods", ())))


def _names(planned: Sequence[str], found: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*planned, *found)))


def ordered(records: Iterable[Record], options: Mapping[str, Any]) -> tuple[Record, ...]:
    """Sort records as the options of their run list datasets, methods and seeds, others last by name."""
    datasets, methods = (_places(names) for names in _planned(options))

    def place(record: Record) -> tuple[int, str, int, str, int]:
        return (
            datasets.get(record.dataset, len(datasets)),
            record.dataset,
            methods.get(record.method, len(methods)),
            record.method,
            record.seed,
        )

    return tuple(sorted(records, key=place))


def _places(names: Sequence[str]) -> dict[str, int]:
    return {name: place for place, name in enumerate(names)}


def group(records: Sequence[Record]) -> list[Group]:
    """Divide records by protocol and metric versions, the newest last.

    A record without a metric, such as that of a failed job, counts as of the metric's newest version, so
    that it stands in one table only.
    """
    known = [version for record in records if (version := record.protocol_version) is not None]
    parts: dict[tuple[int, tuple[tuple[str, int], ...]], list[Record]] = {}
    by_protocol: dict[int, list[Record]] = {}
    for record in records:
        version = record.protocol_version
        by_protocol.setdefault(max(known, default=0) if version is None else version, []).append(record)
    for protocol, members in by_protocol.items():
        newest: dict[str, int] = {}
        for record in members:
            for name, version in _versions(record).items():
                newest[name] = max(newest.get(name, 0), version)
        for record in members:
            key = protocol, tuple(sorted((newest | _versions(record)).items()))
            parts.setdefault(key, []).append(record)
    return [
        Group(protocol, dict(versions), tuple(parts[protocol, versions]))
        for protocol, versions in sorted(parts)
    ]


def _versions(record: Record) -> dict[str, int]:
    # Other programs may have written no whole numbers.
    return {name: whole_number(score.version) or 0 for name, score in record.metrics.items()}


def metric_order(names: Iterable[str]) -> list[str]:
    """Sort metric names: the leading ones of this benchmark, then by name."""
    return sorted(names, key=lambda name: (METRICS.index(name) if name in METRICS else len(METRICS), name))


def phase_order(names: Iterable[str]) -> list[str]:
    """Sort phases as they follow each other in a job; unknown ones last, by name."""
    return sorted(names, key=lambda name: (PHASES.index(name) if name in PHASES else len(PHASES), name))


def _frame(records: Sequence[Record]) -> pd.DataFrame:
    import pandas as pd

    metrics = metric_order({name for record in records for name in record.metrics})
    phases = phase_order({name for record in records for name in record.timings})
    memory = sorted({name for record in records for name in record.memory}, reverse=True)
    others = sorted({name for record in records for name in record.model} - set(MODEL))
    rows = []
    for record in records:
        row: dict[str, Any] = {name: getattr(record, name) for name in _FIRST}
        row |= {name: record.metrics[name].value if name in record.metrics else math.nan for name in metrics}
        row |= {f"{name}_seconds": float(record.timings.get(name, math.nan)) for name in phases}
        row["total_seconds"] = sum(record.timings.values()) if record.timings else math.nan
        row |= {f"peak_{name}_bytes": float(record.memory.get(name, math.nan)) for name in memory}
        row |= {name: float(record.model.get(name, math.nan)) for name in MODEL}
        row |= {name: record.model.get(name) for name in others}
        row |= {name: record.provenance.get(name) for name in _ASKED}
        row["protocol_version"] = record.protocol_version
        row["metric_errors"] = "; ".join(record.failed_metrics) or None
        row["message"] = record.message
        rows.append(row)
    table = pd.DataFrame(rows, columns=None if rows else list(_FIRST))
    return whole(table, ["params", "protocol_version", *(f"peak_{name}_bytes" for name in memory)])


_ASKED = ("profile", "device", "precision", "precision_used")
_FIRST = ("dataset", "method", "seed", "status")


def whole(table: pd.DataFrame, columns: Iterable[str]) -> pd.DataFrame:
    """Return a table whose named columns, where it has them, hold whole numbers or nothing."""
    return table.astype({name: "Int64" for name in columns if name in table})
