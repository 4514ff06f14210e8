"""Volumes in: a finished reconstruction, read and checked against the grid of its dataset."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.bench.alignment import Alignment, find_alignment
from a2ibench.bench.handed import Handed
from a2ibench.bench.volume_options import as_array
from a2ibench.contracts import Volume, same_spacing
from a2ibench.data.checksums import content_sha256
from a2ibench.errors import InputError, OptionError, printable
from a2ibench.protocol.intensity import normalise, quantise
from a2ibench.protocol.resample import interpolate

_logger = logging.getLogger(__name__)

_OUTSIDE = 0.01
_CONTRAST = 5.0
_AXES = "zyx"


@dataclass(frozen=True)
class Finished:
    """A finished volume as it was read.

    Parameters
    ----------
    data : ndarray, shape (z, y, x)
        Its grey levels.
    name : str
        Of its file, or of the volume.
    voxel_size : tuple of float or None
        (z, y, x) in nm, where it is stated.
    sha256 : str or None
        Checksum of its file or folder; None of an array.
    """

    data: NDArray[Any]
    name: str
    voxel_size: tuple[float, float, float] | None
    sha256: str | None


def read_finished(volume: Any, key: str | None = None, level: int | None = None) -> Finished:
    """Read a volume from its file, or take one that is in memory.

    Raises
    ------
    InputError
        If it cannot be read, or is none.
    """
    if isinstance(volume, Volume):
        return Finished(as_array(volume.data), volume.name, volume.voxel_size, None)
    if not isinstance(volume, str | Path):
        return Finished(as_array(volume), "an array", None, None)
    from a2ibench.data.formats import open_lazy

    with open_lazy(volume, key=key, level=level) as lazy:
        data, spacing = lazy[:, :, :], lazy.voxel_size
    path = Path(volume)
    return Finished(data, path.name, spacing, content_sha256(path) if path.exists() else None)


def fitted(finished: Finished, handed: Handed) -> NDArray[Any]:
    """Return the grey levels of a volume as those of methods are stored: clipped, and of the input's dtype.

    Parameters
    ----------
    finished : Finished
        The volume.
    handed : Handed
        Its dataset.

    Returns
    -------
    ndarray, shape (z, y, x)
        Of the input's dtype.

    Raises
    ------
    InputError
        If shape, voxel size or grey levels are not those of a reconstruction of the dataset.
    """
    _check_shape(finished, handed)
    _check_voxel_size(finished, handed)
    _check_levels(finished, handed.volume)
    # The way that a method's result goes, so that the same voxels have the same scores to the last digit.
    return quantise(normalise(finished.data, handed.volume), handed.volume)


def check_alignment(finished: Finished, data: NDArray[Any], handed: Handed, *, allow: bool) -> Alignment:
    """Check that a volume lies on its dataset's grid: not shifted, stretched, flipped or of another volume.

    It is held against the reference or, where there is none, against the cubic interpolation of the input.

    Parameters
    ----------
    finished : Finished
        The volume.
    data : ndarray, shape (z, y, x)
        As `fitted` returns it.
    handed : Handed
        Its dataset.
    allow : bool
        Only say what is wrong.

    Raises
    ------
    OptionError
        If it does not; says by how much, and what was likely meant.
    """
    if handed.reference is not None:
        truth = handed.reference.data
    else:
        truth = interpolate(handed.volume.data, handed.grid)
    found = find_alignment(data, truth)
    problem = found.problem(handed.volume.ratio)
    if problem is None:
        return found
    if not allow:
        raise OptionError(
            "{name}: beside the {what}, {problem}. Mend it, or add {allow_shift:True} to score it as it is",
            name=printable(finished.name),
            what="reference" if handed.reference is not None else "interpolated input",
            problem=problem,
        )
    _logger.warning("%s: %s; scored as it is", printable(finished.name), problem)
    return found


def _check_shape(finished: Finished, handed: Handed) -> None:
    shape, wanted = finished.data.shape, handed.shape
    if shape == wanted:
        return
    n_in, ratio = handed.volume.shape[0], handed.volume.ratio
    hint = f"a reconstruction of {n_in} input slices at ratio {ratio:g} has {wanted[0]} (rounded)"
    if shape == handed.volume.shape:
        hint = "that is the input, before reconstruction"
    elif shape[1:] == wanted[1:] and abs(shape[0] - wanted[0]) <= max(2.0, ratio):
        hint += f", so {abs(shape[0] - wanted[0])} {'more' if shape[0] < wanted[0] else 'fewer'}"
    else:
        orders = [order for order in permutations(range(3)) if tuple(wanted[i] for i in order) == shape]
        if orders:
            hint = f"are its axes ({', '.join(_AXES[i] for i in orders[0])})? Write them as (z, y, x)"
    raise InputError(f"{printable(finished.name)}: shape is {shape}, not {wanted} (z, y, x): {hint}")


def _check_voxel_size(finished: Finished, handed: Handed) -> None:
    stated, wanted = finished.voxel_size, handed.voxel_size
    if stated is None or all(same_spacing(a, b) for a, b in zip(stated, wanted, strict=True)):
        return
    given = ", ".join(f"{size:g}" for size in stated)
    hint = "; that is the input's" if _same(stated, handed.volume.voxel_size) else ""
    raise InputError(
        f"{printable(finished.name)}: voxel size is ({given}) nm, not {wanted[0]:g} along (z, y, x){hint}; "
        "write it with its own, or with none"
    )


def _same(first: tuple[float, float, float], second: tuple[float, float, float]) -> bool:
    return all(same_spacing(a, b) for a, b in zip(first, second, strict=True))


def _check_levels(finished: Finished, volume: Volume) -> None:
    name, data, (lo, hi) = printable(finished.name), finished.data, volume.intensity
    if data.dtype.kind == "f" and not np.isfinite(data).all():
        raise InputError(f"{name}: holds NaN or infinite voxels; give a grey level to each")
    outside = float(np.mean((data < lo - 0.5) | (data > hi + 0.5)))
    if outside > _OUTSIDE and np.dtype(volume.data.dtype).kind != "f":
        raise InputError(
            f"{name}: {outside:.0%} of its voxels lie outside [{lo:g}, {hi:g}], the grey levels of the "
            "dataset; write them as the input has them"
        )
    here, there = (np.quantile(_sample(array), (0.01, 0.99)) for array in (data, volume.data))
    widths = float(here[1] - here[0]), float(there[1] - there[0])
    if not widths[1] / _CONTRAST <= widths[0] <= widths[1] * _CONTRAST:
        raise InputError(
            f"{name}: most of its grey levels lie in [{here[0]:.4g}, {here[1]:.4g}], and those of the input "
            f"in [{there[0]:.4g}, {there[1]:.4g}]; write grey levels as the input has them"
        )


def _sample(data: NDArray[Any]) -> NDArray[Any]:
    step = max(1, data.size >> 20)
    return np.ascontiguousarray(data).reshape(-1)[::step]
