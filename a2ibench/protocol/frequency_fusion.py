"""Fusion of the two plane families by lateral frequency, each trusted where its planes extend."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

WEIGHTS = (0.375,)
"""Where there is little noise."""

EXCESS = 1.1
"""How strong axes of xy planes may be beside their diagonals, as a multiple of what they are in slices."""

Mask = NDArray[np.bool_]
Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]
Sections = NDArray[np.floating[Any]]

_BANDS = ((0.2, 0.3), (0.3, 0.45))
_SECTOR = math.pi / 16
# Sections with fewer voxels a side have too few waves in a band.
_LEAST_SIDE = 32
_DISTANCES = np.array([1, 2])


def fuse_by_frequency(
    xz: torch.Tensor,
    yz: torch.Tensor,
    kept: tuple[slice, slice],
    weights: tuple[float, ...] = WEIGHTS,
) -> torch.Tensor:
    """Fuse what was restored in xz and in yz planes, each trusted where its planes extend.

    A family never sees frequencies across its planes, so its errors, and the noise that it leaves, are white
    there, and their mean weaves a cross-hatch into xy planes. With D the difference xz - yz, the mean becomes
    ``mean - (g(k_y) - g(k_x)) D / 2``, where ``g(k)`` is the sum of ``w_j (1 - cos(2 pi j k))`` over the
    weights w_1, w_2, ...: what is low along y and high along x comes from xz planes, what is low along x and
    high along y from yz planes. Where g is 1 it comes from these planes alone.

    Parameters
    ----------
    xz, yz : torch.Tensor, shape (z, y, x)
        By family, with as many voxels around what is kept as there are weights, where the volume has them.
        `xz` is overwritten.
    kept : tuple of slice
        Lateral voxels (y, x) of the result; the others are 0.
    weights : tuple of float
        By distance in voxels; none is the mean. 0.5 alone is the low-pass [1, 2, 1] / 4, and would weaken the
        diagonals of noisy volumes as much as the mean weakens the axes; the default is three quarters of it.

    Returns
    -------
    torch.Tensor, shape (z, y, x)
    """
    y, x = kept
    margin, (rows, columns) = len(weights), xz.shape[1:]
    read_y, read_x = grown(y, rows, margin), grown(x, columns, margin)
    high, wide = y.stop - y.start, x.stop - x.start
    # The nearest voxel stands in for those beyond the volume.
    beyond = (
        read_x.start - x.start + margin,
        x.stop + margin - read_x.stop,
        read_y.start - y.start + margin,
        y.stop + margin - read_y.stop,
    )
    for section, other in zip(xz, yz, strict=True):
        difference = section[read_y, read_x] - other[read_y, read_x]
        around = F.pad(difference[None, None], beyond, mode="replicate")[0, 0]
        along_y, along_x = around[:, margin : margin + wide], around[margin : margin + high]
        fused = (section[y, x] + other[y, x]) / 2
        # The centres of the filters along the two axes cancel.
        for distance, weight in enumerate(weights, 1):
            before, after = margin - distance, margin + distance
            fused += (
                along_y[before : before + high]
                + along_y[after : after + high]
                - along_x[:, before : before + wide]
                - along_x[:, after : after + wide]
            ) * (weight / 4)
        section.zero_()
        section[y, x] = fused
    return xz


def grown(part: slice, length: int, margin: int) -> slice:
    """Return a part of a length with a margin on either side, as far as there is one."""
    return slice(max(0, part.start - margin), min(length, part.stop + margin))


def estimated_weights(xz: Sections, yz: Sections, slices: Sections) -> tuple[float, ...]:
    """Return the weights of `fuse_by_frequency` for two plane families of a noisy volume.

    How strong the cross-hatch of their mean is depends on what the network takes for noise: where there is
    hardly any structure, a family removes all that its planes see, and leaves what runs across them. Whether
    what remains along the axes of xy planes is structure or weave cannot be seen in the result; the acquired
    slices tell. A filter that knows no direction would leave the axes as strong beside the diagonals as they
    are there. The weights are those that come nearest to `EXCESS` times that in two bands, 0.2 to 0.3 and 0.3
    to 0.45 cycles per voxel; no family gets more than all of the weight in either.

    Parameters
    ----------
    xz, yz : ndarray, shape (n_out, y, x)
        By family.
    slices : ndarray, shape (n_in, y, x)
        The acquired slices of the same place.

    Returns
    -------
    tuple of float
        `WEIGHTS` for sections of less than 32 voxels a side, or without power in a band.
    """
    # Every job would spend the time of its import.
    from scipy.optimize import least_squares

    if min(slices.shape[1:]) < _LEAST_SIDE:
        return WEIGHTS
    spectra = _Spectra.of(xz, yz)
    acquired = (np.abs(_waves(slices)) ** 2).mean(0)
    areas = [_areas(slices.shape[1:], band) for band in _BANDS]
    wanted = np.array([[acquired[area].mean() for area in pair] for pair in areas])
    by_band = [[spectra.form(area) for area in pair] for pair in areas]
    if not (wanted > 0).all() or not all(form.mean > 0 for pair in by_band for form in pair):
        return WEIGHTS
    limits = np.log(EXCESS * wanted[:, 0] / wanted[:, 1])
    of_trust = np.linalg.inv(_response(np.array([sum(band) / 2 for band in _BANDS])))

    def beyond(trust: Floats) -> Floats:
        weights = of_trust @ trust
        ratios = [axes.power(weights) / diagonals.power(weights) for axes, diagonals in by_band]
        return np.asarray(np.log(ratios) - limits)

    start = np.linalg.solve(of_trust, np.array([*WEIGHTS, 0]))
    found = of_trust @ least_squares(beyond, start, bounds=(0, 1)).x
    return tuple(float(weight) for weight in np.round(found, 3))


class _Form(NamedTuple):
    """The mean power of the fused sections in an area of the spectrum, a quadratic form of the weights."""

    mean: float
    linear: Floats
    square: Floats

    def power(self, weights: Floats) -> float:
        return float(self.mean - 2 * self.linear @ weights + weights @ self.square @ weights)


class _Spectra(NamedTuple):
    """Powers of the mean of two families and of half their difference, and what the two have in common."""

    mean: Floats
    half: Floats
    common: Floats
    filters: Floats

    @classmethod
    def of(cls, xz: Sections, yz: Sections) -> _Spectra:
        first, second = _waves(xz), _waves(yz)
        mean, half = (first + second) / 2, (first - second) / 2
        y, x = _frequencies(xz.shape[1:])
        return cls(
            (np.abs(mean) ** 2).mean(0),
            (np.abs(half) ** 2).mean(0),
            (mean * half.conj()).real.mean(0),
            np.moveaxis(_response(y)[:, None] - _response(x), -1, 0),
        )

    def form(self, area: Mask) -> _Form:
        filters, half = self.filters[:, area], self.half[area]
        return _Form(
            float(self.mean[area].mean()),
            (self.common[area] * filters).mean(1),
            (filters * half) @ filters.T / half.size,
        )


def _response(frequencies: Floats) -> Floats:
    """Return 1 - cos(2 pi j k), for each k in rows and each distance j in columns."""
    return np.asarray(1 - np.cos(2 * math.pi * frequencies[..., None] * _DISTANCES))


def _frequencies(shape: tuple[int, ...]) -> tuple[Floats, Floats]:
    y, x = (np.fft.fftfreq(length).astype(np.float64) for length in shape)
    return y, x


def _waves(sections: Sections) -> Complex:
    window = np.outer(*(np.hanning(length) for length in sections.shape[1:]))
    centred = sections - sections.mean((1, 2), keepdims=True, dtype=np.float64)
    return np.asarray(np.fft.fft2(centred * window))


def _areas(shape: tuple[int, ...], band: tuple[float, float]) -> tuple[Mask, Mask]:
    """Return where waves of a band run nearly along an axis of a section, and nearly along a diagonal."""
    y, x = np.meshgrid(*_frequencies(shape), indexing="ij")
    radius, angle = np.hypot(y, x), np.arctan2(np.abs(y), np.abs(x))
    within = (radius >= band[0]) & (radius < band[1])
    from_axis = np.minimum(angle, math.pi / 2 - angle)
    return within & (from_axis < _SECTOR), within & (from_axis > math.pi / 4 - _SECTOR)
