"""The grey levels that a checkpoint was trained with, kept beside its weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from a2ibench.contracts import Volume
from a2ibench.documents import read_json
from a2ibench.errors import InputError

INTENSITY = "intensity.json"
"""File of the grey levels that were 0 and 1 in the training: of the volume, and to the network."""


def to_json(volume: Volume) -> dict[str, Any]:
    """Return the grey levels of a volume, JSON-able."""
    return {"intensity": volume.intensity, "contrast": volume.contrast, "padding": volume.padding}


def from_json(content: Any, volume: Volume) -> Volume:
    """Return a volume with grey levels as `to_json` gives them, or with two that are its intensity range.

    Raises
    ------
    ValueError, TypeError, KeyError
        If they are neither.
    InputError
        If they make no sense.
    """
    if isinstance(content, list):
        return replace(volume, intensity=_pair(content), contrast=None, padding=None)
    contrast, padding = content["contrast"], content["padding"]
    return replace(
        volume,
        intensity=_pair(content["intensity"]),
        contrast=None if contrast is None else _pair(contrast),
        padding=None if padding is None else tuple(float(level) for level in padding),
    )


def trained_levels(checkpoint: Path | None, volume: Volume) -> Volume | None:
    """Return a volume with the grey levels of a checkpoint, None where it does not tell them.

    Raises
    ------
    InputError
        If its file of them is damaged.
    """
    file = None if checkpoint is None else checkpoint / INTENSITY
    if file is None or not file.is_file():
        return None
    try:
        return from_json(read_json(file), volume)
    except (ValueError, TypeError, KeyError, OSError, InputError):
        raise InputError(f"{file}: not two grey levels; give --intensity LO,HI, or remove it") from None


def applied(trained: Volume | None, own: Volume, *, declared: bool) -> Volume:
    """Return a volume with the grey levels that a trained method is to see it with.

    Those of the training; what the volume has beyond them widens the intensity range, which the output is
    clipped to, and not the contrast. Its own where its intensity range is declared to be another.

    Parameters
    ----------
    trained : Volume or None
        The volume, with the grey levels of the training as `trained_levels` gives them.
    own : Volume
        The same, with the grey levels that were found in it.
    declared : bool
        Whether the intensity range was declared, not found.
    """
    if trained is None or (declared and tuple(own.intensity) != tuple(trained.intensity)):
        return own
    (low, high), (least, most) = trained.intensity, own.intensity
    wide = min(low, least), max(high, most)
    if wide == (low, high):
        return replace(trained, padding=own.padding)
    return replace(own, intensity=wide, contrast=trained.contrast or trained.intensity)


def _pair(levels: Sequence[float]) -> tuple[float, float]:
    low, high = levels
    return float(low), float(high)
