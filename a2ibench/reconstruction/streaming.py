"""Reconstruction of volumes that do not fit in memory: read, restored and written piece by piece."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from a2ibench.contracts import AxialGrid, Context, Method, Progress, Volume
from a2ibench.data.formats import open_lazy
from a2ibench.data.prepare import Crop
from a2ibench.data.writing import Writer
from a2ibench.data.writing.layout import ZYX
from a2ibench.data.writing.partial import (
    is_intact,
    remove_with_checksum,
    write_checksum,
)
from a2ibench.data.writing.shared import SharedWriter
from a2ibench.files import disk_errors
from a2ibench.protocol.blocks import (
    Block,
    Blocks,
    Fits,
    reconstruct_block,
    reconstruct_block_apart,
    tells_disagreement,
)
from a2ibench.protocol.intensity import quantise
from a2ibench.reconstruction.matching import Matched
from a2ibench.reconstruction.uncertainty import Apart

# Voxels of a piece, halo included: they are held twice or three times in single precision.
VOXELS, AXIAL_VOXELS = 3 << 26, 1 << 26
_PER_AXIS = 16
# A piece may be so much dearer than the best if it is smaller: less is lost with an interruption.
_WORSE = 1.05
# Reading a voxel over restoring it by a network.
_READING = 0.002


@dataclass(frozen=True)
class Reading:
    """How a volume is read, piece by piece.

    Parameters
    ----------
    grid : AxialGrid
        Grid of the whole volume.
    lateral : tuple of int
        Its voxels along (y, x).
    halo : tuple of int
        Input slices and lateral voxels to read around a piece.
    chunks : tuple of int
        Input voxels (z, y, x) that are read together.
    fits : callable, optional
        The method's own limit of a piece, see `a2ibench.Method`.
    """

    grid: AxialGrid
    lateral: tuple[int, int]
    halo: tuple[int, int]
    chunks: ZYX
    fits: Fits | None = None

    @property
    def whole(self) -> ZYX:
        """Output voxels (z, y, x)."""
        return (self.grid.n_out, *self.lateral)

    @property
    def axial(self) -> bool:
        """Whether the method looks along the axis alone."""
        return self.halo[1] == 0

    def grown(self, size: ZYX) -> ZYX:
        """Return the size of a piece with its halo, in output voxels."""
        around = math.ceil(self.halo[0] * self.grid.ratio), self.halo[1], self.halo[1]
        z, y, x = (min(side + 2 * h, n) for side, n, h in zip(size, self.whole, around, strict=True))
        return z, y, x

    def takes(self, size: ZYX) -> bool:
        """Whether the method can be asked for a piece at once."""
        return self.fits is None or self.fits(self.grown(size))

    def restored(self, size: ZYX) -> float:
        """Return how often a network restores each voxel."""
        z, y, x = (grown / side for grown, side in zip(self.grown(size), size, strict=True))
        # Of the planes along one lateral axis only those that are kept are restored.
        return z * (y + x) / 2

    def fetched(self, size: ZYX) -> float:
        """Return how often each input voxel is read."""
        times, chunks = 1.0, (self.chunks[0] * self.grid.ratio, *self.chunks[1:])
        for side, n, grown, chunk in zip(size, self.whole, self.grown(size), chunks, strict=True):
            times *= min(n, grown + chunk - 1) / side
        return times

    def cost(self, size: ZYX) -> float:
        """Return what pieces of a size cost, on a scale of its own."""
        if self.axial:
            return self.fetched(size)
        return self.restored(size) + _READING * self.fetched(size)


def piece_size(reading: Reading, unit: ZYX, *, most: int | None = None) -> ZYX:
    """Return the size (z, y, x) of the pieces that waste little on halos and on chunks read twice.

    Parameters
    ----------
    reading : Reading
        What is read for a piece.
    unit : tuple of int
        Output voxels (z, y, x) that are written together; sizes are multiples of it.
    most : int
        Voxels of a piece, halo included, unless a single unit has more already; by default what keeps the
        memory of a process within 3 GiB, or 1.5 GiB for a method without lateral halo.
    """
    most = most or (AXIAL_VOXELS if reading.axial else VOXELS)
    z, y, x = (list(_multiples(by, n, most)) for by, n in zip(unit, reading.whole, strict=True))
    sizes = (size for size in product(z, y, x) if math.prod(reading.grown(size)) <= most)
    costs = {size: reading.cost(size) for size in sizes if reading.takes(size)}
    if not costs:
        return z[0], y[0], x[0]
    cheap = min(costs.values()) * _WORSE
    size = min((size for size in costs if costs[size] <= cheap), key=math.prod)
    even = (_even(side, by, n) for side, by, n in zip(size, unit, reading.whole, strict=True))
    return cast("ZYX", tuple(even))


def _even(side: int, by: int, whole: int) -> int:
    """Return the smallest multiple of `by` that makes no more pieces: 512 of 1024 instead of 768."""
    count = -(-whole // side)
    return min(side, -(-whole // count // by) * by)


def _multiples(by: int, whole: int, most: int) -> Iterator[int]:
    for times in range(1, min(_PER_AXIS, -(-whole // by)) + 1):
        yield min(times * by, whole)
    if _PER_AXIS * by < whole <= most:
        yield whole


# Compressed slices are decoded whole, as often as there are pieces side by side.
UNPACKED = "input.npy"
_TIMES = 4.0
_VOXELS = 1 << 24


def unpacked(
    method: Method, volume: Volume, unit: ZYX, folder: Path, resources: ExitStack, progress: Progress
) -> Volume:
    """Return the volume, its voxels unpacked into a file first where that saves decoding them many times.

    Parameters
    ----------
    method : Method
        A fitted method.
    volume : Volume
        Its data are a `Crop`.
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
    file = folder / UNPACKED
    with disk_errors(file):
        if not is_intact(file):
            remove_with_checksum(file)
            _unpack(volume.data, file, progress)
            write_checksum(file)
        return replace(volume, data=Crop(resources.enter_context(open_lazy(file))))


