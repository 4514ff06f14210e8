"""Checks of a stack before it is reconstructed: what was measured, what it should be, what helps."""

from __future__ import annotations

from a2ibench.inspection.checks import check_stack
from a2ibench.inspection.finding import Finding

__all__ = ["Finding", "check_stack"]
