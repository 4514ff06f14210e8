"""Whether a disk has room for an output."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

from a2ibench.errors import InputError

_GIB = 2**30
# Of what is all alike a thousandth may be left; no tissue is.
_COMPRESSED = 1000


def check_possible(output: Path, size: int) -> None:
    """Accept voxels that a disk of this size may hold, compressed.

    Raises
    ------
    InputError
        If it cannot.
    """
    # The header of an input may claim more voxels than there can be.
    whole = shutil.disk_usage(output.absolute().parent).total
    if size > _COMPRESSED * whole:
        raise InputError(
            f"{output}: its voxels would take {size / _GIB:.3g} GiB, but the disk has {_gib(whole)} GiB in "
            "all; give a crop, or an input that is not so large"
        )


def check_space(file: Path, output: Path) -> None:
    """Accept a file laid out with holes if the disk has room to fill them.

    Raises
    ------
    InputError
        If it has not.
    """
    state = file.stat()
    holes = state.st_size - 512 * getattr(state, "st_blocks", 0)
    check_room(output, holes, shutil.disk_usage(file.parent).free)


def check_room(output: Path, needed: int, free: int) -> None:
    """Accept an output that needs no more bytes than are free.

    Raises
    ------
    InputError
        If it does.
    """
    if needed > free:
        raise InputError(
            f"{output}: needs {_gib(needed)} GiB more, but the disk has {_gib(free)} GiB free; "
            "free some space, or write elsewhere"
        )


def _gib(size: int) -> str:
    return f"{math.ceil(size / _GIB * 1000) / 1000:.3f}"
