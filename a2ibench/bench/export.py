"""Volumes out: what a method is handed of a dataset and what it is scored against, in files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from a2ibench import __version__
from a2ibench.bench.handed import Handed, open_handed
from a2ibench.bench.options import check_option
from a2ibench.bench.volume_options import SimulateOptions
from a2ibench.contracts import Volume
from a2ibench.data.writing import check_creatable, suffix_of
from a2ibench.data.writing.whole import write_whole
from a2ibench.errors import InputError
from a2ibench.hookspecs import PROJECT


def simulated(options: SimulateOptions) -> tuple[Handed, Volume]:
    """Return what a method is handed of a dataset that simulates its input, and the reference.

    Raises
    ------
    InputError
        If the dataset does not, or cannot be read.
    """
    spec = check_option("dataset", options)
    if spec.simulate is None:
        raise InputError(
            f"{spec.name}: simulates no input, as its entry has no simulate table; "
            "methods are handed its own voxels, which you have"
        )
    handed = open_handed(spec)
    if handed.reference is None:
        raise InputError(f"{spec.name}: has no reference")
    return handed, handed.reference


def write_simulated(
    options: SimulateOptions, target: Path, *, reference: bool = False, overwrite: bool = False
) -> list[Path]:
    """Write what a method is handed, voxel by voxel, and where that is asked for the reference beside it.

    Parameters
    ----------
    options : SimulateOptions
        Of which dataset.
    target : Path
        The file; its suffix tells the format.
    reference : bool
        Whether to write the reference, too.
    overwrite : bool
        Replace files of these names.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    InputError
        If the dataset simulates no input, or a file cannot be written.
    """
    beside = target.with_name(_beside(target.name))
    handed, truth = simulated(options)
    wanted = [(target, handed.volume, "simulated input")]
    if reference:
        wanted.append((beside, truth, "reference of a simulated input"))
    for path, volume, _ in wanted:
        check_creatable(path, volume.shape, volume.data.dtype, overwrite=overwrite)
    for path, volume, kind in wanted:
        write_whole(
            path, volume.data, volume.voxel_size, history=_history(kind, handed, volume), overwrite=overwrite
        )
    return [path for path, _, _ in wanted]


def _beside(name: str) -> str:
    suffix = suffix_of(name)
    return f"{name[: len(name) - len(suffix)]}-reference{suffix}"


def _history(kind: str, handed: Handed, volume: Volume) -> dict[str, Any]:
    return {
        "software": PROJECT,
        "version": __version__,
        "kind": kind,
        "voxel_size": list(volume.voxel_size),
        "dataset": handed.described,
    }
