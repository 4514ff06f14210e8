"""Runs one job from the stored volume to its record: scores, and the axial plane that figures show."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.bench import device
from a2ibench.bench.cache_key import dataset_content, used_by
from a2ibench.bench.calibration import Calibrator
from a2ibench.bench.controls import score_controls
from a2ibench.bench.handed import open_handed
from a2ibench.bench.job import Job
from a2ibench.bench.kept_planes import save_planes
from a2ibench.bench.paths import JobFiles
from a2ibench.bench.provenance import (
    configuration_of,
    describe_error,
    describe_voxels,
    finished,
    model_of,
    new_record,
    precision_of,
    seen_before,
    trained_on,
)
from a2ibench.bench.record import Record, write_record
from a2ibench.bench.scoring import axial_powers, misalignment, score_within, want_labels
from a2ibench.bench.validation import Validation
from a2ibench.contracts import (
    AxialGrid,
    Context,
    Method,
    Progress,
    Volume,
    silent,
)
from a2ibench.external.command_method import CommandMethod
from a2ibench.external.foreign_method import ForeignMethod
from a2ibench.files import plain
from a2ibench.hookspecs import PROJECT
from a2ibench.isolation import is_ctrl_c
from a2ibench.protocol.blocks import reconstruct_volume
from a2ibench.protocol.checkpointer import FileCheckpointer
from a2ibench.protocol.intensity import normalise, quantise
from a2ibench.protocol.profiles import (
    PROFILES,
    seed_everything,
    training_settings,
    training_wishes,
)
from a2ibench.protocol.resample import interpolate
from a2ibench.registry import host


def save_slices(
    folder: Path, prediction: NDArray[Any], reference: NDArray[Any] | None, volume: Volume
) -> None:
    """Write the xz plane at the middle y to slices.npz.

    Parameters
    ----------
    folder : Path
        The job's folder.
    prediction, reference : ndarray, shape (z, y, x)
        Grey levels; the reference may be None.
    volume : Volume, shape (n_in, y, x)
        The input; its cubic interpolation is kept as ``interpolated``.
    """
    middle = volume.shape[1] // 2
    grid = AxialGrid(volume.shape[0], volume.ratio)
    interpolated = interpolate(volume.data[:, middle : middle + 1], grid)
    lo, hi = volume.contrast or volume.intensity
    planes: dict[str, Any] = {
        "prediction": prediction[:, middle],
        "interpolated": quantise(normalise(interpolated, volume), volume)[:, 0],
        "data_range": np.float64(hi - lo),
        "lo": np.float64(lo),
    }
    if reference is not None:
        planes["reference"] = reference[:, middle]
    np.savez_compressed(JobFiles(folder).slices, **planes)


_SIDE = 64


class Clock:
    """Times phases apart, each with the device's work finished, and reports where each begins and ends."""

    def __init__(self, where: str, progress: Progress) -> None:
        self.seconds: dict[str, float] = {}
        self.excluded = 0.0
        """Seconds within phases so far that were none of the phase's own work."""
        self._device, self._progress = where, progress

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time the body as phase `name`, also where it fails."""
        self._progress(name, 0, 1)
        device.synchronise(self._device)
        start = time.perf_counter() - self.excluded
        try:
            yield
            device.synchronise(self._device)
        finally:
            self.seconds[name] = time.perf_counter() - self.excluded - start
        self._progress(name, 1, 1)


def run_job(job: Job, folder: Path, progress: Progress = silent) -> Record:
    """Run a job and write its record, whatever comes of it.

    Parameters
    ----------
    job : Job
        What to run.
    folder : Path
        Folder for record.json, checkpoint/, slices.npz, planes.npz and scores.npz; empty, or with a training
        that was kept, which goes on if it is of this job.
    progress : Progress
        Told about every phase: setup, (fetch,) load, simulate, fit, reconstruct, score, write, controls.

    Returns
    -------
    Record
        As it is read back from record.json. Timings are seconds, memory is peak bytes.

    Raises
    ------
    KeyboardInterrupt
        If the user stops it; no record is written then.
    OSError
        If the record cannot be written.
    """
    record = new_record(job)
    clock = Clock(job.device, progress)
    # What becomes known one after another, and stays known where the job fails after that.
    found: dict[str, Any] = {"provenance": dict(record.provenance)}
    try:
        with ExitStack() as resources:
            try:
                _run(job, folder, clock, progress, found, resources)
            finally:
                found.setdefault("memory", device.peak_memory(job.device))
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) and is_ctrl_c():
            raise
        found["status"], found["error"] = describe_error(error)
    found["timings"] = clock.seconds
    return write_record(folder, finished(replace(record, **found)))


def _run(
    job: Job,
    folder: Path,
    clock: Clock,
    progress: Progress,
    found: dict[str, Any],
    resources: ExitStack,
) -> None:
    provenance = found["provenance"]

    def build() -> Method:
        return _set_up(job, folder, found, resources)

    with clock.phase("setup"):
        method = build()
    provenance["device_name"] = device.device_name(job.device)
    used = used_by(configuration_of(method))
    before = dataset_content(job.dataset)
    handed = open_handed(job.dataset, clock.phase, labels=want_labels(job.metrics, job.metric_settings))
    provenance["dataset"] = handed.described
    volume, reference = handed.volume, None if handed.reference is None else handed.reference.data
    # What changed while it was read is of no known content, and is not taken for current later.
    same = dataset_content(job.dataset) == before
    provenance["used"] = used | {"dataset": before if same else "changed while it was read"}
    reason = _reason_not_to_run(method, volume, provenance)
    if reason is not None:
        found |= {"status": "skipped", "reason": " ".join(str(reason).split())}
        return
    calibration = Calibrator(job.device)
    ctx = _context(job, folder, _sampling(calibration, clock, progress))
    calibration.begin()
    checkpointer = _checkpointer(job, folder, provenance["used"], clock) if same else None
    validation = Validation.of(job, volume, method)
    seed_everything(job.seed)
    try:
        with clock.phase("fit"):
            method.fit(validation.training, replace(ctx, checkpointer=checkpointer))
    finally:
        if checkpointer is not None:
            clock.seconds["fit"] = clock.seconds.get("fit", 0.0) + checkpointer.earlier
            provenance["resumed"] = checkpointer.resumed
    provenance["configuration"] = configuration_of(method)
    provenance |= precision_of(method, ctx)
    if job.device == "cuda" and job.command is None:
        _warm_up(method, volume, ctx)
    with clock.phase("reconstruct"):
        output = reconstruct_volume(method, volume, ctx, apart=validation.apart)
    found["calibration"] = calibration.end()
    found["model"] = model_of(method) | {"voxels_per_second": output.size / clock.seconds["reconstruct"]}
    if job.evaluate:
        provenance["validation"] = validation.described()
    if validation.wanted:
        with clock.phase("validate"):
            validation.carry_out(method, build, ctx)
    with clock.phase("score"):
        prediction = quantise(output, volume)
        scores = score_within(
            job.metrics,
            prediction,
            reference,
            volume,
            job.dataset.simulate,
            job.metric_settings,
            labels=handed.labels,
            **validation.scored(),
        )
        provenance |= axial_powers(prediction, reference, volume)
        if job.command is not None or job.environment is not None:
            # What was not written for this grid is most likely to miss it.
            provenance |= misalignment(prediction, reference, volume)
    found |= {"metrics": scores.metrics, "metric_errors": scores.errors}
    with clock.phase("write"):
        provenance["reconstruction"] = describe_voxels(prediction)
        scores.save(folder)
        save_slices(folder, prediction, reference, volume)
        save_planes(folder, job.report_planes, prediction, reference, volume, validation.apart)
        if job.keep_volume:
            _keep_volume(prediction, JobFiles(folder).volume, job, provenance)
        _save_checkpoint(method, JobFiles(folder).checkpoint)
    if job.controls and scores.metrics:
        # What they take is no cost of the method.
        found["memory"] = device.peak_memory(job.device)
        del output, prediction
        with clock.phase("controls"):
            found["controls"] = score_controls(
                tuple(scores.metrics),
                reference,
                volume,
                job.dataset.simulate,
                handed.labels,
                job.metric_settings,
            )


def _set_up(job: Job, folder: Path, found: dict[str, Any], resources: ExitStack) -> Method:
    if job.command is not None:
        command = CommandMethod(job.method, job.command)
        resources.callback(_add_peak, command, found)
        return command
    if job.environment is not None:
        wishes = training_wishes(job.training_degradation, job.dataset.simulate)
        foreign: Any = ForeignMethod(job.environment, job.settings, wishes, seed=job.seed, workdir=folder)
        resources.callback(_add_peak, foreign, found)
        resources.callback(foreign.close)
        there: Method = foreign
        return there
    trained_on = training_settings(job.registered, job.training_degradation, job.dataset.simulate)
    device.warm_up(job.device)
    seed_everything(job.seed)
    method: Method = host().build("method", job.registered, **trained_on | dict(job.settings))
    return method


def _add_peak(method: CommandMethod | ForeignMethod, found: dict[str, Any]) -> None:
    """Add what a process beside this one took; the job took what the larger of both did."""
    memory = found["memory"]
    # This process has not used the GPU, and nobody tells what the other one has.
    memory.pop("device", None)
    if method.peak_memory is not None:
        memory |= {"process": max(memory["process"], method.peak_memory), "external": method.peak_memory}


def _sampling(calibration: Calibrator, clock: Clock, progress: Progress) -> Progress:
    def report(phase: str, done: float, total: float, **values: float) -> None:
        clock.excluded += calibration.sample()
        progress(phase, done, total, **values)

    return report


def _context(job: Job, folder: Path, progress: Progress) -> Context:
    profile = PROFILES[job.profile]
    return Context(
        seed=job.seed,
        device=job.device,
        precision=job.precision,
        size=profile.size,
        budget=job.budget,
        batch=profile.batch,
        patch=profile.patch,
        progress=progress,
        workdir=folder,
    )


def _checkpointer(job: Job, folder: Path, used: Mapping[str, Any], clock: Clock) -> FileCheckpointer | None:
    if job.checkpoint_every is None:
        return None
    # The key does not tell what only the settings' defaults name.
    identity = json.dumps(plain([job.key, used]), sort_keys=True)
    return FileCheckpointer(
        JobFiles(folder).training,
        job.checkpoint_every,
        identity,
        clock=lambda: time.perf_counter() - clock.excluded,
    )


def _reason_not_to_run(method: Method, volume: Volume, provenance: dict[str, Any]) -> str | None:
    """Return why a method is skipped; notes what its weights have seen."""
    if learnt_from := trained_on(method):
        provenance["trained_on"] = sorted(learnt_from)
    reason = method.skip(volume) if hasattr(method, "skip") else None
    return seen_before(learnt_from, provenance["dataset"]) if reason is None else reason


def _warm_up(method: Method, volume: Volume, ctx: Context) -> None:
    # A GPU loads kernels when they are first used. Where a part this small is refused, the whole tells.
    part = volume.crop(slice(max(2, math.ceil(_SIDE / volume.ratio))), slice(_SIDE), slice(_SIDE))
    with suppress(Exception):
        reconstruct_volume(method, part, replace(ctx, progress=silent, workdir=None))


def _keep_volume(prediction: NDArray[Any], place: Path, job: Job, provenance: Mapping[str, Any]) -> None:
    from a2ibench.data.writing.whole import write_whole

    told = ("plugin", "distribution", "version", "seed", "profile", "budget", "device", "precision")
    history = {
        "software": PROJECT,
        "version": provenance["a2ibench"],
        "kind": "reconstruction of a benchmark",
        "method": job.method,
        **{name: provenance[name] for name in told},
        "settings": dict(provenance["settings"]) | dict(provenance["configuration"]),
        "dataset": provenance["dataset"],
        "protocol_version": provenance["protocol_version"],
    }
    write_whole(place, prediction, provenance["dataset"]["voxel_size"], history=history)


def _save_checkpoint(method: Method, folder: Path) -> None:
    folder.mkdir()
    method.save(folder)
    if not any(folder.iterdir()):
        folder.rmdir()
