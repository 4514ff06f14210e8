"""Reconstructions for child processes that are killed."""

from __future__ import annotations

import os
import signal

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


def reconstruct_until(source, target, method, options, where, name, times):
    """Reconstruct in units, and kill this process when a method of a class has been called so many times."""
    original, left = getattr(where, name), [times]

    def called(*arguments):
        original(*arguments)
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    setattr(where, name, called)
    reconstruct_in_units(source, target, method, options)
