"""Opens volumes of every format by one interface, and reads only the blocks that are asked for."""

from __future__ import annotations

from a2ibench.data.formats.opening import open_lazy
from a2ibench.data.formats.volume import LazyVolume

__all__ = ["LazyVolume", "open_lazy"]
