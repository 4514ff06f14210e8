"""Altering the weights in a checkpoint, whatever the method that wrote it."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

_AWAY, _LEAST = 0.5, 0.02


def alter_weights(folder: Path) -> int:
    """Alter the weights in the safetensors and NumPy files below a folder, in place.

    Weights are arrays of floats with two axes or more; where there are none, all arrays of floats. Each
    number goes up or down, at random but the same each time, by half the root mean square of its array.

    Parameters
    ----------
    folder : Path
        A checkpoint.

    Returns
    -------
    int
        How many numbers were altered.
    """
    stores = [(path, *kind) for path in sorted(folder.rglob("*")) if (kind := _STORES.get(path.suffix))]
    held: list[tuple[Path, dict[str, Any], Callable[[Path, dict[str, Any]], None]]] = []
    for path, read, write in stores:
        # A file that is not what its name says is for other checks.
        with contextlib.suppress(Exception):
            held.append((path, read(path), write))
    found = [
        (arrays, name)
        for _, arrays, _ in held
        for name, values in arrays.items()
        if _is_float(values) and not name.startswith("nominal.")
    ]
    deep = [(arrays, name) for arrays, name in found if arrays[name].ndim > 1]
    noise = np.random.default_rng(0)
    count = 0
    for arrays, name in deep or found:
        arrays[name] = _altered(arrays[name], noise)
        count += int(math.prod(arrays[name].shape))
    for path, arrays, write in held:
        write(path, arrays)
    return count


def _altered(values: Any, noise: np.random.Generator) -> Any:
    import torch

    tensor = torch.as_tensor(values)
    size = max(_LEAST, float(tensor.double().square().mean().sqrt()) if tensor.numel() else 0.0)
    signs = torch.from_numpy(noise.choice((-1.0, 1.0), size=tuple(tensor.shape)))
    altered = (tensor.double().cpu() + signs * _AWAY * size).to(tensor.dtype)
    return altered if isinstance(values, torch.Tensor) else altered.numpy()


def _is_float(values: Any) -> bool:
    if isinstance(values, np.ndarray):
        return bool(values.dtype.kind == "f")
    return bool(values.is_floating_point())


def _read_safetensors(path: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return dict(load_file(path))


def _write_safetensors(path: Path, arrays: dict[str, Any]) -> None:
    from safetensors import safe_open
    from safetensors.torch import save_file

    with safe_open(path, "pt") as stored:
        metadata = stored.metadata()
    save_file({name: value.contiguous() for name, value in arrays.items()}, path, metadata)


def _read_npz(path: Path) -> dict[str, Any]:
    with np.load(path, allow_pickle=False) as stored:
        return dict(stored)


def _read_npy(path: Path) -> dict[str, Any]:
    return {"": np.load(path, allow_pickle=False)}


_STORES: Final[Mapping[str, tuple[Any, Any]]] = {
    ".safetensors": (_read_safetensors, _write_safetensors),
    ".npz": (_read_npz, lambda path, arrays: np.savez(path, **arrays)),
    ".npy": (_read_npy, lambda path, arrays: np.save(path, arrays[""])),
}
