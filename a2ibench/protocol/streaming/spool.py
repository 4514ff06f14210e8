"""Unpacks inputs whose chunks would have to be decoded again for every piece."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np

from a2ibench.contracts import Method, Progress, Volume
from a2ibench.protocol.streaming.piecewise import reading_of
from a2ibench.protocol.streaming.sizes import Triple, piece_size
from a2ibench.volumes.lazy import open_lazy
from a2ibench.volumes.window import Window
from a2ibench.volumes.writing.durable import telling
from a2ibench.volumes.writing.seal import is_sealed, seal, unseal

# Compressed slices are decoded whole, as often as there are pieces side by side.
_TIMES = 4.0
_VOXELS = 1 << 24


def spooled(
    method: Method, volume: Volume, unit: Triple, folder: Path, resources: ExitStack, progress: Progress
) -> Volume:
    """Return the volume, its voxels unpacked into a file first where that saves decoding them many times.

    Parameters
    ----------
    method : Method
        A fitted method.
    volume : Volume
        Its data are a `Window`.
    unit : tuple of int
        Output voxels (z, y, x) that are written together.
    folder : Path
        Where the file is made, or was made by a call that was interrupted since.
    resources : contextlib.ExitStack
        Closes the file.
    progress : Progress
        Told how many voxels are unpacked, as phase ``unpack``.

    Raises
    ------
    InputError
        If the volume cannot be read, or the disk does not take the file.
    """
    reading = reading_of(method, volume)
    if reading.fetched(piece_size(reading, unit)) <= _TIMES:
        return volume
    file = folder / "input.npy"
    with telling(file):
        if not is_sealed(file):
            unseal(file)
            _unpack(volume.data, file, progress)
            seal(file)
        return replace(volume, data=Window(resources.enter_context(open_lazy(file))))


def _unpack(window: Window, file: Path, progress: Progress) -> None:
    temporary = file.with_name("input.new")
    rows, done = window.shape[1] * window.shape[2], 0
    depth = max(1, _VOXELS // rows // window.chunks[0]) * window.chunks[0]
    with temporary.open("wb") as out:
        header = {"descr": window.dtype.str, "fortran_order": False, "shape": window.shape}
        np.lib.format.write_array_header_2_0(out, header)
        for first in range(0, window.shape[0], depth):
            slices = window[first : first + depth, :, :]
            out.write(slices.data)
            done += len(slices)
            progress("unpack", done, window.shape[0])
    temporary.replace(file)
