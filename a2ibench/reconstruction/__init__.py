"""Reconstructs one stack with one method: in memory, or from a file of any size to another."""

from __future__ import annotations

from a2ibench.reconstruction.in_memory import reconstruct_in_memory
from a2ibench.reconstruction.stack_to_file import reconstruct_between

__all__ = ["reconstruct_between", "reconstruct_in_memory"]
