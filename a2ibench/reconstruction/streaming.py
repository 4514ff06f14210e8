"""Reconstruction of volumes that do not fit in memory: read, restored and written piece by piece."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
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
from a2ibench.data.intensity_range import padded
from a2ibench.data.prepare import Crop
from a2ibench.data.writing import Writer
from a2ibench.data.writing.layout import ZYX
from a2ibench.data.writing.partial import (
    is_intact,
    remove_with_checksum,
    write_checksum,
)
from a2ibench.files import disk_errors
from a2ibench.protocol.blocks import Block, Fits, plan_blocks, reconstruct_block
from a2ibench.protocol.intensity import quantise
from a2ibench.reconstruction.matching import Matched

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


BYTES = 1 << 27
_DEPTH, _SIDE, _TRIES = 16, 512, 12


def training_volume(
    crop: Crop | Matched, like: Volume, *, seed: int, progress: Progress, most: int = BYTES
) -> Volume:
    """Return the volume in memory, or a sample of it where it is larger than `most` bytes.

    The sample is made of stacks of 16 consecutive slices and at most 512 x 512 voxels, cut at random places,
    one from each of as many equal parts of the axial extent, and laid one upon the other: lateral patches are
    those of the volume, and so are 15 of 16 pairs of neighbouring slices. In a volume with padding several
    places are tried for each stack, until one holds tissue alone; the one with the most is taken.

    Parameters
    ----------
    crop : Crop or Matched
        The volume.
    like : Volume
        Gives voxel size, intensity range and name.
    seed : int
        Seed of the places.
    progress : Progress
        Told how many stacks have been read, as phase ``sample``.
    most : int
        Bytes that the sample may have.
    """
    size = math.prod(crop.shape) * crop.dtype.itemsize
    if size <= most:
        return replace(like, data=crop[:, :, :])
    depth, height, width = (min(side, n) for side, n in zip((_DEPTH, _SIDE, _SIDE), crop.shape, strict=True))
    count = max(1, most // (depth * height * width * crop.dtype.itemsize))
    stacks = np.empty((count, depth, height, width), crop.dtype)
    random = np.random.default_rng(seed)
    z, y, x = (n - side for n, side in zip(crop.shape, (depth, height, width), strict=True))
    for number in range(count):
        fewest = math.inf
        for _ in range(_TRIES if like.padding else 1):
            first = int((number + random.random()) / count * (z + 1))
            row, column = (int(random.integers(0, room, endpoint=True)) for room in (y, x))
            stack = crop[first : first + depth, row : row + height, column : column + width]
            empty = sum(int(padded(plane, like.padding).sum()) for plane in stack) if like.padding else 0
            if empty < fewest:
                fewest, stacks[number] = empty, stack
            if empty == 0:
                break
        progress("sample", number + 1, count)
    return replace(like, data=stacks.reshape(-1, height, width))


# Compressed slices are decoded whole, as often as there are pieces side by side.
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
    file = folder / "input.npy"
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


def stream(method: Method, volume: Volume, writer: Writer, ctx: Context, *, most: int | None = None) -> None:
    """Reconstruct what a writer has not got yet; the next piece is read and the last written meanwhile.

    Parameters
    ----------
    method : Method
        A fitted method.
    volume : Volume, shape (n_in, y, x)
        The anisotropic volume; its data may be lazy.
    writer : Writer
        Takes grey levels of the volume's dtype, shape (round(n_in * ratio), y, x).
    ctx : Context
        Device, precision and progress.
    most : int
        Voxels of a piece, halo included; see `piece_size`.

    Raises
    ------
    InputError
        If the volume cannot be read or the output not be written.
    PluginError
        If the method returns another shape or dtype, or values that are not finite.
    """
    blocks = _pieces(method, volume, writer.block, most)
    left = [block for block in blocks if not writer.is_done(*_box(block))]
    total = sum(math.prod(_box(block)[1]) for block in blocks)
    done = total - sum(math.prod(_box(block)[1]) for block in left)
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(_WRITERS) as writers:
        written: deque[Future[None]] = deque()
        for block, part in _read_ahead(reader, volume, left):
            start, shape = _box(block)
            inner = replace(ctx, progress=_within(ctx.progress, done, math.prod(shape), total))
            levels = _levels(method, part, block, inner)
            if len(written) == _WRITERS:
                written.popleft().result()
            written.append(writers.submit(writer.write, start, levels))
            done += math.prod(shape)
            ctx.progress("reconstruct", done, total)
        for future in written:
            future.result()


def _levels(method: Method, part: Volume, block: Block, ctx: Context) -> NDArray[Any]:
    """Reconstruct a piece; one without lateral halo in strips that stay in the processor's cache."""
    depth, height, width = _box(block)[1]
    rows = max(1, _STRIP // (depth * width)) if method.halo[1] == 0 else height
    if rows >= height:
        return quantise(reconstruct_block(method, part, block, ctx), part)
    levels = np.empty((depth, height, width), part.data.dtype)
    for first in range(0, height, rows):
        strip = slice(first, min(first + rows, height))
        inner = replace(block, y_in=strip, y_out=strip, x_in=slice(0, width), x_out=slice(0, width))
        voxels = part.crop(slice(None), strip, slice(None))
        levels[:, strip] = quantise(reconstruct_block(method, voxels, inner, ctx), part)
    return levels


def reading_of(method: Method, volume: Volume) -> Reading:
    """Return how a method reads a volume."""
    halo = (int(method.halo[0]), int(method.halo[1]))
    chunks = getattr(volume.data, "chunks", (1, 1, 1))
    grid, fits = AxialGrid(volume.shape[0], volume.ratio), getattr(method, "fits", None)
    return Reading(grid, volume.shape[1:], halo, chunks, fits)


def _pieces(method: Method, volume: Volume, unit: ZYX, most: int | None) -> list[Block]:
    reading = reading_of(method, volume)
    size = piece_size(reading, unit, most=most)
    align = int(getattr(method, "align", 1))
    return list(plan_blocks(reading.grid, reading.lateral, reading.halo, size, align))


def _read_ahead(
    reader: ThreadPoolExecutor, volume: Volume, blocks: list[Block]
) -> Iterator[tuple[Block, Volume]]:
    waiting: deque[tuple[Block, Future[Volume]]] = deque()
    for block in blocks:
        waiting.append((block, reader.submit(volume.crop, block.z_in, block.y_in, block.x_in)))
        if len(waiting) > 1:
            ready, part = waiting.popleft()
            yield ready, part.result()
    for ready, part in waiting:
        yield ready, part.result()


def _box(block: Block) -> tuple[ZYX, ZYX]:
    z, y, x = block.z_out, block.y_out, block.x_out
    return (z.start, y.start, x.start), (z.stop - z.start, y.stop - y.start, x.stop - x.start)


def _within(progress: Progress, before: int, size: int, whole: int) -> Progress:
    def report(phase: str, done: float, total: float, **values: float) -> None:
        progress(phase, before + (size * done // total if total else 0), whole, **values)

    return report
