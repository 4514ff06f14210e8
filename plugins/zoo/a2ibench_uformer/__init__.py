"""Uformer: a U of windowed transformer blocks with local perceptrons."""

from __future__ import annotations

from collections.abc import Callable

from a2ibench import MethodSpec, hookimpl

CITATION = (
    "Wang Z, Cun X, Bao J, Zhou W, Liu J, Li H. Uformer: a general U-shaped transformer for image "
    "restoration. CVPR 2022, pp. 17683-17693, doi:10.1109/CVPR52688.2022.01716"
)


@hookimpl
def a2ibench_register_methods(register: Callable[[MethodSpec], None]) -> None:
    """Register the method."""
    summary = "U of shifted-window transformer blocks with depth-wise convolutions"
    register(MethodSpec("uformer", "a2ibench_uformer.method:Uformer", summary, CITATION))
