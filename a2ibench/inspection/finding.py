"""What a check of a stack found."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Finding:
    """What a check of a stack found.

    Parameters
    ----------
    name : str
        Of the check, such as ``"slice shifts"``.
    value : float
        What was measured; NaN where the stack does not allow it.
    unit : str
        Of value and limit; empty for plain numbers.
    limit : float, optional
        What the value must not exceed, or of sizes not fall below.
    passed : bool
        Whether it does not.
    text : str
        One line with the number.
    remedy : str
        One line that can be run; empty where the check passed.
    details : mapping
        JSON-able. Slices count from 0.
    """

    name: str
    value: float
    unit: str
    limit: float | None
    passed: bool
    text: str
    remedy: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return it JSON-able; a value that is NaN is None."""
        return {
            "name": self.name,
            "value": self.value if math.isfinite(self.value) else None,
            "unit": self.unit,
            "limit": self.limit,
            "passed": self.passed,
            "text": self.text,
            "remedy": self.remedy,
            "details": dict(self.details),
        }
