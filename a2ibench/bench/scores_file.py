"""scores.npz of a job: the scores of single slices, and the curves that values of metrics are read off."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from a2ibench.bench.paths import JobFiles
from a2ibench.contracts import Curve
from a2ibench.contracts.planes import AXIAL

Rows = Mapping[str, NDArray[np.float64]]
Curves = Mapping[str, Mapping[str, Curve]]
"""By metric, and by the name of the curve."""

_X, _Y = "x", "y"


@dataclass(frozen=True, eq=False)
class StoredScores:
    """What scores.npz holds beside the values of the metrics, each part read when it is asked for.

    Nothing where the file is damaged: a report is made of what there is.

    Parameters
    ----------
    content : bytes
        Of the file; none of a job that has left no such file.
    """

    content: bytes = field(default=b"", repr=False)

    @cached_property
    def slices(self) -> Rows:
        """Scores of the axial slices by ``"metric.plane"``, shape (slices,), all of them finite."""
        return {name: row for name, row in _rows(self.content, AXIAL).items() if np.isfinite(row).all()}

    @cached_property
    def curves(self) -> Curves:
        """Curves by metric and name, as ``["fsc_axial"]["axial"]``; jobs of older releases have none."""
        found: dict[str, dict[str, Curve]] = {}
        for metric, name, curve in _curves(_rows(self.content, (_X, _Y))):
            found.setdefault(metric, {})[name] = curve
        return found


def write_scores(file: Path, slices: Mapping[str, NDArray[np.float32]], curves: Curves) -> None:
    """Write scores.npz, if there is anything to write.

    Parameters
    ----------
    file : Path
        Where to.
    slices : mapping of str to ndarray
        Scores of slices by ``"metric.plane"``.
    curves : mapping of str to mapping of str to Curve
        By metric and name. They become ``"metric.name.x"``, float64, and ``"metric.name.y"``, float32: each
        array has one axis and holds numbers, so that bundles of this and of older releases take them.
    """
    arrays: dict[str, NDArray[np.floating]] = dict(slices)
    for metric, found in curves.items():
        for name, curve in found.items():
            arrays[f"{metric}.{name}.{_X}"] = curve.x
            arrays[f"{metric}.{name}.{_Y}"] = curve.y.astype(np.float32)
    if arrays:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def _rows(content: bytes, last: Container[str]) -> Rows:
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            wanted = (name for name in stored.files if name.rpartition(".")[2] in last)
            found = {name: np.asarray(stored[name], np.float64) for name in wanted}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return {}
    return {name: row for name, row in found.items() if row.ndim == 1 and row.size}


def _curves(rows: Rows) -> Iterator[tuple[str, str, Curve]]:
    for name, x in rows.items():
        line, _, axis = name.rpartition(".")
        y = rows.get(f"{line}.{_Y}")
        if axis != _X or y is None or x.shape != y.shape:
            continue
        # Whoever edits a file is not to spoil a report.
        if np.isfinite(x).all() and (np.diff(x) > 0).all():
            metric, _, own = line.rpartition(".")
            yield metric, own, Curve(x, y)


def read_slices(folder: Path) -> Rows:
    """Return the scores of the axial slices in a job's folder by ``"metric.plane"``, if there are any."""
    try:
        return StoredScores(JobFiles(folder).scores.read_bytes()).slices
    except OSError:
        return {}
