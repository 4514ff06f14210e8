"""Reconstruction of volumes that do not fit in memory: read, restored and written block by block."""

from __future__ import annotations

from a2ibench.protocol.streaming.piecewise import stream
from a2ibench.protocol.streaming.sampling import training_volume
from a2ibench.protocol.streaming.spool import spooled

__all__ = ["spooled", "stream", "training_volume"]
