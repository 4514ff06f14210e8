"""Reconstructs one stack with one method: in memory, or from a file of any size to another."""
