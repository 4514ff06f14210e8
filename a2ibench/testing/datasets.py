"""What a registered dataset has to keep to. Nothing is downloaded."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from a2ibench.contracts import DatasetSpec, same_spacing
from a2ibench.data.catalogue import link, sha256
from a2ibench.data.generators import find_generator, make
from a2ibench.errors import A2IBenchError
from a2ibench.registry import Registered, host
from a2ibench.testing.check import CheckFailed, CheckSkipped, Rule, rule
from a2ibench.testing.description import CITED, LISTED, Registration
from a2ibench.values import prose

_SMALL = 32


@rule(
    "A title of one line says what it shows",
    "give the spec a title for people",
)
def _title(subject: Registration) -> None:
    _read("title", prose, subject.spec.title)
    if "\n" in subject.spec.title:
        raise CheckFailed("the title has several lines")


@rule(
    "A licence says how the volume may be used",
    "give the spec the licence under which the volume may be used, or what is known of it",
)
def _licence(subject: Registration) -> None:
    _read("licence", prose, subject.spec.licence)


@rule(
    "The voxel size is isotropic where an input is simulated, and anisotropic where not",
    "give (z, y, x) in nm, y and x equal; all three equal with simulate, and z larger without",
)
def _voxel_size(subject: Registration) -> None:
    spec: DatasetSpec = subject.spec
    z, y, x = spec.voxel_size
    if not same_spacing(y, x):
        raise CheckFailed(f"lateral spacings differ: y {y:g} nm, x {x:g} nm")
    isotropic = same_spacing(z, y)
    if spec.simulate is not None and not isotropic:
        raise CheckFailed(
            f"voxel_size is ({z:g}, {y:g}, {x:g}), but an input can only be simulated from cubes"
        )
    if spec.simulate is None and (isotropic or z < y):
        raise CheckFailed(f"voxel_size is ({z:g}, {y:g}, {x:g}), so there is nothing to reconstruct")


@rule(
    "Where the volume comes from can be used as it is declared",
    "give a web link (with its sha256, if known), an existing file, phantom options, or instructions",
)
def _source(subject: Registration) -> None:
    spec: DatasetSpec = subject.spec
    if spec.sha256 is not None:
        _read("sha256", sha256, spec.sha256)
    if spec.url is not None:
        _read("url", link, spec.url)
    if spec.path is not None and not spec.path.exists():
        raise CheckFailed(f"path {spec.path} is no file or folder")
    if spec.generated:
        unknown = find_generator(spec).unknown
        if unknown:
            raise CheckFailed(f"phantom options {', '.join(sorted(unknown))} do not exist")


@rule(
    "The degradation that simulates the input exists and takes its options",
    "give a ratio above 1, and a registered degradation with options that it takes",
)
def _simulation(subject: Registration) -> None:
    simulate = subject.spec.simulate
    if simulate is None:
        raise CheckSkipped("no input is simulated")
    if not (math.isfinite(simulate.ratio) and simulate.ratio > 1):
        raise CheckFailed(f"simulate.ratio is {simulate.ratio!r}")
    try:
        host().build("degradation", simulate.degradation, **simulate.options)
    except A2IBenchError as error:
        raise CheckFailed(f"simulate: {error}") from error


@rule(
    "Every field can be stored with a run and read back the same",
    "use tuples, numbers, texts and mappings; crop is 3 pairs (start, stop), intensity a pair (low, high)",
)
def _fields(subject: Registration) -> None:
    from a2ibench.bench.job import dataset_from_dict, dataset_to_dict

    spec: DatasetSpec = subject.spec
    if not isinstance(spec.bin, int) or spec.bin < 1:
        raise CheckFailed(f"bin is {spec.bin!r}; it is a whole number of at least 1")
    if spec.intensity is not None and not spec.intensity[0] < spec.intensity[1]:
        raise CheckFailed(f"intensity is {spec.intensity}; the first value is below the second")
    for axis, (start, stop) in zip("zyx", spec.crop or (), strict=False):
        if not 0 <= start < stop:
            raise CheckFailed(
                f"crop along {axis} is {(start, stop)}; it starts at 0 or later, before it stops"
            )
    again = dataset_from_dict(json.loads(json.dumps(dataset_to_dict(spec))))
    different = [name for name in spec.__dataclass_fields__ if getattr(again, name) != getattr(spec, name)]
    if different:
        raise CheckFailed(f"{', '.join(different)} reads back different after being stored as JSON")


@rule(
    "A volume that is here has voxels of the declared kind, and enough of them",
    "give a file that a2ibench.open_volume reads, with crop and bin that fit its size",
)
def _opens(subject: Registration) -> None:
    spec: DatasetSpec = subject.spec
    if spec.generated:
        make(spec, size=_SMALL)
        return
    if spec.path is None:
        how = f"a2ibench fetch {spec.name} downloads and checks it" if spec.url else "it is got by hand"
        raise CheckSkipped(f"the volume is not here: {how}")
    from a2ibench.data.opening import file_shape

    shape: Sequence[int] = file_shape(spec.path, spec.key, spec.level)
    if spec.crop is not None:
        outside = [axis for axis, (_, stop), n in zip("zyx", spec.crop, shape, strict=True) if stop > n]
        if outside:
            raise CheckFailed(f"crop reaches past the volume of {tuple(shape)} along {', '.join(outside)}")
        shape = [stop - start for start, stop in spec.crop]
    slices = shape[0] // spec.bin
    if spec.simulate is not None:
        slices = math.floor(slices / spec.simulate.ratio + 1e-9)
    if slices < 2 or min(shape) // spec.bin < 1:
        raise CheckFailed(f"{tuple(shape)} voxels, binned and sampled, leave {slices} input slices")


def _read(name: str, read: Any, value: Any) -> None:
    try:
        read(value)
    except ValueError as error:
        raise CheckFailed(f"{name} {error}") from None


RULES: Sequence[Rule[Registration]] = (
    _title,
    CITED,
    _licence,
    _voxel_size,
    _source,
    _simulation,
    _fields,
    _opens,
)


def suite(registered: Registered, device: str) -> tuple[Sequence[Rule[Registration]], Registration]:
    """Return the rules for datasets, and what they are tried on."""
    return (LISTED, *RULES), Registration(registered, device)
