"""The options of a recommendation."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from a2ibench.bench.options import Option, RunOptions, options_of
from a2ibench.bench.specs import ALL, method_names
from a2ibench.contracts import Volume
from a2ibench.data.bounds import Bounds
from a2ibench.data.spacing import VoxelSize
from a2ibench.errors import InputError

if TYPE_CHECKING:
    from a2ibench.bench.executors.events import Events

BUDGET: Final = "10min"
_UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0}
_LEAST = 10.0


def seconds_of(given: str | float) -> float:
    """Return seconds for ``"600s"``, ``"10min"``, ``"1h"`` or a number of seconds.

    Raises
    ------
    InputError
        If it is another text, or less than 10 seconds.
    """
    seconds = math.nan
    if isinstance(given, int | float) and not isinstance(given, bool):
        seconds = float(given)
    elif isinstance(given, str) and (match := re.fullmatch(r"([\d.]+) ?(s|min|h)", given.strip())):
        try:
            seconds = float(match[1]) * _UNITS[match[2]]
        except ValueError:
            seconds = math.nan
    if not _LEAST <= seconds < math.inf:
        raise InputError(f"budget: got {given!r}; give at least {_LEAST:g}s, such as 600s, {BUDGET} or 1h")
    return seconds


_RUN = options_of(RunOptions)


@dataclass(frozen=True, repr=False, eq=False)
class RecommendOptions:
    """What a recommendation is asked for; see `a2ibench.recommend`."""

    stack: str | Path | Volume = Option(
        "The stack: a local file or folder.",
        doc="The stack: a local file or folder, or a Volume.",
    ).default()
    _: KW_ONLY
    budget: str | float = Option(
        f"How long the trial may take, as 600s, 10min or 1h; {BUDGET} by default.",
        "TIME",
        doc="How long the trial may take, as ``600s``, ``10min`` or ``1h``, or as a number of seconds.",
        check=seconds_of,
    ).default(BUDGET)
    methods: str | Sequence[str] = Option(
        "Methods to try; all by default.",
        "all|A,B",
        doc='Names, or ``"all"``.',
        check=method_names,
    ).default(ALL)
    voxel_size: str | VoxelSize | None = _RUN["voxel_size"].default(
        help="Nanometres, or with units as in 50nm,4.6nm,4.6nm; by default as the stack's metadata say.",
    )
    key: str | None = _RUN["key"].default(help="Dataset or array within, where there are several.")
    level: int | None = _RUN["level"].default(help="Resolution; 0, the finest, by default.")
    crop: str | Bounds | Sequence[slice] | None = _RUN["crop"].default(
        help="Look at these voxels only; a bare : is a whole axis.",
        doc="The voxels to look at: three slices, or start and stop along (z, y, x), None for the volume's "
        "own end.",
    )
    intensity: tuple[float, float] | None = _RUN["intensity"].default(
        help="Grey levels that map to 0 and 1; by default found from the voxels.",
        doc="Values that map to 0 and 1, by default as `reconstruct_file` finds them.",
    )
    profile: str | None = _RUN["profile"].default()
    device: str = _RUN["device"].default("auto")
    out: str | Path | None = _RUN["out"].default(
        help="Folder of the trial and its page; by default one in reports/ named after the stack.",
        doc="Folder of the trial and its page; by default one in ``reports/`` named after the stack.",
    )
    fresh: bool = _RUN["fresh"].default(False, help="Start over; keep the earlier trial as DIR.1.")
    events: Events | None = _RUN["events"].default()
