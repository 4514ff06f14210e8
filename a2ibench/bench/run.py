"""A run as its folder tells it: options, records in order, what may be compared, and where every file is."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from a2ibench.bench.groups import Group, group
from a2ibench.bench.paths import JobFiles, RunFiles
from a2ibench.bench.record import Record, load_record
from a2ibench.bench.result_files import content_of
from a2ibench.documents import read_json
from a2ibench.errors import InputError, one_line

if TYPE_CHECKING:
    import pandas as pd

    from a2ibench.bench.scores_file import StoredScores
    from a2ibench.bench.standings import Standings
    from a2ibench.reporting.paper.table import PaperTable
    from a2ibench.reporting.plots import RunPlots

CUBIC = "cubic"
METRICS = ("psnr", "ssim", "haarpsi", "gmsd", "ssim_3d")
PHASES = ("setup", "load", "simulate", "fit", "reconstruct", "validate", "score", "write", "controls")
_PLOTS = "a2ibench.reporting.plots"
_PAPER_TABLE = "a2ibench.reporting.paper.table"
MODEL = ("voxels_per_second", "params", "macs_per_voxel")


@dataclass(frozen=True, repr=False)
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
    def parts(self) -> tuple[Run, ...]:
        """The runs that it was merged of; of one that was not, itself."""
        return (self,)

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

    def scores_of(self, record: Record) -> StoredScores:
        """Return the scores of axial slices and the curves that a job has left, which are read once.

        Nothing where its scores.npz is missing, damaged or not the one that the record is of.
        """
        found = self._scores.get(record.name)
        if found is None:
            from a2ibench.bench.scores_file import StoredScores

            content = content_of(record, self.files_of(record).scores)
            found = StoredScores(content or b"")
            self._scores[record.name] = found
        return found

    @cached_property
    def _scores(self) -> dict[str, StoredScores]:
        return {}

    def place_of(self, file: Path) -> str:
        """Return a file of the run, or of a job, as it is called within it."""
        return file.relative_to(self.folder).as_posix() if file.is_relative_to(self.folder) else str(file)

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The records, divided by versions of protocol and metrics and by their settings, the newest last."""
        return tuple(group(self.records))

    @property
    def controls(self) -> dict[str, dict[str, dict[str, float]]]:
        """Scores of the controls by dataset, control and metric, of the last of `groups`.

        Controls are ``"nearest"``, ``"linear"``, ``"smoothed"`` and, where there is a reference,
        ``"ceiling"``. A dataset whose controls nobody scored is left out.
        """
        return self.groups[-1].controls if self.groups else {}

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
        return standings(part or self.groups[-1], lambda record: self.scores_of(record).slices)

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each job.

        Returns
        -------
        pandas.DataFrame
            Columns: dataset, method, seed, status, one for each metric, ``<phase>_seconds``,
            ``total_seconds``, ``peak_<where>_bytes``, ``voxels_per_second``, ``params``, ``macs_per_voxel``,
            what else the model tells, profile, device, precision, precision_used (which of them ``"auto"``
            was), beside (whether others may have run on the machine meanwhile; only where one did),
            protocol_version, metric_errors (metrics that failed, and why), message (the reason of a
            skipped job, the error of a failed one), folder (the job's). NaN stands where a job has no such
            number.

            For each metric that has been compared: ``<metric>_gain_over_cubic``, and the ends of its 95 %
            interval, ``<metric>_gain_low`` and ``<metric>_gain_high``. They are of the method on the
            dataset, over all its seeds, and stand beside each of these; NaN where there is no cubic
            interpolation, and ends also where scores of slices are missing.

            The folder of the run is ``table.attrs["folder"]``. Tables that are joined lose it; the column
            stays.
        """
        from a2ibench.bench.frame import run_frame

        return run_frame(self)

    @property
    def plot(self) -> RunPlots:
        """Plots of the run, one call each, as matplotlib figures: ``run.plot.quality_against_time()``."""
        # By name, as reporters are: what runs benchmarks knows nothing of what draws.
        plots: RunPlots = importlib.import_module(_PLOTS).RunPlots(self)
        return plots

    def table(
        self,
        metrics: Sequence[str] | None = None,
        *,
        columns: str = "metrics",
        datasets: Sequence[str] | None = None,
        methods: Sequence[str] | None = None,
        width: str = "two",
        spread: str = "std",
        ranks: bool = True,
        caption: str | None = None,
        label: str | None = None,
    ) -> PaperTable:
        """Return a table for a paper: ``run.table(["psnr"], width="one").save("psnr.tex")``.

        Parameters
        ----------
        metrics, datasets, methods : sequence of str, optional
            What to show, in this order; by default all, of the metrics those of the run's tables that compare
            with a reference. Methods may be controls, too.
        columns : {"metrics", "datasets"}
            What stands side by side.
        width : {"two", "one"}
            Columns of a page that it spans, 174 or 84 mm.
        spread : {"std", "interval", "none"}
            What stands after a mean over seeds.
        ranks : bool
            Whether to add the mean ranks over datasets.
        caption, label : str, optional
            Plain text, and LaTeX's name of it.
        """
        made: PaperTable = importlib.import_module(_PAPER_TABLE).paper_table(
            self,
            metrics,
            columns=columns,
            datasets=datasets,
            methods=methods,
            width=width,
            spread=spread,
            ranks=ranks,
            caption=caption,
            label=label,
        )
        return made

    def __repr__(self) -> str:
        from a2ibench.bench.notebook import in_words

        return in_words(self)

    def _repr_html_(self) -> str | None:
        from a2ibench.bench.notebook import run_html
        from a2ibench.contracts.notebook import html_or_none

        return html_or_none(lambda: run_html(self))


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


def metric_order(names: Iterable[str]) -> list[str]:
    """Sort metric names: the leading ones of this benchmark, then by name."""
    return sorted(names, key=lambda name: (METRICS.index(name) if name in METRICS else len(METRICS), name))


def phase_order(names: Iterable[str]) -> list[str]:
    """Sort phases as they follow each other in a job; unknown ones last, by name."""
    return sorted(names, key=lambda name: (PHASES.index(name) if name in PHASES else len(PHASES), name))
