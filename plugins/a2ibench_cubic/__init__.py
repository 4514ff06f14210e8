"""Cubic interpolation, the baseline that every method starts from."""

from __future__ import annotations

from collections.abc import Callable

from a2ibench import MethodSpec, hookimpl


@hookimpl
def a2ibench_register_methods(register: Callable[[MethodSpec], None]) -> None:
    """Register cubic interpolation."""
    register(
        MethodSpec(
            name="cubic",
            target="a2ibench_cubic.method:Cubic",
            summary="cubic convolution between slices, no training",
            citation="R. G. Keys, IEEE TASSP 29(6):1153-1160, 1981, doi:10.1109/TASSP.1981.1163711",
        )
    )
