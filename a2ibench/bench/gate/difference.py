"""What a comparison finds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Kind = Literal["metric", "time", "job"]
Verdict = Literal["worse", "better", "within", "note"]


@dataclass(frozen=True)
class Difference:
    """One number, or one job, of a run beside its baseline.

    Parameters
    ----------
    dataset, method : str
        Names.
    subject : str
        A metric, a phase, or a job as ``"seed 0"``.
    kind : {"metric", "time", "job"}
        What the subject is.
    verdict : {"worse", "better", "within", "note"}
        Whether it changed by more than its limit and which way; a note has no limit.
    text : str
        One line for people, without dataset and method.
    baseline, run : float or None
        The two values. Times are multiples of the calibration.
    change : float or None
        Of a metric the difference, of a time the ratio.
    limit : float or None
        What the change may be.
    excess : float
        How bad it is: above 1 it is worse than its limit, below 0 it improved.
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

    def to_dict(self) -> dict[str, Any]:
        """Return every field."""
        return asdict(self)
