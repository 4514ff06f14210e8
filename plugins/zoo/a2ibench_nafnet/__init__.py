"""NAFNet: a U-Net of gated blocks without activation functions."""

from __future__ import annotations

from collections.abc import Callable

from a2ibench import MethodSpec, hookimpl

CITATION = (
    "Chen L, Chu X, Zhang X, Sun J. Simple baselines for image restoration. ECCV 2022, pp. 17-33, "
    "doi:10.1007/978-3-031-20071-7_2"
)


@hookimpl
def a2ibench_register_methods(register: Callable[[MethodSpec], None]) -> None:
    """Register the method."""
    summary = "U-Net of depth-wise convolutions and gates, without activation functions"
    register(MethodSpec("nafnet", "a2ibench_nafnet.method:NAFNetMethod", summary, CITATION))
