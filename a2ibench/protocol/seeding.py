"""Seeds of the global generators, which plugins may draw from."""

from __future__ import annotations

import random
import sys
from typing import Any

import numpy as np


def seed_everything(seed: int) -> None:
    """Seed the global generators of Python, NumPy and, where it is imported, torch."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 (plugins may draw from the global generator)
    torch: Any = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(seed)
