"""Options that several tables share: those of a run, of a reconstruction, and of what else takes a stack."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from a2ibench.bench.option import Option
from a2ibench.bench.option_checks import budget_of
from a2ibench.bench.specs import checked_settings, one_of
from a2ibench.data.bounds import bounds_of
from a2ibench.data.catalogue import load_catalogue
from a2ibench.data.spacing import voxel_size_of
from a2ibench.errors import InputError
from a2ibench.protocol.checkpointer import interval
from a2ibench.protocol.profiles import PROFILES
from a2ibench.values import literal, path

PRECISIONS = ("auto", "fp32", "bf16")


def _profile(name: str | None) -> str:
    from a2ibench.bench.device import cuda_present

    if name is None:
        return "full" if cuda_present() else "quick"
    return one_of("profile", name, PROFILES)


def _device(name: str) -> str:
    from a2ibench.bench.device import resolve_device

    return resolve_device(name)


def checked_folder(path: str | Path | bool | None) -> Path | bool | None:
    """Return a path for a text; True, False and None are what they are."""
    return Path(path) if isinstance(path, str | Path) else path


def _catalogue(path: str | Path | None) -> Path | None:
    if path is None:
        return None
    load_catalogue(Path(path))
    return Path(path).absolute()


def naming(name: str, read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a check of an option that may be None: `read`, with the name before what it says is wrong."""

    def check(value: Any) -> Any:
        try:
            return None if value is None else read(value)
        except InputError as error:
            raise InputError(f"{name}: {error}") from None

    return check


VOXEL_SIZE = Option(
    "Nanometres, or with units as in 50nm,4.6nm,4.6nm; by default what the file's metadata say.",
    "Z,Y,X",
    doc='(z, y, x) in nm, or with units as in ``"50nm,4.6nm,4.6nm"``; by default what the source\'s metadata '
    "say. Lateral spacings that differ by less than 1 % are averaged.",
    check=naming("voxel_size", voxel_size_of),
)
CROP = Option(
    "Reconstruct these voxels only; a bare : is a whole axis.",
    "Z0:Z1,Y0:Y1,X0:X1",
    doc="The voxels to reconstruct: three slices, or start and stop along (z, y, x), None for the volume's "
    "own end.",
    check=naming("crop", bounds_of),
)
KEY = Option(
    "Dataset or array within an HDF5, Zarr or N5 source that holds several.",
    "NAME",
    doc="Dataset or array within the source; by default the only 3D one.",
)
LEVEL = Option("Resolution of a multiscale source; 0, the finest, by default.", "N", int)
INTENSITY = Option(
    "Grey levels that map to 0 and 1; by default found from the voxels.",
    "LO,HI",
    tuple,
    example="0,4095",
    doc="Values that map to 0 and 1, and that the output is clipped to. By default the range of an 8-bit "
    "dtype, of 16-bit integers the range of the fewest bits that hold all voxels, of floats their "
    "minimum and maximum. Of all but 8 bits networks see a robust range within it, `Volume.contrast`, "
    "which neither hot voxels nor padding widen, and which a checkpoint keeps.",
)
CATALOGUE = Option("A datasets.toml instead of the one that ships.", "FILE", Path, key=path, check=_catalogue)
PROFILE = Option(
    "Network size and training; full by default with a GPU, else quick.",
    "|".join(PROFILES),
    doc='``"smoke"``, ``"quick"``, ``"standard"`` or ``"full"``; by default full with a GPU, else quick.',
    key=literal,
    check=_profile,
)
DEVICE = Option(
    "Where methods run; auto by default; gpu is cuda.",
    "auto|cpu|cuda",
    doc='``"auto"``, ``"cpu"`` or ``"cuda"``; ``"gpu"`` is ``"cuda"``.',
    key=literal,
    check=_device,
)
PRECISION = Option(
    "Of networks; auto by default.",
    "|".join(PRECISIONS),
    doc='``"auto"``, ``"fp32"`` or ``"bf16"``.',
    key=literal,
    check=lambda name: one_of("precision", name, PRECISIONS),
)
BUDGET = Option(
    "Training of each learned method, instead of the profile's.",
    "2000steps|300s",
    doc='Training of each learned method, such as ``"2000steps"`` or ``"300s"``, instead of the profile\'s.',
    key=literal,
    check=budget_of,
)
CHECKPOINT_EVERY = Option(
    "How often a training is kept, to go on there if it is killed; 60s by default.",
    "60s|never",
    doc='How often a training is kept, to go on there if it is killed: ``"60s"``, seconds, or ``"never"``.',
    key=literal,
    check=interval,
)
SETTINGS = Option(
    "Change a setting of a method or metric; repeatable.",
    "METHOD.KEY=VALUE",
    list,
    doc="``{method: {key: value}}``, or texts ``METHOD.KEY=VALUE``; metrics stand as methods do.",
    check=checked_settings,
    needs=("methods",),
)
