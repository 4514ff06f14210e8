"""Volumes that a function generates instead of a file; see `a2ibench.DatasetSpec` for how one is named."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from a2ibench.contracts import DatasetSpec
from a2ibench.data import cache_folder
from a2ibench.data.writing.layout import ZYX
from a2ibench.errors import InputError, UnknownNameError, one_line
from a2ibench.files import atomic_write
from a2ibench.registry.loading import import_target

DEFAULT_TARGET = "a2ibench.data.phantom:phantom"


class Generator(NamedTuple):
    """A function that makes volumes, its version, and the options that an entry calls it with."""

    function: Callable[..., NDArray[Any]]
    version: int
    options: Mapping[str, Any]

    @property
    def parameters(self) -> Mapping[str, inspect.Parameter]:
        """The options that it takes."""
        return inspect.signature(self.function).parameters

    @property
    def unknown(self) -> list[str]:
        """Options of the entry that it does not take."""
        return [option for option in self.options if option not in self.parameters]


def find_generator(spec: DatasetSpec) -> Generator:
    """Return the generator of an entry.

    Raises
    ------
    InputError
        If its target cannot be imported.
    """
    options = {"voxel_size": spec.voxel_size[0], **(spec.phantom or {})}
    target = options.pop("target", DEFAULT_TARGET)
    try:
        function = import_target(str(target))
    except Exception as error:  # importing a stranger's module raises anything
        raise InputError(
            f"[{spec.name}]: target is {target!r}, which cannot be imported ({one_line(error)}); "
            "give 'package.module:function'"
        ) from error
    version = getattr(sys.modules[target.partition(":")[0]], "GENERATOR_VERSION", 1)
    return Generator(function, version, options)


def generated_labels(spec: DatasetSpec) -> NDArray[Any]:
    """Return what the voxels of an entry belong to, whole numbers (z, y, x), made anew.

    Raises
    ------
    InputError
        If nothing beside the generator makes labels, or they are not whole numbers.
    """
    function, _, options = find_generator(spec)
    name = f"{function.__name__}_labels"
    maker = getattr(sys.modules[function.__module__], name, None)
    if not callable(maker):
        raise InputError(
            f"[{spec.name}]: labels is true, but {function.__module__} has no {name}; remove labels"
        )
    try:
        labels = maker(**options)
    except (TypeError, ValueError) as error:
        raise InputError(f"[{spec.name}]: labels: {error}") from error
    if not (isinstance(labels, np.ndarray) and labels.ndim == 3 and labels.dtype.kind in "iu"):
        raise InputError(f"[{spec.name}]: labels: {name} gave no integers (z, y, x); correct it")
    return labels


def generated(spec: DatasetSpec, cache: Path | None = None) -> NDArray[Any]:
    """Return the voxels of an entry, (z, y, x) uint8, from the cache or made anew.

    A cache that cannot be read or written only costs time.

    Raises
    ------
    InputError
        If an option has a value that the generator does not take.
    UnknownNameError
        If an option does not exist.
    """
    path = cached_path(spec, cache)
    with contextlib.suppress(Exception):  # a damaged file raises almost anything
        kept = np.load(path, allow_pickle=False)
        if _is_volume(kept):
            return np.asarray(kept)
    data = make(spec)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as file:
            np.save(file, data, allow_pickle=False)
    return data


def cached_path(spec: DatasetSpec, cache: Path | None = None) -> Path:
    """Return where a volume is kept; the generator's version and every option are part of the name."""
    _, version, options = find_generator(spec)
    target = (spec.phantom or {}).get("target", DEFAULT_TARGET)
    name = target.partition(":")[2]
    # The default is not part of it, so that an entry that names it finds the same file.
    content = [version, options] if target == DEFAULT_TARGET else [version, options, target]
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
    return cache_folder(cache) / "generated" / f"{name}-v{version}-{digest}.npy"


def make(spec: DatasetSpec, **changed: Any) -> NDArray[Any]:
    """Generate the voxels of an entry, with other values for those of `changed` that are options.

    Raises
    ------
    InputError, UnknownNameError
        As for `generated`.
    """
    generator = find_generator(spec)
    for option in generator.unknown:
        raise UnknownNameError(f"phantom option in [{spec.name}]", option, generator.parameters)
    known = {name: value for name, value in changed.items() if name in generator.parameters}
    try:
        data = generator.function(**{**generator.options, **known})
    except (TypeError, ValueError) as error:
        raise InputError(f"[{spec.name}]: phantom: {error}") from error
    if not _is_volume(data):
        raise InputError(f"[{spec.name}]: phantom: the generator gave no uint8 array (z, y, x); correct it")
    return data


def generated_shape(spec: DatasetSpec) -> ZYX | None:
    """Return the shape of a volume of so many voxels a side; None where the generator has no such option."""
    generator = find_generator(spec)
    default = generator.parameters["size"].default if "size" in generator.parameters else None
    size = generator.options.get("size", default)
    return (size, size, size) if isinstance(size, int) else None


def _is_volume(data: object) -> bool:
    return isinstance(data, np.ndarray) and data.ndim == 3 and data.dtype == np.uint8
