"""Tuning of one setting: the same grid, budget and development volumes for every method."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any, Final

from a2ibench.bench.benchmark import benchmark
from a2ibench.bench.executors.events import Events, Quiet
from a2ibench.bench.options import check_option
from a2ibench.bench.plan import Plan
from a2ibench.bench.record import Record
from a2ibench.bench.run import CUBIC
from a2ibench.bench.run_folder import state_of
from a2ibench.bench.tuning_options import TuneOptions
from a2ibench.contracts import PROTOCOL_VERSION
from a2ibench.environment import environment
from a2ibench.errors import OptionError
from a2ibench.files import write_json
from a2ibench.registry import host

FILE: Final = "tuning.json"
METRIC: Final = "psnr"
# A step of the grid.
_STEP = 2.0

_SHARED = ("profile", "device", "precision", "budget", "catalogue", "executor", "timeout")
# What the core says of a loss, and of a reconstruction, that is not finite.
_DIVERGED = re.compile(r"training diverged|NaN or infinite")


@dataclass(frozen=True)
class Outcome:
    """What the trainings with one value came to on one volume.

    Parameters
    ----------
    status : str
        ``"ok"``, ``"skipped"``, ``"diverged"`` or ``"failed"``.
    gain : float
        PSNR above that of cubic interpolation, dB, mean over the seeds; NaN unless it is ok.
    fit_seconds : float
        Of one training, mean over the seeds; NaN unless it is ok.
    """

    status: str
    gain: float = math.nan
    fit_seconds: float = math.nan


@dataclass(frozen=True)
class Trial:
    """What one value of the setting came to.

    Parameters
    ----------
    value : float
        The value.
    outcomes : mapping of str to Outcome
        By dataset, each with a `status`, the `gain` in dB and the `fit_seconds` of its trainings.
    """

    value: float
    outcomes: Mapping[str, Outcome]

    @property
    def status(self) -> str:
        """The worst of all datasets; skipped ones count only where there are no others."""
        found = {outcome.status for outcome in self.outcomes.values()}
        return next(status for status in ("failed", "diverged", "ok", "skipped") if status in found)

    @property
    def gain(self) -> float:
        """PSNR above that of cubic interpolation, dB, mean over the datasets; NaN unless it is ok."""
        return self._mean("gain")

    @property
    def fit_seconds(self) -> float:
        """Seconds of one training, mean over the datasets; NaN unless it is ok."""
        return self._mean("fit_seconds")

    def _mean(self, name: str) -> float:
        if self.status != "ok":
            return math.nan
        return fmean(getattr(one, name) for one in self.outcomes.values() if one.status == "ok")


@dataclass(frozen=True)
class Tuning:
    """What tuning came to.

    Parameters
    ----------
    method, setting : str
        What was tuned.
    trials : tuple of Trial
        One for each value, in rising order.
    folder : Path
        Of the runs and of tuning.json.
    problems : tuple of str
        One line for each run that stopped early.
    """

    method: str
    setting: str
    trials: tuple[Trial, ...]
    folder: Path
    problems: tuple[str, ...] = ()

    @property
    def datasets(self) -> tuple[str, ...]:
        """Names of the volumes."""
        return tuple(self.trials[0].outcomes)

    @property
    def best(self) -> Trial | None:
        """The trial to take; None if none is ok.

        That with the largest gain, of equal ones that of the smallest value. Trials that collapsed or are
        close to it count only where there are no others: trainings may do otherwise with another seed.
        """
        known = self._known
        steady = [trial for trial in known if not self.close_to_collapse(trial)]
        return max(steady or known, key=lambda trial: trial.gain, default=None)

    def close_to_collapse(self, trial: Trial) -> bool:
        """Return whether it, or a value up to twice as large, diverged or gained less than half the best."""
        most = max((one.gain for one in self._known), default=0.0)
        near = (one for one in self.trials if trial.value <= one.value <= _STEP * trial.value)
        return any(one.status == "diverged" or (most > 0 and one.gain < most / 2) for one in near)

    @property
    def _known(self) -> list[Trial]:
        return [trial for trial in self.trials if trial.status == "ok"]

    @property
    def beyond(self) -> str | None:
        """What to try, too, where the best is an end of the grid: ``"larger"`` or ``"smaller"`` values."""
        ends = {self.trials[0].value: "smaller", self.trials[-1].value: "larger"}
        return None if self.best is None else ends.get(self.best.value)

    @property
    def failed(self) -> bool:
        """Whether a training failed otherwise than by diverging, or there is no best value."""
        return bool(self.problems) or self.best is None or any(t.status == "failed" for t in self.trials)

    def behind(self, trial: Trial) -> float:
        """Return how much less a trial gains than `best`, dB; NaN where either is unknown."""
        return math.nan if self.best is None else self.best.gain - trial.gain


@dataclass(frozen=True)
class TuningPlan:
    """The runs of a tuning.

    Parameters
    ----------
    setting : str
        What is tuned.
    values : tuple of float
        In rising order.
    run : Plan
        Of the method with its default settings.
    folder : Path
        Where the runs go, each into a folder of its own.
    """

    setting: str
    values: tuple[float, ...]
    run: Plan
    folder: Path

    @property
    def method(self) -> str:
        """The method."""
        return self.run.methods[0]

    def runs(self) -> dict[str, Plan]:
        """Return the run of cubic interpolation and that of each value, by the names of their folders."""
        cubic = replace(self.run, methods=(CUBIC,), seeds=(0,))
        trials = {
            f"{self.setting}={value}": replace(self.run, settings={self.method: {self.setting: value}})
            for value in self.values
        }
        return {CUBIC: cubic, **trials}

    def to_dict(self) -> dict[str, Any]:
        """Return what is the same for every method, and which method it was, JSON-able."""
        found = host().find("method", self.method)
        told = ("profile", "budget", "seeds", "device", "precision", "datasets")
        plan = self.run.to_dict() | {"budget": str(self.run.jobs()[0].budget)}
        return {
            "method": self.method,
            "plugin": found.plugin,
            "distribution": found.distribution,
            "version": found.version,
            "setting": self.setting,
            "values": self.values,
            **{name: plan[name] for name in told},
            "protocol_version": PROTOCOL_VERSION,
            "environment": environment(),
        }


def plan_tuning(options: TuneOptions) -> TuningPlan:
    """Check and resolve the options, without starting anything.

    Raises
    ------
    UnknownNameError
        If nothing has a given name.
    InputError
        If an option cannot be used, or the folder holds something else.
    """
    method, setting, values, datasets = (
        check_option(name, options) for name in ("method", "setting", "values", "datasets")
    )
    run = Plan(
        methods=(method,),
        datasets=datasets,
        seeds=check_option("seeds", options),
        metrics=(METRIC,),
        controls=False,
        report_planes=0,
        **{name: check_option(name, options) for name in _SHARED},
    )
    folder = check_option("out", options)
    if folder is None:
        folder = Path("reports") / f"tune-{method}-{setting}-{run.fingerprint()[:8]}"
    plan = TuningPlan(setting, values, run, folder)
    # Cubic interpolation runs first.
    if folder.is_dir() and any(folder.iterdir()) and not (folder / CUBIC).exists():
        raise OptionError(
            "{out}: {folder} is not empty and holds no tuning; choose a new or empty folder", folder=folder
        )
    for name, each in plan.runs().items():
        state_of(each, folder / name, options.fresh)
    return plan


Watch = Callable[[str], AbstractContextManager[Events]]
"""Told the folder's name of each run as it starts; yields who is told how it goes."""


