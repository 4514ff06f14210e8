"""A2I-3DEM: a U-shape of window transformers with gated feed-forward networks."""

from __future__ import annotations

from collections.abc import Callable

from a2ibench import MethodSpec, hookimpl

CITATION = (
    "Khateri M, Ghahremani M, Sierra A, Tohka J. Self-supervised super-resolution approach for isotropic "
    "reconstruction of 3D electron microscopy images from anisotropic acquisition"
)


@hookimpl
def a2ibench_register_methods(register: Callable[[MethodSpec], None]) -> None:
    """Register the method."""
    summary = "U-shape of window-transformer blocks with gated, locally enhanced feed-forward networks"
    register(MethodSpec("a2i-3dem", "a2ibench_a2i3dem.method:A2I3DEM", summary, CITATION))
