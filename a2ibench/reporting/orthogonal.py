"""A figure of three orthogonal planes of a stack, before and after reconstruction."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from a2ibench.contracts.planes import PLANES
from a2ibench.files import write_bytes
from a2ibench.reporting.canvas import GAP, TITLE, Canvas, draw_scale_bar, own_style, png

Triple = tuple[int, int, int]
Size = tuple[float, float]

_VOXELS = 384
_LARGE = 3.2


class Stack(Protocol):
    """Voxels (z, y, x) that are read by boxes."""

    @property
    def shape(self) -> Triple:
        """Voxels along (z, y, x)."""

    def __getitem__(self, box: tuple[slice, slice, slice]) -> NDArray[Any]:
        """Return a box."""


class Planes(NamedTuple):
    """Planes through the middle of a stack, as far as the figure shows them: xy, xz and yz."""

    images: tuple[NDArray[Any], NDArray[Any], NDArray[Any]]


def middle_planes(stack: Stack, ratio: float = 1.0) -> Planes:
    """Return the planes through the middle, 384 voxels of the reconstruction along each side at most.

    Parameters
    ----------
    stack : Stack
        Input or reconstruction.
    ratio : float
        How many slices of the reconstruction a slice of the stack is.
    """
    middle = [size // 2 for size in stack.shape]
    sides = (max(1, round(_VOXELS / ratio)), _VOXELS, _VOXELS)
    around = [
        slice(max(0, at - side // 2), min(size, max(0, at - side // 2) + side))
        for at, side, size in zip(middle, sides, stack.shape, strict=True)
    ]
    images = []
    for axis, *_ in PLANES.values():
        z, y, x = (slice(middle[n], middle[n] + 1) if n == axis else around[n] for n in range(3))
        images.append(stack[z, y, x].squeeze(axis))
    return Planes((images[0], images[1], images[2]))


def draw_planes(
    before: Planes,
    after: Planes,
    voxel_sizes: tuple[float, float],
    *,
    name: str,
    about: str,
    path: Path,
    uncertainty: Planes | None = None,
) -> Path:
    """Write the figure: input above, reconstruction below, all at one scale of lengths and of greys.

    Parameters
    ----------
    before, after : Planes
        Of the input and of the reconstruction.
    voxel_sizes : tuple of float
        Axial spacing of the reconstruction, and lateral spacing, in nm.
    name, about : str
        Heading, and the line below it.
    path : Path
        The PNG file; replaced if it exists.
    uncertainty : Planes, optional
        Of the reconstruction's uncertainty in grey levels; a third row, with a scale of its own.

    Returns
    -------
    Path
        `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with own_style():
        write_bytes(path, png(_drawn(before, after, voxel_sizes, name, about, uncertainty)))
    return path


class _Row(NamedTuple):
    title: str
    planes: Planes
    limits: tuple[float, float]
    colours: str


def _drawn(
    before: Planes,
    after: Planes,
    voxel_sizes: tuple[float, float],
    name: str,
    about: str,
    uncertainty: Planes | None,
) -> Figure:
    greys = _limits(before)
    rows = [_Row("input", before, greys, "gray"), _Row("reconstruction", after, greys, "gray")]
    if uncertainty is not None:
        most = _limits(uncertainty)[1] or 1.0
        rows.append(_Row(f"uncertainty, 0 to {most:.3g}", uncertainty, (0.0, most), "inferno"))
    axial, lateral = voxel_sizes
    xy, xz, yz = (image.shape for image in after.images)
    scale = _LARGE / max(xy[1] * lateral, xy[0] * lateral)
    sizes = [
        (shape[1] * lateral * scale, shape[0] * up * scale)
        for shape, up in ((xy, lateral), (xz, axial), (yz, axial))
    ]
    places, across, down = _places(sizes)
    canvas = Canvas.of(name, about, across, len(rows) * (down + GAP))
    for number, row in enumerate(rows):
        parts = zip(row.planes.images, sizes, places, PLANES, strict=True)
        for image, (width, height), (left, below), plane in parts:
            top = number * (down + GAP) + below + TITLE
            canvas.text(left, top, f"{row.title}, {plane}")
            axes = canvas.axes(left, top, width, height)
            low, high = row.limits
            axes.imshow(image, cmap=row.colours, vmin=low, vmax=high, aspect="auto", interpolation="nearest")
            if number == 1 and plane == "xy":
                draw_scale_bar(axes, (image.shape[0], image.shape[1]), lateral, height, at_right=False)
    return canvas.figure


def _places(sizes: list[Size]) -> tuple[list[Size], float, float]:
    """Return where the planes stand, and the width and height of them all; flat ones share a column."""
    (xy_width, xy_height), (xz_width, xz_height), (yz_width, yz_height) = sizes
    beside = xy_width + GAP
    if xz_height + TITLE + GAP + yz_height <= 1.3 * xy_height:
        under = xz_height + TITLE + GAP
        places = [(0.0, 0.0), (beside, 0.0), (beside, under)]
        return places, beside + max(xz_width, yz_width), TITLE + max(xy_height, under + yz_height)
    places = [(0.0, 0.0), (beside, 0.0), (beside + xz_width + GAP, 0.0)]
    across = beside + xz_width + GAP + yz_width
    return places, across, TITLE + max(xy_height, xz_height, yz_height)


def _limits(planes: Planes) -> tuple[float, float]:
    values = np.concatenate([image.ravel() for image in planes.images])
    low, high = np.percentile(values, (0.2, 99.8))
    return float(low), float(high)
