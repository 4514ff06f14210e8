"""How much work a benchmark does: the same for every learned method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Profile:
    """Network size, steps, patches a step and voxels along a patch's side."""

    name: str
    size: str
    steps: int
    batch: int
    patch: int


PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        "smoke": Profile("smoke", size="tiny", steps=10, batch=4, patch=32),
        "quick": Profile("quick", size="small", steps=400, batch=16, patch=48),
        "full": Profile("full", size="full", steps=20_000, batch=16, patch=96),
    }
)
