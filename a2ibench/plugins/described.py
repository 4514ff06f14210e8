"""Specs as JSON and back: what a plugin registered, without the plugin."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from a2ibench.contracts import Simulation
from a2ibench.errors import PluginError, one_line
from a2ibench.plugins.registration import KINDS, Spec, check_spec


def describe_spec(kind: str, spec: Spec) -> dict[str, Any]:
    """Return a spec and its kind, JSON-able.

    Raises
    ------
    PluginError
        If a field holds what JSON has not, such as a function.
    """
    given = {field.name: getattr(spec, field.name) for field in fields(KINDS[kind])}
    try:
        described: dict[str, Any] = json.loads(json.dumps(given, default=_plain, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        line = f"{kind} {spec.name!r}: {one_line(error, 200)}; give texts, numbers, lists and mappings"
        raise PluginError(line) from error
    return {"kind": kind, "fields": described}


def spec_of(described: Mapping[str, Any]) -> tuple[str, Spec]:
    """Return kind and spec from what `describe_spec` returned.

    Raises
    ------
    PluginError
        If it is none.
    """
    try:
        kind, given = described["kind"], dict(described["fields"])
        if kind == "dataset":
            given |= _dataset_fields(given)
        spec = KINDS[kind](**given)
    except (LookupError, TypeError, ValueError) as error:
        raise PluginError(f"what it registers cannot be read: {one_line(error, 200)}") from error
    check_spec(kind, spec)
    return kind, spec


def _dataset_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    path, simulate, crop, intensity = (given[name] for name in ("path", "simulate", "crop", "intensity"))
    return {
        "voxel_size": tuple(given["voxel_size"]),
        "path": None if path is None else Path(path),
        "simulate": None if simulate is None else Simulation(**simulate),
        "crop": None if crop is None else tuple(tuple(bounds) for bounds in crop),
        "intensity": None if intensity is None else tuple(intensity),
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Simulation):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not JSON")
