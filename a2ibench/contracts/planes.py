"""Plane families: the ways to cut a volume into planes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

PLANES: Mapping[str, tuple[int, int, int]] = MappingProxyType(
    {"xy": (0, 1, 2), "xz": (1, 0, 2), "yz": (2, 0, 1)}
)
"""Axes of (z, y, x): what each family's planes are stacked along, then their rows, then their columns."""

AXIAL = tuple(name for name, (_, rows, _) in PLANES.items() if rows == 0)
"""Families whose rows lie along z: planes in which the resolution is anisotropic."""

PLANE_CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {**{name: (name,) for name in AXIAL}, "both": AXIAL}
)
"""What a network may be asked to restore, and the families that are then fused."""
