"""ECLARE: a residual CNN on the acquired slices, whose rows come out of a shuffle along the axis."""

from __future__ import annotations

from collections.abc import Callable

from a2ibench import MethodSpec, hookimpl

CITATION = (
    "Remedios SW et al. ECLARE: efficient cross-planar learning for anisotropic "
    "resolution enhancement. arXiv:2503.11787, 2025"
)


@hookimpl
def a2ibench_register_methods(register: Callable[[MethodSpec], None]) -> None:
    """Register the method."""
    summary = "wide-activation residual CNN on the acquired slices, with a shuffle along the axis"
    register(MethodSpec("eclare", "a2ibench_eclare.method:Eclare", summary, CITATION))
