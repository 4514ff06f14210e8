"""Creates volumes block by block: restartable, and under their name only when complete."""

from __future__ import annotations

from a2ibench.volumes.writing.create import create
from a2ibench.volumes.writing.writer import Writer

__all__ = ["Writer", "create"]
