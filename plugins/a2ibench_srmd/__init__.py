"""SRMD: one convolutional network for many degradations, told blur and noise by maps."""

from __future__ import annotations

from collections.abc import Callable

from a2ibench import DegradationSpec, MethodSpec, hookimpl

CITATION = (
    "Zhang K, Zuo W, Zhang L. Learning a single convolutional super-resolution network for multiple "
    "degradations. CVPR 2018, pp. 3262-3271"
)


@hookimpl
def a2ibench_register_methods(register: Callable[[MethodSpec], None]) -> None:
    """Register the method."""
    summary = "plain CNN conditioned on maps of the axial blur and the noise level"
    register(MethodSpec("srmd", "a2ibench_srmd.method:SRMD", summary, CITATION))


@hookimpl
def a2ibench_register_degradations(register: Callable[[DegradationSpec], None]) -> None:
    """Register the degradation that is the method's own."""
    summary = "slab average with random extra axial blur and white noise"
    register(DegradationSpec("srmd", "a2ibench_srmd.degradation:SRMDDegradation", summary, CITATION))