def _unpack(crop: Crop | Matched, file: Path, progress: Progress) -> None:
    temporary = file.with_name("input.new")
    rows, done = crop.shape[1] * crop.shape[2], 0
    depth = max(1, _VOXELS // rows // crop.chunks[0]) * crop.chunks[0]
    with temporary.open("wb") as out:
        header = {"descr": crop.dtype.str, "fortran_order": False, "shape": crop.shape}
        np.lib.format.write_array_header_2_0(out, header)
        for first in range(0, crop.shape[0], depth):
            slices = crop[first : first + depth, :, :]
            out.write(slices.data)
            done += len(slices)
            progress("unpack", done, crop.shape[0])
    temporary.replace(file)


_STRIP = 1 << 20
# One compresses while the other waits for the disk.
_WRITERS = 2


def stream(
    method: Method,
    volume: Volume,
    writer: Writer | SharedWriter,
    ctx: Context,
    *,
    apart: Apart | None = None,
    pieces: Sequence[Block] | None = None,
    most: int | None = None,
    computed: Callable[[], None] = lambda: None,
) -> None:
    """Reconstruct what a writer has not got yet; the next piece is read and the last written meanwhile.

    Parameters
    ----------
    method : Method
        A fitted method.
    volume : Volume, shape (n_in, y, x)
        The anisotropic volume; its data may be lazy.
    writer : Writer or SharedWriter
        Takes grey levels of the volume's dtype, shape (round(n_in * ratio), y, x).
    ctx : Context
        Device, precision and progress.
    apart : Apart, optional
        Takes how far the plane families are apart, of a method that tells; a piece is done when both have it.
    pieces : sequence of Block, optional
        Some of `pieces_of`; by default all.
    most : int
        Voxels of a piece, halo included; see `piece_size`.
    computed : callable
        Called when all pieces are computed, and only writing is waited for.

    Raises
    ------
    InputError
        If the volume cannot be read or the output not be written.
    PluginError
        If the method returns another shape or dtype, or values that are not finite.
    """
    telling = apart if apart is not None and tells_disagreement(method) else None
    unit = writer.block if apart is None else apart.unit
    blocks = pieces_of(method, volume, unit, most) if pieces is None else pieces
    left = [
        block
        for block in blocks
        if not (writer.is_done(*box_of(block)) and (telling is None or telling.is_done(*box_of(block))))
    ]
    total = sum(math.prod(box_of(block)[1]) for block in blocks)
    done = total - sum(math.prod(box_of(block)[1]) for block in left)
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(_WRITERS) as writers:
        written: deque[Future[None]] = deque()
        for block, part in _read_ahead(reader, volume, left):
            start, shape = box_of(block)
            inner = replace(ctx, progress=_within(ctx.progress, done, math.prod(shape), total))
            levels, difference = _levels(method, part, block, inner, apart=telling is not None)
            if telling is not None and difference is not None:
                # Its sum before its voxels are written, so that a piece that is done has one.
                difference = telling.noted(start, difference, volume.intensity)
            while len(written) >= _WRITERS:
                written.popleft().result()
            written.append(writers.submit(writer.write, start, levels))
            if telling is not None and difference is not None:
                # Of single precision, so that no more than one waits.
                written.append(writers.submit(telling.write, start, difference))
            done += math.prod(shape)
            ctx.progress("reconstruct", done, total)
        computed()
        for future in written:
            future.result()


def _levels(
    method: Method, part: Volume, block: Block, ctx: Context, *, apart: bool
) -> tuple[NDArray[Any], NDArray[np.float32] | None]:
    """Reconstruct a piece, in grey levels, and how far its families are apart where that is asked for.

    One without lateral halo is done in strips that stay in the processor's cache.
    """
    depth, height, width = box_of(block)[1]
    rows = max(1, _STRIP // (depth * width)) if method.halo[1] == 0 else height
    if rows >= height:
        return _levels_at_once(method, part, block, ctx, apart=apart)
    levels = np.empty((depth, height, width), part.data.dtype)
    difference = np.empty(levels.shape, np.float32) if apart else None
    for first in range(0, height, rows):
        strip = slice(first, min(first + rows, height))
        inner = replace(block, y_in=strip, y_out=strip, x_in=slice(0, width), x_out=slice(0, width))
        voxels = part.crop(slice(None), strip, slice(None))
        levels[:, strip], found = _levels_at_once(method, voxels, inner, ctx, apart=apart)
        if difference is not None:
            difference[:, strip] = found
    return levels, difference


def _levels_at_once(
    method: Method, part: Volume, block: Block, ctx: Context, *, apart: bool
) -> tuple[NDArray[Any], NDArray[np.float32] | None]:
    if not apart:
        return quantise(reconstruct_block(method, part, block, ctx), part), None
    restored, difference = reconstruct_block_apart(method, part, block, ctx)
    return quantise(restored, part), difference


def reading_of(method: Method, volume: Volume) -> Reading:
    """Return how a method reads a volume."""
    halo = (int(method.halo[0]), int(method.halo[1]))
    chunks = getattr(volume.data, "chunks", (1, 1, 1))
    grid, fits = AxialGrid(volume.shape[0], volume.ratio), getattr(method, "fits", None)
    return Reading(grid, volume.shape[1:], halo, chunks, fits)


def pieces_of(method: Method, volume: Volume, unit: ZYX, most: int | None = None) -> Blocks:
    """Return the pieces that a volume is reconstructed in; of each the output is whole blocks of a writer.

    Parameters
    ----------
    method, volume, most
        As for `stream`.
    unit : tuple of int
        Output voxels (z, y, x) that are written together.
    """
    return pieces_of_size(method, volume, piece_size(reading_of(method, volume), unit, most=most))


def pieces_of_size(method: Method, volume: Volume, size: ZYX) -> Blocks:
    """Return pieces of so many output voxels (z, y, x)."""
    reading = reading_of(method, volume)
    return Blocks(reading.grid, reading.lateral, reading.halo, size, int(getattr(method, "align", 1)))


def _read_ahead(
    reader: ThreadPoolExecutor, volume: Volume, blocks: Sequence[Block]
) -> Iterator[tuple[Block, Volume]]:
    waiting: deque[tuple[Block, Future[Volume]]] = deque()
    for block in blocks:
        waiting.append((block, reader.submit(volume.crop, block.z_in, block.y_in, block.x_in)))
        if len(waiting) > 1:
            ready, part = waiting.popleft()
            yield ready, part.result()
    for ready, part in waiting:
        yield ready, part.result()


def box_of(block: Block) -> tuple[ZYX, ZYX]:
    """Return where the output of a piece begins, and its shape."""
    z, y, x = block.z_out, block.y_out, block.x_out
    return (z.start, y.start, x.start), (z.stop - z.start, y.stop - y.start, x.stop - x.start)


def _within(progress: Progress, before: int, size: int, whole: int) -> Progress:
    def report(phase: str, done: float, total: float, **values: float) -> None:
        progress(phase, before + (size * done // total if total else 0), whole, **values)

    return report
