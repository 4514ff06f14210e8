"""The scores of single slices, as rows whose mean is the score of the volume."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from a2ibench.bench.score import SCORES

Rows = Mapping[str, NDArray[np.float64]]

AXIAL = ("xz", "yz")
"""Plane families whose slices are compared."""

_AGREE = 1e-4
_DECIBELS = 10 / math.log(10)


def read_slices(folder: Path) -> Rows:
    """Return the values of the axial slices in a job's folder by ``"metric.plane"``.

    Nothing where scores.npz is missing or damaged: a report is made of what there is.
    """
    try:
        with np.load(folder / SCORES, allow_pickle=False) as stored:
            names = [name for name in stored.files if name.rpartition(".")[2] in AXIAL]
            found = {name: np.asarray(stored[name], np.float64) for name in names}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return {}
    return {name: row for name, row in found.items() if row.ndim == 1 and row.size and np.isfinite(row).all()}


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
        As `read_slices` gives it.

    Returns
    -------
    mapping of str to ndarray
        Empty where the slices do not make up the score: there are none, they are of another
        reconstruction, or the metric is no mean over axial slices.
    """
    rows = {plane: stored[name] for plane in AXIAL if (name := f"{metric}.{plane}") in stored}
    if not rows or not math.isfinite(value):
        return {}
    if metric == "psnr":
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
