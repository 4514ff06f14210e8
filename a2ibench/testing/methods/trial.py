"""Trainings and reconstructions that the checks of one method share."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.contracts import AxialGrid, Budget, Checkpointer, Context, Method, Progress, Volume, silent
from a2ibench.protocol.profiles import PROFILES
from a2ibench.registry import host
from a2ibench.testing.check import CheckFailed, CheckSkipped
from a2ibench.testing.description import Registration
from a2ibench.testing.side_effects import global_seed
from a2ibench.testing.volumes import Floats, best_orientation, digest, scene

PROFILE = PROFILES["smoke"]
LONGER = 200
SPREAD: Mapping[str, float] = {"cpu": 0.0, "cuda": 0.5}
"""Grey levels of 255 between results that are the same; a GPU adds in another order each time."""
ALIKE = 0.9
"""Correlation with the truth from which on a result is taken to be a picture of it."""


@dataclass(frozen=True)
class Case:
    """A volume to train on and to reconstruct.

    Parameters
    ----------
    owner : str
        The check that fails where this fails; others that need it are skipped then.
    ratio : float
        Axial over lateral spacing.
    shape : tuple of int
        Voxels (n_in, y, x).
    steps : int
        Budget of the training.
    """

    owner: str
    ratio: float
    shape: tuple[int, int, int]
    steps: int = 4

    def __str__(self) -> str:
        return f"{self.shape[0]} x {self.shape[1]} x {self.shape[2]} voxels at ratio {self.ratio:.4g}"


BASE = Case("shape-and-dtype", 3.0, (8, 40, 40))
FRACTIONAL = Case("non-integer-ratios", 10 / 3, (9, 40, 40), steps=24)


@dataclass(frozen=True)
class Report:
    """One call of ``ctx.progress``."""

    phase: Any
    done: Any
    total: Any
    values: dict[str, Any]


@dataclass
class Run:
    """A training and a reconstruction, and what was seen of them."""

    case: Case
    method: Method
    output: Floats = field(default_factory=lambda: np.zeros((0, 0, 0), np.float32))
    returned: Any = None
    fit_reports: list[Report] = field(default_factory=list)
    reconstruct_reports: list[Report] = field(default_factory=list)
    altered_by: list[str] = field(default_factory=list)

    @property
    def truth(self) -> Floats:
        """The isotropic volume that the input was made from."""
        return scene(self.case.ratio, self.case.shape)[1]


def recorder(reports: list[Report]) -> Progress:
    """Return a progress that notes each call."""

    def progress(phase: str, done: float, total: float, **values: float) -> None:
        reports.append(Report(phase, done, total, values))

    return progress


@dataclass
class Trial(Registration):
    """One method on trial; what it trained is kept for the next check."""

    runs: dict[Case, Run | BaseException] = field(default_factory=dict, repr=False)

    def build(self) -> Any:
        """Return a new method with its default settings."""
        return host().build("method", self.spec.name)

    def context(
        self,
        budget: Budget | int = 4,
        progress: Progress = silent,
        device: str | None = None,
        seed: int = 0,
        checkpointer: Checkpointer | None = None,
    ) -> Context:
        """Return the context of a training, or of a reconstruction, in full precision."""
        return Context(
            seed=seed,
            device=device or self.device,
            precision="fp32",
            size=PROFILE.size,
            budget=Budget(steps=budget) if isinstance(budget, int) else budget,
            batch=PROFILE.batch,
            patch=PROFILE.patch,
            progress=progress,
            checkpointer=checkpointer,
        )

    def attempt(self, case: Case) -> Run:
        """Train and reconstruct, or return what came of it before.

        Raises
        ------
        CheckFailed
            If the result has another shape or holds values that are not finite.
        CheckSkipped
            If the method says that it does not do such volumes.
        """
        if case not in self.runs:
            try:
                self.runs[case] = self.run(case)
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                self.runs[case] = error
        run = self.runs[case]
        if isinstance(run, BaseException):
            raise run
        return run

    def need(self, case: Case) -> Run:
        """Return what `attempt` returns, and skip the check that asks where that failed."""
        try:
            return self.attempt(case)
        except (CheckSkipped, KeyboardInterrupt):
            raise
        except BaseException as error:
            raise CheckSkipped(f"needs a reconstruction of {case}, see {case.owner}") from error

    def picture(self, case: Case) -> Run:
        """Return a run whose result looks like the truth, after a longer training where it needs one."""
        run = self.need(case)
        if best_orientation(run.output, run.truth)[1] < ALIKE and self.learns(run):
            run = self.need(replace(case, steps=LONGER))
        return run

    def learns(self, run: Run) -> bool:
        """Whether the method keeps anything of its training, or cannot tell."""
        with tempfile.TemporaryDirectory() as folder:
            try:
                run.method.save(Path(folder))
            except Exception:
                return True
            return any(Path(folder).iterdir())

    def run(self, case: Case, global_random_seed: int = 0) -> Run:
        """Train a new method and reconstruct the volume that it was trained on."""
        volume, _ = scene(case.ratio, case.shape)
        with global_seed(global_random_seed):
            method = self.build()
            reason = method.skip(volume) if hasattr(method, "skip") else None
            if reason is not None:
                raise CheckSkipped(f"the method skips {case}: {reason}")
            run = Run(case, method)
            before = digest(volume.data)
            method.fit(volume, self.context(case.steps, recorder(run.fit_reports)))
            if digest(volume.data) != before:
                run.altered_by.append("fit")
                volume, _ = scene(case.ratio, case.shape)
            ctx = self.context(case.steps, recorder(run.reconstruct_reports))
            run.returned = method.reconstruct(volume, grid_of(volume), ctx)
            if digest(volume.data) != before:
                run.altered_by.append("reconstruct")
        run.output = checked(run.returned, volume, case)
        return run

    def reconstruct(self, method: Any, volume: Volume, device: str | None = None) -> Floats:
        """Return what a trained method makes of a volume."""
        result = method.reconstruct(volume, grid_of(volume), self.context(device=device))
        return checked(result, volume)


def grid_of(volume: Volume) -> AxialGrid:
    """Return the grid of a whole volume."""
    return AxialGrid(volume.shape[0], volume.ratio)


def checked(result: Any, volume: Volume, case: Case | None = None) -> Floats:
    """Return a result as float32, once its shape is known to be right and its values to be finite."""
    wanted = (grid_of(volume).n_out, *volume.shape[1:])
    array: NDArray[Any] = np.asarray(result)
    where = case or f"{volume.name} of {volume.shape}"
    if array.shape != wanted:
        raise CheckFailed(
            f"reconstruct returned shape {array.shape} for {where}; (grid.n_out, y, x) is {wanted}"
        )
    lost = int(np.count_nonzero(~np.isfinite(array)))
    if lost:
        raise CheckFailed(f"reconstruct returned {lost} values that are NaN or infinite for {where}")
    return array.astype(np.float32)
