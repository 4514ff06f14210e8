"""One plane of a dataset as each method restores it: which seed, which slice, and where its voxels are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from a2ibench.bench.handed import Handed, open_handed
from a2ibench.bench.job import dataset_from_dict
from a2ibench.bench.kept_planes import input_slices
from a2ibench.bench.record import Record
from a2ibench.bench.result_files import belongs
from a2ibench.bench.run import Run
from a2ibench.contracts import Volume
from a2ibench.contracts.planes import PLANES
from a2ibench.errors import InputError, OptionError, one_line
from a2ibench.reporting.page.viewer_stacks import INPUT, METHOD, REFERENCE, Kept, Pair, read_kept, same_place
from a2ibench.reporting.panels import Plane, representatives_first
from a2ibench.reporting.summary import Sample

MEAN, AUTO = "mean", "auto"

Seed = int | str | None
"""A seed, `MEAN`, or None for that whose PSNR is nearest to the mean."""


class Column(NamedTuple):
    """What a column of a figure shows.

    Parameters
    ----------
    kind : str
        ``"reference"``, ``"input"`` or ``"method"``.
    name : str
        What it is called.
    image : ndarray, shape (rows, columns)
        Grey levels.
    rows : tuple of float
        Where the image begins and ends along the rows of the plane: slices of the input are thick.
    score : str
        PSNR of the volume; empty where there is none.
    seed : str
        Which seeds it shows; empty where there is no choice.
    """

    kind: str
    name: str
    image: Plane
    rows: tuple[float, float]
    score: str = ""
    seed: str = ""


@dataclass(frozen=True)
class Sheet:
    """One plane of a dataset, in voxels of the reconstruction.

    Parameters
    ----------
    dataset : str
        Name.
    family : str
        Name in ``PLANES``.
    at : int
        Which slice of the family.
    area : tuple of pair of int
        Start and stop of the rows and of the columns.
    spacing : float
        Nanometres of a voxel.
    columns : tuple of Column
        The reference, where there is one, the input and the methods.
    missing : tuple of str
        Methods that are left out, as they kept no planes.
    """

    dataset: str
    family: str
    at: int
    area: tuple[Pair, Pair]
    spacing: float
    columns: tuple[Column, ...]
    missing: tuple[str, ...] = ()

    @property
    def reference(self) -> Column | None:
        """What errors are differences to."""
        return next((column for column in self.columns if column.kind == REFERENCE), None)

    @property
    def base(self) -> Column:
        """What grey levels are chosen by: the reference, else the input."""
        return self.columns[0]


def sheet(
    run: Run,
    dataset: str,
    family: str,
    at: int | None = None,
    methods: Sequence[str] | None = None,
    seed: Seed = None,
) -> Sheet:
    """Return one plane of a dataset.

    Pixels are those of planes.npz; of a slice that is not in it, those of volumes that were kept, beside
    reference and input of the dataset, which is then read again.

    Parameters
    ----------
    run : Run
        The run.
    dataset : str
        One of its datasets.
    family : str
        Name in ``PLANES``.
    at : int, optional
        Slice of the reconstruction along the axis of the family; by default that through the most telling
        place.
    methods : sequence of str, optional
        Those to show; by default all that have kept their planes.
    seed : int, "mean" or None
        Which seed of each method; one that no method has but methods that learn lack is an error.

    Raises
    ------
    InputError
        If there is no such plane; says which there are, and how to get others.
    """
    groups = run.groups
    newest = [one for part in groups for one in part.records if part.protocol == groups[-1].protocol]
    records = [one for one in newest if one.dataset == dataset and one.ok]
    wanted = run.methods if methods is None else methods
    chosen = {name: found for name in wanted if (found := _of_seed(records, name, seed))}
    if not chosen:
        raise InputError(f"{one_line(dataset)}: no job of it has a result; there is nothing to show")
    kept = {one.name: read_kept(run.files_of(one), one) for mine in chosen.values() for one in mine}
    missing: list[str] = []
    if methods is None and at is None:
        missing = [name for name, mine in chosen.items() if any(kept[one.name] is None for one in mine)]
        chosen = {name: mine for name, mine in chosen.items() if name not in missing} or chosen
    known = [one for mine in chosen.values() for job in mine if (one := kept[job.name]) is not None]
    along = PLANES[family][0]
    if at is None:
        if not known:
            raise _not_kept(dataset, family, None, list(chosen), known)
        at = known[0].place.voxel[along]
    complete = len(known) == sum(map(len, chosen.values()))
    if complete and all(_holds(one, along, at) for one in known):
        shown = _of_planes(dataset, family, at, chosen, kept)
    else:
        shown = _of_volumes(run, dataset, family, at, chosen, kept)
    return replace(shown, missing=tuple(missing))


def _holds(kept: Kept | None, along: int, at: int) -> bool:
    return kept is not None and kept.place.stack[along][0] <= at < kept.place.stack[along][1]


def _of_seed(records: Sequence[Record], method: str, seed: Seed) -> list[Record]:
    mine = [one for one in records if one.method == method]
    if not mine or seed == MEAN:
        return mine
    if seed is None:
        return representatives_first(mine)[:1]
    same = [one for one in mine if one.seed == seed]
    if not same and any(one.learned for one in mine):
        seeds = ", ".join(str(one.seed) for one in mine)
        raise OptionError(
            "{seed}: got {got}; {row} on {volume} has {known}; give one that all have, or {mean}",
            got=seed,
            row=one_line(method),
            volume=one_line(mine[0].dataset),
            known=seeds,
            mean=MEAN,
        )
    return same or mine[:1]


def _of_planes(
    dataset: str, family: str, at: int, chosen: dict[str, list[Record]], kept: dict[str, Kept | None]
) -> Sheet:
    along, rows, columns = PLANES[family]
    first = _known(kept, next(iter(chosen.values()))[0])
    place = first.place
    start = place.stack[along][0]
    shown = []
    if REFERENCE in first.planes:
        shown.append(_column(REFERENCE, first.planes[REFERENCE][family][at - start], place.window[rows]))
    if along == 0:
        slices = input_slices(place.stack[0], place.ratio, place.n_in)
        number = input_slices((at, at + 1), place.ratio, place.n_in)[0] - slices[0]
        shown.append(_column(INPUT, first.planes[INPUT][family][number], place.window[rows]))
    else:
        ends = input_slices(place.window[0], place.ratio, place.n_in)
        thick = ends[0] * place.ratio, ends[1] * place.ratio
        shown.append(_column(INPUT, first.planes[INPUT][family][at - start], thick))
    for name, records in chosen.items():
        images = []
        for record in records:
            one = _known(kept, record)
            if not same_place(one, first):
                raise OptionError(
                    "{volume}: {job} kept planes of another place than the rest; run it again, or choose "
                    "{methods} without it",
                    volume=one_line(dataset),
                    job=one_line(record.name),
                )
            images.append(one.planes["prediction"][family][at - one.place.stack[along][0]])
        shown.append(_method(name, records, images, place.window[rows]))
    area = place.window[rows], place.window[columns]
    return Sheet(dataset, family, at, area, place.spacing, tuple(shown))


def _known(kept: dict[str, Kept | None], record: Record) -> Kept:
    found = kept[record.name]
    if found is None:
        raise InputError(f"{one_line(record.name)}: kept no planes")
    return found


def _of_volumes(
    run: Run,
    dataset: str,
    family: str,
    at: int,
    chosen: dict[str, list[Record]],
    kept: dict[str, Kept | None],
) -> Sheet:
    along, rows, columns = PLANES[family]
    lacking = [
        name
        for name, records in chosen.items()
        if not all(_has_volume(run.files_of(one).folder, one) for one in records)
    ]
    if lacking:
        known = [one for one in kept.values() if one is not None]
        # Planes are cut to a window and volumes are not, so that the two do not mix.
        lost = [
            name for name in lacking if not all(_holds(kept[one.name], along, at) for one in chosen[name])
        ]
        raise _not_kept(dataset, family, at, lost or lacking, known)
    handed = _opened(run, dataset, next(iter(chosen.values()))[0])
    if not 0 <= at < handed.shape[along]:
        raise OptionError(
            "{slice}: got {got}; {family} of {volume} has 0 to {last}",
            got=at,
            family=family,
            volume=one_line(dataset),
            last=handed.shape[along] - 1,
        )
    ends = (0, handed.shape[rows])
    ratio = handed.volume.ratio
    shown = []
    if handed.reference is not None:
        shown.append(_column(REFERENCE, _cut(handed.reference.data, along, at), ends))
    if along == 0:
        number = input_slices((at, at + 1), ratio, handed.volume.shape[0])[0]
        shown.append(_column(INPUT, handed.volume.data[number], ends))
    else:
        thick = 0.0, handed.volume.shape[0] * ratio
        shown.append(_column(INPUT, _cut(handed.volume.data, along, at), thick))
    for name, records in chosen.items():
        images = [_cut(_volume(run, one).data, along, at) for one in records]
        shown.append(_method(name, records, images, ends))
    area = ends, (0, handed.shape[columns])
    return Sheet(dataset, family, at, area, handed.voxel_size[1], tuple(shown))


def _has_volume(folder: Any, record: Record) -> bool:
    from a2ibench.bench.paths import JobFiles

    place = JobFiles(folder).volume
    return place.is_dir() and belongs(record, folder, place.name)


def _volume(run: Run, record: Record) -> Volume:
    from a2ibench.data.opening import open_volume

    return open_volume(run.files_of(record).volume)


def _opened(run: Run, dataset: str, record: Record) -> Handed:
    options = next((one.options for one in run.parts if record in one.records), run.options)
    spec = next((one for one in options.get("datasets", ()) if one["name"] == dataset), None)
    subject = f"{one_line(dataset)}: reference and input of this plane were not kept"
    try:
        if spec is None:
            raise InputError("run.json does not tell the dataset")
        handed = open_handed(dataset_from_dict(spec))
    except (InputError, LookupError, TypeError, ValueError) as error:
        raise InputError(f"{subject}, and the dataset cannot be read again: {one_line(error)}") from None
    told = (record.provenance.get("dataset") or {}).get("sha256")
    if told is not None and told != handed.described["sha256"]:
        raise InputError(f"{subject}, and the dataset is another one now: its checksum is not the record's")
    return handed


def _cut(data: Any, along: int, at: int) -> NDArray[Any]:
    return np.asarray(data[tuple(at if axis == along else slice(None) for axis in range(3))])


def _column(kind: str, image: NDArray[Any], rows: tuple[float, float]) -> Column:
    return Column(kind, kind, image.astype(np.float32), rows)


def _method(name: str, records: Sequence[Record], images: Sequence[NDArray[Any]], rows: Pair) -> Column:
    image: Plane = np.stack([one.astype(np.float32) for one in images]).mean(axis=0, dtype=np.float32)
    sample = Sample.of(one.metrics["psnr"].value for one in records if "psnr" in one.metrics)
    score = "" if math.isnan(sample.mean) else f"{sample.mean:.2f}"
    score += "" if math.isnan(sample.std) else f" ± {sample.std:.2f}"
    seeds = ", ".join(str(one.seed) for one in records)
    seed = f"mean over seeds {seeds}" if len(records) > 1 else f"seed {seeds}"
    external = all(one.external is not None for one in records)
    label = f"{name} (external)" if external else name
    return Column(METHOD, label, image, rows, f"{score} dB" if score else "", "" if external else seed)


def _not_kept(
    dataset: str, family: str, at: int | None, methods: Iterable[str], known: Sequence[Kept]
) -> InputError:
    names = ", ".join(one_line(name) for name in methods)
    there = "; ".join(_ranges(known)) or "none"
    what = family if at is None else f"{family} {at}"
    return OptionError(
        "{volume}: plane {what} was not kept of {names}; kept are {there}; to have others, run it with "
        "{keep_volumes} or with more {report_planes} in a new folder",
        volume=one_line(dataset),
        what=what,
        names=names,
        there=there,
    )


def _ranges(known: Sequence[Kept]) -> Iterator[str]:
    for family, (along, *_) in PLANES.items():
        if known:
            first = max(one.place.stack[along][0] for one in known)
            last = min(one.place.stack[along][1] for one in known) - 1
            yield f"{family} {first} to {last}"
