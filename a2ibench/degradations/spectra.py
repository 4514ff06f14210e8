"""What a slice profile makes of the lateral spectra of a volume, beside its axial ones.

A profile blurs the volume along z already, so lateral lines along y lack what varies fast along z. Axial
lines lack as much once the volume is blurred along y by the profile, too: for isotropic tissue the lines
along y, degraded, and those along z, blurred across, then have one expected spectrum, aliases included.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from a2ibench.contracts import Volume

_SLICES, _FEWEST, _LENGTH = 20, 6, 256
_BOXES, _SIDE = 4, 256
_PADDED = 0.05
# Of the variance of noise; tissue that varies less tells nothing.
_SIGNAL = 0.25


@dataclass(frozen=True)
class Spectra:
    """Second moments of lines of a volume.

    Parameters
    ----------
    window : ndarray of complex, shape (frequencies, n_in)
        What makes a windowed spectrum of an axial line without its mean.
    lateral : ndarray, shape (n_out, n_out)
        Mean products of the voxels of a lateral line, less what noise adds.
    axial : ndarray, shape (frequencies, n_out)
        Power of axial lines, by axial and by lateral frequency.
    noise : float
        Variance of the voxels' noise.
    """

    window: NDArray[np.complex128]
    lateral: NDArray[np.float64]
    axial: NDArray[np.float64]
    noise: float

    @property
    def n_in(self) -> int:
        """Slices of an axial line."""
        return int(self.window.shape[1])

    @property
    def n_out(self) -> int:
        """Voxels of a lateral line."""
        return len(self.lateral)

    def misfit(self, operator: NDArray[np.float64]) -> float:
        """Return the mean squared difference of the logarithms of both spectra, without frequency 0.

        Parameters
        ----------
        operator : ndarray, shape (n_in, n_out)
            What a profile makes of a lateral line.
        """
        inner = slice(self.n_in // 4, self.n_in - self.n_in // 4)
        response = np.square(np.abs(np.fft.fft(operator[inner], axis=1))).mean(0)
        axial = self.axial @ response / self.n_out
        degraded = self.window @ operator
        power = ((degraded @ self.lateral) * degraded.conj()).real.sum(1)
        power += self.noise * response.mean() * np.square(np.abs(self.window)).sum(1)
        # What the noise leaves of a spectrum may be below zero.
        least = 1e-6 * float(axial.max())
        difference = np.log(np.maximum(axial, least) / np.maximum(power, least))[1:]
        return float(np.square(difference).mean())


def line_spectra(volume: Volume) -> Spectra | str:
    """Return the spectra of a volume, or in words why they tell nothing.

    Parameters
    ----------
    volume : Volume, shape (z, y, x)
        The anisotropic volume. Up to four boxes evenly along z, around the middle of the slices, are read.
    """
    ratio, side = volume.ratio, min(volume.shape[1:])
    n_in = min(volume.shape[0], _SLICES, int(side / ratio), max(_FEWEST, int(_LENGTH / ratio)))
    if n_in < _FEWEST:
        return f"it has fewer than {_FEWEST} slices, or as many slice spacings along a side"
    n_out = min(round(n_in * ratio), side)
    taper = np.hanning(n_in + 2)[1:-1, None]
    window = np.fft.rfft(taper * (np.eye(n_in) - 1 / n_in), axis=0)
    lateral, axial = np.zeros((n_out, n_out)), np.zeros((len(window), n_out))
    noises, lines, boxes = list[float](), 0, 0
    for box in _boxes(volume, n_in, max(n_out, _SIDE)):
        noises += [_noise(plane) for plane in box[:: max(1, n_in // 4)]]
        for stack in (box, box.transpose(0, 2, 1)):
            # A slice that is brighter as a whole is no tissue.
            centred = stack - stack.mean(axis=2, keepdims=True)
            for start in _starts(centred.shape[1], n_out):
                part = centred[:, start : start + n_out]
                columns = part.transpose(1, 0, 2).reshape(n_out, -1)
                lateral += columns @ columns.T
                lines += columns.shape[1]
                axial += np.square(np.abs(np.fft.fft(np.tensordot(window, part, 1), axis=1))).mean(2) / n_out
                boxes += 1
    if boxes == 0:
        return "most of it is padding"
    noise = float(np.median(noises)) ** 2
    signal = lateral / lines - noise * np.eye(n_out)
    if np.trace(signal) / n_out <= _SIGNAL * noise:
        return "it holds hardly more than noise"
    return Spectra(window, signal, axial / boxes, noise)


def _boxes(volume: Volume, n_in: int, side: int) -> Iterator[NDArray[np.float64]]:
    depth = volume.shape[0]
    middle = tuple(slice(start := max(0, (n - side) // 2), start + side) for n in volume.shape[1:])
    for start in np.linspace(0, depth - n_in, min(_BOXES, -(-depth // n_in))).astype(int):
        box = np.asarray(volume.data[start : start + n_in, *middle], np.float64)
        if np.isin(box, volume.padding or ()).mean() <= _PADDED:
            yield box.clip(*volume.intensity)


def _starts(length: int, side: int) -> list[int]:
    """Return where parts of a length begin that overlap by about a half."""
    count = 1 if length <= side else -(-2 * length // side) - 1
    return sorted(set(np.linspace(0, length - side, count).round().astype(int).tolist()))


def _noise(plane: NDArray[np.float64]) -> float:
    from skimage import restoration

    if plane.min() == plane.max():
        return 0.0
    with warnings.catch_warnings():
        # Where all coefficients are exactly 0 their median is NaN, with a warning.
        warnings.simplefilter("ignore", RuntimeWarning)
        sigma = float(restoration.estimate_sigma(plane))  # type: ignore[no-untyped-call]
    return sigma if np.isfinite(sigma) else 0.0
