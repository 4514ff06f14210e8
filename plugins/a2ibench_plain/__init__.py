"""Plain: a small residual CNN on rearranged pixels, the simple baseline."""

from __future__ import annotations

from collections.abc import Callable

from a2ibench import MethodSpec, hookimpl


@hookimpl
def a2ibench_register_methods(register: Callable[[MethodSpec], None]) -> None:
    """Register the method."""
    register(
        MethodSpec(
            "plain",
            "a2ibench_plain.method:Plain",
            "small residual CNN on 2x2-unshuffled pixels, the simple baseline to beat",
            "a2ibench; published nowhere else",
        )
    )
