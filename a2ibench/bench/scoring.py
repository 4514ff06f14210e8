"""What the metrics make of a reconstruction."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.bench.alignment import find_alignment
from a2ibench.bench.paths import JobFiles
from a2ibench.bench.record import Score
from a2ibench.contracts import AxialGrid, ScoreContext, Simulation, Volume
from a2ibench.errors import one_line
from a2ibench.isolation import is_ctrl_c, no_exit
from a2ibench.protocol.profiles import described_degradation
from a2ibench.protocol.resample import interpolate
from a2ibench.registry import host
from a2ibench.registry.validation import measure


@dataclass
class Scores:
    """What the metrics gave.

    Parameters
    ----------
    metrics : dict of Score
        By metric; absent where it is not defined or failed.
    errors : dict of str
        One line by metric that failed.
    slices : dict of ndarray of float32
        Values of each slice by ``"metric.plane"``.
    """

    metrics: dict[str, Score] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    slices: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Write the values of each slice to scores.npz, if there are any."""
        if self.slices:
            np.savez_compressed(JobFiles(folder).scores, **self.slices)  # type: ignore[arg-type]


def score(names: tuple[str, ...], context: ScoreContext) -> Scores:
    """Score a reconstruction by every metric that can.

    Parameters
    ----------
    names : tuple of str
        Registered metrics; those that need a reference are left out where there is none.
    context : ScoreContext
        The reconstruction, and all that is known of it.
    """
    reference = None if context.reference is None else _locked(context.reference)
    acquired = replace(context.input, data=_locked(np.asarray(context.input.data)))
    context = replace(context, prediction=_locked(context.prediction), reference=reference, input=acquired)
    scores = Scores()
    for name in names:
        try:
            metric = host().build("metric", name)
            # One that ends the process would cost the whole job.
            with no_exit():
                measured = measure(metric, name, context)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) and is_ctrl_c():
                raise
            scores.errors[name] = one_line(error)
            continue
        if measured is not None and not math.isnan(measured.value):
            scores.metrics[name] = Score(measured.value, measured.version)
            scores.slices |= {f"{name}.{plane}": values for plane, values in measured.slices.items()}
    return scores


def _locked(array: NDArray[Any]) -> NDArray[Any]:
    view = array.view()
    view.flags.writeable = False
    return view


def score_within(
    metrics: tuple[str, ...],
    prediction: NDArray[Any],
    reference: NDArray[Any] | None,
    volume: Volume,
    simulation: Simulation | None = None,
) -> Scores:
    """Score a reconstruction within the grey levels that count.

    Parameters
    ----------
    metrics : tuple of str
        As for `score`.
    prediction, reference : ndarray, shape (z, y, x)
        As for `score`.
    volume : Volume, shape (n_in, y, x)
        The input, whose intensity range or, of other than 8 bits, contrast counts.
    simulation : Simulation, optional
        How the input was made.
    """
    # The intensity range of 8 bits; else the contrast, beyond which a single voxel would outweigh all others.
    lo, hi = volume.contrast or volume.intensity
    if (lo, hi) != tuple(volume.intensity):
        bounds = np.array([lo, hi]).astype(prediction.dtype)
        prediction = prediction.clip(*bounds)
        reference = None if reference is None else reference.clip(*bounds)
        volume = replace(volume, data=np.asarray(volume.data).clip(*bounds))
    _, y, x = volume.voxel_size
    made_by = None if simulation is None else described_degradation(simulation)
    return score(
        metrics,
        ScoreContext(prediction, reference, hi - lo, ((y + x) / 2, y, x), volume, volume.ratio, made_by),
    )


def misalignment(prediction: NDArray[Any], reference: NDArray[Any] | None, volume: Volume) -> dict[str, str]:
    """Return ``misaligned``, how a reconstruction lies off its grid, in one line; nothing where it does not.

    Parameters
    ----------
    prediction, reference : ndarray, shape (z, y, x)
        As for `score_within`.
    volume : Volume, shape (n_in, y, x)
        The input; without a reference the prediction is held against its cubic interpolation.
    """
    truth = reference
    if truth is None:
        truth = interpolate(volume.data, AxialGrid(volume.shape[0], volume.ratio))
    problem = find_alignment(prediction, truth).problem(volume.ratio)
    return {} if problem is None else {"misaligned": problem}
