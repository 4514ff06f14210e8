"""What can be looked at of each dataset of a run: the planes that its jobs have kept, made comparable."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from a2ibench.bench.kept_planes import around, input_slices
from a2ibench.bench.paths import JobFiles
from a2ibench.bench.record import Record
from a2ibench.bench.result_files import belongs
from a2ibench.bench.run import Run
from a2ibench.contracts.planes import PLANES
from a2ibench.reporting.panels import representatives_first

REFERENCE, INPUT, METHOD = "reference", "input", "method"
DISAGREEMENT = "disagreement"

SIDES = (384, 256, 192, 128, 96, 64)
"""Voxels of a side of a plane that may be shown."""

Planes = NDArray[Any]
Pair = tuple[int, int]


@dataclass(frozen=True)
class Source:
    """What can be looked at: the reference, the input, or the result of a method.

    Parameters
    ----------
    kind : str
        `REFERENCE`, `INPUT` or `METHOD`.
    name : str
        What it is called; may hold any characters.
    planes : mapping of str to ndarray, shape (n, rows, columns)
        By family, in grey levels of the volume.
    seed : int or None
        That of the job; None for what no seed was drawn for.
    seeds : int
        How many the run has of this method.
    psnr : float
        Of this job; NaN where it has none.
    disagreement : mapping of str to ndarray
        Like `planes`, in parts of the intensity range; empty where it was not kept.
    """

    kind: str
    name: str
    planes: Mapping[str, Planes]
    seed: int | None = None
    seeds: int = 1
    psnr: float = math.nan
    disagreement: Mapping[str, Planes] = field(default_factory=dict)


@dataclass(frozen=True)
class Place:
    """Where planes lie in the reconstruction; pairs are start and stop along (z, y, x).

    Parameters
    ----------
    shape, voxel : tuple of int
        Of the reconstruction, and the voxel that the planes are around.
    window, stack : tuple of pairs of int
        Of rows and columns, and of the planes.
    ratio, spacing : float
        Axial over lateral spacing of the input, and the spacing of the reconstruction in nm.
    intensity, contrast : pair of float
        Grey levels that count.
    """

    shape: tuple[int, ...]
    voxel: tuple[int, ...]
    window: tuple[Pair, ...]
    stack: tuple[Pair, ...]
    ratio: float
    spacing: float
    intensity: tuple[float, float]
    contrast: tuple[float, float]

    @property
    def n_in(self) -> int:
        """Input slices of the whole volume; the last may reach beyond the reconstruction."""
        return max(1, round(self.shape[0] / self.ratio))

    def box(self, family: str) -> tuple[Pair, ...]:
        """Return start and stop of the planes of a family along (z, y, x)."""
        along = PLANES[family][0]
        return tuple(self.stack[axis] if axis == along else self.window[axis] for axis in range(3))

    def within(self, count: int, side: int) -> Place:
        """Return this place with fewer planes, of sides that are no longer than `side`."""
        ends = zip(self.voxel, self.shape, self.window, self.stack, strict=True)
        cut = [
            (around(at, size, min(side, w[1] - w[0])), around(at, size, min(count, s[1] - s[0])))
            for at, size, w, s in ends
        ]
        window, stack = zip(*cut, strict=True)
        return Place(
            self.shape, self.voxel, window, stack, self.ratio, self.spacing, self.intensity, self.contrast
        )


@dataclass(frozen=True)
class Stacks:
    """All that can be looked at of a dataset.

    Parameters
    ----------
    dataset : str
        Name.
    place : Place
        Where the planes of every source lie.
    sources : tuple of Source
        The reference, where there is one, the input and the methods in the order of the run.
    missing : tuple of str
        Methods that have a result, of which no such planes were kept.
    """

    dataset: str
    place: Place
    sources: tuple[Source, ...]
    missing: tuple[str, ...] = ()

    @property
    def reference(self) -> Source | None:
        """What errors are differences to."""
        return next((source for source in self.sources if source.kind == REFERENCE), None)


def kept_stacks(run: Run) -> tuple[list[Stacks], list[str]]:
    """Return what can be looked at of each dataset, and the datasets with results of which nothing was kept.

    Of each method the seed with the PSNR nearest to the mean is taken, of records of the newest protocol.
    """
    stacks, without = [], []
    newest = run.groups[-1].protocol if run.groups else 0
    shown = [record for part in run.groups if part.protocol == newest for record in part.records]
    names = {record.name for record in shown}
    for dataset in run.datasets:
        records = [one for one in run.records if one.dataset == dataset and one.name in names]
        found = _of_dataset(run, dataset, records)
        if found is not None:
            stacks.append(found)
        elif any(record.ok for record in records):
            without.append(dataset)
    return stacks, without


class Kept(NamedTuple):
    """What planes.npz of a job holds: where planes lie, and those of each source by family."""

    place: Place
    planes: dict[str, dict[str, Planes]]


def _of_dataset(run: Run, dataset: str, records: Sequence[Record]) -> Stacks | None:
    found: dict[str, tuple[Record, Kept]] = {}
    for record in representatives_first(records):
        if record.method in found:
            continue
        kept = read_kept(run.files_of(record), record)
        if kept is not None and (not found or same_place(kept, next(iter(found.values()))[1])):
            found[record.method] = record, kept
    if not found:
        return None
    # Jobs of earlier commands may have kept more, or fewer.
    count = min(max(stop - start for start, stop in kept.place.stack) for _, kept in found.values())
    _, first = next(iter(found.values()))
    place = first.place.within(count, SIDES[0])
    shared = [
        Source(kind, kind, _cut_all(first, kind, place))
        for kind in (REFERENCE, INPUT)
        if kind in first.planes
    ]
    seeds = {name: sum(one.ok and one.method == name for one in records) for name in found}
    methods = [
        Source(
            METHOD,
            f"{name} (external)" if record.external is not None else name,
            _cut_all(kept, "prediction", place),
            None if record.external is not None else record.seed,
            seeds[name],
            record.metrics["psnr"].value if "psnr" in record.metrics else math.nan,
            _cut_all(kept, DISAGREEMENT, place) if DISAGREEMENT in kept.planes else {},
        )
        for name, (record, kept) in found.items()
    ]
    missing = dict.fromkeys(one.method for one in records if one.ok and one.method not in found)
    return Stacks(dataset, place, (*shared, *methods), tuple(missing))


def same_place(one: Kept, other: Kept) -> bool:
    """Whether planes of two jobs lie around the same voxel of the same volume."""
    told = ("shape", "voxel", "window", "ratio")
    same = all(getattr(one.place, name) == getattr(other.place, name) for name in told)
    return same and (REFERENCE in one.planes) == (REFERENCE in other.planes)


def _cut_all(kept: Kept, name: str, place: Place) -> dict[str, Planes]:
    return {family: cut(kept.planes[name][family], name, family, kept.place, place) for family in PLANES}


def cut(planes: Planes, name: str, family: str, have: Place, want: Place) -> Planes:
    """Return what of planes that lie in a place lies in a smaller one.

    Parameters
    ----------
    planes : ndarray, shape (n, rows, columns)
        Of one family.
    name : str
        What they are of; those of the input have slices of their own.
    family : str
        Name in ``PLANES``.
    have, want : Place
        The place that they lie in, and the smaller one.
    """
    along = PLANES[family][0]
    ends = []
    for axis, (old, new) in enumerate(zip(have.box(family), want.box(family), strict=True)):
        if axis == 0 and name == INPUT:
            old, new = (input_slices(pair, have.ratio, have.n_in) for pair in (old, new))
        ends.append(slice(new[0] - old[0], new[1] - old[0]))
    order = (along, *(axis for axis in range(3) if axis != along))
    part: Planes = planes[tuple(ends[axis] for axis in order)]
    return part


def read_kept(job: JobFiles, record: Record) -> Kept | None:
    """Return the planes that a job has kept; None where there are none, or they are another record's."""
    if not belongs(record, job.folder, job.planes.name):
        return None
    try:
        with np.load(job.planes, allow_pickle=False) as stored:
            told = {name: stored[name].tolist() for name in _TOLD}
            names = [
                name for name in (REFERENCE, INPUT, "prediction", DISAGREEMENT) if f"{name}_xz" in stored
            ]
            planes = {name: {family: stored[f"{name}_{family}"] for family in PLANES} for name in names}
        pairs = {name: tuple((int(a), int(b)) for a, b in told.pop(name)) for name in ("window", "stack")}
        triples = {new: tuple(int(n) for n in told.pop(old)) for new, old in _TRIPLES}
        levels = {name: (float(told[name][0]), float(told[name][1])) for name in ("intensity", "contrast")}
        numbers = {name: float(told[name]) for name in ("ratio", "spacing")}
        kept = Kept(Place(**pairs, **triples, **levels, **numbers), planes)  # type: ignore[arg-type]
        return kept if _is_whole(kept) else None
    except (OSError, ValueError, TypeError, LookupError, EOFError, zipfile.BadZipFile, zlib.error):
        # A report is made of what there is.
        return None


