"""What a reporter has to keep to, on a small but real folder of a run."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from a2ibench.registry import Registered, host
from a2ibench.registry.validation import call_reporter
from a2ibench.testing.check import CheckFailed, CheckSkipped, Rule, rule
from a2ibench.testing.description import DESCRIBED, Registration
from a2ibench.testing.volumes import SPACING, scene

OK: Final = "texture--cubic--s0"
FAILED: Final = "missing--cubic--s0"
SKIPPED: Final = "texture--cubic--s1"


def make_run(folder: Path) -> Path:
    """Run cubic interpolation on two volumes, one of which is not there, and write tables and figures.

    No hook of any plugin is told of it.

    Parameters
    ----------
    folder : Path
        An empty folder, for the volume and the run.

    Returns
    -------
    Path
        The folder of the run. Of its jobs one is ok, one failed and one was skipped.
    """
    import tifffile

    from a2ibench.bench.cache_key import job_key
    from a2ibench.bench.options import RunOptions
    from a2ibench.bench.paths import RunFiles
    from a2ibench.bench.plan import plan_run
    from a2ibench.bench.provenance import finished, new_record
    from a2ibench.bench.record import write_record
    from a2ibench.bench.run_folder import prepare_run_folder
    from a2ibench.bench.run_job import run_job

    tifffile.imwrite(folder / "texture.tif", scene(1.0, (24, 32, 28))[0].data)
    catalogue = folder / "datasets.toml"
    catalogue.write_text("".join(map(_table, ("texture", "missing"))), encoding="utf-8")
    options = RunOptions(
        ["cubic"],
        ["texture", "missing"],
        catalogue=catalogue,
        profile="smoke",
        device="cpu",
        metrics=["psnr", "ssim"],
        seeds=2,
    )
    plan = plan_run(options)
    run = prepare_run_folder(plan, folder / "run")
    for planned in plan.jobs():
        job = replace(planned, key=job_key(planned))
        place = RunFiles(run).job(job.name).folder
        if job.name in (OK, FAILED):
            place.mkdir(parents=True)
            run_job(job, place)
        elif job.name == SKIPPED:
            place.mkdir(parents=True)
            record = replace(new_record(job, "skipped"), reason="the volume is too thin")
            write_record(place, finished(record))
    write_builtin_reports(run)
    return run


def write_builtin_reports(folder: Path) -> None:
    """Write the tables and figures that are there when a reporter is called."""
    from a2ibench.bench.run import read_run
    from a2ibench.reporting.figures import write_figures
    from a2ibench.reporting.tables import write_tables

    run = read_run(folder)
    write_tables(run)
    write_figures(run)


def _table(name: str) -> str:
    size = [SPACING] * 3
    return f"[{name}]\npath = '{name}.tif'\nvoxel_size = {size}\nsimulate = {{ratio = 3.0}}\n"


Files = Mapping[str, str]
"""Checksum of every file of a folder, by its path in there."""


@dataclass(frozen=True)
class Call:
    """What one call of a reporter returned and wrote."""

    returned: Any
    run: Path
    before: Files
    after: Files
    elsewhere: list[str]

    @property
    def written(self) -> Files:
        """What was added to the run folder, or altered in it."""
        return {name: value for name, value in self.after.items() if self.before.get(name) != value}


@dataclass
class Trial(Registration):
    """One reporter on trial, and a run that it reports on again and again."""

    _keeper: Any = field(default_factory=lambda: tempfile.TemporaryDirectory(prefix="a2ibench-"), repr=False)

    @cached_property
    def template(self) -> Path:
        """The folder of a run, which stays as it is."""
        folder = Path(self._keeper.name) / "template"
        folder.mkdir()
        return make_run(folder)

    def report(self, folder: Path) -> Any:
        """Let the reporter write about the run in a folder, and return what it returns."""
        from a2ibench.bench.run import read_run

        return call_reporter(host().load("reporter", self.spec.name), read_run(folder))

    def call(self, prepare: Callable[[Path], object] = lambda run: None) -> Call:
        """Call the reporter on a copy of the run, in an empty working directory."""
        room = Path(self._keeper.name) / "room"
        shutil.rmtree(room, ignore_errors=True)
        run, work = room / "run", room / "work"
        work.mkdir(parents=True)
        shutil.copytree(self.template, run)
        with contextlib.chdir(work):
            prepare(run)
            before = _files(run)
            returned = self.report(run)
        inside = _files(run)
        elsewhere = [name for name in _files(room) if not name.startswith("run/")]
        return Call(returned, run, before, inside, elsewhere)

    def need(self) -> Call:
        """Call the reporter, and skip the check that asks where that fails."""
        try:
            return self.call()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise CheckSkipped("needs a report, see returns-paths") from error


@rule(
    "It returns the paths of the files that it wrote",
    "return [path, ...], a list of the pathlib.Path of every file that was written",
)
def _returns_paths(trial: Trial) -> None:
    call = trial.call()
    if not isinstance(call.returned, list) or not all(isinstance(path, Path) for path in call.returned):
        raise CheckFailed(f"it returned {call.returned!r}, not a list of paths")
    lost = [path.name for path in call.returned if not path.is_file()]
    if lost:
        raise CheckFailed(f"it returned {', '.join(lost)}, which is no file")
    named = {path.resolve() for path in call.returned}
    untold = [name for name in call.written if (call.run / name).resolve() not in named]
    if untold:
        raise CheckFailed(f"it wrote {', '.join(untold)} without returning the path")


@rule(
    "It writes within the folder of the run only",
    "write to paths that begin with the run folder that is handed over; the working directory is another",
)
def _inside_the_run(trial: Trial) -> None:
    call = trial.need()
    paths = [path for path in call.returned or () if isinstance(path, Path)]
    outside = {str(path) for path in paths if call.run.resolve() not in path.resolve().parents}
    outside |= {str(call.run.parent / name) for name in call.elsewhere}
    if outside:
        raise CheckFailed(f"it wrote outside the run folder: {', '.join(sorted(outside))}")


@rule(
    "It alters and removes nothing that was in the folder",
    "give files names of their own, and open those of the run for reading only",
)
def _records_unchanged(trial: Trial) -> None:
    call = trial.need()
    altered = [name for name, value in call.before.items() if call.after.get(name) != value]
    if altered:
        raise CheckFailed(f"it altered or removed {', '.join(altered)}")


@rule(
    "The same run gives the same files, byte by byte",
    "write nothing that changes from call to call, such as the time; sort what has no order",
)
def _determinism(trial: Trial) -> None:
    first, second = trial.need().written, trial.need().written
    different = sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))
    if different:
        raise CheckFailed(f"two calls on the same run differ in {', '.join(different)}")


@rule(
    "It can be called again on a run that holds its files",
    "write over the files of an earlier call",
)
def _once_more(trial: Trial) -> None:
    trial.need()
    trial.call(trial.report)


@rule(
    "It copes with a run in which no job is ok, and with one without any job",
    "look whether each record is ok; metrics are there only then, and figures need slices.npz",
)
def _failures_only(trial: Trial) -> None:
    trial.call(lambda run: _without(run, OK))
    trial.call(lambda run: _without(run, OK, FAILED, SKIPPED))


def _without(run: Path, *jobs: str) -> None:
    from a2ibench.bench.paths import RunFiles

    for job in jobs:
        shutil.rmtree(RunFiles(run).job(job).folder)
    shutil.rmtree(run / "figures", ignore_errors=True)
    for table in [*run.glob("table.*"), *run.glob("timing.*")]:
        table.unlink()
    write_builtin_reports(run)


def _files(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


RULES: Sequence[Rule[Trial]] = (
    _returns_paths,
    _inside_the_run,
    _records_unchanged,
    _determinism,
    _once_more,
    _failures_only,
)


def suite(registered: Registered, device: str) -> tuple[Sequence[Rule[Any]], Trial]:
    """Return the rules for reporters, and what they are tried on."""
    return (*DESCRIBED, *RULES), Trial(registered, device)
