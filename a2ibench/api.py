"""Benchmark and reconstruct from Python."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from a2ibench.contracts import Budget, Progress, Volume

if TYPE_CHECKING:
    import pandas as pd

    from a2ibench.bench.executors.events import Events
    from a2ibench.data.prepare import Bounds
    from a2ibench.settings import Value

Settings = Mapping[str, Mapping[str, "Value"]] | Sequence[str]
"""Either ``{method: {key: value}}`` or ``["METHOD.KEY=VALUE", ...]``."""


def run(
    methods: str | Sequence[str] = "all",
    datasets: str | Sequence[str] | None = None,
    *,
    catalogue: str | Path | None = None,
    profile: str | None = None,
    seeds: int | Sequence[int] = 1,
    device: str = "auto",
    precision: str = "auto",
    budget: str | Budget | None = None,
    settings: Settings | None = None,
    executor: str = "process",
    out: str | Path | None = None,
    fresh: bool = False,
    timeout: float | None = None,
    events: Events | None = None,
) -> pd.DataFrame:
    """Run methods on datasets, and write records, tables, timing and figures.

    The same call again continues the same run: finished jobs are kept, failed ones are tried again.

    Parameters
    ----------
    methods : str or sequence of str
        Names, or ``"all"``.
    datasets : str or sequence of str, optional
        Names, or ``"all"``; by default every one that needs no download.
    catalogue : str or Path, optional
        A datasets.toml instead of the one that ships.
    profile : str, optional
        ``"smoke"``, ``"quick"`` or ``"full"``; by default full with a GPU and quick without.
    seeds : int or sequence of int
        How many, counted from 0, or which.
    device : str
        ``"auto"``, ``"cpu"`` or ``"cuda"``.
    precision : str
        ``"auto"``, ``"fp32"`` or ``"bf16"``.
    budget : str or Budget, optional
        Training of each learned method, such as ``"2000steps"`` or ``"300s"``, instead of the profile's.
    settings : mapping or sequence of str, optional
        ``{method: {key: value}}``, or texts ``METHOD.KEY=VALUE``.
    executor : str
        ``"process"``, one for each job, or ``"inline"``, all in this one.
    out : str or Path, optional
        Folder of this run; by default one in reports/ named after the options.
    fresh : bool
        Start over instead of continuing a run.
    timeout : float, optional
        Seconds after which a job is stopped.
    events : Events, optional
        Told how the run goes.

    Returns
    -------
    pandas.DataFrame
        One row for each job, failed ones included.

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
    from a2ibench.bench.plan import plan_run
    from a2ibench.benchmark import benchmark
    from a2ibench.reporting.results import frame

    plan = plan_run(
        methods,
        datasets,
        catalogue=None if catalogue is None else Path(catalogue),
        profile=profile,
        seeds=seeds,
        device=device,
        precision=precision,
        budget=budget,
        settings=_setting_texts(settings),
        timeout=timeout,
        executor=executor,
    )
    results = benchmark(plan, out=None if out is None else Path(out), fresh=fresh, events=events)
    for problem in results.problems:
        warnings.warn(problem, RuntimeWarning, stacklevel=2)
    if results.interrupted:
        raise KeyboardInterrupt
    return frame(results.records)


