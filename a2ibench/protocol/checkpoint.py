"""Checkpoints: safetensors for weights and JSON for the rest, never pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from a2ibench.documents import read_json
from a2ibench.errors import InputError, one_line

if TYPE_CHECKING:
    import torch

WEIGHTS, STATE = "weights.safetensors", "method.json"


def save(folder: Path, kind: str, weights: Mapping[str, torch.Tensor], state: Mapping[str, Any]) -> None:
    """Write a checkpoint folder.

    Parameters
    ----------
    folder : Path
        Created if it does not exist.
    kind : str
        Name of the class that can read it back.
    weights : mapping of str to torch.Tensor
        Tensors of any device and layout.
    state : mapping
        JSON-able values.
    """
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: value.detach().cpu().contiguous() for name, value in weights.items()}, folder / WEIGHTS)
    (folder / STATE).write_text(json.dumps({"kind": kind, **state}, indent=2) + "\n")


def load(folder: Path, kind: str) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read a checkpoint folder that `save` wrote for the same kind.

    Raises
    ------
    InputError
        If files are missing or damaged, or the checkpoint is another method's.
    """
    try:
        state: Any = read_json(folder / STATE)
        weights: dict[str, torch.Tensor] = load_file(folder / WEIGHTS)
    except (OSError, ValueError, SafetensorError) as error:
        raise InputError(
            f"{folder}: no readable checkpoint ({one_line(str(error), 200)}); give a folder that a run saved"
        ) from error
    found = state.get("kind") if isinstance(state, dict) else None
    if found != kind:
        raise InputError(
            f"{folder}: checkpoint of {one_line(str(found), 60)}, not of {kind}; "
            "give the method it was saved by"
        )
    return weights, state


def part(weights: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """Return the tensors under ``prefix.``, with the prefix removed."""
    start = f"{prefix}."
    return {name.removeprefix(start): value for name, value in weights.items() if name.startswith(start)}
