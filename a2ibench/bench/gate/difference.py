"""What a comparison finds."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

Kind = Literal["metric", "time", "resource", "job"]
Verdict = Literal["worse", "unknown", "better", "within", "note"]


@dataclass(frozen=True)
class Difference:
    """One number, or one job, of a run beside its baseline.

    Parameters
    ----------
    dataset, method : str
        Names.
    subject : str
        A metric, a phase, a resource such as ``"params"``, or a job as ``"seed 0"``.
    kind : {"metric", "time", "resource", "job"}
        What the subject is.
    verdict : {"worse", "unknown", "better", "within", "note"}
        Whether it changed by more than its limit and which way. Unknown is what has a limit that somebody
        gave and could not be compared; a note has no limit.
    text : str
        One line for people, without dataset and method.
    baseline, run : float or None
        The two values. Times are multiples of the calibration.
    change : float or None
        Of a metric the difference, of a time and a resource the ratio.
    limit : float or None
        What the change may be.
    excess : float
        How bad it is: above 1 it is worse than its limit, below 0 it improved.
    guards : bool
        Whether the limit is small enough to notice a network that learns nothing.
    stated : bool
        Whether somebody gave the limit, in a file or on the command line.
    """

    dataset: str
    method: str
    subject: str
    kind: Kind
    verdict: Verdict
    text: str
    baseline: float | None = None
    run: float | None = None
    change: float | None = None
    limit: float | None = None
    excess: float = 0.0
    guards: bool = True
    stated: bool = False

    @property
    def compared(self) -> bool:
        """Whether a value was held against a limit that a bad one would not have kept."""
        if self.limit is None or not math.isfinite(self.limit):
            return False
        return self.verdict == "worse" or (self.verdict in ("better", "within") and self.guards)

    @property
    def failed(self) -> bool:
        """Whether a comparison with it does not pass."""
        return self.verdict in ("worse", "unknown")

    def to_dict(self) -> dict[str, Any]:
        """Return every field."""
        return asdict(self)
