"""Whether a reconstruction is segmented as the truth is: variation of information, and adapted Rand error.

One fixed segmenter, `a2ibench.metrics.segmenter`, segments the reconstruction. The truth is the labels of the
dataset where it has any, else what the same segmenter makes of the reference. Both are cropped to the
central `SIDE` voxels along each axis.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.contracts import ScoreContext
from a2ibench.errors import InputError
from a2ibench.metrics.planes import check, once_a_context
from a2ibench.metrics.segmenter import Segments, segment

SIDE = 192
"""Most voxels along an axis that are segmented, the central ones."""
LEAST = 16
"""Voxels along each axis below which neither metric is defined."""
_PERCENTILES = (1.0, 99.0)


@dataclass(frozen=True)
class Agreement:
    """How far a segmentation is from the truth.

    Parameters
    ----------
    voi : float
        Variation of information: the sum of both conditional entropies, in bits, 0 for the same segments
        (Meilă, Journal of Multivariate Analysis 98(5):873-895, 2007).
    arand : float
        Adapted Rand error: 1 less the F-score of pairs of voxels, 0 for the same segments, at most 1
        (Arganda-Carreras et al., Frontiers in Neuroanatomy 9:142, 2015).
    """

    voi: float
    arand: float


UNDEFINED = Agreement(math.nan, math.nan)


def agreement_of(truth: NDArray[Any], segments: NDArray[Any]) -> Agreement:
    """Compare a segmentation with the truth, where the truth is not 0.

    Parameters
    ----------
    truth, segments : ndarray of int, shape (z, y, x)
        Segments; voxels that are 0 in `truth`, background or membrane, are left out of both.

    Returns
    -------
    Agreement
        NaN where fewer than two voxels are left.
    """
    if np.count_nonzero(truth) < 2:
        return UNDEFINED
    from skimage import metrics

    # Without annotations there; a call would be one of an untyped function.
    compare: Any = metrics

    # Their tables are as large as the largest number.
    truth, segments = _renumbered(truth), _renumbered(segments)
    voi = compare.variation_of_information(truth, segments, ignore_labels=(0,)).sum()
    arand = compare.adapted_rand_error(truth, segments, ignore_labels=(0,))[0]
    # Of the same segments they are 0, but for the last bits of floating point.
    return Agreement(abs(round(float(voi), 12)), abs(round(float(arand), 12)))


def pieces(labels: NDArray[Any]) -> Segments:
    """Return the connected parts of labels, numbered from 1, and 0 where they are 0.

    Two stretches of a cell that meet outside the volume cannot be known to be one.

    Parameters
    ----------
    labels : ndarray of int, shape (z, y, x)
        Voxels that share a face and a number are connected.
    """
    from skimage import measure

    # Without annotations there; a call would be one of an untyped function.
    connect: Any = measure.label
    found: NDArray[Any] = connect(_renumbered(labels), background=0, connectivity=1)
    return found.astype(np.int32)


def _renumbered(labels: NDArray[Any]) -> Segments:
    """Return the numbers of labels as they rank, 0 staying 0."""
    values, ranks = np.unique(labels, return_inverse=True)
    return np.asarray(ranks.reshape(labels.shape) + int(values[0] != 0), np.int32)


def contrast_of(volume: NDArray[Any]) -> float:
    """Return the grey levels between the 1st and the 99th percentile."""
    low, high = np.percentile(volume, _PERCENTILES)
    return float(high - low)


@once_a_context
def agreement(context: ScoreContext) -> Agreement:
    """Segment a reconstruction, and say how far that is from the truth.

    Strengths of membranes are shares of the contrast of the reference, for the reconstruction, too: what a
    method has blurred away is not scaled up again.

    Parameters
    ----------
    context : ScoreContext
        The reconstruction, and the reference or the labels.

    Returns
    -------
    Agreement
        NaN where an axis has fewer than `LEAST` voxels, the reference is flat, or there are no labels within
        the crop.

    Raises
    ------
    InputError
        If prediction and reference cannot be compared, or the labels have another shape.
    """
    reference, labels = check(context.prediction, context.reference, context.data_range), context.labels
    if labels is not None and labels.shape != reference.shape:
        raise InputError(
            f"metric: labels are {labels.shape} and reference {reference.shape}; give labels of its shape"
        )
    inside = tuple(slice((n - min(n, SIDE)) // 2, (n + min(n, SIDE)) // 2) for n in reference.shape)
    reference, prediction = reference[inside], context.prediction[inside]
    contrast = contrast_of(reference)
    if min(reference.shape) < LEAST or contrast <= 0:
        return UNDEFINED
    voxel_size = context.voxel_size[2]
    if labels is None:
        truth = segment(reference, voxel_size, contrast)
    else:
        truth = pieces(labels[inside])
        if not truth.any():
            return UNDEFINED
    return agreement_of(truth, segment(prediction, voxel_size, contrast))


class VOI:
    """Variation of information of the segmentations, in bits."""

    name = "voi"
    version = 1
    higher_is_better = False
    needs_reference = True
    uses_labels = True

    def score(self, context: ScoreContext) -> float:
        """Return ``agreement(context).voi``."""
        return agreement(context).voi


class ARand:
    """Adapted Rand error of the segmentations."""

    name = "arand"
    version = 1
    higher_is_better = False
    needs_reference = True
    uses_labels = True

    def score(self, context: ScoreContext) -> float:
        """Return ``agreement(context).arand``."""
        return agreement(context).arand
