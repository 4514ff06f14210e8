"""ZSSR: a plain CNN trained on the very image that it is to restore."""

from __future__ import annotations

from collections.abc import Callable

from a2ibench import MethodSpec, hookimpl

CITATION = (
    "Shocher A, Cohen N, Irani M. Zero-shot super-resolution using deep internal learning. "
    "CVPR 2018, pp. 3118-3126"
)


@hookimpl
def a2ibench_register_methods(register: Callable[[MethodSpec], None]) -> None:
    """Register the method."""
    summary = "plain CNN on interpolated pixels, with self-ensemble and back-projection"
    register(MethodSpec("zssr", "a2ibench_zssr.method:ZSSR", summary, CITATION))
