"""Reconstructs one stack with one method: in memory, or from a file of any size to another."""

from __future__ import annotations

from a2ibench.reconstruction.reconstruct import reconstruct_between, reconstruct_in_memory

__all__ = ["reconstruct_between", "reconstruct_in_memory"]
