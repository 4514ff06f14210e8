"""Where jobs run, and what they take of it. Imports torch only where a GPU driver is there."""

from __future__ import annotations

import shutil
import sys
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from a2ibench.environment import cpu_model
from a2ibench.errors import InputError, UnknownNameError

DEVICES = ("auto", "cpu", "cuda")
_ALSO = {"gpu": "cuda"}
_DRIVER_FILES = ("/dev/nvidia0", "/dev/nvidiactl", "/dev/dxg", "/dev/kfd")


@cache
def cuda_present() -> bool:
    """Whether torch can use a GPU; torch is imported only if a driver is there."""
    if not (shutil.which("nvidia-smi") or any(Path(name).exists() for name in _DRIVER_FILES)):
        return False
    import torch

    return torch.cuda.is_available()


def resolve_device(device: str) -> str:
    """Return ``"cpu"`` or ``"cuda"`` for a requested device.

    Raises
    ------
    UnknownNameError
        If it is none of `DEVICES`, nor ``"gpu"``, which is ``"cuda"``.
    InputError
        If ``"cuda"`` is asked for where torch can use no GPU.
    """
    device = _ALSO.get(device, device)
    if device not in DEVICES:
        raise UnknownNameError("device", device, DEVICES)
    if device == "cuda" and not cuda_present():
        raise InputError("device: got cuda, but torch finds no usable GPU here; give cpu or auto")
    return ("cuda" if cuda_present() else "cpu") if device == "auto" else device


def warm_up(device: str) -> None:
    """Do what is slow but once, so that it falls into no timed phase; start the peak counter of a GPU."""
    if device != "cuda" and "torch" not in sys.modules:
        return
    import torch

    # The first optimizer of a process imports torch's compiler, which takes seconds.
    torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    if device == "cuda":
        torch.ones(8, device=device).sum().item()
        torch.cuda.reset_peak_memory_stats()


def synchronise(device: str) -> None:
    """Wait until the device has done all that was asked of it."""
    torch: Any = sys.modules.get("torch")
    if device == "cuda" and torch is not None:
        torch.cuda.synchronize()


def device_name(device: str) -> str:
    """Return the model of the GPU or the processor."""
    if device == "cuda":
        import torch

        return torch.cuda.get_device_name()
    return cpu_model()


def peak_memory(device: str) -> dict[str, int]:
    """Return the peaks so far in bytes: ``process``, and ``device`` on a GPU."""
    peaks = {"process": _peak_of_process()}
    torch: Any = sys.modules.get("torch")
    if device == "cuda" and torch is not None:
        peaks["device"] = int(torch.cuda.max_memory_allocated())
    return peaks


def _peak_of_process() -> int:
    # ru_maxrss is no use on Linux: a new process starts with the peak of the one that started it.
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8")
    except OSError:
        status = ""
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    memory = psutil.Process().memory_info()
    if hasattr(memory, "peak_wset"):
        return int(memory.peak_wset)
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * unit
