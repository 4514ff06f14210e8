"""Opens, downloads and generates volumes."""

from __future__ import annotations

from a2ibench.volumes.opening import open_dataset, open_volume

__all__ = ["open_dataset", "open_volume"]
