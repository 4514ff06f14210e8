"""The map of structural similarity (Wang et al., 2004), and its mean over each plane of a volume.

Gaussian window of sigma 1.5 voxels and 11 taps, K1 = 0.01, K2 = 0.03, population covariance.

The moments within a window are those of the sum s and the difference d of the two volumes, four filters in
place of five. With E the weighted mean, ``2 mu_p mu_r = (E[s]^2 - E[d]^2) / 2`` and ``mu_p^2 + mu_r^2 =
(E[s]^2 + E[d]^2) / 2``; covariance and variances are made of ``E[s^2] - E[s]^2`` and ``E[d^2] - E[d]^2``
likewise. These are small differences of large numbers where a window is flat. In single precision, twice as
fast, they keep six decimals of the similarity where intensities stay near their block's mean, as those of
images do; other blocks take double precision.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.metrics.planes import Floats, sum_blocks

RADIUS = 5
_BORDER = 2 * RADIUS
_SIGMA, _K1, _K2 = 1.5, 0.01, 0.03
_TAPS = np.exp(-0.5 * (np.arange(-RADIUS, RADIUS + 1) / _SIGMA) ** 2)
_TAPS /= _TAPS.sum()
# Filters are products with a banded matrix; a wider one would hold more zeros.
_WIDTH = 8
_BAND = np.array([np.pad(_TAPS, (row, _WIDTH - 1 - row)) for row in range(_WIDTH)])
_BANDS = {kind: (_BAND.astype(kind), _BAND.T.astype(kind, "C")) for kind in ("float32", "float64")}
# Working arrays that fit into a processor's cache.
_BLOCK = (32, 64, 128)
_SLICES = 8
_ROWS = 8
# Where single precision does: in data ranges, the spread of a block's intensities, the standard deviation of
# their sums, the root mean square of their differences, and their distance from zero.
_MOST_SPREAD, _MOST_DEVIATION, _MOST_ERROR, _FARTHEST = 1.5, 0.6, 0.1, 1e3

Axes = tuple[int, ...]
Fields = NDArray[np.floating[Any]]


def plane_means(
    prediction: NDArray[Any], reference: NDArray[Any], data_range: float, windows: Sequence[Axes]
) -> list[Floats]:
    """Return the mean SSIM of every plane, for each of some windows, without the border they cannot cover.

    Parameters
    ----------
    prediction, reference : ndarray, shape (z, y, x)
        Volumes of one shape, of any real dtype.
    data_range : float
        Width of the intensity range, in grey levels.
    windows : sequence of tuple of int
        The axes of (z, y, x) that each window extends along, 11 voxels long or longer: (1, 2), (0, 2) or
        (0, 1) for the slices of a plane family, (0, 1, 2) for a 3D window. All of them extend along z, or
        none: the filter along z is computed once.

    Returns
    -------
    list of ndarray, shape (planes,)
        The planes are stacked along the axis that the window leaves out, and along z with a 3D window.
    """
    if not windows:
        return []
    halo = [_BORDER * any(axis in axes for axes in windows) for axis in range(3)]
    reach = [n - _BORDER * all(axis in axes for axes in windows) for axis, n in enumerate(prediction.shape)]

    def part(place: tuple[slice, ...]) -> list[Floats]:
        # Every block carries the voxels that its windows need; numpy cuts those past the end.
        block = tuple(slice(at.start, at.stop + more) for at, more in zip(place, halo, strict=True))
        steps = [at.stop - at.start for at in place]
        return _block_sums(prediction[block], reference[block], data_range, windows, steps)

    means = sum_blocks(part, reach, _BLOCK, [_normal(axes) for axes in windows])
    for mean, axes in zip(means, windows, strict=True):
        inner = [n - _BORDER * (axis in axes) for axis, n in enumerate(prediction.shape)]
        mean *= inner[_normal(axes)] / math.prod(inner)
    return means


def _normal(axes: Axes) -> int:
    return next((axis for axis in range(3) if axis not in axes), 0)


def _block_sums(
    prediction: NDArray[Any],
    reference: NDArray[Any],
    data_range: float,
    windows: Sequence[Axes],
    steps: Sequence[int],
) -> list[Floats]:
    """Return for each window the sum of the map over each plane of a block of at most `steps` voxels."""
    # Variances do not depend on it, and keep their digits where the intensities are far from zero.
    offset = float(sum(v[::4, ::4, ::4].mean(dtype=np.float64) for v in (prediction, reference)))
    single = _keeps_digits(prediction, reference, data_range)
    kind = np.float32 if single else np.float64
    smoothed = _smoothed_along_z(prediction, reference, offset, data_range, 0 in windows[0], kind)
    found = []
    for axes in windows:
        _, *cut = (slice(None) if axis in axes else slice(steps[axis]) for axis in range(3))
        normal = _normal(axes)
        sums = []
        for start in range(0, smoothed.shape[1], _SLICES):
            moments = smoothed[:, start : start + _SLICES, *cut]
            for axis in axes:
                moments = _smooth(moments, axis) if axis else moments
            values = _similarity(moments, offset, data_range)
            across = tuple(axis for axis in range(3) if axis != normal)
            sums.append(values.sum(axis=across, dtype=np.float64))
        found.append(np.concatenate(sums) if normal == 0 else np.sum(sums, axis=0))
    return found


def _keeps_digits(prediction: NDArray[Any], reference: NDArray[Any], data_range: float) -> bool:
    """Whether single precision keeps six decimals of the similarity of a block."""
    low = min(float(prediction.min()), float(reference.min()))
    high = max(float(prediction.max()), float(reference.max()))
    p, r = (volume[::4, ::4, ::4].astype(np.float64) for volume in (prediction, reference))
    return (
        high - low <= _MOST_SPREAD * data_range
        and max(-low, high) <= _FARTHEST * data_range
        and float((p + r).std()) <= _MOST_DEVIATION * data_range
        and math.sqrt(float(((p - r) ** 2).mean())) <= _MOST_ERROR * data_range
    )


def _smoothed_along_z(
    prediction: NDArray[Any],
    reference: NDArray[Any],
    offset: float,
    data_range: float,
    smooth: bool,
    kind: type[np.floating[Any]],
) -> Fields:
    """Return s less an offset, d, ``s^2 + 2 C2`` and d^2, filtered along z or as they are."""
    z, y, x = prediction.shape
    smoothed = np.empty((4, z - _BORDER * smooth, y, x), kind)
    for start in range(0, y, _ROWS):
        rows = slice(start, start + _ROWS)
        p, r = prediction[:, rows].astype(kind), reference[:, rows].astype(kind)
        fields = np.empty((4, *p.shape), kind) if smooth else smoothed[:, :, rows]
        s, d, s_squared, d_squared = fields
        np.add(p, r, out=s)
        np.subtract(p, r, out=d)
        s -= offset
        np.multiply(s, s, out=s_squared)
        s_squared += 2 * (_K2 * data_range) ** 2
        np.multiply(d, d, out=d_squared)
        if smooth:
            _smooth(fields, 0, smoothed[:, :, rows])
    return smoothed


def _smooth(fields: Fields, axis: int, out: Fields | None = None) -> Fields:
    """Return fields (4, z, y, x) filtered along an axis of (z, y, x), which becomes shorter by 10 voxels."""
    count = max(0, fields.shape[axis + 1] - _BORDER)
    if out is None:
        out = np.empty((*fields.shape[: axis + 1], count, *fields.shape[axis + 2 :]), fields.dtype)
    across, along = _BANDS[fields.dtype.name]
    source, target = (a.transpose(0, 2, 1, 3) if axis == 0 else a for a in (fields, out))
    for start in range(0, count, _WIDTH):
        stop = min(start + _WIDTH, count)
        band = slice(stop - start), slice(stop - start + _BORDER)
        if axis == 2:
            columns = source[..., start : stop + _BORDER]
            np.matmul(columns, along[band[::-1]], out=target[..., start:stop])
        else:
            np.matmul(across[band], source[..., start : stop + _BORDER, :], out=target[..., start:stop, :])
    return out


def _similarity(moments: Fields, offset: float, data_range: float) -> Fields:
    """Return the SSIM map for fields filtered along all axes of a window, which it overwrites."""
    s, d, s_variance, d_variance = moments
    values: Fields = s * s
    s_variance -= values
    s += offset
    s *= s
    s += 2 * (_K1 * data_range) ** 2
    d *= d
    d_variance -= d
    np.subtract(s, d, out=values)
    values *= s_variance - d_variance
    s += d
    s_variance += d_variance
    s *= s_variance
    values /= s
    return values
