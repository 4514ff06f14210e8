"""A small dilated CNN that restores axial slices, as a method of a2ibench."""

from __future__ import annotations

from collections.abc import Callable

from a2ibench import MethodSpec, hookimpl


@hookimpl
def a2ibench_register_methods(register: Callable[[MethodSpec], None]) -> None:
    """Name the method; listing methods comes here, so nothing heavy is imported."""
    register(
        MethodSpec(
            name="frozen-method",
            target="a2ibench_frozen_method.method:FrozenMethodMethod",
            summary="dilated CNN that corrects the interpolated slices, trained on the volume itself",
            citation="Zhang et al., Learning deep CNN denoiser prior for image restoration, CVPR 2017",
        )
    )
