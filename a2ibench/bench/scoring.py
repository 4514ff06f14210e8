"""What the metrics make of a reconstruction."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.bench.alignment import find_alignment
from a2ibench.bench.metric_settings import MetricSettings, content_of
from a2ibench.bench.paths import JobFiles
from a2ibench.bench.score import Score
from a2ibench.bench.scores_file import write_scores
from a2ibench.contracts import AxialGrid, Curve, HeldOut, ScoreContext, Simulation, Volume
from a2ibench.errors import A2IBenchError, one_line
from a2ibench.isolation import is_ctrl_c, no_exit
from a2ibench.metrics.axial_power import axial_power
from a2ibench.metrics.planes import slices_kept
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
    curves : dict of dict of Curve
        By metric, and by their names.
    """

    metrics: dict[str, Score] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    slices: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    curves: dict[str, dict[str, Curve]] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Write the values of each slice, and the curves, to scores.npz, if there are any."""
        write_scores(JobFiles(folder).scores, self.slices, self.curves)


_NONE: MetricSettings = MappingProxyType({})


def score(names: tuple[str, ...], context: ScoreContext, settings: MetricSettings = _NONE) -> Scores:
    """Score a reconstruction by every metric that can.

    Parameters
    ----------
    names : tuple of str
        Registered metrics; those that need a reference are left out where there is none.
    context : ScoreContext
        The reconstruction, and all that is known of it.
    settings : mapping
        Of metrics, by metric.
    """
    reference = None if context.reference is None else _locked(context.reference)
    acquired = replace(context.input, data=_locked(np.asarray(context.input.data)))
    labels = None if context.labels is None else _locked(context.labels)
    context = replace(
        context, prediction=_locked(context.prediction), reference=reference, input=acquired, labels=labels
    )
    scores = Scores()
    with slices_kept(context.prediction, reference):
        for name in names:
            try:
                given = settings.get(name, {})
                metric = host().build("metric", name, **given)
                # One that ends the process would cost the whole job.
                with no_exit():
                    measured = measure(metric, name, context)
                told = content_of(given)
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt) and is_ctrl_c():
                    raise
                scores.errors[name] = one_line(error)
                continue
            if measured is not None and not math.isnan(measured.value):
                scores.metrics[name] = Score(measured.value, measured.version, told)
                scores.slices |= {f"{name}.{plane}": values for plane, values in measured.slices.items()}
                if measured.curves:
                    scores.curves[name] = measured.curves
    return scores


def want_labels(names: tuple[str, ...], settings: MetricSettings = _NONE) -> bool:
    """Whether one of the metrics looks at what voxels belong to; those that fail are told of by `score`."""
    for name in names:
        with suppress(A2IBenchError):
            if getattr(host().build("metric", name, **settings.get(name, {})), "uses_labels", False):
                return True
    return False


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
    settings: MetricSettings = _NONE,
    **known: Any,
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
    settings : mapping
        As for `score`.
    **known
        ``labels``, ``held_out``, ``reduced`` and ``disagreement`` of a `ScoreContext`.
    """
    lo, hi = volume.contrast or volume.intensity
    prediction = _within(prediction, volume)
    reference = None if reference is None else _within(reference, volume)
    known |= {
        name: HeldOut(_within(pair.prediction, volume), _within(pair.reference, volume))
        for name, pair in known.items()
        if isinstance(pair, HeldOut)
    }
    made_by = None if simulation is None else described_degradation(simulation)
    within = replace(volume, data=_within(np.asarray(volume.data), volume))
    context = ScoreContext(
        prediction, reference, hi - lo, _spacing(volume), within, volume.ratio, made_by, **known
    )
    return score(metrics, context, settings)


def _within(voxels: NDArray[Any], volume: Volume) -> NDArray[Any]:
    # The intensity range of 8 bits; else the contrast, beyond which a single voxel would outweigh all others.
    levels = volume.contrast or volume.intensity
    if tuple(levels) == tuple(volume.intensity):
        return voxels
    return voxels.clip(*np.array(levels).astype(voxels.dtype))


def _spacing(volume: Volume) -> tuple[float, float, float]:
    _, y, x = volume.voxel_size
    return (y + x) / 2, y, x


def axial_powers(
    prediction: NDArray[Any], reference: NDArray[Any] | None, volume: Volume
) -> dict[str, dict[str, list[float]]]:
    """Return ``axial_power``, what `a2ibench.metrics.axial_power` tells of a reconstruction.

    Parameters
    ----------
    prediction, reference : ndarray, shape (z, y, x)
        As for `score_within`.
    volume : Volume, shape (n_in, y, x)
        The input.

    Returns
    -------
    dict
        Nothing where the volumes are too small or have no power, else ``octaves`` (their centres, cycles/nm),
        ``ratio`` and, where there is one, that of the ``reference``.
    """
    found = axial_power(_within(prediction, volume), _spacing(volume))
    if not found.ratio.size or not np.isfinite(found.ratio).all():
        return {}
    told = {"octaves": found.frequency.tolist(), "ratio": found.ratio.tolist()}
    if reference is not None:
        told["reference"] = axial_power(_within(reference, volume), _spacing(volume)).ratio.tolist()
    return {"axial_power": told}


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
