"""Bounds of a crop as people write them: texts, pairs and slices."""

from __future__ import annotations

import operator
import re
from typing import Any

from a2ibench.errors import InputError

Bound = tuple[int | None, int | None]
Bounds = tuple[Bound, Bound, Bound]

_BOUND = re.compile(r"\s*(\d*)\s*:\s*(\d*)\s*")


def bounds_of(crop: object) -> Bounds:
    """Return start and stop along (z, y, x), None for the volume's own end.

    Parameters
    ----------
    crop : str or sequence
        As in ``"0:100,:,512:1024"``, or three slices or pairs of start and stop.

    Raises
    ------
    InputError
        If it is anything else.
    """
    try:
        parts = crop.split(",") if isinstance(crop, str) else list(crop)  # type: ignore[call-overload]
        z, y, x = (_bound(part) for part in parts)
    except (TypeError, ValueError):
        raise InputError(
            f"got {crop!r}; give Z0:Z1,Y0:Y1,X0:X1, such as 0:100,:,512:1024, in Python also three slices "
            "without step or pairs"
        ) from None
    return z, y, x


def _bound(part: Any) -> Bound:
    if isinstance(part, str):
        match = _BOUND.fullmatch(part)
        if match is None:
            raise ValueError(part)
        first, last = (int(end) if end else None for end in match.groups())
        return first, last
    if isinstance(part, slice):
        if part.step not in (None, 1):
            raise ValueError(part)
        part = part.start, part.stop
    start, stop = part
    ends = [None if end is None else operator.index(end) for end in (start, stop)]
    if any(end is not None and end < 0 for end in ends):
        raise ValueError(part)
    return ends[0], ends[1]
