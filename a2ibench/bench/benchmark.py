"""Runs the jobs of a plan that are not finished, and lets reporters write about the run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from a2ibench.bench.cache_key import NOT_KEPT, is_current, job_key, wants_volume_only
from a2ibench.bench.executors import load_executor
from a2ibench.bench.executors.events import Events, Quiet, Task
from a2ibench.bench.keeping import Keeping
from a2ibench.bench.options import RunOptions, asks_for_jobs, check_option
from a2ibench.bench.paths import JobFiles, RunFiles
from a2ibench.bench.plan import Plan
from a2ibench.bench.record import Record, is_damaged, read_record
from a2ibench.bench.run import Run, read_run
from a2ibench.bench.run_folder import check_not_fresh, check_run_folder, prepare_run_folder, remove_rows
from a2ibench.bench.run_lock import lock_run
from a2ibench.errors import PluginError, one_line
from a2ibench.hookspecs import PROJECT
from a2ibench.isolation import is_ctrl_c
from a2ibench.registry import Registered, host
from a2ibench.registry.validation import call_reporter

_logger = logging.getLogger(__name__)


def execute(plan: Plan, run_dir: Path, events: Events | None = None) -> list[Record]:
    """Run every job of a plan that has no finished record with the same key.

    Parameters
    ----------
    plan : Plan
        What to run.
    run_dir : Path
        The folder that `prepare_run_folder` returned for the plan.
    events : Events, optional
        Told how the run goes.

    Returns
    -------
    list of Record
        Those of all jobs, in the plan's order, earlier ones included.

    Raises
    ------
    InputError
        If the folder is another run's, or another process runs in it.
    KeyboardInterrupt
        After Ctrl-C, once the running job is stopped and recorded.
    """
    events = events or Quiet()
    with lock_run(run_dir):
        check_run_folder(plan, run_dir, whole=True)
        tasks = _tasks(plan, run_dir)
        records: dict[str, Record] = {}
        for task in tasks:
            record = read_record(task.folder)
            if record is not None and is_current(record, task.job, task.folder):
                records[task.job.name] = record
                _forget_training(task, record)
                events.job_cached(task.job, record)
            elif is_damaged(task.folder):
                _logger.warning("record of %s was edited or is damaged; the job runs again", task.job.name)
            elif record is not None and wants_volume_only(record, task.job, task.folder):
                _logger.warning("%s: %s; the job runs again", task.job.name, NOT_KEPT)
        pending = [task for task in tasks if task.job.name not in records]
        try:
            executor = load_executor(plan.executor, plan.cluster)
            for task, record in executor(pending, events, plan.timeout, plan.retries):
                records[task.job.name] = record
                _forget_training(task, record)
                events.job_finished(task.job, record)
                host().job_finished(record.to_dict())
        finally:
            host().end_listeners()
    return [records[task.job.name] for task in tasks]


def _forget_training(task: Task, record: Record) -> None:
    """Remove what a finished job need not go on with; a process killed before may have left it."""
    if record.finished:
        with suppress(OSError):
            JobFiles(task.folder).training.unlink(missing_ok=True)


def _tasks(plan: Plan, run_dir: Path) -> list[Task]:
    jobs = plan.jobs()
    # A method may change the working folder.
    files = RunFiles(run_dir.absolute())
    return [
        Task(replace(job, key=job_key(job)), files.job(job.name).folder, index, len(jobs))
        for index, job in enumerate(jobs, start=1)
    ]


@dataclass(frozen=True)
class Results:
    """What came of a run.

    Parameters
    ----------
    run : Run
        With a record for each job that has ended, now or by an earlier command.
    written : list of Path
        Tables, figures and whatever else reporters wrote.
    problems : list of str
        One line for each report that could not be written.
    interrupted : bool
        Whether the run was stopped with Ctrl-C before its end.
    asked : sequence of Record or None
        Those of the jobs that were asked for; None for all of the run.
    """

    run: Run
    written: list[Path] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    interrupted: bool = False
    asked: Sequence[Record] | None = None

    @property
    def records(self) -> Sequence[Record]:
        """The records of the jobs that were asked for."""
        return self.run.records if self.asked is None else self.asked

    @property
    def failed(self) -> bool:
        """Whether a job that was asked for, one of its metrics or a report failed; a skipped job did not."""
        return bool(self.problems) or any(
            not record.finished or record.metric_errors for record in self.records
        )


def benchmark(
    plan: Plan,
    *,
    out: Path | None = None,
    fresh: bool = False,
    remove: Sequence[str] = (),
    events: Events | None = None,
    begun: Callable[[Path], object] | None = None,
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
    remove : sequence of str
        Methods or jobs whose rows are moved aside first.
    events : Events, optional
        Told how the run goes.
    begun : callable, optional
        Told the folder as soon as it is known to be usable.

    Raises
    ------
    InputError
        If the folder cannot be used.
    """
    folder = prepare_run_folder(plan, out, fresh, remove)
    if begun is not None:
        begun(folder)
    # Plugins may change the working folder, or remove this one.
    place, kept = folder.absolute(), Keeping(events)
    kept.take(plan, place)
    interrupted, problems = False, []
    try:
        execute(plan, folder, kept)
    except KeyboardInterrupt:
        interrupted = True
    except OSError as error:
        # A full disk, most likely: what was recorded until then still deserves its tables.
        problems = [f"the run stopped: {one_line(error)}; finished jobs are kept, the same command continues"]
    problems += kept.restore(plan, place)
    written, failed = write_reports(folder, plan.reporters)
    damaged = kept.restore(plan, place)
    if damaged or not all(path.exists() for path in written):
        problems += damaged or [f"{folder}: a reporter removed files of the run; wrote them again"]
        ours = [name for name in plan.reporters if host().find("reporter", name).distribution == PROJECT]
        written, more = write_reports(folder, ours)
        failed += [line for line in more if line not in failed]
    return Results(kept.run(plan, folder), written, problems + failed, interrupted, kept.records(plan))


