"""Which members a method has, and what they are."""

from __future__ import annotations

import json
import math
from typing import Any

from a2ibench.contracts import Method
from a2ibench.errors import one_line
from a2ibench.testing.check import CheckFailed, rule
from a2ibench.testing.methods.trial import BASE, Trial
from a2ibench.testing.volumes import scene


@rule(
    "It is built without arguments and has the members of a Method",
    "give the class fit, reconstruct, save, load and halo, and defaults for all constructor arguments",
)
def _interface(trial: Trial) -> None:
    method = trial.build()
    missing = [
        name for name in ("fit", "reconstruct", "save", "load") if not callable(getattr(method, name, None))
    ]
    if missing or not isinstance(method, Method):
        raise CheckFailed(f"{type(method).__name__} has no {', '.join(missing or ['halo'])}")
    _check_halo(method)


@rule(
    "Its halo once trained, align, fits, skip, configuration and parameters are what the core expects",
    "keep the optional members to their meaning: see a2ibench.Method",
)
def _optional_members(trial: Trial) -> None:
    method: Any = trial.need(BASE).method
    _check_halo(method)
    align = getattr(method, "align", 1)
    if not _whole(align) or align < 1:
        raise CheckFailed(f"align is {align!r}; it is a whole number of at least 1")
    if hasattr(method, "fits") and not isinstance(answer := method.fits(BASE.shape), bool):
        raise CheckFailed(f"fits returned {answer!r}; it returns whether it takes so many voxels at once")
    if hasattr(method, "skip"):
        reason = method.skip(scene(BASE.ratio, BASE.shape)[0])
        if not (reason is None or isinstance(reason, str)):
            raise CheckFailed(f"skip returned {reason!r}; it returns None, or a reason as text")
    if hasattr(method, "configuration"):
        _check_configuration(method.configuration())
    if hasattr(method, "parameters") and not (_whole(count := method.parameters()) and count >= 0):
        raise CheckFailed(f"parameters returned {count!r}; it returns the number of trained parameters")
    if hasattr(method, "macs_per_voxel"):
        work = method.macs_per_voxel()
        if not (isinstance(work, int | float) and math.isfinite(work) and work >= 0):
            raise CheckFailed(f"macs_per_voxel returned {work!r}; it returns multiply-adds per output voxel")


def _check_halo(method: Any) -> None:
    halo = method.halo
    if not (isinstance(halo, tuple | list) and len(halo) == 2 and all(_whole(n) and n >= 0 for n in halo)):
        raise CheckFailed(f"halo is {halo!r}; it is two whole numbers, input slices and lateral voxels")


def _check_configuration(configuration: Any) -> None:
    if not isinstance(configuration, dict):
        raise CheckFailed(f"configuration returned a {type(configuration).__name__}; it returns a dict")
    try:
        json.dumps(configuration)
    except (TypeError, ValueError) as error:
        raise CheckFailed(f"configuration cannot be written as JSON: {one_line(error)}") from error


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


RULES = (_interface, _optional_members)
