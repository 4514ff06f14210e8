"""The state of a training in one file: tensors as safetensors, and all else as JSON in its header."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from a2ibench.errors import InputError, PluginError, one_line
from a2ibench.files import atomic_write, flush

_CONTENT, _CHECKSUM = "content", "crc32"


def write_state(path: Path, state: Any) -> None:
    """Write a state in one piece: whenever the process stops, `path` holds the old one or the new one.

    Parameters
    ----------
    path : Path
        File in an existing folder.
    state : object
        Tensors of any device and layout, numbers, texts, True, False and None, and dicts, lists and tuples
        of them, as `state_dict` of networks and optimizers returns them.

    Raises
    ------
    PluginError
        If it holds anything else.
    OSError
        If the file cannot be written; an older one stays as it was.
    """
    tensors: dict[str, torch.Tensor] = {}
    content = json.dumps(_described(state, "state", tensors))
    tensors = _apart(tensors)
    metadata = {_CONTENT: content, _CHECKSUM: _checksum(content, tensors)}
    with atomic_write(path) as file:
        temporary = Path(file.name)
        save_file(tensors, temporary, metadata)
        # It may have put another file there.
        flush(temporary)


def read_state(path: Path) -> Any:
    """Return the state that `write_state` wrote, its tensors on the CPU and laid out as they were.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    InputError
        If it cannot be read, or is not as it was written.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no dict)
        if metadata[_CHECKSUM] != _checksum(metadata[_CONTENT], tensors):
            raise InputError("its checksum is another")
        return _rebuilt(json.loads(metadata[_CONTENT]), tensors)
    except FileNotFoundError:
        raise
    except (OSError, SafetensorError, LookupError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{path}: no readable state of a training ({one_line(error, 200)})") from error


def _described(value: Any, name: str, tensors: dict[str, torch.Tensor]) -> Any:
    """Return `value` as JSON, in which an object has one key that tells its kind; collect its tensors."""
    if isinstance(value, torch.Tensor):
        dense = _dense(value.detach())
        tensors[name] = dense.as_strided((dense.numel(),), (1,))
        return {"tensor": [name, list(dense.shape), list(dense.stride())]}
    if isinstance(value, Mapping):
        items = value.items()
        return {
            "dict": [[_described(k, name, tensors), _described(v, f"{name}.{k}", tensors)] for k, v in items]
        }
    if isinstance(value, tuple):
        return {"tuple": [_described(item, f"{name}.{at}", tensors) for at, item in enumerate(value)]}
    if isinstance(value, list):
        return [_described(item, f"{name}.{at}", tensors) for at, item in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(float(value))}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise PluginError(
        f"{name} is {type(value).__name__}; a state is made of tensors, numbers, texts, and dicts, lists and "
        "tuples of them"
    )


def _dense(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor whose elements fill its memory, in whatever order; a copy where they do not."""
    same = torch.empty_like(tensor, device="meta").stride() == tensor.stride()
    return tensor if same else tensor.contiguous()


def _apart(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return tensors on the CPU, of which no two share memory, as tied weights do."""
    apart: dict[str, torch.Tensor] = {}
    seen: set[int] = set()
    for name, tensor in tensors.items():
        ours = tensor.cpu()
        memory = ours.untyped_storage().data_ptr()
        apart[name] = ours.clone() if memory in seen else ours
        seen.add(memory)
    return apart


def _rebuilt(described: Any, tensors: Mapping[str, torch.Tensor]) -> Any:
    if isinstance(described, list):
        return [_rebuilt(item, tensors) for item in described]
    if not isinstance(described, dict):
        return described
    ((kind, value),) = described.items()
    if kind == "tensor":
        name, shape, strides = value
        # A copy, since what is read may be a view of the file.
        return tensors[name].as_strided(shape, strides).clone()
    if kind == "dict":
        return {_rebuilt(key, tensors): _rebuilt(item, tensors) for key, item in value}
    if kind == "tuple":
        return tuple(_rebuilt(item, tensors) for item in value)
    if kind == "float":
        return float(value)
    raise ValueError(f"unknown kind {kind}")


def _checksum(content: str, tensors: Mapping[str, torch.Tensor]) -> str:
    checksum = zlib.crc32(content.encode())
    for name in sorted(tensors):
        checksum = zlib.crc32(_bytes_of(tensors[name]), checksum)
    return f"{checksum:08x}"


def _bytes_of(tensor: torch.Tensor) -> memoryview:
    return tensor.view(torch.uint8).numpy().data