def carry_out(
    options: RunOptions,
    plan: Plan,
    *,
    events: Events | None = None,
    begun: Callable[[Path], object] | None = None,
) -> Results:
    """Do what the options of a run ask for: run what they name, or only take rows out.

    Parameters
    ----------
    options : RunOptions
        As given.
    plan : Plan
        What `plan_run` makes of them.
    events, begun
        As for `benchmark`.

    Raises
    ------
    InputError
        If the folder cannot be used, or has no such row.
    """
    remove, out = check_option("remove", options), check_option("out", options)
    if remove and not asks_for_jobs(options):
        check_not_fresh(options.fresh, remove)
        return take_out(plan.default_folder() if out is None else out, remove, plan.reporters)
    return benchmark(plan, out=out, fresh=options.fresh, remove=remove, events=events, begun=begun)


def take_out(folder: Path, names: Sequence[str], reporters: Sequence[str]) -> Results:
    """Move rows of a run aside, and write its reports without them; nothing is run.

    Parameters
    ----------
    folder : Path
        Folder of the run.
    names : sequence of str
        Methods or jobs.
    reporters : sequence of str
        What writes about what is left.

    Raises
    ------
    InputError
        If the folder holds no run, or no such row.
    """
    remove_rows(folder, names)
    written, problems = write_reports(folder, reporters)
    return Results(read_run(folder), written, problems, asked=())


def write_reports(folder: Path, names: Sequence[str]) -> tuple[list[Path], list[str]]:
    """Let reporters write what they make of a run, one after another.

    Parameters
    ----------
    folder : Path
        Folder of a run.
    names : sequence of str
        Registered reporters.

    Returns
    -------
    written : list of Path
        What was written.
    problems : list of str
        One line for each reporter that failed; the others are not affected.
    """
    written: list[Path] = []
    problems = []
    for name in names:
        try:
            # Each reads the run for itself, since another one may have changed it.
            written += map(Path, _report(host().find("reporter", name), folder))
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) and is_ctrl_c():
                raise
            problems.append(f"reporter {name}: {one_line(error)}")
    return written, problems


def _report(registered: Registered, folder: Path) -> Iterable[Path | str]:
    if not host().is_apart(registered):
        report = host().load("reporter", registered.spec.name)
        paths: Iterable[Path | str] = call_reporter(report, read_run(folder))
        return paths
    request = {
        "do": "report",
        "target": registered.spec.target,
        "read": f"{read_run.__module__}:{read_run.__name__}",
        "folder": str(folder),
    }
    written = host().ask(registered, request, "while it wrote its report", "report")
    missing = [path for path in written if not Path(path).exists()]
    if missing:
        raise PluginError(f"says that it wrote {missing[0]}, which is not there")
    return [Path(path) for path in written]
