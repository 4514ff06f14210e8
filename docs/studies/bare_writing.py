"""How long the formats' own libraries take to write voxels that are in memory."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import tifffile

RATIO = 10 / 3


def blocks(
    source: Path,
) -> tuple[tuple[int, int, int], Iterator[tuple[tuple[slice, slice, slice], np.ndarray]]]:
    """Return the shape of an output, and voxels like its own in blocks of 256 slices and rows."""
    real = tifffile.imread(source)
    slices = round(len(real) * RATIO)

    def cut() -> Iterator[tuple[tuple[slice, slice, slice], np.ndarray]]:
        for z in range(0, slices, 256):
            some = np.arange(z, min(z + 256, slices)) % len(real)
            for y in range(0, real.shape[1], 256):
                part = real[some, y : y + 256]
                yield (slice(z, z + len(some)), slice(y, y + part.shape[1]), slice(None)), part

    return (slices, *real.shape[1:]), cut()


def write_zarr(source: Path, target: Path) -> float:
    """Write by zarr-python, in the same shards and with the same compression; no coarser levels."""
    import zarr
    from zarr.codecs import ZstdCodec

    shape, parts = blocks(source)
    array = zarr.create_array(
        target,
        shape=shape,
        dtype="uint8",
        chunks=(64,) * 3,
        shards=(256,) * 3,
        compressors=ZstdCodec(level=1),
        fill_value=0,
    )
    return timed(parts, array.__setitem__, target)


def write_hdf5(source: Path, target: Path) -> float:
    """Write by h5py, in the same chunks."""
    import h5py

    shape, parts = blocks(source)
    with h5py.File(target, "w") as file:
        dataset = file.create_dataset("volume", shape, "uint8", chunks=(64,) * 3)
        return timed(parts, dataset.__setitem__, target, file.flush)


def write_mrc(source: Path, target: Path) -> float:
    """Write by mrcfile, to a map of the file."""
    import mrcfile

    shape, parts = blocks(source)
    with mrcfile.new_mmap(target, shape, mrc_mode=6, overwrite=True) as file:
        return timed(parts, file.data.__setitem__, target, file.flush)


def write_tiff(source: Path, target: Path) -> float:
    """Write by tifffile, slice after slice."""
    real = tifffile.imread(source)
    slices = round(len(real) * RATIO)
    planes = (real[number % len(real)] for number in range(slices))
    begin = time.perf_counter()
    tifffile.imwrite(target, planes, shape=(slices, *real.shape[1:]), dtype="uint8", bigtiff=True)
    flush(target)
    return time.perf_counter() - begin


def timed(parts: Iterator, write: Callable[..., None], target: Path, end: Callable[[], None] = list) -> float:
    """Return the seconds of writing blocks until they are on the disk; making them does not count."""
    seconds = 0.0
    for box, part in parts:
        begin = time.perf_counter()
        write(box, part)
        seconds += time.perf_counter() - begin
    begin = time.perf_counter()
    end()
    for file in target.rglob("*") if target.is_dir() else [target]:
        flush(file)
    return seconds + time.perf_counter() - begin


def flush(path: Path) -> None:
    """Wait until a file is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
