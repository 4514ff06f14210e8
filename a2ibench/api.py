"""Benchmark and reconstruct from Python."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from a2ibench.contracts import Budget, Context, Method, Progress, Volume, silent
from a2ibench.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from a2ibench.bench.events import Events
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
    from a2ibench.reporting.results import frame
    from a2ibench.running import benchmark

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
    import numpy as np

    from a2ibench.bench.choose import PRECISIONS, choose_one, choose_profile
    from a2ibench.bench.device import resolve_device
    from a2ibench.plugins import host
    from a2ibench.protocol.profiles import PROFILES
    from a2ibench.protocol.reconstruct import quantise, reconstruct_volume
    from a2ibench.volumes.prepare import check_finite

    if not isinstance(volume, Volume):
        raise InputError(f"volume: got {type(volume).__name__}; give a Volume, such as open_volume returns")
    if volume.ratio == 1:
        raise InputError(
            f"{volume.name}: voxel size {volume.voxel_size} is isotropic; nothing to reconstruct"
        )
    if seed < 0:
        raise InputError(f"seed: got {seed}; give a number of at least 0")
    chosen = PROFILES[choose_profile(profile)]
    ctx = Context(
        seed=seed,
        device=resolve_device(device),
        precision=choose_one("precision", precision, PRECISIONS),
        size=chosen.size,
        budget=(Budget.parse(budget) if isinstance(budget, str) else budget) or Budget(steps=chosen.steps),
        batch=chosen.batch,
        patch=chosen.patch,
        progress=progress or silent,
    )
    built: Method = host().build("method", method, **(settings or {}))
    volume = replace(volume, data=np.ascontiguousarray(volume.data))
    check_finite(volume.data, volume.name)
    reason = built.skip(volume) if hasattr(built, "skip") else None
    if reason is not None:
        raise InputError(f"{volume.name}: {method} does not apply: {reason}")
    if checkpoint is None:
        built.fit(volume, ctx)
    else:
        built.load(Path(checkpoint))
    data = quantise(reconstruct_volume(built, volume, ctx), volume)
    lateral = volume.voxel_size[1]
    return replace(volume, data=data, voxel_size=(lateral, lateral, lateral))


def _setting_texts(settings: Settings | None) -> Sequence[str]:
    if isinstance(settings, Mapping):
        return [
            f"{method}.{key}={value}" for method, values in settings.items() for key, value in values.items()
        ]
    return settings or ()
