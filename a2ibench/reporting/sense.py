"""Which way a metric is better."""

from __future__ import annotations

from a2ibench.errors import A2IBenchError
from a2ibench.plugins import host


def higher_is_better(metric: str) -> bool | None:
    """Return a metric's sense; None where it is no longer installed, so that nothing is called best."""
    try:
        return bool(host().build("metric", metric).higher_is_better)
    except (A2IBenchError, AttributeError):
        return None
