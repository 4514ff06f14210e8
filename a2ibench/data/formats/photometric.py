"""Grey levels as images show them: of files in which zero is white, and of palettes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.errors import InputError, printable

_log = logging.getLogger("a2ibench")

Greys = Callable[[NDArray[Any]], NDArray[Any]]
"""Returns the grey levels that stored values show."""

_WHITE_IS_ZERO, _PALETTE = 0, 3
_PHOTOMETRIC = 262
# Rec. 601 in 16 fractional bits, as Pillow and ImageJ weight colours.
_LUMINANCE = np.array([19595, 38470, 7471])


class Notice:
    """A warning about a volume that is given once, however often there is reason to.

    Parameters
    ----------
    where : str
        The volume's name in the warning.
    """

    def __init__(self, where: str) -> None:
        self._where, self._given = where, False

    def coloured(self) -> None:
        """Tell that voxels have colours where a palette of greys has some for annotations."""
        if not self._given:
            self._given = True
            _log.warning(
                "%s: some voxels are annotations in colour; they are read by their luminance",
                printable(self._where),
            )


def tiff_greys(page: Any, where: str, notice: Notice) -> Greys | None:
    """Return what turns a TIFF page's values into the grey levels shown; None where they are these.

    Parameters
    ----------
    page : tifffile.TiffPage
        Of one sample a pixel.
    where : str
        The file's name in messages.
    notice : Notice
        Told of voxels in the colours of a palette.

    Raises
    ------
    InputError
        If a palette holds colours, or white is zero but nothing tells how much black is.
    """
    # Where the tag is missing tifffile takes white for zero.
    photometric = int(page.photometric) if _PHOTOMETRIC in page.tags else None
    if photometric == _PALETTE:
        if page.colormap is None:
            raise InputError(f"{where}: damaged: its palette is missing; get the file again")
        return palette_greys(_channels(page), np.dtype(page.dtype), where, notice)
    return _inverted(page, where) if photometric == _WHITE_IS_ZERO else None


def _inverted(page: Any, where: str) -> Greys:
    dtype = np.dtype(page.dtype)
    if dtype.kind not in "ui":
        raise InputError(
            f"{where}: white is zero (WhiteIsZero), but of {dtype.name} nothing tells how much black is; "
            "invert it and store it with black as zero"
        )
    # 12 bits come as 16. Of signed ones the lowest and the highest number change places.
    total = dtype.type(2 ** int(page.bitspersample) - 1 if dtype.kind == "u" else -1)
    return lambda values: np.subtract(total, values)


def _channels(page: Any) -> NDArray[Any]:
    """Return the colours of a page's palette (entries, 3), of as many bits as its values."""
    colours = np.asarray(page.colormap).T
    # TIFF has 16 bits for each; some writers fill the lower 8 alone.
    if int(page.bitspersample) > 8 or colours.max(initial=0) < 256:
        return colours
    return colours >> 8


def palette_greys(colours: NDArray[Any], dtype: np.dtype[Any], where: str, notice: Notice) -> Greys | None:
    """Return what looks values up in a palette of greys; None where each stands for itself.

    Entries in colour are taken for annotations, as microscopes have them beside a ramp, and
    have the grey level of their luminance.

    Parameters
    ----------
    colours : numpy.ndarray
        Red, green and blue of each entry, (entries, 3).
    dtype : numpy.dtype
        Of the values.
    where : str
        The file's name in messages.
    notice : Notice
        Told of voxels that have a colour.

    Raises
    ------
    InputError
        If most entries are colours.
    """
    coloured = (colours != colours[:, :1]).any(axis=1)
    if 2 * coloured.sum() > len(coloured):
        raise InputError(f"{where}: holds colour: a palette of colours; give a grey-scale stack")
    greys = np.where(coloured, (colours @ _LUMINANCE + 0x8000) >> 16, colours[:, 0]).astype(dtype)
    if not coloured.any() and np.array_equal(greys, np.arange(len(greys))):
        return None

    def shown(values: NDArray[Any]) -> NDArray[Any]:
        if coloured.any() and coloured[values].any():
            notice.coloured()
        found: NDArray[Any] = greys[values]
        return found

    return shown
