"""Isotropic CARE: a 2D U-Net trained on lateral planes that are degraded as the axial direction is."""

from __future__ import annotations

from collections.abc import Callable

from a2ibench import MethodSpec, hookimpl

CITATION = (
    "Weigert M, Royer L, Jug F, Myers G. Isotropic reconstruction of 3D fluorescence microscopy images using "
    "convolutional neural networks. MICCAI 2017, pp. 126-134, doi:10.1007/978-3-319-66185-8_15"
)


@hookimpl
def a2ibench_register_methods(register: Callable[[MethodSpec], None]) -> None:
    """Register the method."""
    summary = "2D U-Net of 5x5 convolutions, as in content-aware restoration"
    register(MethodSpec("care-isotropic", "a2ibench_care_isotropic.method:CAREIsotropic", summary, CITATION))
