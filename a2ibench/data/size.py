"""How large a dataset is, as far as that is known without reading its voxels."""

from __future__ import annotations

import inspect
import math
from typing import NamedTuple

from a2ibench.contracts import AxialGrid, DatasetSpec
from a2ibench.data.fetch.datasets import kept_file
from a2ibench.data.opening import file_shape
from a2ibench.errors import InputError

Shape = tuple[int, int, int]


class Extent(NamedTuple):
    """Voxels along (z, y, x) of a method's input and of its reconstruction."""

    given: Shape
    reconstructed: Shape

    @property
    def voxels(self) -> int:
        """Number of reconstructed voxels."""
        return math.prod(self.reconstructed)


def extent(spec: DatasetSpec) -> Extent | None:
    """Return how large a dataset is; None where only a download or reading all of it would tell.

    Parameters
    ----------
    spec : DatasetSpec
        A crop tells its size, a phantom its own; of a file that is there the header is read.
    """
    try:
        stored = _stored(spec)
        if stored is None:
            return None
        z, y, x = (size // spec.bin for size in stored)
        ratio = max(spec.voxel_size[0] / spec.voxel_size[1], 1.0)
        if spec.simulate is not None:
            ratio = spec.simulate.ratio
            z = math.floor(z / ratio + 1e-9)
        return Extent((z, y, x), (AxialGrid(z, ratio).n_out, y, x))
    except InputError:
        # What is wrong with it is told when it is opened.
        return None


def _stored(spec: DatasetSpec) -> Shape | None:
    if spec.crop is not None:
        z, y, x = (stop - start for start, stop in spec.crop)
        return z, y, x
    if spec.phantom is not None:
        size = spec.phantom["size"] if "size" in spec.phantom else _default_size()
        return size, size, size
    file = kept_file(spec)
    return None if file is None else file_shape(file, spec.key, spec.level)


def _default_size() -> int:
    from a2ibench.data.phantom import phantom

    size: int = inspect.signature(phantom).parameters["size"].default
    return size
