"""Volumes on their way to a command and back, as files that other programs read and write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.contracts import Volume
from a2ibench.data.formats import open_lazy
from a2ibench.data.writing import create
from a2ibench.data.writing.layout import starts
from a2ibench.errors import InputError, one_line
from a2ibench.protocol.intensity import normalise


def write_volume(path: Path, volume: Volume) -> None:
    """Write grey levels and voxel size as they are.

    Parameters
    ----------
    path : Path
        A new file; its suffix tells the format. NumPy's has no voxel size, and MRC no unsigned bytes: those
        are written as uint16 there.
    volume : Volume
        In memory.

    Raises
    ------
    InputError
        If the disk does not take it.
    """
    data = np.ascontiguousarray(volume.data)
    if path.suffix == ".npy":
        np.save(path, data)
        return
    # Who made it is no matter to what it is, and two files of one volume are the same.
    with create(path, volume.shape, data.dtype, volume.voxel_size, identity={}) as writer:
        for at in starts(volume.shape, writer.block):
            part = tuple(slice(start, start + by) for start, by in zip(at, writer.block, strict=True))
            writer.write(at, data[part])
        writer.finish()


def read_output(path: Path, shape: tuple[int, int, int], volume: Volume) -> NDArray[np.float32]:
    """Return what a command wrote, as intensities.

    Parameters
    ----------
    path : Path
        The file.
    shape : tuple of int
        Voxels (z, y, x) that it must have.
    volume : Volume
        What the command was given, whose grey levels it keeps.

    Returns
    -------
    ndarray of float32, shape (z, y, x)
        Where 0 and 1 are ``volume.intensity``; not clipped.

    Raises
    ------
    InputError
        If it is missing or cannot be read, or has another shape or values that are not finite.
    """
    if not path.exists():
        raise InputError("wrote no output; it must write the file that {output} names")
    try:
        with open_lazy(path) as written:
            if written.shape != shape:
                raise InputError(
                    f"wrote {_sides(written.shape)} voxels (z, y, x); write {_sides(shape)}, (n_out, y, x): "
                    "the input's rows and columns, and {n_out} slices"
                )
            data: NDArray[Any] = written[:, :, :]
    except InputError as error:
        if str(error).startswith("wrote "):
            raise
        # The place is one that nobody has chosen.
        problem = one_line(error).replace(f"{path}: ", "").replace(str(path), path.name)
        raise InputError(f"wrote an output that cannot be read: {problem}") from error
    count = data.size - int(np.count_nonzero(np.isfinite(data)))
    if count:
        raise InputError(f"wrote {count} values that are NaN or infinite; write finite grey levels")
    return normalise(data, volume)


def _sides(shape: tuple[int, int, int]) -> str:
    return " x ".join(map(str, shape))
