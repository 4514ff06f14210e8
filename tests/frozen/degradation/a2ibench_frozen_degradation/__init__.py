"""Slices of uneven thickness, as a degradation of a2ibench."""

from __future__ import annotations

from collections.abc import Callable

from a2ibench import DegradationSpec, hookimpl


@hookimpl
def a2ibench_register_degradations(register: Callable[[DegradationSpec], None]) -> None:
    """Name the degradation; listing degradations comes here, so nothing heavy is imported."""
    register(
        DegradationSpec(
            name="frozen-degradation",
            target="a2ibench_frozen_degradation.model:FrozenDegradationModel",
            summary="Gaussian slice profile, slices of uneven thickness",
            citation="Ambegoda et al., Neuroinformatics and Neuroimaging 2(2):15-22, 2018",
        )
    )
