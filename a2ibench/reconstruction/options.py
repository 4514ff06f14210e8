"""The options of a reconstruction, and what they come to: what a method is told, how far apart slices are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path
from typing import NamedTuple

from a2ibench.bench.options import Option, check_option
from a2ibench.bench.shared_options import (
    BUDGET,
    CHECKPOINT_EVERY,
    CROP,
    DEVICE,
    INTENSITY,
    KEY,
    LEVEL,
    PRECISION,
    PROFILE,
    SETTINGS,
    VOXEL_SIZE,
    checked_folder,
    naming,
)
from a2ibench.bench.specs import settings_of_one
from a2ibench.cluster.options import check_scheduler, check_workers
from a2ibench.contracts import (
    AxialGrid,
    Budget,
    Context,
    Method,
    Progress,
    Volume,
    decimal_spacing,
    equal_laterally,
    same_spacing,
    silent,
)
from a2ibench.contracts.planes import PLANE_CHOICES
from a2ibench.data.bounds import Bounds
from a2ibench.data.spacing import VoxelSize, check_stored, spacing_of
from a2ibench.errors import InputError, OptionError
from a2ibench.protocol.profiles import PROFILES, Profile, training_settings
from a2ibench.reconstruction.checkpoint_method import method_for
from a2ibench.reconstruction.parts import part_of
from a2ibench.settings import Value

DEFAULT_METHOD = "plain"
"""The method that restores best for its time without a GPU."""


def _seed(seed: int) -> int:
    if seed < 0:
        raise InputError(f"seed: got {seed}; give a number of at least 0")
    return seed


def _checked_ratio(ratio: float | None) -> float | None:
    if ratio is not None and not 1 < ratio < math.inf:
        raise InputError(f"ratio: got {ratio:g}; give a number above 1")
    return ratio


@dataclass(frozen=True, repr=False, eq=False)
class ReconstructOptions:
    """What a reconstruction is asked for; see `a2ibench.reconstruct_file`."""

    method: str | None = Option(
        f"Method to use; by default that of {{checkpoint}}, or without one {DEFAULT_METHOD}.",
        "M",
        doc=f"Name of a registered method; by default that of `checkpoint`, or without one {DEFAULT_METHOD}.",
        check=lambda name, checkpoint: method_for(name, checkpoint, DEFAULT_METHOD),
        needs=("checkpoint",),
    ).default()
    _: KW_ONLY
    voxel_size: str | VoxelSize | None = VOXEL_SIZE.default()
    ratio: float | None = Option(
        "Axial spacing of INPUT over OUTPUT's; axial over lateral by default.",
        "R",
        float,
        doc="Axial spacing of the input over that of the output; by default axial over lateral spacing.",
        check=_checked_ratio,
    ).default()
    target_spacing: str | float | None = Option(
        "Axial spacing of OUTPUT, instead of {ratio}; the lateral by default.",
        "NM",
        doc="Axial spacing of the output in nm, or with its unit, instead of `ratio`.",
        check=naming("target_spacing", spacing_of),
    ).default()
    crop: str | Bounds | Sequence[slice] | None = CROP.default()
    key: str | None = KEY.default()
    level: int | None = LEVEL.default()
    intensity: tuple[float, float] | None = INTENSITY.default()
    planes: str | None = Option(
        "Axial planes that a network restores; both by default.", "|".join(PLANE_CHOICES)
    ).default()
    start: str | None = Option(
        "Where the training of `plain` begins; at random by default. pretrained-only trains nothing, for a "
        "preview.",
        "random|pretrained|pretrained-only",
    ).default()
    profile: str | None = PROFILE.default(
        help="Network size and training; by default full with a GPU, else quick, and as many steps as the "
        "size of OUTPUT is worth.",
        doc='``"smoke"``, ``"quick"``, ``"standard"`` or ``"full"``; by default full with a GPU, else quick, '
        "and as many steps as the size of the output is worth.",
    )
    device: str = DEVICE.default("auto", help="Where the method runs; auto by default.")
    precision: str = PRECISION.default("auto")
    seed: int = Option(
        "Seed of the training; 0 by default.", "N", int, doc="Seed of the training.", check=_seed
    ).default(0)
    budget: str | Budget | None = BUDGET.default(
        help="Training, instead of what {profile} says.",
        doc='Training, such as ``"2000steps"`` or ``"300s"``, instead of what `profile` says.',
    )
    settings: Mapping[str, Value] | Sequence[str] | None = SETTINGS.default(
        help="Change a setting of the method; repeatable.",
        metavar="KEY=VALUE",
        doc="Settings of the method.",
        check=settings_of_one,
        needs=("method", "planes", "start"),
    )
    checkpoint: str | Path | None = Option(
        "Load what a run's job or {save_checkpoint} left there; do not train.",
        "DIR",
        Path,
        doc="Folder that a trained method was saved in; it is loaded and nothing is trained.",
        check=checked_folder,
    ).default()
    save_checkpoint: str | Path | bool | None = Option(
        "Keep the trained method there; in OUTPUT.checkpoint by default.",
        "DIR",
        Path,
        off="Do not keep the trained method.",
        doc="Where the trained method is kept, for other stacks of the same kind: by default in "
        "``NAME.checkpoint`` beside the output; with False nowhere. One that learns nothing leaves none.",
        check=lambda folder: checked_folder(folder or False),
    ).default(True)
    checkpoint_every: str | float = CHECKPOINT_EVERY.default("60s")
    match_slices: bool = Option(
        "Match slices that flicker in mean and contrast to those around them.",
        type=bool,
        doc="Bring mean and contrast of every slice to what a robust line through the 17 slices around it "
        "tells, before anything else: for stacks that flicker.",
    ).default(False)
    uncertainty: str | Path | None = Option(
        "Write there how far xz and yz planes are apart at every voxel, in grey levels.",
        "FILE",
        Path,
        doc="Where a volume of the absolute difference of what xz and yz planes became is written, in grey "
        "levels, as float32 of the output's shape; its suffix tells the format.",
        check=lambda path: None if path is None else Path(path),
    ).default()
    ome_version: str | None = Option(
        "Version of an OUTPUT that is OME-Zarr; 0.5 by default.",
        "0.4|0.5",
        doc='Version of an output that is OME-Zarr: ``"0.5"`` (by default), or ``"0.4"`` for programs that '
        "read nothing newer.",
        check=lambda version: None if version is None else str(version),
    ).default()
    fill_missing: bool = Option(
        "Take missing chunks of INPUT for empty ones.",
        type=bool,
        doc="Take chunks that are not there for the value that the metadata state for them; by default an "
        "error.",
    ).default(False)
    overwrite: bool = Option(
        "Replace OUTPUT if it exists.",
        type=bool,
        doc="Replace an output of this name, and its checkpoint, once the new one is complete.",
    ).default(False)
    prepare: bool = Option(
        "Train and lay OUTPUT out for jobs with {part} and one with {finish}.",
        type=bool,
        doc="Find the grey levels, train, and lay the output out for the calls with `part` and one with "
        "`finish`.",
    ).default(False)
    part: str | None = Option(
        "Do part I of N of what {prepare} has laid out: jobs for all I in any order, at once, or twice.",
        "I/N",
        doc='Do part I of N, as in ``"2/8"``, of what `prepare` has laid out: in any order, at once, or '
        "twice.",
        check=naming("part", part_of),
    ).default()
    finish: bool = Option(
        "Complete OUTPUT when all parts are done; refused while any piece is missing.",
        type=bool,
        doc="Complete the output when all parts are done; refused while any piece is missing.",
    ).default(False)
    scheduler: str | None = Option(
        "Hand the pieces out to the workers of a running Dask scheduler, such as tcp://node1:8786.",
        "ADDRESS",
        doc='Address of a running Dask scheduler, such as ``"tcp://node1:8786"``, whose workers do the '
        "pieces.",
        check=check_scheduler,
    ).default()
    workers: int | None = Option(
        "Start so many Dask workers of one thread here, or of those that {cluster} allows.",
        "N",
        int,
        doc="Start so many Dask workers of one thread on this machine, or of those that `cluster` allows.",
        check=check_workers,
    ).default()
    cluster: str | Path | None = Option(
        "Start the Dask workers that a cluster file describes.",
        "FILE",
        Path,
        doc="A cluster file; the Dask workers that it describes are started and do the pieces.",
        check=checked_folder,
    ).default()
    progress: Progress | None = Option(
        "Told how far reading, training and reconstruction have come."
    ).default()


@dataclass(frozen=True)
class MethodOptions:
    """A method, its checked settings, and the checkpoint that is loaded instead of a training.

    Trainings are kept every `checkpoint_every` seconds, or not where it is None.
    """

    method: str
    settings: Mapping[str, Value]
    checkpoint: Path | None
    checkpoint_every: float | None = None


def resolve_method(options: ReconstructOptions) -> MethodOptions:
    """Return what of the options is about the method.

    Raises
    ------
    InputError
        If a setting is not allowed.
    """
    checkpoint, every = check_option("checkpoint", options), check_option("checkpoint_every", options)
    method = check_option("method", options)
    settings = training_settings(method, "matched") | dict(check_option("settings", options))
    return MethodOptions(method, settings, checkpoint, every)


def resolved_options(options: ReconstructOptions) -> ReconstructOptions:
    """Return the options with those that may be written in several ways as they are used.

    Raises
    ------
    InputError
        If one of them cannot be used.
    """
    names = ("method", "voxel_size", "target_spacing", "crop")
    return replace(options, **{name: check_option(name, options) for name in names})


_STEPS_ON_CPU, _STEPS_ON_GPU = (400, 100_000), (20_000, 100_000)
_VOXELS_FOR_EACH_SEEN = 6


def worthwhile_steps(voxels: int, profile: Profile, device: str) -> int:
    """Return for how many steps to train before a volume is reconstructed, to two significant digits.

    One step for every ``6 * batch * patch**2`` output voxels. A step sees ``batch * patch**2`` voxels of
    planes and costs about three times what restoring them does, with the default method; each output voxel is
    restored in two planes. So training is about a fifth of the work. Small volumes get at least 400 steps, on
    a GPU 20 000, and no volume gets more than 100 000.

    Parameters
    ----------
    voxels : int
        Voxels of the output.
    profile : Profile
        Its batch, and its patch in voxels.
    device : str
        ``"cpu"`` or ``"cuda"``.
    """
    least, most = _STEPS_ON_CPU if device == "cpu" else _STEPS_ON_GPU
    steps = voxels / (_VOXELS_FOR_EACH_SEEN * profile.batch * profile.patch**2)
    return int(float(f"{min(max(steps, least), most):.2g}"))


def output_voxels(shape: tuple[int, int, int], ratio: float) -> int:
    """Return how many voxels the reconstruction of a stack of shape (z, y, x) has."""
    return AxialGrid(shape[0], ratio).n_out * shape[1] * shape[2]


def context(options: ReconstructOptions, voxels: int) -> Context:
    """Return what the method is told, for an output of so many voxels.

    Raises
    ------
    InputError
        If an option cannot be used.
    """
    seed, budget = check_option("seed", options), check_option("budget", options)
    profile, device = PROFILES[check_option("profile", options)], check_option("device", options)
    steps = worthwhile_steps(voxels, profile, device) if options.profile is None else profile.steps
    return Context(
        seed=seed,
        device=device,
        precision=check_option("precision", options),
        size=profile.size,
        budget=budget or Budget(steps=steps),
        batch=profile.batch,
        patch=profile.patch,
        progress=options.progress or silent,
    )


def spacings(options: ReconstructOptions, stored: VoxelSize | None, name: str) -> Spacings:
    """Return the voxel sizes of the stack as the method is told, and of its reconstruction.

    Parameters
    ----------
    options : ReconstructOptions
        May tell other spacings.
    stored : tuple of float, optional
        What the file tells, (z, y, x) in nm.
    name : str
        Shown in messages.

    Raises
    ------
    InputError
        If nobody tells the voxel size, or it leaves nothing to reconstruct.
    """
    given = check_option("voxel_size", options)
    spacing = given or stored
    if spacing is None:
        raise OptionError("{stack}: tells no voxel size; give {voxel_size:(Z, Y, X)} in nm", stack=name)
    if given is None:
        check_stored(spacing, name)
    if options.ratio is not None and options.target_spacing is not None:
        raise OptionError("{ratio} and {target_spacing} both tell the output's spacing; give one of them")
    z, y, x = equal_laterally(spacing, name)
    ratio = _ratio(options, z, y, name)
    if options.ratio is None and options.target_spacing is None:
        return Spacings((z, y, x), (y, y, x), ratio)
    return Spacings((y * ratio, y, x), (decimal_spacing(z / ratio), y, x), ratio)


def _ratio(options: ReconstructOptions, z: float, y: float, name: str) -> float:
    if options.ratio is not None:
        return float(check_option("ratio", options))
    if options.target_spacing is not None:
        target = float(check_option("target_spacing", options))
        if not target < z:
            raise OptionError(
                "{target_spacing}: got {got}; give nm above 0 and below the axial spacing of {axial}",
                got=f"{target:g}",
                axial=f"{z:g}",
            )
        return z / target
    if z / y < 1 + 1e-6:
        if same_spacing(z, y):
            kind = "is isotropic; nothing to reconstruct"
        else:
            kind = "is coarser laterally than axially; nothing to reconstruct; is the order z,y,x?"
        raise InputError(f"{name}: voxel size {z:g}, {y:g}, {y:g} nm {kind}")
    return z / y


class Spacings(NamedTuple):
    """Voxel sizes (z, y, x) in nm, as the method is told and of the reconstruction, and the ratio."""

    given: VoxelSize
    reconstructed: VoxelSize
    ratio: float


def check_applies(method: Method, name: str, volume: Volume) -> None:
    """Accept volumes that a method does not skip.

    Raises
    ------
    InputError
        If it does; gives its reason.
    """
    reason = method.skip(volume) if hasattr(method, "skip") else None
    if reason is not None:
        raise InputError(f"{volume.name}: {name} does not apply: {reason}")
