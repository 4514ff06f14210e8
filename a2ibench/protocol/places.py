"""Where in a padded volume patches can be cut that hold tissue."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from a2ibench.contracts import Volume
from a2ibench.volumes.probe import padded

MOST = 1 << 22


def tissue_places(volume: Volume, side: int) -> NDArray[np.int64] | None:
    """Return where square lateral patches may begin: those with the fewest voxels of padding, mostly none.

    Parameters
    ----------
    volume : Volume, shape (z, y, x)
        With the grey levels of its padding.
    side : int
        Voxels of a patch along y and x.

    Returns
    -------
    ndarray of int64, shape (n, 3), or None
        Slice, row and column; evenly thinned out where there are very many. None where there is no padding,
        and every place will do.
    """
    if not volume.padding:
        return None
    z, rows, columns = (volume.shape[0], *(n - side + 1 for n in volume.shape[1:]))
    step = -(-z * rows * columns // MOST)
    fewest, places = side * side + 1, list[NDArray[np.int64]]()
    for number in range(z):
        counts = _counts(padded(np.asarray(volume.data[number]), volume.padding), side)
        least = int(counts.min())
        if least > fewest:
            continue
        if least < fewest:
            fewest, places = least, []
        found = np.flatnonzero(counts == fewest)[number % step :: step]
        row, column = np.divmod(found, columns)
        places.append(np.stack([np.full_like(row, number), row, column], axis=1))
    return np.concatenate(places)


def _counts(mask: NDArray[np.bool_], side: int) -> NDArray[np.int32]:
    sums = np.zeros((mask.shape[0] + 1, mask.shape[1] + 1), np.int32)
    sums[1:, 1:] = mask.cumsum(axis=0, dtype=np.int32).cumsum(axis=1, dtype=np.int32)
    counts: NDArray[np.int32] = (
        sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    )
    return counts
