"""How methods stand beside the baseline and the best of their dataset, by the scores of single slices."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from a2ibench.bench.groups import Group
from a2ibench.bench.record import Record
from a2ibench.bench.run import CUBIC
from a2ibench.bench.scores_file import Rows
from a2ibench.contracts.planes import AXIAL
from a2ibench.registry import host
from a2ibench.statistics import UNKNOWN, Interval, block_half_width, difference_half_width

LEAST_SEEDS = 3
"""Trainings that each of two methods must have before their difference is one of methods."""

_AGREE = 1e-4
POOLED = ("psnr", "in_plane_psnr", "reduced_psnr")
_DECIBELS = 10 / math.log(10)


def shares(metric: str, value: float, stored: Rows) -> Rows:
    """Return by plane family what each slice adds to a metric, as rows around the metric's value.

    The PSNR of a volume is no mean over its slices, but its mean squared error is, in either family. A slice
    of error e adds ``-10 / ln 10 * (e / mean(e) - 1)`` to the PSNR, the first order of what it changes.

    Parameters
    ----------
    metric : str
        Name.
    value : float
        The score of the volume.
    stored : mapping of str to ndarray
        Scores of slices by ``"metric.plane"``.

    Returns
    -------
    mapping of str to ndarray
        Empty where the slices do not make up the score: there are none, they are of another
        reconstruction, or the metric is no mean over axial slices.
    """
    rows = {plane: stored[name] for plane in AXIAL if (name := f"{metric}.{plane}") in stored}
    if not rows or not math.isfinite(value):
        return {}
    if metric in POOLED:
        rows = {plane: _shares_of_psnr(row) for plane, row in rows.items()}
        agree = all(_close(row.mean(), value) for row in rows.values())
    else:
        agree = _close(np.concatenate(list(rows.values())).mean(), value)
    return rows if agree else {}


def _shares_of_psnr(decibels: NDArray[np.float64]) -> NDArray[np.float64]:
    # In units of the squared data range, which all slices and methods of a dataset share.
    errors = 10 ** (-decibels / 10)
    mean = errors.mean()
    return np.asarray(-_DECIBELS * (np.log(mean) + errors / mean - 1))


def _close(mean: np.floating, value: float) -> bool:
    return math.isclose(float(mean), value, rel_tol=_AGREE, abs_tol=1e-9)


@dataclass(frozen=True)
class Repeats:
    """The score of a method on a dataset, seed by seed.

    Parameters
    ----------
    values : tuple of float
        The score of the volume, one for each seed.
    shares : mapping of str to ndarray
        By plane family what each slice adds to the score, the mean over the seeds. Empty where that is not
        known of every seed.
    learned : bool
        Whether each seed is a training, which would give another result than another one's.
    """

    values: tuple[float, ...]
    shares: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    learned: bool = False

    @classmethod
    def of(
        cls,
        values: Sequence[float],
        shares: Sequence[Mapping[str, NDArray[np.float64]]],
        *,
        learned: bool = False,
    ) -> Repeats:
        """Return the repeats of a method.

        Parameters
        ----------
        values : sequence of float
            One for each seed.
        shares : sequence of mapping
            One for each seed: of what each slice adds, by plane family.
        learned : bool
            Whether each seed is a training.
        """
        shapes = {tuple((plane, row.size) for plane, row in rows.items()) for rows in shares}
        if len(shapes) != 1:
            return cls(tuple(values), learned=learned)
        means = {plane: np.mean([rows[plane] for rows in shares], 0) for plane in shares[0]}
        return cls(tuple(values), means, learned)

    @property
    def mean(self) -> float:
        """Mean over the seeds."""
        return math.fsum(self.values) / len(self.values)


def comparable(first: Repeats, second: Repeats) -> bool:
    """Whether a difference tells of two methods, and not only of the trainings at hand.

    Two trainings of one method differ by more than the slices of a volume can tell. So of two methods that
    learn each must have `LEAST_SEEDS`; beside one that does not learn, a training stands for itself.
    """
    return not (first.learned and second.learned) or min(len(first.values), len(second.values)) >= LEAST_SEEDS


def difference(first: Repeats, second: Repeats) -> Interval:
    """Return how much the first is above the second, with its 95 % interval.

    Two half widths are added in squares: that of the slices, for which the wider of the two plane families
    counts, since these are two views of the same voxels; and that of the seeds, of methods with several.

    Parameters
    ----------
    first, second : Repeats
        Of one metric on one dataset.

    Returns
    -------
    Interval
        Without ends where the slices of the two do not correspond or are too few, or the two are not
        `comparable`.
    """
    value = first.mean - second.mean
    if not comparable(first, second):
        return Interval(value)
    slices = _slices_half_width(first, second)
    seeds = difference_half_width(first.values, second.values)
    return Interval.around(value, math.hypot(slices, 0.0 if math.isnan(seeds) else seeds))


def _slices_half_width(first: Repeats, second: Repeats) -> float:
    planes = first.shares.keys()
    if not planes or planes != second.shares.keys():
        return math.nan
    pairs = [(first.shares[plane], second.shares[plane]) for plane in planes]
    if any(one.shape != other.shape for one, other in pairs):
        return math.nan
    # A maximum written so that NaN, an interval that is not known, is never passed over.
    return float(np.max([block_half_width(one - other) for one, other in pairs]))


@dataclass(frozen=True)
class Standing:
    """How the score of a method compares.

    Parameters
    ----------
    gain : Interval
        Above the baseline.
    lead : Interval
        Above the best of the dataset.
    best : str
        The method with the best mean of the dataset; empty where there is none, and where it is not
        `comparable` with another.
    """

    gain: Interval = UNKNOWN
    lead: Interval = UNKNOWN
    best: str = ""


Standings = Mapping[tuple[str, str], Mapping[str, Standing]]
"""By dataset and method, then by metric."""


def standings(group: Group, slices_of: Callable[[Record], Rows]) -> Standings:
    """Compare the methods of every dataset by each metric.

    Parameters
    ----------
    group : Group
        Records that may be compared.
    slices_of : callable
        Returns the scores of the slices of a record's job; where there are none, values have no intervals.
    """
    found: dict[tuple[str, str], dict[str, Standing]] = {}
    for dataset, metric, known, pretrained in _scored(group, slices_of):
        for method, standing in _stand(metric, known, pretrained).items():
            found.setdefault((dataset, method), {})[metric] = standing
    return found


def gains(
    group: Group, slices_of: Callable[[Record], Rows]
) -> Mapping[tuple[str, str], Mapping[str, Interval]]:
    """Return how much each method is above the baseline, by dataset and method, then by metric.

    That is the ``gain`` of its `Standing`, for which no plugin has to say which values are better.

    Parameters
    ----------
    group, slices_of
        As for `standings`.
    """
    found: dict[tuple[str, str], dict[str, Interval]] = {}
    for dataset, metric, known, _ in _scored(group, slices_of):
        for method in known:
            found.setdefault((dataset, method), {})[metric] = _beside(method, CUBIC, known)
    return found


def _scored(
    group: Group, slices_of: Callable[[Record], Rows]
) -> Iterator[tuple[str, str, Mapping[str, Repeats], Collection[str]]]:
    """Yield dataset, metric, the repeats by method, and the methods that have seen other volumes."""
    jobs: dict[str, dict[str, list[tuple[Record, Rows]]]] = {}
    for record in group.records:
        if record.ok:
            jobs.setdefault(record.dataset, {}).setdefault(record.method, []).append(
                (record, slices_of(record))
            )
    for dataset, methods in jobs.items():
        pretrained = {
            name for name, scored in methods.items() if any(record.pretrained for record, _ in scored)
        }
        for metric in group.versions:
            known = {
                method: repeats for method, scored in methods.items() if (repeats := _repeats(metric, scored))
            }
            yield dataset, metric, known, pretrained


def _repeats(metric: str, jobs: list[tuple[Record, Rows]]) -> Repeats | None:
    scored = [(record.metrics[metric].value, rows) for record, rows in jobs if metric in record.metrics]
    if not scored:
        return None
    return Repeats.of(
        [value for value, _ in scored],
        [shares(metric, value, rows) for value, rows in scored],
        learned=any(record.learned for record, _ in jobs),
    )


def _stand(metric: str, known: Mapping[str, Repeats], pretrained: Collection[str]) -> dict[str, Standing]:
    # What has seen other volumes has a gain, and no rank among those that have not.
    ranked = {method: repeats for method, repeats in known.items() if method not in pretrained}
    best = _best(ranked, host().ranked_upwards(metric))
    return {
        method: Standing(
            _beside(method, CUBIC, known),
            _beside(method, best, ranked) if method in ranked else UNKNOWN,
            best if method in ranked else "",
        )
        for method in known
    }


def _best(known: Mapping[str, Repeats], higher: bool | None) -> str:
    means = {method: repeats.mean for method, repeats in known.items() if not math.isnan(repeats.mean)}
    if not means or higher is None:
        return ""
    best = (max if higher else min)(means, key=lambda method: means[method])
    others = (known[method] for method in means if method != best)
    return best if all(comparable(known[best], other) for other in others) else ""


def _beside(method: str, other: str, known: Mapping[str, Repeats]) -> Interval:
    if other not in known:
        return UNKNOWN
    if method == other:
        return Interval(0.0)
    return difference(known[method], known[other])
