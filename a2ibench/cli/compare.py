"""The commands ``a2ibench compare`` and ``a2ibench baseline``."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from a2ibench.cli.errors import ExitCode, in_one_line, say
from a2ibench.cli.options import option
from a2ibench.cli.step_summary import add_step_summary
from a2ibench.errors import A2IBenchError, InputError

if TYPE_CHECKING:
    from a2ibench.bench.gate.compare import Comparison
    from a2ibench.bench.gate.limits import Names, Thresholds
    from a2ibench.bench.gate.outcome import RunOutcome


def make_baseline(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the baseline.")],
    out: Annotated[Path | None, option("DIR", "Where to write it; reports/reference by default.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a baseline of that name.")] = False,
    allow_failed: Annotated[
        bool,
        typer.Option(
            "--allow-failed", help="Take a run whose jobs did not all finish, or whose metrics failed."
        ),
    ] = False,
) -> None:
    """Write what a run came to as DIR/NAME.json, without images, for later comparisons.

    Exit codes: 0 written; 2 bad input, such as a run with failed jobs.
    """
    from a2ibench.bench.gate.baseline import FOLDER, write_baseline

    typer.echo(write_baseline(run, name, out or FOLDER, force=force, allow_failed=allow_failed))


def compare_runs(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder, or a baseline of it.")],
    baseline: Annotated[Path, typer.Argument(metavar="BASELINE", help="What to compare with: the same.")],
    thresholds: Annotated[
        Path | None, option("FILE", "TOML of limits by metric, dataset and method.")
    ] = None,
    max_drop: Annotated[
        list[str] | None,
        option(
            "METRIC=VALUE",
            "How much a metric may lose, everywhere; repeatable. By default psnr=0.1 and ssim=0.005.",
        ),
    ] = None,
    max_slowdown: Annotated[
        str | None,
        option("RATIO", "How many times as long a job may take, everywhere; 1.5 by default, inf for any."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    junit: Annotated[Path | None, option("FILE", "Also write JUnit XML.")] = None,
    github: Annotated[
        bool | None,
        typer.Option(
            "--github/--no-github",
            help="Also print GitHub annotations, and write a summary where GITHUB_STEP_SUMMARY names a file; "
            "by default on GitHub.",
            show_default=False,
        ),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Show the values within their limits too.")
    ] = False,
) -> None:
    """Say where a run is worse than a baseline: scores, times, memory, size and missing jobs.

    Exit codes: 0 nothing is worse than allowed; 1 something is, or has a limit that was given and could not
    be compared; 2 bad input, such as runs that measured different things or have nothing in common.
    """
    annotated = os.environ.get("GITHUB_ACTIONS") == "true" if github is None else github
    summarised = github is not False
    try:
        if junit is not None:
            _check_junit(junit)
        with _told_as_junit(junit, baseline):
            comparison = _compare(run, baseline, thresholds, max_drop or [], max_slowdown)
        if junit is not None:
            _write_junit(junit, comparison, baseline)
    except A2IBenchError as error:
        _tell_github_of(in_one_line(error), annotated=annotated, summarised=summarised)
        raise
    if as_json:
        from a2ibench.files import plain

        typer.echo(json.dumps(plain(comparison.to_dict()), indent=2, allow_nan=False))
    else:
        _show(comparison, everything)
    if annotated:
        _annotate(comparison, to_stderr=as_json)
    if summarised:
        add_step_summary(lambda: _comparison_summary(comparison, baseline))
    if not comparison.ok:
        raise typer.Exit(ExitCode.BROKEN)


def _compare(
    run: Path, baseline: Path, file: Path | None, drops: list[str], slowdown: str | None
) -> Comparison:
    from a2ibench.bench.gate.baseline import read_outcome
    from a2ibench.bench.gate.compare import compare
    from a2ibench.bench.gate.records import with_directions

    new, old = read_outcome(run), read_outcome(baseline)
    limits = _thresholds(new, old, file, drops, slowdown)
    return compare(new, with_directions(old), limits)


def _thresholds(
    run: RunOutcome, baseline: RunOutcome, file: Path | None, drops: list[str], slowdown: str | None
) -> Thresholds:
    from a2ibench.bench.gate.limits import (
        SLOWDOWN,
        Thresholds,
        parse_drops,
        parse_slowdown,
        read_thresholds,
    )

    forced = {} if slowdown is None else {SLOWDOWN: parse_slowdown(slowdown)}
    if not drops and file is None:
        return Thresholds(forced)
    names = _names(run, baseline)
    tables = {} if file is None else read_thresholds(file, names)
    return Thresholds({**parse_drops(drops, names), **forced}, tables)


def _names(run: RunOutcome, baseline: RunOutcome) -> Names:
    # With what is installed, so that one file of limits serves runs of different methods and datasets.
    from a2ibench.bench.gate.limits import Names
    from a2ibench.bench.specs import known_datasets
    from a2ibench.registry import host

    places = {*run.jobs, *baseline.jobs}
    return Names(
        datasets={dataset for dataset, _, _ in places} | set(known_datasets()),
        methods={method for _, method, _ in places} | set(host().methods),
        metrics=run.metrics | baseline.metrics | set(host().metrics),
    )


def _show(comparison: Comparison, everything: bool) -> None:
    from a2ibench.cli.table import show_table
    from a2ibench.reporting.comparison import comparison_table, conclusion

    if comparison.differences:
        show_table(comparison_table(comparison, everything))
    for note in comparison.notes:
        say(f"note: {note}")
    typer.echo(conclusion(comparison))


def _check_junit(path: Path) -> None:
    from a2ibench.reporting.junit import is_junit

    if path.is_dir():
        raise InputError(f"--junit: {path}: is a folder; give a file")
    if path.is_file() and not is_junit(path):
        raise InputError(f"--junit: {path}: holds something else than JUnit XML; choose another file")


def _write_junit(path: Path, comparison: Comparison, baseline: Path) -> None:
    from a2ibench.files import write_bytes
    from a2ibench.reporting.junit import junit

    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, junit(comparison, _suite_name(baseline)))


@contextlib.contextmanager
def _told_as_junit(path: Path | None, baseline: Path) -> Iterator[None]:
    # What an earlier comparison wrote there would be read as the result of this one.
    try:
        yield
    except Exception as error:
        if path is not None:
            from a2ibench.files import write_bytes
            from a2ibench.reporting.junit import junit_of_error

            with contextlib.suppress(OSError):
                path.parent.mkdir(parents=True, exist_ok=True)
                write_bytes(path, junit_of_error(in_one_line(error), _suite_name(baseline)))
        raise


def _suite_name(baseline: Path) -> str:
    return f"comparison with {baseline.name}"


def _annotate(comparison: Comparison, *, to_stderr: bool) -> None:
    from a2ibench.reporting.comparison import github_lines

    for line in github_lines(comparison):
        # GitHub reads both streams; whoever asks for JSON wants nothing else on stdout.
        typer.echo(line, err=to_stderr)


def _tell_github_of(problem: str, *, annotated: bool, summarised: bool) -> None:
    from a2ibench.reporting.comparison import annotation
    from a2ibench.reporting.step_summary import error_summary

    if annotated:
        typer.echo(annotation("error", problem, "a2ibench compare"), err=True)
    if summarised:
        add_step_summary(lambda: error_summary(problem, "a2ibench compare"))


def _comparison_summary(comparison: Comparison, baseline: Path) -> str:
    from a2ibench.reporting.step_summary import comparison_summary

    return comparison_summary(comparison, baseline.name)
