"""Which precision a network runs in, decided by rule so that the same run repeats exactly."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

import torch


def cpu_has_bf16() -> bool:
    """Whether this processor multiplies bf16 in hardware (AVX-512 BF16 or AMX)."""
    features = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(features.get("avx512_bf16") or features.get("amx_bf16") or features.get("amx_tile"))


def resolve(precision: str, device: str, *, bf16_on_cpu: bool) -> str:
    """Return ``"fp32"`` or ``"bf16"`` for a requested precision.

    Parameters
    ----------
    precision : str
        ``"fp32"``, ``"bf16"``, or ``"auto"``: bf16 on a GPU that has it, and on a CPU that has it if it pays.
    device : str
        Where the network runs.
    bf16_on_cpu : bool
        Whether bf16 makes this network faster on a CPU.
    """
    if precision != "auto":
        return precision
    if device.startswith("cuda"):
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    return "bf16" if bf16_on_cpu and cpu_has_bf16() else "fp32"


def autocast(precision: str, device: str) -> Callable[[], AbstractContextManager[object]]:
    """Return a maker of autocast contexts for a resolved precision."""
    kind = device.split(":")[0]
    return partial(
        torch.autocast, kind, dtype=torch.bfloat16, enabled=precision == "bf16", cache_enabled=True
    )
