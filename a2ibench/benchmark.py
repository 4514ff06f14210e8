"""Runs a plan from its folder to its reports."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from a2ibench.bench.executors.events import Events
    from a2ibench.bench.plan import Plan
    from a2ibench.bench.record import Record


@dataclass(frozen=True)
class Results:
    """What came of a run.

    Parameters
    ----------
    folder : Path
        Folder of the run.
    records : list of dict
        One for each job that has ended, now or earlier.
    written : list of Path
        Tables, figures and what reporters of plugins wrote.
    problems : list of str
        One line for each report that could not be written.
    interrupted : bool
        Whether the run was stopped with Ctrl-C before its end.
    """

    folder: Path
    records: list[Record]
    written: list[Path] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    interrupted: bool = False

    @property
    def failed(self) -> bool:
        """Whether a job, one of its metrics or a report failed; a skipped job did not."""
        from a2ibench.bench.record import FINISHED

        return bool(self.problems) or any(
            record["status"] not in FINISHED or record.get("metric_errors") for record in self.records
        )


def benchmark(
    plan: Plan, *, out: Path | None = None, fresh: bool = False, events: Events | None = None
) -> Results:
    """Run a plan and write its reports, also where jobs failed or Ctrl-C ended it early.

    Parameters
    ----------
    plan : Plan
        What to run.
    out : Path, optional
        Folder of this run; by default one in reports/ named after the options.
    fresh : bool
        Start over instead of continuing a run.
    events : Events, optional
        Told how the run goes.

    Raises
    ------
    InputError
        If the folder cannot be used.
    """
    from a2ibench.bench.execute import execute
    from a2ibench.bench.run_folder import Keeping, prepare_run_folder
    from a2ibench.errors import one_line

    folder = prepare_run_folder(plan, out, fresh)
    # Plugins may change the working folder, or remove this one.
    place, kept = folder.absolute(), Keeping(events)
    interrupted, problems = False, []
    try:
        execute(plan, folder, kept)
    except KeyboardInterrupt:
        interrupted = True
    except OSError as error:
        # A full disk, most likely: what was recorded until then still deserves its tables.
        problems = [f"the run stopped: {one_line(error)}; finished jobs are kept, the same command continues"]
    problems += kept.restore(plan, place)
    written, failed = write_reports(folder)
    damaged = kept.restore(plan, place)
    if damaged or not all(path.exists() for path in written):
        problems += damaged or [f"{folder}: a reporter removed files of the run; wrote them again"]
        written, more = _write_ours(folder)
        failed += [line for line in more if line not in failed]
    return Results(folder, kept.records(plan), written, problems + failed, interrupted)


def write_reports(folder: Path) -> tuple[list[Path], list[str]]:
    """Write the tables and figures of a run, then what reporters of plugins add.

    Parameters
    ----------
    folder : Path
        Folder of a run.

    Returns
    -------
    written : list of Path
        What was written.
    problems : list of str
        One line for each reporter that failed; the others are not affected.
    """
    from a2ibench.registry import host

    written, problems = _write_ours(folder)
    for name in host().reporters:
        more, failed = _attempt(f"reporter {name}", partial(_report, name), folder)
        written += more
        problems += failed
    return written, problems


def _write_ours(folder: Path) -> tuple[list[Path], list[str]]:
    from a2ibench.reporting.figures import write_figures
    from a2ibench.reporting.tables import write_tables

    tables, no_tables = _attempt("tables", write_tables, folder)
    figures, no_figures = _attempt("figures", write_figures, folder)
    return tables + figures, no_tables + no_figures


def _attempt(
    name: str, write: Callable[[Path], Iterable[Path | str]], folder: Path
) -> tuple[list[Path], list[str]]:
    from a2ibench.errors import one_line
    from a2ibench.isolation import is_ctrl_c

    try:
        return list(map(Path, write(folder))), []
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) and is_ctrl_c():
            raise
        return [], [f"{name}: {one_line(error)}"]


def _report(name: str, folder: Path) -> Iterable[Path | str]:
    from a2ibench.errors import PluginError
    from a2ibench.registry import host

    registered = host().find("reporter", name)
    if not host().is_apart(registered):
        paths: Iterable[Path | str] = host().load("reporter", name)(folder)
        return paths
    request = {"do": "report", "target": registered.spec.target, "folder": str(folder)}
    written = host().ask(registered, request, "while it wrote its report", "report")
    missing = [path for path in written if not Path(path).exists()]
    if missing:
        raise PluginError(f"says that it wrote {missing[0]}, which is not there")
    return [Path(path) for path in written]
