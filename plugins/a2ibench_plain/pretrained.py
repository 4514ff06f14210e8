"""Weights that were trained on other tissue, one set for each of some ratios, and what they have seen."""

from __future__ import annotations

import json
import math
from functools import cache
from importlib.resources import as_file, files
from typing import Any

import torch
from safetensors.torch import safe_open

_FARTHEST = 1.3
"""Factor between a ratio and that of the nearest weights, beyond which they are of no use."""


@cache
def card() -> dict[str, Any]:
    """Return what is known of the weights: ratios, steps, and SHA-256 of the volumes they were trained on."""
    told: dict[str, Any] = json.loads((files(__package__) / "pretrained.json").read_text("utf-8"))
    return told


def trained_on() -> dict[str, tuple[str, ...]]:
    """Return the SHA-256 of all that the weights have seen, by name: of the file, and of its voxels."""
    return {name: tuple(checksums.values()) for name, checksums in card()["volumes"].items()}


def nearest(ratio: float) -> float | None:
    """Return the ratio of the weights that are nearest to a ratio, or None where none is near."""
    found = min(card()["ratios"], key=lambda known: abs(math.log(known / ratio)))
    return float(found) if max(found / ratio, ratio / found) <= _FARTHEST else None


def weights(ratio: float) -> dict[str, torch.Tensor]:
    """Return the weights for a ratio of the card, in single precision."""
    start = f"{ratio:.4g}/"
    with as_file(files(__package__) / "pretrained.safetensors") as path, safe_open(path, "pt") as stored:
        return {
            name.removeprefix(start): stored.get_tensor(name).float()
            for name in stored.keys()  # noqa: SIM118 (it is no mapping)
            if name.startswith(start)
        }
