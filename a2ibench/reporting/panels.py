"""What a figure shows of a dataset: planes, their errors, grey levels and the window that is enlarged."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_gradient_magnitude, uniform_filter

from a2ibench.bench.paths import JobFiles
from a2ibench.bench.record import Record
from a2ibench.bench.result_files import belongs
from a2ibench.bench.run import CUBIC
from a2ibench.reporting.summary import Sample

Plane = NDArray[np.float32]

_INPUT = "cubic input"


@dataclass(frozen=True)
class Panel:
    """One plane: its name, grey levels (z, x), and what is shown as its error.

    Of several seeds, `psnr` and `spread` are the mean and the sample standard deviation of the PSNR of the
    volume, as in the tables; `seed` is that whose plane is shown, the one with the PSNR nearest to the mean.
    """

    name: str
    image: Plane
    error: Plane | None = None
    psnr: float = math.nan
    spread: float = math.nan
    seed: int | None = None

    @property
    def title(self) -> str:
        """Name, PSNR where there is one, and of several seeds that whose plane is shown."""
        shown = "" if self.seed is None else f" (seed {self.seed})"
        if math.isnan(self.psnr):
            return f"{self.name}{shown}"
        spread = "" if math.isnan(self.spread) else f" ± {self.spread:.2f}"
        return f"{self.name}  {self.psnr:.2f}{spread} dB{shown}"


@dataclass(frozen=True)
class FigureData:
    """Everything a figure of one dataset shows, in grey levels of the volume.

    Parameters
    ----------
    dataset : str
        Name.
    panels : tuple of Panel
        The first is the reference or, without one, the interpolated input; it has no error.
    limits : tuple of float
        Grey levels shown black and white.
    error_limit : float
        Error at both ends of the scale.
    error_label : str
        What the errors are.
    spacing : float
        Nanometres of a voxel along x; NaN if not known.
    """

    dataset: str
    panels: tuple[Panel, ...]
    limits: tuple[float, float]
    error_limit: float
    error_label: str
    spacing: float

    @property
    def shape(self) -> tuple[int, int]:
        """Voxels of every plane along (z, x)."""
        z, x = self.panels[0].image.shape
        return z, x

    @property
    def scored(self) -> bool:
        """Whether any panel has a PSNR."""
        return not all(math.isnan(panel.psnr) for panel in self.panels)

    @property
    def repeated(self) -> bool:
        """Whether any panel stands for several seeds."""
        return any(panel.seed is not None for panel in self.panels)

    @property
    def compared(self) -> bool:
        """Whether any panel has an error."""
        return any(panel.error is not None for panel in self.panels)


def figure_data(records: Sequence[Record], files_of: Callable[[Record], JobFiles]) -> FigureData | None:
    """Collect the planes of one dataset; of each method the seed nearest to its mean.

    Parameters
    ----------
    records : sequence of Record
        Of one dataset, in the order of the panels.
    files_of : callable
        Returns the files of a record's job.

    Returns
    -------
    FigureData or None
        None where no job left planes of one shape.
    """
    found: dict[str, tuple[Record, dict[str, Plane]]] = {}
    repeats = _by_method(records)
    samples = {method: Sample.of(_psnr(record) for record in same) for method, same in repeats.items()}
    for record in _nearest_first(records, samples):
        if record.method not in found:
            planes = _read_planes(files_of(record), record)
            first = next(iter(found.values()), None)
            if planes and (first is None or planes["prediction"].shape == first[1]["prediction"].shape):
                found[record.method] = record, planes
    if not found:
        return None
    found = {method: found[method] for method in samples if method in found}
    first_record, first_planes = next(iter(found.values()))
    truth, start = first_planes.get("reference"), first_planes["interpolated"]
    base = start if truth is None else truth
    panels = [Panel(_INPUT if truth is None else "reference", base)]
    if not _shows_input(found):
        if truth is not None:
            panels.append(Panel(_INPUT, start, start - truth))
    elif truth is None:
        found.pop(CUBIC)
    for method, (record, planes) in found.items():
        image = planes["prediction"]
        sample = samples[method]
        seed = record.seed if len(repeats[method]) > 1 else None
        name = f"{method} (external)" if record.external is not None else method
        panels.append(Panel(name, image, image - base, sample.mean, sample.std, seed))
    low, high = np.percentile(base, [1, 99])
    return FigureData(
        dataset=first_record.dataset,
        panels=tuple(panels),
        limits=(float(low), float(max(high, low + 1e-6))),
        error_limit=_error_limit(panels),
        error_label="difference to cubic input" if truth is None else "prediction minus reference",
        spacing=_spacing(first_record),
    )


def representatives_first(records: Sequence[Record]) -> list[Record]:
    """Return the records that are ok, method by method, that with the PSNR nearest to the mean first."""
    samples = {name: Sample.of(map(_psnr, same)) for name, same in _by_method(records).items()}
    return _nearest_first(records, samples)


def textured_window(image: Plane, side: int) -> tuple[int, int]:
    """Return the first row and column of the square window with the strongest gradients, off the border.

    Parameters
    ----------
    image : ndarray, shape (rows, columns)
        Where to look.
    side : int
        Voxels of a side, at most the smaller of rows and columns.
    """
    gradients = gaussian_gradient_magnitude(image.astype(np.float64), 1.5)
    texture = uniform_filter(gradients, side, mode="constant")
    # Element i of the filtered image is the mean over the window that starts at i - side // 2.
    margins = [min(side // 4, (n - side) // 2) for n in image.shape]
    starts = [range(m, n - side - m + 1) for m, n in zip(margins, image.shape, strict=True)]
    inside = texture[np.ix_(*(np.array(start) + side // 2 for start in starts))]
    row, column = np.unravel_index(int(inside.argmax()), inside.shape)
    return starts[0][int(row)], starts[1][int(column)]


def _by_method(records: Sequence[Record]) -> dict[str, list[Record]]:
    methods: dict[str, list[Record]] = {}
    for record in records:
        if record.ok:
            methods.setdefault(record.method, []).append(record)
    return methods


def _nearest_first(records: Sequence[Record], samples: Mapping[str, Sample]) -> list[Record]:
    """Return the records that are ok, method by method, that with the PSNR nearest to the mean first."""

    def away(record: Record) -> tuple[float, int]:
        apart = abs(_psnr(record) - samples[record.method].mean)
        # Of two that are as near but for rounding, the first seed.
        return (math.inf if math.isnan(apart) else round(apart, 6)), record.seed

    return [record for same in _by_method(records).values() for record in sorted(same, key=away)]


def _read_planes(job: JobFiles, record: Record) -> dict[str, Plane] | None:
    if not belongs(record, job.folder, job.slices.name):
        return None
    try:
        with np.load(job.slices, allow_pickle=False) as stored:
            names = [name for name in ("prediction", "interpolated", "reference") if name in stored]
            planes = {name: np.asarray(stored[name], np.float32) for name in names}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error):
        # A report is made of what there is: a job interrupted while writing leaves a damaged file.
        return None
    shapes = {plane.shape for plane in planes.values()}
    usable = {"prediction", "interpolated"} <= set(planes) and len(shapes) == 1
    return planes if usable and all(len(shape) == 2 and min(shape) > 1 for shape in shapes) else None


def _shows_input(found: Mapping[str, tuple[Record, Mapping[str, Plane]]]) -> bool:
    # The baseline method, with its usual settings, is the interpolated input but for rounding.
    if CUBIC not in found:
        return False
    planes = found[CUBIC][1]
    difference = np.abs(planes["prediction"] - planes["interpolated"]).mean()
    return bool(difference <= 1e-3 * np.ptp(planes["interpolated"]))


def _psnr(record: Record) -> float:
    return record.metrics["psnr"].value if "psnr" in record.metrics else math.nan


def _error_limit(panels: Sequence[Panel]) -> float:
    errors = [np.abs(panel.error).ravel() for panel in panels if panel.error is not None]
    limit = float(np.percentile(np.concatenate(errors), 99.5)) if errors else 0.0
    return limit or 1.0


def _spacing(record: Record) -> float:
    size = record.provenance.get("voxel_size") or (record.provenance.get("dataset") or {}).get("voxel_size")
    return float(size[2]) if size else math.nan
