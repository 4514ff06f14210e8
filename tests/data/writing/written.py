"""Outputs written block by block, and what is compared of them, for tests and processes that they start."""

from __future__ import annotations

import functools
import hashlib
import itertools
import os
import random
import signal
from pathlib import Path

import numpy as np

from a2ibench.data import writing
from a2ibench.data.writing import writer as writer_module

NAMES = ("a.ome.zarr", "old.ome.zarr", "a.tif", "a.ome.tif", "a.h5", "a.mrc")
SHAPE = (70, 300, 280)
LARGE = (130, 600, 600)
NM = (15.0, 15.0, 15.0)
IDENTITY = {"method": "cubic", "input": "abc"}


def create(path, *arguments, **options):
    """Begin to write a volume; OME-Zarr of version 0.4 where the name says old."""
    version = "0.4" if Path(path).name.endswith("old.ome.zarr") else None
    return writing.create(path, *arguments, **({"ome_version": version} | options))


@functools.cache
def noise(shape, dtype, seed=0):
    """Random voxels over a dtype's range."""
    generator = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return generator.normal(size=shape).astype(dtype)
    limits = np.iinfo(dtype)
    return generator.integers(limits.min, limits.max, shape, dtype, endpoint=True)


def block_starts(writer, shape):
    return list(itertools.product(*(range(0, n, by) for n, by in zip(shape, writer.block, strict=True))))


def at(array, start, block):
    return array[tuple(slice(first, first + n) for first, n in zip(start, block, strict=True))]


def write(path, voxels, *, voxel_size=NM, seed=0, count=None, **options):
    """Write `count` blocks, or all of them and the end, in random order."""
    options = {"identity": IDENTITY} | options
    with create(path, voxels.shape, voxels.dtype, voxel_size, **options) as writer:
        starts = block_starts(writer, voxels.shape)
        random.Random(seed).shuffle(starts)  # noqa: S311
        for start in starts[:count]:
            writer.write(start, at(voxels, start, writer.block))
        if count is None:
            writer.finish()
    return path


def write_flushing(path, every):
    """Write much noise, flushing after `every` seconds."""
    writer_module._FLUSH_EVERY = every
    write(Path(path), noise(LARGE, "uint8"))


def overwrite_dying(path, shape, calls):
    """Overwrite with the noise of a shape, and be killed once `calls` things have reached the disk."""

    def dying(function):
        def call(*arguments, **options):
            nonlocal calls
            calls -= 1
            if calls < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **options)

        return call

    # A write, a flush, a new name, a removal.
    for name in ("pwrite", "write", "fsync", "replace", "rename", "unlink", "mkdir", "rmdir"):
        setattr(os, name, dying(getattr(os, name)))
    write(Path(path), noise(tuple(shape), "uint8"), overwrite=True)


def content(path):
    """Checksum of a file, or of each file of a folder."""
    path = Path(path)
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    return {str(file.relative_to(path)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def hidden(path):
    return path.with_name(f".{path.name}.partial")
