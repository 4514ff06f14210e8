"""Reads, reconstructs and writes a volume piece by piece."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.contracts import AxialGrid, Context, Method, Progress, Volume
from a2ibench.protocol.blocks import Block, plan_blocks
from a2ibench.protocol.intensity import quantise
from a2ibench.protocol.reconstruct import reconstruct_block
from a2ibench.protocol.streaming.sizes import Reading, Triple, piece_size
from a2ibench.volumes.writing import Writer

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
    return Reading(AxialGrid(volume.shape[0], volume.ratio), volume.shape[1:], halo, chunks)


def _pieces(method: Method, volume: Volume, unit: Triple, most: int | None) -> list[Block]:
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


def _box(block: Block) -> tuple[Triple, Triple]:
    z, y, x = block.z_out, block.y_out, block.x_out
    return (z.start, y.start, x.start), (z.stop - z.start, y.stop - y.start, x.stop - x.start)


def _within(progress: Progress, before: int, size: int, whole: int) -> Progress:
    def report(phase: str, done: float, total: float, **values: float) -> None:
        progress(phase, before + (size * done // total if total else 0), whole, **values)

    return report
