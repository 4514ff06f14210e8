"""PSSR: a ResNet U-Net with pixel-shuffle up-sampling, trained on images made worse on purpose."""

from __future__ import annotations

from collections.abc import Callable

from a2ibench import DegradationSpec, MethodSpec, hookimpl

CITATION = (
    "Fang L, Monroe F, Novak SW, et al. Deep learning-based point-scanning super-resolution imaging. "
    "Nature Methods 18:406-416, 2021"
)


@hookimpl
def a2ibench_register_methods(register: Callable[[MethodSpec], None]) -> None:
    """Register the method."""
    summary = "ResNet U-Net with pixel-shuffle up-sampling, blur and self-attention"
    register(MethodSpec("pssr", "a2ibench_pssr.method:PSSR", summary, CITATION))


@hookimpl
def a2ibench_register_degradations(register: Callable[[DegradationSpec], None]) -> None:
    """Register the degradation that is the method's own."""
    summary = "noise that grows with the local intensity, then slab average"
    register(DegradationSpec("crappifier", "a2ibench_pssr.degradation:Crappifier", summary, CITATION))