_TOLD = ("place", "window", "stack", "shape", "ratio", "spacing", "intensity", "contrast")
_TRIPLES = (("voxel", "place"), ("shape", "shape"))


def _is_whole(kept: Kept) -> bool:
    place = kept.place
    if not (len(place.shape) == len(place.voxel) == len(place.window) == len(place.stack) == 3):
        return False
    sizes = zip((*place.window, *place.stack), (*place.shape, *place.shape), strict=True)
    if not all(0 <= start < stop <= size for (start, stop), size in sizes):
        return False
    numbers = (place.ratio, place.spacing, *place.contrast, *place.intensity)
    if not (all(map(math.isfinite, numbers)) and place.ratio >= 1 and place.spacing > 0):
        return False
    return {INPUT, "prediction"} <= set(kept.planes) and all(
        planes.shape == _shape(name, family, place) and planes.dtype.kind in "uif"
        for name, families in kept.planes.items()
        for family, planes in families.items()
    )


def _shape(name: str, family: str, place: Place) -> tuple[int, ...]:
    z, y, x = place.box(family)
    if name == INPUT:
        z = input_slices(z, place.ratio, place.n_in)
    sizes = [stop - start for start, stop in (z, y, x)]
    along = PLANES[family][0]
    return (sizes.pop(along), *sizes)
