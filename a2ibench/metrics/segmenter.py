"""A fixed segmenter of neurites in electron microscopy, so that volumes are compared by what it finds.

It is classical, and learns nothing. Dark sheets are found by the eigenvalues of the Hessian (Sato et al.,
Medical Image Analysis 2(2):143-168, 1998), the volume is flooded from the places farthest from them (Beucher
and Meyer, 1993), and neighbours with the weakest mean boundary are merged, the weakest first, as in
agglomeration by mean affinity (Nunez-Iglesias et al., PLoS ONE 8(8):e71715, 2013). Lengths are nanometres and
strengths are shares of the contrast, so that one setting serves all volumes. They were chosen on phantoms
that no catalogue holds: see docs/studies/segmenter.py.
"""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Floats = NDArray[np.float32]
Segments = NDArray[np.int32]

SCALE = 15.0
"""Standard deviation of the Gaussian whose derivatives find sheets, nm; at least `_LEAST` voxels."""
SHEET = 0.06
"""Sheets are at least so strong where distances are measured from."""
DEPTH = 25.0
"""How far from any sheet, nm, a segment begins at least."""
SMOOTH = 15.0
"""Standard deviation of the Gaussian that smooths these distances, nm."""
WEAK = 0.1
"""Boundaries with a mean strength below this are none."""
_LEAST = 0.8
_APART = 5


def segment(
    volume: NDArray[Any],
    voxel_size: float,
    contrast: float,
    *,
    scale: float = SCALE,
    sheet: float = SHEET,
    depth: float = DEPTH,
    smooth: float = SMOOTH,
    weak: float = WEAK,
) -> Segments:
    """Return the segment of each voxel, numbered from 1; every voxel has one.

    Parameters
    ----------
    volume : ndarray, shape (z, y, x)
        Isotropic, membranes dark.
    voxel_size : float
        Nanometres.
    contrast : float
        Grey levels from dark to bright.
    scale, sheet, depth, smooth, weak : float
        As the constants of these names.
    """
    strength = sheets(volume.astype(np.float32) / np.float32(contrast), max(scale / voxel_size, _LEAST))
    distance = ndimage.distance_transform_edt(strength < sheet).astype(np.float32)
    distance = ndimage.gaussian_filter(distance, smooth / voxel_size)
    highest = distance == ndimage.maximum_filter(distance, _APART)
    seeds, found = ndimage.label(highest & (distance > depth / voxel_size))
    if found < 2:
        return np.ones(volume.shape, np.int32)
    from skimage import segmentation

    # Without annotations there; a call would be one of an untyped function.
    flood: Any = segmentation.watershed
    return merged(flood(strength, seeds), strength, weak)


def sheets(volume: Floats, sigma: float) -> Floats:
    """Return how strongly each voxel lies in a dark sheet: 0, or the largest eigenvalue less the next one.

    Parameters
    ----------
    volume : ndarray, shape (z, y, x)
        Intensities.
    sigma : float
        Of the Gaussian, in voxels; derivatives are times its square, and so do not depend on the scale.
    """
    orders = ((2, 0, 0), (0, 2, 0), (0, 0, 2), (1, 1, 0), (1, 0, 1), (0, 1, 1))
    zz, yy, xx, zy, zx, yx = (
        ndimage.gaussian_filter(volume, sigma, order=order, truncate=3.0) * np.float32(sigma**2)
        for order in orders
    )
    # The eigenvalues of a symmetric 3 x 3 matrix in closed form (Smith, CACM 4(4):168, 1961).
    mean = (zz + yy + xx) / 3
    zz, yy, xx = zz - mean, yy - mean, xx - mean
    spread = np.sqrt((zz**2 + yy**2 + xx**2 + 2 * (zy**2 + zx**2 + yx**2)) / 6) + np.float32(1e-6)
    determinant = zz * (yy * xx - yx**2) - zy * (zy * xx - yx * zx) + zx * (zy * yx - yy * zx)
    angle = np.arccos(np.clip(determinant / (2 * spread**3), -1, 1)) / 3
    largest = mean + 2 * spread * np.cos(angle)
    smallest = mean + 2 * spread * np.cos(angle + np.float32(2 * np.pi / 3))
    # Of a tube or a blob, such as a vesicle, the next one is as large.
    return np.asarray(np.maximum(largest - np.abs(3 * mean - largest - smallest), 0))


def merged(segments: Segments, strength: Floats, weak: float) -> Segments:
    """Return segments once those with the weakest boundary between them have become one, again and again.

    Parameters
    ----------
    segments : ndarray of int, shape (z, y, x)
        Numbered from 1.
    strength : ndarray, shape (z, y, x)
        What the strength of a boundary is the mean of, over its faces.
    weak : float
        No boundary that is left has a lower mean.
    """
    count = int(segments.max()) + 1
    boundaries = _boundaries(segments, strength, count)
    neighbours: list[dict[int, tuple[float, int]]] = [{} for _ in range(count)]
    for one, other, total, faces in boundaries:
        neighbours[one][other] = neighbours[other][one] = total, faces
    queue = [(total / faces, one, other) for one, other, total, faces in boundaries]
    heapq.heapify(queue)
    into = np.arange(count)
    while queue and queue[0][0] < weak:
        mean, one, other = heapq.heappop(queue)
        total, faces = neighbours[one].get(other, (0.0, 0))
        # Some in the queue are of segments, or of boundaries, that have become part of another.
        if faces == 0 or total / faces != mean:
            continue
        into[other] = one
        del neighbours[one][other], neighbours[other][one]
        for third, (total, faces) in neighbours[other].items():
            del neighbours[third][other]
            before, faces_before = neighbours[one].get(third, (0.0, 0))
            total, faces = total + before, faces + faces_before
            neighbours[one][third] = neighbours[third][one] = total, faces
            heapq.heappush(queue, (total / faces, min(one, third), max(one, third)))
        neighbours[other] = {}
    while not np.array_equal(into[into], into):
        into = into[into]
    return np.asarray(into[segments], np.int32)


def _boundaries(segments: Segments, strength: Floats, count: int) -> list[tuple[int, int, float, int]]:
    """Return each two neighbours, the lower number first, with the sum of strengths and the faces."""
    pairs, strengths = [], []
    for axis in range(3):
        low, high = (
            tuple(part if i == axis else slice(None) for i in range(3))
            for part in (slice(None, -1), slice(1, None))
        )
        faces = np.nonzero(segments[low] != segments[high])
        one, other = segments[low][faces].astype(np.int64), segments[high][faces]
        pairs.append(np.minimum(one, other) * count + np.maximum(one, other))
        strengths.append(np.maximum(strength[low][faces], strength[high][faces]))
    pair, place, faces_of = np.unique(np.concatenate(pairs), return_inverse=True, return_counts=True)
    totals = np.bincount(place, np.concatenate(strengths))
    return list(
        zip(
            (pair // count).tolist(),
            (pair % count).tolist(),
            totals.tolist(),
            faces_of.tolist(),
            strict=True,
        )
    )
