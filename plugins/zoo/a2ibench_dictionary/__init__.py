"""Dictionary: anchored regression of sparse coding, learnt without gradients."""

from __future__ import annotations

from collections.abc import Callable

from a2ibench import MethodSpec, hookimpl

CITATION = (
    "Timofte R, De Smet V, Van Gool L. A+: adjusted anchored neighborhood regression for fast "
    "super-resolution. ACCV 2014, LNCS 9006, pp. 111-126; after Yang J, Wright J, Huang T S, Ma Y. Image "
    "super-resolution via sparse representation. IEEE Transactions on Image Processing 19(11):2861-2873, 2010"
)


@hookimpl
def a2ibench_register_methods(register: Callable[[MethodSpec], None]) -> None:
    """Register the method."""
    summary = "ridge regressions anchored at the atoms of a dictionary, without any gradient descent"
    register(MethodSpec("dictionary", "a2ibench_dictionary.method:Dictionary", summary, CITATION))
