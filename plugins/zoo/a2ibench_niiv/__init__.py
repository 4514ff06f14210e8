"""niiv: features of the acquired slices, decoded at any height by attention and a perceptron."""

from __future__ import annotations

from collections.abc import Callable

from a2ibench import MethodSpec, hookimpl

CITATION = (
    "Troidl J, et al. niiv: Interactive self-supervised neural implicit isotropic volume reconstruction. "
    "bioRxiv 2024.09.07.611785, 2024"
)


@hookimpl
def a2ibench_register_methods(register: Callable[[MethodSpec], None]) -> None:
    """Register the method."""
    summary = "implicit: features of the acquired slices, decoded at any ratio after one training"
    register(MethodSpec("niiv", "a2ibench_niiv.method:NIIV", summary, CITATION))
