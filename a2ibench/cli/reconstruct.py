"""The command ``a2ibench reconstruct``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from a2ibench.cli.options import option
from a2ibench.cli.plain import PhaseLines
from a2ibench.errors import InputError

if TYPE_CHECKING:
    from a2ibench.contracts import Volume

_SUFFIXES = (".tif", ".tiff")


def reconstruct_file(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="TIFF or HDF5 file of one volume.")],
    target: Annotated[Path, typer.Argument(metavar="OUTPUT", help="TIFF file to write.")],
    method: Annotated[str, option("M", "Method to use; a2i-3dem by default.")] = "a2i-3dem",
    voxel_size: Annotated[
        str | None, option("Z,Y,X", "Nanometres; by default what the file's metadata say.")
    ] = None,
    key: Annotated[str | None, option("NAME", "Dataset within an HDF5 file that holds several.")] = None,
    profile: Annotated[
        str | None,
        option("smoke|quick|full", "Network size and training; full by default with a GPU, else quick."),
    ] = None,
    device: Annotated[str, option("auto|cpu|cuda", "Where the method runs; auto by default.")] = "auto",
    precision: Annotated[str, option("auto|fp32|bf16", "Of networks; auto by default.")] = "auto",
    budget: Annotated[str | None, option("2000steps|300s", "Training, instead of the profile's.")] = None,
    checkpoint: Annotated[
        Path | None, option("DIR", "Load what a run's job saved there instead of training.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUTPUT if it exists.")] = False,
) -> None:
    """Train a method on a volume and write the isotropic reconstruction, with its voxel size, as OME-TIFF."""
    _check_target(target, overwrite)
    spacing = None if voxel_size is None else _triple(voxel_size)
    from a2ibench.api import reconstruct
    from a2ibench.volumes import open_volume

    lines = PhaseLines()

    def progress(phase: str, done: float, total: float, **values: float) -> None:
        line = lines.line(phase, done, total, values)
        if line is not None:
            typer.echo(line, err=True)

    volume = reconstruct(
        open_volume(source, voxel_size=spacing, key=key),
        method,
        profile=profile,
        device=device,
        precision=precision,
        budget=budget,
        progress=progress,
        checkpoint=checkpoint,
    )
    _write(target, volume)
    typer.echo(target)


def _check_target(target: Path, overwrite: bool) -> None:
    if target.suffix.lower() not in _SUFFIXES:
        raise InputError(f"{target}: unknown format; give a file that ends in {' or '.join(_SUFFIXES)}")
    if target.is_dir() or not target.absolute().parent.is_dir():
        raise InputError(f"{target}: is a folder, or lies in none; give a file in a folder that exists")
    if target.exists() and not overwrite:
        raise InputError(f"{target}: exists already; choose another file, or add --overwrite")


def _triple(text: str) -> tuple[float, float, float]:
    try:
        z, y, x = map(float, text.split(","))
    except ValueError:
        raise InputError(f"--voxel-size: got {text!r}; give Z,Y,X in nm, such as 50,15,15") from None
    return z, y, x


def _write(target: Path, volume: Volume) -> None:
    import tifffile

    sizes = {f"PhysicalSize{axis}": size for axis, size in zip("ZYX", volume.voxel_size, strict=True)}
    units = {f"{name}Unit": "nm" for name in sizes}
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        tifffile.imwrite(temporary, volume.data, ome=True, metadata={"axes": "ZYX"} | sizes | units)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
