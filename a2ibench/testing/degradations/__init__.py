"""What a degradation model has to keep to."""

from __future__ import annotations

from collections.abc import Sequence

from a2ibench.registry import Registered
from a2ibench.testing.check import Rule
from a2ibench.testing.degradations.trial import Trial


def suite(registered: Registered, device: str) -> tuple[Sequence[Rule[Trial]], Trial]:
    """Return the rules for degradations, and what they are tried on."""
    from a2ibench.testing.degradations import draws, operator, output
    from a2ibench.testing.description import DESCRIBED

    rules: tuple[Rule[Trial], ...] = (*DESCRIBED, *operator.RULES, *output.RULES, *draws.RULES)
    return rules, Trial(registered, device)
