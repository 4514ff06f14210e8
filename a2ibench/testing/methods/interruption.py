"""Whether a training that is killed goes on, in methods that keep theirs."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

from a2ibench.contracts import Checkpointer
from a2ibench.protocol.checkpointer import TRAINING, FileCheckpointer
from a2ibench.testing.check import CheckFailed, CheckSkipped, rule
from a2ibench.testing.methods.trial import BASE, SPREAD, Run, Trial
from a2ibench.testing.side_effects import global_seed
from a2ibench.testing.volumes import levels_apart, scene


class KilledError(Exception):
    """Stands for the end of the process that trains."""


class _Deadly(FileCheckpointer):
    """Asks for the state of every step, and ends the training with the second."""

    saved = 0

    def save(self, state: Any) -> None:
        super().save(state)
        self.saved += 1
        if self.saved == 2:
            raise KilledError("stop")


@rule(
    "A training that is kept with ctx.checkpointer goes on after an interruption, to the same result",
    "save all that the next step depends on, the states of random generators and the number of the step as "
    "well, and begin with ctx.checkpointer.restore()",
)
def _resumed_training(trial: Trial) -> None:
    run = trial.need(BASE)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, TRAINING)
        deadly = _Deadly(path, 0.0)
        try:
            _fit(trial, deadly)
        except KilledError:
            pass
        else:
            if not deadly.saved:
                raise CheckSkipped("the training is not kept: fit saves nothing with ctx.checkpointer")
        keeper = FileCheckpointer(path, math.inf)
        method = _fit(trial, keeper)
    if not keeper.resumed:
        raise CheckFailed("fit saves its state with ctx.checkpointer, but does not restore it")
    apart = _apart(trial, method, run)
    if apart <= SPREAD[trial.device]:
        return
    if _apart(trial, _fit(trial, None), run) > SPREAD[trial.device]:
        raise CheckSkipped("no two trainings give the same result, see determinism")
    raise CheckFailed(
        f"interrupted and taken up again, the training gives a result {apart:.2g} grey levels from that of "
        "one without interruption"
    )


def _apart(trial: Trial, method: Any, run: Run) -> float:
    volume, _ = scene(BASE.ratio, BASE.shape)
    return levels_apart(trial.reconstruct(method, volume), run.output)


def _fit(trial: Trial, checkpointer: Checkpointer | None) -> Any:
    volume, _ = scene(BASE.ratio, BASE.shape)
    with global_seed(0):
        method = trial.build()
        method.fit(volume, trial.context(BASE.steps, checkpointer=checkpointer))
    return method


RULES = (_resumed_training,)
