"""Creates volumes block by block: restartable, and under their name only when complete."""

from __future__ import annotations

from a2ibench.data.writing.create import create
from a2ibench.data.writing.writer import Writer

__all__ = ["Writer", "create"]
