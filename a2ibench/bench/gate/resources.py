"""Compares what a method needs: parameters, multiply-adds and memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from a2ibench.bench.gate.difference import Difference
from a2ibench.bench.gate.outcome import Outcome
from a2ibench.bench.gate.rules import judge_ratio
from a2ibench.bench.gate.thresholds import MACS, MEMORY, PARAMS, Thresholds

MEMORY_SLACK = 64 << 20
"""Bytes by which the memory of honest repeats may differ, however small they are."""


@dataclass(frozen=True)
class _Resource:
    subject: str
    key: str
    read: Callable[[Outcome], float | None]
    alike: tuple[str, ...] = ()
    slack: float = 0.0


_RESOURCES = (
    _Resource(PARAMS, PARAMS, lambda outcome: outcome.model.get(PARAMS)),
    _Resource(MACS, MACS, lambda outcome: outcome.model.get(MACS)),
    # Libraries of another release, and what each thread keeps, take memory that is not the method's.
    _Resource(
        *("process memory", MEMORY, lambda outcome: outcome.memory.get("process")),
        *(("torch", "threads"), MEMORY_SLACK),
    ),
    _Resource(
        *("device memory", MEMORY, lambda outcome: outcome.memory.get("device")),
        *(("torch", "machine"), MEMORY_SLACK),
    ),
)


class Resources:
    """Compares resources group by group, and gathers what could not be compared."""

    def __init__(self, limits: Thresholds) -> None:
        self._limits = limits
        self._left_out: dict[tuple[str, str], list[str]] = {}

    def compare(self, pairs: Sequence[tuple[Outcome, Outcome]]) -> Iterator[Difference]:
        """Yield what became of the resources of a method on a dataset.

        Parameters
        ----------
        pairs : sequence of (Outcome, Outcome)
            Of one dataset and method, by seed: baseline and run, both ok.
        """
        dataset, method, _ = pairs[0][0].place
        for resource in _RESOURCES:
            limit = self._limits.limit(dataset, method, resource.key)
            stated = self._limits.stated(dataset, method, resource.key) is not None
            if limit is None:
                continue
            usable = []
            for old, new in pairs:
                there, here = resource.read(old), resource.read(new)
                obstacle = _obstacle(resource, old, new, stated)
                if obstacle is not None:
                    yield from self._leave_out(resource, (dataset, method), obstacle, limit, stated)
                elif there is not None and here is not None:
                    usable.append((there, here))
            if usable:
                old_values, new_values = zip(*usable, strict=True)
                yield judge_ratio(
                    *(dataset, method, resource.subject, old_values, new_values),
                    *(limit, resource.slack, stated),
                )

    def notes(self) -> list[str]:
        """Return a line for each reason for which something was not compared."""
        return [
            f"{subject} is not compared: {reason} ({', '.join(dict.fromkeys(places))})"
            for (subject, reason), places in self._left_out.items()
        ]

    def _leave_out(
        self, resource: _Resource, group: tuple[str, str], reason: str, limit: float, stated: bool
    ) -> Iterator[Difference]:
        subject = resource.subject
        if stated and math.isfinite(limit):
            text = f"{subject} is not compared: {reason}"
            yield Difference(*group, subject, "resource", "unknown", text, limit=limit, stated=True)
        else:
            self._left_out.setdefault((subject, reason), []).append(" ".join(group))


def _obstacle(resource: _Resource, old: Outcome, new: Outcome, stated: bool) -> str | None:
    there, here = resource.read(old), resource.read(new)
    if there is None and here is None:
        return None
    if there is None or here is None:
        return f"{'BASELINE' if there is None else 'RUN'} does not tell it"
    # Whoever gives a limit knows where it holds.
    differing = [name for name in resource.alike if old.information.get(name) != new.information.get(name)]
    return f"{' and '.join(differing)} differ" if differing and not stated else None