def reconstruct(
    volume: Volume,
    method: str = "a2i-3dem",
    *,
    profile: str | None = None,
    device: str = "auto",
    precision: str = "auto",
    seed: int = 0,
    budget: str | Budget | None = None,
    settings: Mapping[str, Value] | None = None,
    progress: Progress | None = None,
    checkpoint: str | Path | None = None,
) -> Volume:
    """Train a method on an anisotropic volume, in this process, and reconstruct it isotropically.

    Parameters
    ----------
    volume : Volume, shape (z, y, x)
        The anisotropic volume.
    method : str
        Name of a registered method.
    profile : str, optional
        ``"smoke"``, ``"quick"`` or ``"full"``; by default full with a GPU and quick without.
    device : str
        ``"auto"``, ``"cpu"`` or ``"cuda"``.
    precision : str
        ``"auto"``, ``"fp32"`` or ``"bf16"``.
    seed : int
        Seed of the training.
    budget : str or Budget, optional
        Training, such as ``"2000steps"`` or ``"300s"``, instead of the profile's.
    settings : mapping, optional
        Settings of the method.
    progress : Progress, optional
        Told how far training and reconstruction have come.
    checkpoint : str or Path, optional
        Folder that a trained method was saved in; it is loaded and nothing is trained.

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
    from a2ibench.reconstruction import MethodOptions, reconstruct_in_memory

    options = MethodOptions(
        method, profile, device, precision, seed, budget, settings or {}, _path(checkpoint)
    )
    return reconstruct_in_memory(volume, options, progress)


def reconstruct_file(
    source: str | Path,
    target: str | Path,
    method: str = "a2i-3dem",
    *,
    key: str | None = None,
    level: int | None = None,
    crop: Bounds | None = None,
    voxel_size: tuple[float, float, float] | None = None,
    ratio: float | None = None,
    target_spacing: float | None = None,
    intensity: tuple[float, float] | None = None,
    fill_missing: bool = False,
    profile: str | None = None,
    device: str = "auto",
    precision: str = "auto",
    seed: int = 0,
    budget: str | Budget | None = None,
    settings: Mapping[str, Value] | None = None,
    checkpoint: str | Path | None = None,
    save_checkpoint: str | Path | bool | None = True,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Reconstruct a stack of any size from one file to another, block by block.

    Memory does not grow with the stack. Interrupted, even with ``kill -9``, the same call goes on with the
    first block that is not written yet, and with what is missing beside a complete output. A figure
    of three planes is left beside the output, as NAME.png, and what was trained in NAME.checkpoint.

    Parameters
    ----------
    source : str or Path
        File, folder or address of the stack, in any format that `open_volume` reads.
    target : str or Path
        Output; its suffix tells the format: .ome.zarr or .zarr, .tif or .tiff, .h5 or .hdf5, .mrc.
    method : str
        Name of a registered method.
    key : str, optional
        Dataset or array within the source; by default the only 3D one.
    level : int, optional
        Resolution of a multiscale source, 0 (by default) the finest.
    crop : tuple of (start, stop), optional
        The voxels to reconstruct, along (z, y, x); None for the volume's own end.
    voxel_size : tuple of float, optional
        Nanometres, (z, y, x); by default what the source's metadata say.
    ratio : float, optional
        Axial spacing of the input over that of the output; by default axial over lateral spacing.
    target_spacing : float, optional
        Axial spacing of the output in nm, instead of `ratio`.
    intensity : tuple of float, optional
        Values that map to 0 and 1, and that the output is clipped to. By default the range of an 8-bit dtype,
        of 16-bit integers the range of the fewest bits that hold all voxels, of floats their minimum and
        maximum. Of all but 8 bits networks see a robust range within it, `Volume.contrast`, which neither hot
        voxels nor padding widen, and which a checkpoint keeps.
    fill_missing : bool
        Take chunks that are not there for the value that the metadata state for them; by default an error.
    profile : str, optional
        ``"smoke"``, ``"quick"`` or ``"full"``; by default full with a GPU and quick without.
    device : str
        ``"auto"``, ``"cpu"`` or ``"cuda"``.
    precision : str
        ``"auto"``, ``"fp32"`` or ``"bf16"``.
    seed : int
        Seed of the training.
    budget : str or Budget, optional
        Training, such as ``"2000steps"`` or ``"300s"``, instead of the profile's.
    settings : mapping, optional
        Settings of the method.
    checkpoint : str or Path, optional
        Folder that a trained method was saved in; it is loaded and nothing is trained.
    save_checkpoint : bool or str or Path
        Where the trained method is kept, for other stacks of the same kind: by default in
        ``NAME.checkpoint`` beside the output; with False nowhere. One that learns nothing leaves none.
    overwrite : bool
        Replace an output of this name, and its checkpoint, once the new one is complete.
    progress : Progress, optional
        Told how far reading, training and reconstruction have come.

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
    from a2ibench.reconstruction import MethodOptions, StackOptions, reconstruct_between

    written = reconstruct_between(
        source,
        Path(target),
        StackOptions(key, level, crop, voxel_size, ratio, target_spacing, intensity, fill_missing),
        MethodOptions(method, profile, device, precision, seed, budget, settings or {}, _path(checkpoint)),
        overwrite=overwrite,
        save_checkpoint=Path(save_checkpoint)
        if isinstance(save_checkpoint, str | Path)
        else bool(save_checkpoint),
        progress=progress,
    )
    return written.output


def _path(given: str | Path | None) -> Path | None:
    return None if given is None else Path(given)


def _setting_texts(settings: Settings | None) -> Sequence[str]:
    if isinstance(settings, Mapping):
        return [
            f"{method}.{key}={value}" for method, values in settings.items() for key, value in values.items()
        ]
    return settings or ()
