"""Reconstructs one stack with one method: in memory, or from a file of any size to another."""

from __future__ import annotations

from a2ibench.reconstructing.between_files import reconstruct_between
from a2ibench.reconstructing.in_memory import reconstruct_in_memory
from a2ibench.reconstructing.options import MethodOptions, StackOptions

__all__ = ["MethodOptions", "StackOptions", "reconstruct_between", "reconstruct_in_memory"]
