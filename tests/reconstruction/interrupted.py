"""Reconstructions for child processes that are killed."""

from __future__ import annotations

import os

from a2ibench.api import reconstruct_file
from a2ibench.data.writing import writer
from a2ibench.reconstruction import streaming


def reconstruct_in_units(source, target, method, options):
    """Reconstruct, every block that is written together on its own and noted at once."""
    os.environ["OMP_NUM_THREADS"] = "1"
    import torch

    torch.set_num_threads(1)
    streaming.VOXELS = streaming.AXIAL_VOXELS = 1
    writer._FLUSH_EVERY = 0.0
    reconstruct_file(source, target, method, device="cpu", **{"save_checkpoint": False} | options)
