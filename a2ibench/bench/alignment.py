"""Whether a finished volume lies where its reference does: shifts, stretched grids, axes that are swapped."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import permutations, product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

LARGEST_SHIFT: Final = 0.125
"""Voxels. What reconstructions of real volumes are found to be displaced by stays below 0.03."""

LARGEST_STRETCH: Final = 0.25
"""Voxels at the first and last slice; below 0.1 where the grid is the right one."""

LEAST_CORRELATION: Final = 0.3

_SIGMA = 1.5
_MARGIN = 4
_MOST_VOXELS = 1 << 23
_COARSE = 1 << 20
_BETTER = 0.1
# So many smoothed voxels tell as much as a single independent one.
_INDEPENDENT = (2 * math.sqrt(math.pi) * _SIGMA) ** 3
_SURE = 4.0

Array = NDArray[np.float32]
_AXES: Final = "zyx"


@dataclass(frozen=True)
class Alignment:
    """How a volume lies to another of the same shape.

    Parameters
    ----------
    shift : tuple of float
        Voxels along (z, y, x) by which its content lies too far towards the end of each axis.
    stretch : float
        Voxels by which its content is displaced besides towards the end of z at the last slice, and towards
        the beginning at the first.
    correlation : float
        Pearson's, of both smoothed, and moved over each other by whole voxels.
    axes : str
        What to do with its axes such that it correlates best; empty where that is nothing.
    error : tuple of float
        Standard errors of the shifts and of the stretch.
    """

    shift: tuple[float, float, float]
    stretch: float
    correlation: float
    axes: str = ""
    error: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)

    def problem(self, ratio: float) -> str | None:
        """Return what is wrong, and what is likely meant, in one line; None where nothing is.

        Parameters
        ----------
        ratio : float
            Of the volume's grid.
        """
        if self.axes:
            return f"it fits best {self.axes}; write it in the order (z, y, x) of the input"
        if self.correlation < LEAST_CORRELATION:
            return f"it correlates only {self.correlation:.2f}; is it a reconstruction of this dataset?"
        if abs(self.stretch) > max(LARGEST_STRETCH, _SURE * self.error[3]):
            way = (
                "outwards: are its first and last slices at those of the input (align_corners)?"
                if self.stretch > 0
                else "inwards: is the spacing of its slices too large?"
            )
            return f"its slices lie {abs(self.stretch):.2f} voxels off at both ends, {way} {_grid(ratio)}"
        parts = [
            f"{abs(value):.2f} voxels too {'high' if value > 0 else 'low'} along {axis}"
            for axis, value, error in zip(_AXES, self.shift, self.error, strict=False)
            if abs(value) > max(LARGEST_SHIFT, _SURE * error)
        ]
        if not parts:
            return None
        return f"its content lies {' and '.join(parts)}: {self._meant(ratio)}"

    def _meant(self, ratio: float) -> str:
        z, offset = self.shift[0], (ratio - 1) / 2
        if abs(z) <= LARGEST_SHIFT:
            return "an output voxel has the y and x of the input's"
        if abs(z + offset) < max(0.2, 0.1 * offset):
            return f"is its first slice at the centre of the first input slice? {_grid(ratio)}"
        return _grid(ratio)


def _grid(ratio: float) -> str:
    return f"output slice k sits at input slice (k + 0.5) / {ratio:g} - 0.5"


def find_alignment(volume: NDArray[Any], reference: NDArray[Any]) -> Alignment:
    """Estimate how a volume lies to a reference, by least squares on the mean of both gradients.

    A reconstruction is blurred along z, which draws phase correlation towards zero; the gradient of the mean
    of two volumes, of which one is a shifted and blurred copy of the other, does not.

    Parameters
    ----------
    volume, reference : ndarray, shape (z, y, x)
        Grey levels, of the same shape.
    """
    from skimage.registration import phase_cross_correlation

    # All of z, which a stretch shows along, and the middle of y and x.
    side = max(64, math.isqrt(_MOST_VOXELS // reference.shape[0]))
    box = (slice(None), *(_middle(n, side) for n in reference.shape[1:]))
    moved, fixed = _smoothed(volume[box]), _smoothed(reference[box])
    if not (moved.any() and fixed.any()):
        return Alignment((0.0, 0.0, 0.0), 0.0, 0.0)
    correlate: Any = phase_cross_correlation
    coarse = np.rint(correlate(fixed, moved, normalization=None)[0]).astype(int)
    if np.abs(coarse).max() < 2 or any(abs(c) > n // 2 for c, n in zip(coarse, fixed.shape, strict=True)):
        coarse[:] = 0
    first = tuple(slice(max(0, -c), n - max(0, c)) for c, n in zip(coarse, fixed.shape, strict=True))
    second = tuple(slice(max(0, c), n - max(0, -c)) for c, n in zip(coarse, fixed.shape, strict=True))
    correlation = max(_correlation(moved, fixed), _correlation(moved[first], fixed[second]))
    axes = _axes(volume, reference, correlation)
    found, error = _least_squares(moved[first], fixed[second])
    z, y, x = (float(-value - c) for value, c in zip(found, coarse, strict=False))
    return Alignment((z, y, x), float(-found[3]), correlation, axes, error)


def _correlation(first: Array, second: Array) -> float:
    # Of what was smoothed; a part of it may have another mean and spread.
    first, second = first - first.mean(), second - second.mean()
    spread = float(first.std() * second.std())
    return float(np.mean(first * second)) / spread if spread > 0 else 0.0


def _middle(n: int, side: int) -> slice:
    start = max(0, (n - side) // 2)
    return slice(start, start + side)


def _smoothed(data: NDArray[Any]) -> Array:
    from scipy.ndimage import gaussian_filter

    smooth: Array = gaussian_filter(data.astype(np.float32), _SIGMA)
    smooth -= smooth.mean()
    spread = float(smooth.std())
    return smooth / spread if spread > 0 else smooth


def _least_squares(
    moved: Array, fixed: Array
) -> tuple[NDArray[np.float64], tuple[float, float, float, float]]:
    """Return shifts along z, y, x and the stretch of `moved`, as it samples `fixed`, and their errors."""
    inner = tuple(slice(_MARGIN, -_MARGIN) if n > 4 * _MARGIN else slice(1, -1) for n in fixed.shape)
    slopes: Any = np.gradient((moved + fixed) / 2)
    gradients: list[Array] = [part[inner] for part in slopes]
    moved, fixed = moved[inner], fixed[inner]
    n = moved.shape[0]
    normal, right, square = np.zeros((6, 6)), np.zeros(6), 0.0
    along = np.linspace(-1, 1, n) if n > 1 else np.zeros(1)
    for k in range(n):
        dz, dy, dx = (part[k].ravel() for part in gradients)
        columns = np.stack([dz, dy, dx, along[k] * dz, fixed[k].ravel(), np.ones_like(dz)], 1).astype(float)
        target = moved[k].ravel().astype(float)
        normal += columns.T @ columns
        right += columns.T @ target
        square += float(target @ target)
    solution: NDArray[Any] = np.linalg.lstsq(normal, right, rcond=None)[0]
    residual = max(0.0, square - float(solution @ right)) / max(1.0, moved.size / _INDEPENDENT)
    variances = np.diag(np.linalg.pinv(normal)) * residual
    gain = float(solution[4]) or 1.0
    z, y, x, stretch = (math.sqrt(max(0.0, float(one))) / abs(gain) for one in variances[:4])
    return solution[:4] / gain, (z, y, x, stretch)


def _axes(volume: NDArray[Any], reference: NDArray[Any], correlation: float) -> str:
    step = max(1, math.ceil((reference.size / _COARSE) ** (1 / 3)))
    thin = (slice(None, None, step),) * 3
    moved, fixed = _smoothed(volume[thin]), _smoothed(reference[thin])
    same = max(float(np.mean(moved * fixed)), correlation)
    found: dict[str, float] = {}
    for order in permutations(range(3)):
        turned = moved.transpose(order)
        if turned.shape != fixed.shape:
            continue
        for signs in product((1, -1), repeat=3):
            view = turned[tuple(slice(None, None, sign) for sign in signs)]
            found[_named(order, signs)] = float(np.mean(view * fixed))
    best = max(found, key=lambda name: found[name])
    return best if found[best] > same + _BETTER else ""


def _named(order: tuple[int, ...], signs: tuple[int, ...]) -> str:
    swapped = "" if order == (0, 1, 2) else f"with axes ({', '.join(_AXES[axis] for axis in order)})"
    flipped = " and ".join(axis for axis, sign in zip(_AXES, signs, strict=True) if sign < 0)
    return " ".join(part for part in (swapped, flipped and f"flipped along {flipped}") if part)
