"""SwinIR: restoration by shifted-window transformers at full resolution."""

from __future__ import annotations

from collections.abc import Callable

from a2ibench import MethodSpec, hookimpl

CITATION = (
    "Liang J, Cao J, Sun G, Zhang K, Van Gool L, Timofte R. SwinIR: image restoration using Swin "
    "transformer. ICCV Workshops 2021, pp. 1833-1844, doi:10.1109/ICCVW54120.2021.00210"
)


@hookimpl
def a2ibench_register_methods(register: Callable[[MethodSpec], None]) -> None:
    """Register the method."""
    summary = "residual groups of shifted-window transformer blocks at full resolution"
    register(MethodSpec("swinir", "a2ibench_swinir.method:SwinIR", summary, CITATION))
