"""Runs a plan from its folder to its reports."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from a2ibench.bench.events import Events
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
    from a2ibench.bench.executors import execute
    from a2ibench.bench.folder import prepare_run_folder
    from a2ibench.bench.record import read_records
    from a2ibench.errors import one_line

    folder = prepare_run_folder(plan, out, fresh)
    interrupted, stopped = False, []
    try:
        records = execute(plan, folder, events)
    except KeyboardInterrupt:
        interrupted = True
        records = read_records(folder)
    except OSError as error:
        # A full disk, most likely: what was recorded until then still deserves its tables.
        stopped = [f"the run stopped: {one_line(error)}; finished jobs are kept, the same command continues"]
        records = read_records(folder)
    written, problems = write_reports(folder)
    return Results(folder, records, written, stopped + problems, interrupted)


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
    from a2ibench.errors import one_line
    from a2ibench.plugins import host
    from a2ibench.reporting.figures import write_figures
    from a2ibench.reporting.tables import write_tables

    written: list[Path] = []
    problems: list[str] = []
    writers = [("tables", write_tables), ("figures", write_figures), *map(_reporter, host().reporters)]
    for name, write in writers:
        try:
            written.extend(map(Path, write(folder)))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            problems.append(f"{name}: {one_line(error)}")
    return written, problems


def _reporter(name: str) -> tuple[str, Callable[[Path], Iterable[Path]]]:
    def write(folder: Path) -> Iterable[Path]:
        from a2ibench.plugins import host

        paths: Iterable[Path] = host().load("reporter", name)(folder)
        return paths

    return f"reporter {name}", write
