"""Reads volumes block by block; tells by how many MiB the process grew.

Run by test_memory in a process of its own, for the peak of a process that did other things tells nothing.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

from a2ibench.data.formats import open_lazy

BLOCK = (64, 256, 256)


def peak() -> int:
    """Return the most memory that this process has had so far, in MiB.

    Not of `resource.getrusage`, where a new process starts with the memory of the one that started it.
    """
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) // 1024


def touch(path: str) -> None:
    """Read one voxel, so that libraries are loaded before anything is measured."""
    with open_lazy(path) as volume:
        volume[:1, :1, :1]


def read(path: str) -> None:
    """Read all blocks, and some slices across all of them."""
    with open_lazy(path) as volume:
        starts = (range(0, size, by) for size, by in zip(volume.shape, BLOCK, strict=True))
        for start in itertools.product(*starts):
            volume[tuple(slice(at, at + by) for at, by in zip(start, BLOCK, strict=True))]
        for at in range(0, volume.shape[0], 60):
            volume[at : at + 8, :, :]
        volume[:, 40:44, :]


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        touch(argument)
    before = peak()
    for argument in sys.argv[1:]:
        read(argument)
    sys.stdout.write(str(peak() - before))
