"""Methods tried on a sample of a stack, as an ordinary run within a budget."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from a2ibench.bench.benchmark import benchmark
from a2ibench.bench.executors.events import Events
from a2ibench.bench.plan import Plan
from a2ibench.bench.run import CUBIC, Run, read_run
from a2ibench.contracts import Budget, DatasetSpec
from a2ibench.recommendation.ranking import CONSISTENCY, SCORE
from a2ibench.reconstruction.options import DEFAULT_METHOD

METRICS = (SCORE, "in_plane_ssim", CONSISTENCY)

TRAINING = 0.45
"""Share of the budget that all trainings have together; the rest is for starting, restoring and scoring."""

_LEAST_TRAINING = 2.0
_LEAST_TIMEOUT = 60.0


@dataclass(frozen=True)
class Trial:
    """What is tried.

    Parameters
    ----------
    dataset : DatasetSpec
        The sample.
    methods : tuple of str
        In the order in which they are tried.
    seconds : float
        Budget.
    profile, device : str
        As of a run.
    folder : Path
        Of the run.
    """

    dataset: DatasetSpec
    methods: tuple[str, ...]
    seconds: float
    profile: str
    device: str
    folder: Path

    @property
    def training(self) -> Budget:
        """Budget of each training: all train equally long."""
        learned = max(1, sum(name != CUBIC for name in self.methods))
        return Budget(seconds=max(_LEAST_TRAINING, round(TRAINING * self.seconds / learned, 1)))

    def plan(self, count: int, timeout: float) -> Plan:
        """Return the run of the first `count` methods, each of which may take `timeout` seconds."""
        return Plan(
            methods=self.methods[:count],
            datasets=(self.dataset,),
            profile=self.profile,
            device=self.device,
            budget=self.training,
            metrics=METRICS,
            timeout=timeout,
            evaluate=("in-plane",),
            controls=False,
            report_planes=0,
        )


def in_order(methods: Sequence[str]) -> tuple[str, ...]:
    """Return methods with the baseline first, then the default method, since time may not suffice for all."""
    first = (CUBIC, DEFAULT_METHOD)
    return tuple(sorted(methods, key=lambda name: first.index(name) if name in first else len(first)))


def carry_out(trial: Trial, *, fresh: bool = False, events: Events | None = None) -> Run:
    """Try one method after another, until all are done or the budget is spent.

    What an earlier call has finished is kept. A method is begun while there is time left, and then stopped
    only if it takes far longer than what is left.

    Parameters
    ----------
    trial : Trial
        What to try.
    fresh : bool
        Start over instead of going on.
    events : Events, optional
        Told how it goes.

    Raises
    ------
    InputError
        If the folder cannot be used.
    KeyboardInterrupt
        After Ctrl-C; finished trials are kept.
    """
    began = time.monotonic()
    for count in range(1, len(trial.methods) + 1):
        left = trial.seconds - (time.monotonic() - began)
        # A baseline and one method are the least that tells anything.
        if left <= 0 and count > min(2, len(trial.methods)):
            break
        plan = trial.plan(count, max(_LEAST_TIMEOUT, left))
        results = benchmark(plan, out=trial.folder, fresh=fresh and count == 1, events=events)
        if results.interrupted:
            raise KeyboardInterrupt
    return read_run(trial.folder)
