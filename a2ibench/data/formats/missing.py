"""Chunks that are not there: an error, or taken for a fill value, which is said and never all there is."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Sequence

from a2ibench.data.formats.source import Source
from a2ibench.errors import InputError, OptionError

_log = logging.getLogger("a2ibench")

_METADATA = ("zarr.json", "attributes.json", "info", "datasource-properties.json")


def missing_chunks(where: str, what: str, kind: str = "volume") -> OptionError:
    """Return the error that `what` is missing from a file or volume, which an option would accept."""
    return OptionError(
        "{where}: {what}; get the {kind} again, or, if its writer left out empty chunks, open it with "
        "{fill_missing:True}",
        where=where,
        what=what,
        kind=kind,
    )


def nothing_there(where: str) -> InputError:
    """Return the error that there is not a single chunk."""
    return InputError(
        f"{where}: none of its chunks are there, only what describes them; get the volume again, or check "
        "the path"
    )


def check_any(place: Source) -> None:
    """Accept folders that hold anything but metadata; of a remote one nothing is asked.

    Raises
    ------
    InputError
        If not a single chunk is there.
    """
    if place.path is None:
        return
    for _, _, names in os.walk(place.path):
        if any(name not in _METADATA and not name.startswith(".") for name in names):
            return
    raise nothing_there(place.text)


class Filled:
    """Keeps account of what is filled in one volume.

    Parameters
    ----------
    where : str
        The volume, as messages name it.
    shape : sequence of int
        Of all voxels.
    """

    def __init__(self, where: str, shape: Sequence[int]) -> None:
        self._where, self._left = where, math.prod(shape)
        self._any = self._said = False

    def read(self, voxels: int, *, there: bool, said: str = "") -> None:
        """Take note of a block that was read.

        Parameters
        ----------
        voxels : int
            How many it has.
        there : bool
            Whether any of its chunks was there.
        said : str
            What was missing, where something was; the first of such is logged.

        Raises
        ------
        InputError
            If as many voxels were read as the volume has, and not a single chunk was there.
        """
        self._any |= there
        self._left -= voxels
        if not self._any and self._left <= 0:
            raise nothing_there(self._where)
        if said and not self._said:
            self._said = True
            _log.warning("%s: %s; filled with the value that its metadata state", self._where, said)
