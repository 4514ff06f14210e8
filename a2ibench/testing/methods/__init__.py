"""What a reconstruction method has to keep to."""

from __future__ import annotations

from collections.abc import Sequence

from a2ibench.registry import Registered
from a2ibench.testing.check import Rule
from a2ibench.testing.methods.trial import Trial


def suite(registered: Registered, device: str) -> tuple[Sequence[Rule[Trial]], Trial]:
    """Return the rules for methods, and what they are tried on."""
    from a2ibench.testing.description import CITED, DESCRIBED
    from a2ibench.testing.methods import interruption, results, training

    learning = (*training.RULES, *interruption.RULES)
    rules: tuple[Rule[Trial], ...] = (*DESCRIBED, CITED, *results.RULES, *learning)
    return rules, Trial(registered, device)
