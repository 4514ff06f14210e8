"""What is the same for every method: how much work it may do, and where random numbers begin."""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from a2ibench.settings import Setting


@dataclass(frozen=True)
class Profile:
    """Network size, steps, patches a step and voxels along a patch's side."""

    name: str
    size: str
    steps: int
    batch: int
    patch: int

    def settings(self) -> dict[str, Setting]:
        """Return what the profile sets, by name, with its meaning; the profile's values are the defaults."""
        return {
            "size": Setting(self.size, "width and depth of the networks", choices=("tiny", "small", "full")),
            "steps": Setting(self.steps, "steps of the training, where no budget is given", low=1),
            "batch": Setting(self.batch, "patches of a training step", low=1),
            "patch": Setting(
                self.patch, "side of a training patch; less where the volume is thinner", unit="voxels", low=1
            ),
        }


PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        "smoke": Profile("smoke", size="tiny", steps=10, batch=4, patch=32),
        "quick": Profile("quick", size="small", steps=400, batch=16, patch=48),
        "full": Profile("full", size="full", steps=20_000, batch=16, patch=96),
    }
)


def seed_everything(seed: int) -> None:
    """Seed the global generators of Python, NumPy and, where it is imported, torch."""
    import numpy as np

    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 (plugins may draw from the global generator)
    torch: Any = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(seed)
