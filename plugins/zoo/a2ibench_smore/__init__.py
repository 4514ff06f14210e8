"""SMORE: residual networks with channel attention, and Fourier burst accumulation."""

from __future__ import annotations

from collections.abc import Callable

from a2ibench import MethodSpec, hookimpl

CITATION = (
    "Zhao C, Dewey BE, Pham DL, Calabresi PA, Reich DS, Prince JL. SMORE: a self-supervised anti-aliasing "
    "and super-resolution algorithm for MRI using deep learning. IEEE TMI 40(3):805-817, 2021"
)


@hookimpl
def a2ibench_register_methods(register: Callable[[MethodSpec], None]) -> None:
    """Register the method."""
    summary = "RCAN or EDSR on interpolated pixels, with local channel attention"
    register(MethodSpec("smore", "a2ibench_smore.method:SMORE", summary, CITATION))
