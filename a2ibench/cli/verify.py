"""The command ``a2ibench verify``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from a2ibench.cli.errors import ExitCode, say, say_error
from a2ibench.cli.options import Catalogue, option
from a2ibench.cli.progress import shown_events, shown_messages
from a2ibench.errors import InputError, OptionError

if TYPE_CHECKING:
    from a2ibench.bench.bundle.reading import Bundle
    from a2ibench.bench.bundle.repeat import Verdict


def verify_bundle(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="What a2ibench bundle wrote.")],
    jobs: Annotated[
        int | None,
        option("N", "Repeat N jobs drawn at random, 0 for none; by default the one that took the shortest."),
    ] = None,
    job: Annotated[str | None, option("DATASET--METHOD--sN", "Repeat this job, instead.")] = None,
    seed: Annotated[int | None, option("N", "Of the draw, to draw the same jobs again.")] = None,
    phantom_seed: Annotated[
        int | None, option("N", "Also run the bundle's methods on a phantom drawn with this seed.")
    ] = None,
    outputs: Annotated[
        Path | None, option("DIR", "Outputs to check, as JOB/FILE or JOB.tif: the run's folder, say.")
    ] = None,
    catalogue: Catalogue = None,
    out: Annotated[Path | None, option("DIR", "Keep what is run here; by default nothing is kept.")] = None,
) -> None:
    """Check a bundle, repeat jobs of it on this machine, and say whether their results hold.

    Nothing in a bundle is believed: its digests, versions and scores of slices must agree, and what is
    repeated must come to the same within the tolerances of a2ibench compare, either way. Times are not
    judged.

    Exit codes: 0 it holds; 1 it does not; 2 refused, or bad input; 3 a job could not be repeated here.
    """
    from a2ibench.bench.bundle.checks import check_bundle, check_outputs
    from a2ibench.bench.bundle.reading import opened

    _check_options(jobs, job, seed, phantom_seed)
    code = ExitCode.OK
    with opened(bundle) as found, _folder(out) as folder:
        notes = check_bundle(found)
        _say_checked(found)
        if outputs is not None:
            agree = check_outputs(found, outputs)
            say(f"outputs: {agree} {'agrees' if agree == 1 else 'agree'} with the bundle")
        for note in notes:
            say(f"note: {note}")
        if jobs != 0:
            code = _repeat(found, jobs, job, seed, folder, catalogue)
        if phantom_seed is not None:
            code = max(code, _run_phantom(found, phantom_seed, folder))
    if code:
        raise typer.Exit(code)


def _check_options(jobs: int | None, job: str | None, seed: int | None, phantom_seed: int | None) -> None:
    if jobs is not None and job is not None:
        raise OptionError("{jobs} and {job}: one excludes the other; give one")
    for name, value in (("jobs", jobs), ("seed", seed), ("phantom_seed", phantom_seed)):
        if value is not None and value < 0:
            raise OptionError(f"{{{name}}}: got {value}; give 0 or more")
    if seed is not None and not jobs:
        raise OptionError("{seed}: is that of a draw; give {jobs:N}, too")


@contextmanager
def _folder(out: Path | None) -> Iterator[Path]:
    if out is None:
        with TemporaryDirectory(prefix="a2ibench-verify-") as folder:
            yield Path(folder)
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"--out: {out}: is not empty; choose a new or empty folder")
    else:
        yield out


def _say_checked(bundle: Bundle) -> None:
    records = bundle.run.records
    plugins = ", ".join(
        f"{name} {'/'.join(versions)}" for name, versions in bundle.manifest["plugins"].items()
    )
    jobs = f"{len(records)} {'job' if len(records) == 1 else 'jobs'}"
    say(f"{bundle.path}: {jobs} of {plugins or 'no plugin'}; digests, versions and scores of slices agree")


def _repeat(
    bundle: Bundle, jobs: int | None, job: str | None, seed: int | None, folder: Path, catalogue: Path | None
) -> ExitCode:
    import secrets

    from a2ibench.bench.bundle.plans import left_out
    from a2ibench.bench.bundle.repeat import chosen, repeat

    drawn = secrets.randbelow(1 << 32) if seed is None else seed
    cells = chosen(bundle, jobs, job, drawn)
    how = f"drawn with seed {drawn}" if jobs else "as asked" if job else "the shortest"
    say(f"repeating {', '.join(cell.name for cell in cells)} ({how})")
    for metric, reason in sorted(left_out(bundle).items()):
        say(f"note: {metric} is not repeated: {reason}")
    with shown_messages(), shown_events() as events:
        verdict = repeat(bundle, cells, folder / "repeat", catalogue, events)
    return _tell(verdict)


def _tell(verdict: Verdict) -> ExitCode:
    from a2ibench.cli.table import show_table
    from a2ibench.reporting.comparison import comparison_table

    if verdict.comparison.differences:
        show_table(comparison_table(verdict.comparison))
    for note in verdict.comparison.notes:
        say(f"note: {note}")
    for name, message in verdict.failed.items():
        say_error(f"{name}: could not be repeated here: {message}")
    same = f", {len(verdict.same_voxels)} of them voxel by voxel" if verdict.same_voxels else ""
    of = f"{len(verdict.cells)} repeated {'job' if len(verdict.cells) == 1 else 'jobs'}"
    if not verdict.comparison.ok:
        worse = len(verdict.comparison.of("worse"))
        say(f"does not hold: {worse} {'value' if worse == 1 else 'values'} of {of} further away than allowed")
        return ExitCode.BROKEN
    if verdict.failed:
        return ExitCode.SOME_FAILED
    say(f"holds: {of}{same}, within the gate's tolerances")
    return ExitCode.OK


def _run_phantom(bundle: Bundle, seed: int, folder: Path) -> ExitCode:
    from a2ibench.bench.bundle.repeat import phantom_run
    from a2ibench.cli.table import show_table
    from a2ibench.reporting.tables import console_table

    say(f"running its methods on a phantom drawn with seed {seed}")
    with shown_messages(), shown_events() as events:
        results, left = phantom_run(bundle, seed, folder / "phantom", events)
    for line in left:
        say(f"note: {line}; left out")
    if results.run.records:
        show_table(console_table(results.run))
    return ExitCode.SOME_FAILED if results.failed else ExitCode.OK