def run_tuning(plan: TuningPlan, *, fresh: bool = False, watch: Watch | None = None) -> Tuning:
    """Run every value of a plan, as far as that is not done, and write tuning.json.

    Parameters
    ----------
    plan : TuningPlan
        What to run.
    fresh : bool
        Start over instead of going on.
    watch : callable, optional
        Told how it goes.

    Raises
    ------
    InputError
        If a folder cannot be used.
    KeyboardInterrupt
        After Ctrl-C; finished trainings are kept.
    """
    records: dict[str, Sequence[Record]] = {}
    problems: list[str] = []
    for name, run in plan.runs().items():
        with nullcontext(Quiet()) if watch is None else watch(name) as events:
            results = benchmark(run, out=plan.folder / name, fresh=fresh, events=events)
        if results.interrupted:
            raise KeyboardInterrupt
        records[name] = results.records
        problems += results.problems
    baseline, *trained = records.values()
    names = [spec.name for spec in plan.run.datasets]
    found = zip(plan.values, trained, strict=True)
    trials = tuple(judge(value, names, records_of, baseline) for value, records_of in found)
    tuning = Tuning(plan.method, plan.setting, trials, plan.folder, tuple(problems))
    write_json(plan.folder / FILE, plan.to_dict() | _results(tuning))
    return tuning


def judge(
    value: float, datasets: Iterable[str], records: Iterable[Record], baseline: Iterable[Record]
) -> Trial:
    """Return what one value came to.

    Parameters
    ----------
    value : float
        The value.
    datasets : iterable of str
        Names of the volumes.
    records : iterable of Record
        Of the method with that value.
    baseline : iterable of Record
        Of cubic interpolation on the same volumes.
    """
    cubic = {record.dataset: record for record in baseline}
    trained: dict[str, list[Record]] = {name: [] for name in datasets}
    for record in records:
        trained[record.dataset].append(record)
    return Trial(value, {name: _outcome(found, cubic.get(name)) for name, found in trained.items()})


def _outcome(records: Sequence[Record], cubic: Record | None) -> Outcome:
    statuses = {_status(record) for record in records}
    if not records or cubic is None or _status(cubic) != "ok" or "failed" in statuses:
        return Outcome("failed")
    if statuses != {"ok"}:
        return Outcome("diverged" if "diverged" in statuses else "skipped")
    gains = [record.metrics[METRIC].value - cubic.metrics[METRIC].value for record in records]
    return Outcome("ok", fmean(gains), fmean(record.timings["fit"] for record in records))


def _status(record: Record) -> str:
    if record.ok:
        return "ok" if METRIC in record.metrics else "failed"
    if record.finished:
        return record.status
    return "diverged" if _DIVERGED.search(record.message or "") else "failed"


def _results(tuning: Tuning) -> dict[str, Any]:
    trials = [
        {"value": trial.value, "behind": _known(tuning.behind(trial))}
        | _told(trial)
        | {"datasets": {name: _told(outcome) for name, outcome in trial.outcomes.items()}}
        for trial in tuning.trials
    ]
    best = None if tuning.best is None else tuning.best.value
    return {"trials": trials, "best": best, "beyond": tuning.beyond}


def _told(one: Trial | Outcome) -> dict[str, Any]:
    return {"status": one.status, "gain": _known(one.gain), "fit_seconds": _known(one.fit_seconds)}


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
