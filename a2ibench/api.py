"""Benchmark and reconstruct from Python."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from a2ibench.bench.options import RunOptions
from a2ibench.bench.tuning_options import TuneOptions
from a2ibench.bench.volume_options import ScoreOptions, SimulateOptions
from a2ibench.contracts import Budget, Progress, Volume
from a2ibench.recommendation.options import RecommendOptions
from a2ibench.reconstruction.options import ReconstructOptions
from a2ibench.signatures import documented, takes

if TYPE_CHECKING:
    import pandas as pd

    from a2ibench.bench.record import Record
    from a2ibench.bench.tuning import Tuning
    from a2ibench.data.bounds import Bounds
    from a2ibench.recommendation.recommend import Recommendation
    from a2ibench.settings import Value


@takes(RunOptions)
def run(options: RunOptions) -> pd.DataFrame:
    """Run methods on datasets, and write records, tables, timing and figures.

    The same call again continues the same run: finished jobs are kept, failed ones are tried again. A call
    with further methods, datasets or seeds and the same `out` adds rows to it.

    Parameters
    ----------
    {options}

    Returns
    -------
    pandas.DataFrame
        One row for each job of the run, failed ones and those of earlier calls included.

    Raises
    ------
    InputError
        If an option cannot be used.
    UnknownNameError
        If nothing has a given name.
    KeyboardInterrupt
        After Ctrl-C, once the reports of the finished jobs are written.

    Warns
    -----
    RuntimeWarning
        For each report that could not be written.
    """
    from a2ibench.bench.benchmark import carry_out
    from a2ibench.bench.plan import plan_run

    results = carry_out(options, plan_run(options), events=options.events)
    for problem in results.problems:
        warnings.warn(problem, RuntimeWarning, stacklevel=3)
    if results.interrupted:
        raise KeyboardInterrupt
    return results.run.to_frame()


@takes(SimulateOptions)
def simulate(options: SimulateOptions) -> tuple[Volume, Volume]:
    """Return exactly what a method is handed of a dataset that simulates its input, and the reference.

    Parameters
    ----------
    {options}

    Returns
    -------
    volume : Volume, shape (n_in, y, x)
        The anisotropic volume.
    reference : Volume, shape (n_out, y, x)
        What reconstructions are scored against.

    Raises
    ------
    InputError
        If the dataset simulates no input, or an option cannot be used.
    UnknownNameError
        If there is no such dataset.
    """
    from a2ibench.bench.export import simulated

    handed, reference = simulated(options)
    return handed.volume, reference


@takes(ScoreOptions)
def score(options: ScoreOptions) -> Record:
    """Check and score a volume that was reconstructed elsewhere, and enter it as a row of a run.

    It is quantised, clipped and scored as what methods give. Where it lies off the grid of the dataset, is
    flipped, or is of another volume, it is refused, and the message says by how much and what was likely
    meant.

    Parameters
    ----------
    {options}

    Returns
    -------
    Record
        With the scores, and what was stated and found as ``provenance["external"]``.

    Raises
    ------
    InputError
        If the volume does not fit the dataset, or the run cannot have it.
    UnknownNameError
        If there is no such dataset.

    Warns
    -----
    RuntimeWarning
        For each report of the run that could not be written.
    """
    from a2ibench.bench.entry import score_volume

    scored = score_volume(options)
    for problem in scored.problems:
        warnings.warn(problem, RuntimeWarning, stacklevel=3)
    return scored.record


@takes(RecommendOptions)
def recommend(options: RecommendOptions) -> Recommendation:
    """Check a stack, try the methods on a sample of it, and say which to use.

    The trial is an ordinary run, scored by `in_plane_psnr`: held-out slices are degraded as the axial
    direction is, restored, and compared with themselves. The same call again goes on where it was stopped.

    Parameters
    ----------
    {options}

    Returns
    -------
    Recommendation
        What the checks found, how the methods rank, which to use, what to expect, and the command.

    Raises
    ------
    InputError
        If the stack cannot be read, is isotropic, or an option cannot be used.
    UnknownNameError
        If nothing has a given name.
    KeyboardInterrupt
        After Ctrl-C; finished trials are kept.
    """
    from a2ibench.recommendation.recommend import recommend_method

    return recommend_method(options)


@takes(TuneOptions)
def tune(options: TuneOptions) -> Tuning:
    """Find the best value of a setting of a method, by default its learning rate, on development volumes.

    Every value is tried by an ordinary run in a folder of its own. The same call again goes on where it was
    stopped, and takes what is finished, also where it tries more values.

    Parameters
    ----------
    {options}

    Returns
    -------
    Tuning
        What each value came to, which is also in tuning.json.

    Raises
    ------
    InputError
        If an option cannot be used, or a dataset is one of the catalogue that ships, which tables report.
    UnknownNameError
        If nothing has a given name.
    KeyboardInterrupt
        After Ctrl-C; finished trainings are kept.
    """
    from a2ibench.bench.tuning import plan_tuning, run_tuning

    events = options.events
    watch = None if events is None else lambda name: contextlib.nullcontext(events)
    return run_tuning(plan_tuning(options), fresh=options.fresh, watch=watch)


@documented(ReconstructOptions)
def reconstruct(
    volume: Volume,
    method: str | None = None,
    *,
    profile: str | None = None,
    device: str = "auto",
    precision: str = "auto",
    seed: int = 0,
    budget: str | Budget | None = None,
    settings: Mapping[str, Value] | Sequence[str] | None = None,
    progress: Progress | None = None,
    checkpoint: str | Path | None = None,
    match_slices: bool = False,
) -> Volume:
    """Train a method on an anisotropic volume, in this process, and reconstruct it isotropically.

    Parameters
    ----------
    volume : Volume, shape (z, y, x)
        The anisotropic volume.
    {options}

    Returns
    -------
    Volume, shape (round(z * ratio), y, x)
        Of the input's dtype, with the input's lateral spacing along all axes.

    Raises
    ------
    InputError
        If the volume or an option cannot be used, or the method does not apply to the volume.
    UnknownNameError
        If no plugin registers the method.
    PluginError
        If the method does not keep its contract.
    """
    from a2ibench.reconstruction.in_memory import reconstruct_in_memory

    options = ReconstructOptions(
        method,
        profile=profile,
        device=device,
        precision=precision,
        seed=seed,
        budget=budget,
        settings=settings or {},
        checkpoint=checkpoint,
        match_slices=match_slices,
        progress=progress,
    )
    return reconstruct_in_memory(volume, options)


@documented(ReconstructOptions)
def reconstruct_file(
    source: str | Path,
    target: str | Path,
    method: str | None = None,
    *,
    key: str | None = None,
    level: int | None = None,
    crop: str | Bounds | Sequence[slice] | None = None,
    voxel_size: str | tuple[float, float, float] | None = None,
    ratio: float | None = None,
    target_spacing: str | float | None = None,
    intensity: tuple[float, float] | None = None,
    planes: str | None = None,
    start: str | None = None,
    fill_missing: bool = False,
    profile: str | None = None,
    device: str = "auto",
    precision: str = "auto",
    seed: int = 0,
    budget: str | Budget | None = None,
    settings: Mapping[str, Value] | Sequence[str] | None = None,
    checkpoint: str | Path | None = None,
    save_checkpoint: str | Path | bool | None = True,
    checkpoint_every: str | float = "60s",
    match_slices: bool = False,
    uncertainty: str | Path | None = None,
    ome_version: str | None = None,
    overwrite: bool = False,
    prepare: bool = False,
    part: str | None = None,
    finish: bool = False,
    scheduler: str | None = None,
    workers: int | None = None,
    cluster: str | Path | None = None,
    progress: Progress | None = None,
) -> Path:
    """Reconstruct a stack of any size from one file to another, block by block.

    Memory does not grow with the stack. Interrupted, even with ``kill -9``, the same call goes on with the
    training, with the first block that is not written yet, or with what is missing beside a complete output.
    A figure of three planes is left beside the output, as NAME.png, how it came about in NAME.json, and what
    was trained in NAME.checkpoint.

    Many processes do it together, on one machine or on many, as the workers of a Dask cluster (`scheduler`,
    `workers` or `cluster`), or by calls that differ in one option: one with `prepare`, then one for each
    `part`, then one with `finish`. The output is the same, byte by byte.

    Parameters
    ----------
    source : str or Path
        File, folder or address of the stack, in any format that `open_volume` reads.
    target : str or Path
        Output; its suffix tells the format: .ome.zarr or .zarr, .tif or .tiff, .h5 or .hdf5, .mrc.
    {options}

    Returns
    -------
    Path
        The output, as an absolute path: the input's dtype (floats as float32), and its lateral spacing along
        all axes unless `ratio` or `target_spacing` say otherwise.

    Raises
    ------
    InputError
        If the stack or an option cannot be used, or the output cannot be written.
    UnknownNameError
        If no plugin registers the method.
    PluginError
        If the method does not keep its contract.
    """
    from a2ibench.reconstruction.ways import reconstruct_somehow

    options = ReconstructOptions(
        method,
        voxel_size=voxel_size,
        ratio=ratio,
        target_spacing=target_spacing,
        crop=crop,
        key=key,
        level=level,
        intensity=intensity,
        planes=planes,
        start=start,
        profile=profile,
        device=device,
        precision=precision,
        seed=seed,
        budget=budget,
        settings=settings or {},
        checkpoint=checkpoint,
        save_checkpoint=save_checkpoint,
        checkpoint_every=checkpoint_every,
        match_slices=match_slices,
        uncertainty=uncertainty,
        ome_version=ome_version,
        fill_missing=fill_missing,
        overwrite=overwrite,
        prepare=prepare,
        part=part,
        finish=finish,
        scheduler=scheduler,
        workers=workers,
        cluster=cluster,
        progress=progress,
    )
    reconstruct_somehow(source, Path(target), options)
    return Path(target).absolute()
