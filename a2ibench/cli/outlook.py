"""What the command line says before and after a reconstruction."""

from __future__ import annotations

import math
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from a2ibench.cli.errors import say_progress
from a2ibench.cli.progress import duration
from a2ibench.errors import counted

if TYPE_CHECKING:
    from a2ibench.reconstruction.checks import Checks
    from a2ibench.reconstruction.joining import PartDone
    from a2ibench.reconstruction.outlook import Outlook
    from a2ibench.reconstruction.reconstruct import Written

_FIJI = {
    ".tif": "File > Open",
    ".tiff": "File > Open",
    ".h5": "File > Import > HDF5/N5/Zarr/OME-NGFF",
    ".hdf5": "File > Import > HDF5/N5/Zarr/OME-NGFF",
    ".mrc": "File > Import > Bio-Formats",
    ".zarr": "File > Import > HDF5/N5/Zarr/OME-NGFF",
}
_PLUGINS = {
    ".h5": "napari-h5",
    ".hdf5": "napari-h5",
    ".mrc": "napari-mrcfile-reader",
    ".tif": "napari-tiff",
    ".tiff": "napari-tiff",
    ".zarr": "napari-ome-zarr",
}
_STEPS = ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))


def say_outlook(outlook: Outlook) -> None:
    """Write to stderr what is about to be done: what is read, what is written, how and for how long."""
    dtype, voxels = outlook.dtype, math.prod(outlook.output_shape)
    say_progress(
        f"input   {_name(outlook.source)}: {_voxels(outlook.shape)}, {dtype}, {_nm(outlook.voxel_size)}"
    )
    say_progress(
        f"output  {outlook.output.name}: {_voxels(outlook.output_shape)} ({voxels:,}), "
        f"{_nm(outlook.output_voxel_size)}, ratio {outlook.ratio:.4g}"
    )
    say_progress(f"disk    {bytes_text(outlook.nbytes)} for its voxels; {bytes_text(outlook.free)} free")
    if outlook.uncertainty is not None:
        say_progress(
            f"beside  {outlook.uncertainty.name}: uncertainty, {bytes_text(outlook.uncertainty_nbytes)}"
        )
    say_progress(f"method  {outlook.method.method} on {outlook.context.device}, {_training(outlook)}")
    say_progress(f"time    {_time(outlook.seconds())}")


def say_written(written: Written) -> None:
    """Write to stderr what was found of the output, where the figure is, and how to open the output."""
    output, figure = written.output, written.figure
    _say_checks(written.checks)
    if written.uncertainty is not None:
        say_progress(f"unsure  {written.uncertainty}")
    if figure.exists():
        say_progress(f"figure  {figure}")
    suffix = output.suffix.lower()
    plugin = _PLUGINS.get(suffix)
    needs = f" (needs {plugin})" if plugin else ""
    say_progress(f"open    napari {shlex.quote(str(output))}{needs}; Fiji: {_FIJI[suffix]}")


def say_prepared(pieces: int) -> None:
    """Write to stderr what comes after a reconstruction is prepared."""
    say_progress(
        f"ready   {counted(pieces, 'piece')}; in place of --prepare give --part 1/N to --part N/N, then "
        "--finish"
    )


def say_part(done: PartDone) -> None:
    """Write to stderr what was done of a part."""
    before = done.pieces - done.done
    more = f", {before} {'was' if before == 1 else 'were'} done before" if before else ""
    say_progress(f"part    {done.part}: {counted(done.done, 'piece')} done{more}")


def _say_checks(checks: Checks) -> None:
    if checks.consistency is not None and checks.limit is not None:
        verdict = "passes" if checks.fits else "does not fit the input"
        say_progress(f"checks  consistency {checks.consistency:.2f}, {verdict} (at most {checks.limit:g})")
    if checks.disagreement is not None:
        say_progress(f"apart   xz and yz planes by {checks.disagreement:.3g} grey levels, on average")
    if checks.axial_power:
        shares = ", ".join(f"{share:.2g} ({length:.3g} nm)" for length, share in checks.axial_power[:3])
        say_progress(f"power   along z over across, by wavelength: {shares}")


def bytes_text(count: int) -> str:
    """Return a number of bytes as people write it."""
    for size, unit in _STEPS:
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return counted(count, "byte")


def _name(source: str) -> str:
    return source.rstrip("/").rpartition("/")[2] if "://" in source else Path(source).name


def _voxels(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _nm(voxel_size: tuple[float, float, float]) -> str:
    return f"{' x '.join(f'{value:.6g}' for value in voxel_size)} nm"


def _training(outlook: Outlook) -> str:
    if outlook.method.checkpoint is not None:
        return f"trained before: {outlook.method.checkpoint}"
    budget = outlook.budget
    if budget is None:
        return "which learns nothing"
    return (
        f"trained for {counted(budget.steps, 'step')}"
        if budget.steps is not None
        else f"trained for {budget.seconds:g} s"
    )


def _time(known: tuple[float, str] | None) -> str:
    if known is None:
        return "unknown; nothing like it was run here before"
    seconds, source = known
    return f"{'under 1 s' if seconds < 1 else f'about {duration(seconds)}'}, judged {source}"
