"""The command ``a2ibench reconstruct``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from a2ibench.cli.errors import say, say_progress
from a2ibench.cli.options import bounds, numbers, option
from a2ibench.cli.progress import PhaseLines


def reconstruct_file(
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="TIFF, HDF5, MRC, NumPy or MATLAB v7.3 file, folder of TIFF slices, Zarr, OME-Zarr, N5 or "
            "precomputed volume; a path, or a http, https, s3 or gs address.",
        ),
    ],
    target: Annotated[
        Path,
        typer.Argument(metavar="OUTPUT", help="File to write: .ome.zarr, .zarr, .tif, .h5 or .mrc."),
    ],
    method: Annotated[str, option("M", "Method to use; a2i-3dem by default.")] = "a2i-3dem",
    voxel_size: Annotated[
        str | None, option("Z,Y,X", "Nanometres; by default what the file's metadata say.")
    ] = None,
    ratio: Annotated[
        float | None, option("R", "Axial spacing of INPUT over OUTPUT's; axial over lateral by default.")
    ] = None,
    target_spacing: Annotated[
        float | None, option("NM", "Axial spacing of OUTPUT, instead of --ratio; the lateral by default.")
    ] = None,
    crop: Annotated[
        str | None, option("Z0:Z1,Y0:Y1,X0:X1", "Reconstruct these voxels only; a bare : is a whole axis.")
    ] = None,
    key: Annotated[
        str | None, option("NAME", "Dataset or array within an HDF5, Zarr or N5 source that holds several.")
    ] = None,
    level: Annotated[
        int | None, option("N", "Resolution of a multiscale source; 0, the finest, by default.")
    ] = None,
    intensity: Annotated[
        str | None, option("LO,HI", "Grey levels that map to 0 and 1; by default found from the voxels.")
    ] = None,
    planes: Annotated[
        str | None, option("xz|yz|both", "Axial planes that a network restores; both by default.")
    ] = None,
    profile: Annotated[
        str | None,
        option("smoke|quick|full", "Network size and training; full by default with a GPU, else quick."),
    ] = None,
    device: Annotated[str, option("auto|cpu|cuda", "Where the method runs; auto by default.")] = "auto",
    precision: Annotated[str, option("auto|fp32|bf16", "Of networks; auto by default.")] = "auto",
    seed: Annotated[int, option("N", "Seed of the training; 0 by default.")] = 0,
    budget: Annotated[str | None, option("2000steps|300s", "Training, instead of the profile's.")] = None,
    settings: Annotated[
        list[str] | None, option("KEY=VALUE", "Change a setting of the method; repeatable.", "--set")
    ] = None,
    checkpoint: Annotated[
        Path | None, option("DIR", "Load what a run's job or --save-checkpoint left there; do not train.")
    ] = None,
    save_checkpoint: Annotated[
        Path | None, option("DIR", "Keep the trained method there; in OUTPUT.checkpoint by default.")
    ] = None,
    no_save_checkpoint: Annotated[
        bool, typer.Option("--no-save-checkpoint", help="Do not keep the trained method.")
    ] = False,
    fill_missing: Annotated[
        bool, typer.Option("--fill-missing", help="Take missing chunks of INPUT for empty ones.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUTPUT if it exists.")] = False,
) -> None:
    """Train a method on a stack of any size and write its isotropic reconstruction, block by block.

    Interrupted, the same command goes on where it stopped. A figure of three planes is left beside OUTPUT,
    and in OUTPUT.checkpoint what was trained, for other stacks.
    """
    from a2ibench.api import reconstruct_file as reconstruct
    from a2ibench.bench.selection import setting_pairs
    from a2ibench.errors import InputError
    from a2ibench.reconstruction.paths import located

    if save_checkpoint is not None and no_save_checkpoint:
        raise InputError("--save-checkpoint and --no-save-checkpoint: one excludes the other; give one")
    # Before any plugin is loaded, which may change the working folder.
    source, target = str(located(source)), target.absolute()
    checkpoint, save_checkpoint = (
        None if path is None else path.absolute() for path in (checkpoint, save_checkpoint)
    )

    lines = PhaseLines()

    def progress(phase: str, done: float, total: float, **values: float) -> None:
        line = lines.line(phase, done, total, values)
        if line is not None:
            say_progress(line)

    chosen = list(settings or ()) + ([] if planes is None else [f"planes={planes}"])
    run = partial(
        reconstruct,
        source,
        target,
        method,
        key=key,
        level=level,
        crop=None if crop is None else bounds("--crop", crop),
        voxel_size=None if voxel_size is None else numbers("--voxel-size", voxel_size, "Z,Y,X", "50,15,15"),
        ratio=ratio,
        target_spacing=target_spacing,
        intensity=None if intensity is None else numbers("--intensity", intensity, "LO,HI", "0,4095"),
        fill_missing=fill_missing,
        profile=profile,
        device=device,
        precision=precision,
        seed=seed,
        budget=budget,
        settings=setting_pairs(chosen, method),
        checkpoint=checkpoint,
        save_checkpoint=not no_save_checkpoint if save_checkpoint is None else save_checkpoint,
        overwrite=overwrite,
        progress=progress,
    )
    try:
        say(run())
    except KeyboardInterrupt:
        say(f"{target}: not complete; the same command goes on where it stopped", err=True)
        raise
