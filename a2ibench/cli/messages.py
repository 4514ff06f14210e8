"""What is said of jobs while they run, the same with and without a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from a2ibench.errors import one_line, printable

_LABEL = 60

if TYPE_CHECKING:
    from a2ibench.bench.specs import Job


def title(job: Job) -> str:
    """Return dataset, method and seed of a job."""
    return printable(f"{job.dataset.name} {job.method} seed {job.seed}")


def outcome(record: Mapping[str, Any]) -> str:
    """Return status, PSNR where there is one, and the reason or error of a job, in one line."""
    parts = [printable(str(record["status"]))]
    if "psnr" in record["metrics"]:
        parts.append(f"psnr {record['metrics']['psnr']['value']:.2f}")
    problem = (record["error"] or {}).get("message") or record.get("reason")
    if problem:
        parts.append(one_line(str(problem)))
    errors = record.get("metric_errors")
    if isinstance(errors, Mapping):
        parts += [one_line(f"metric {name} failed: {errors[name]}") for name in sorted(errors)]
    return ", ".join(parts)


def values_text(values: Mapping[str, float]) -> str:
    """Return values such as the loss, four digits each."""
    return ", ".join(f"{label(name)} {value:.4g}" for name, value in values.items())


def label(name: str) -> str:
    """Return a name that a plugin gives to a phase or a value, short enough to leave room for the rest."""
    return one_line(name, _LABEL)


def count(done: float, total: float) -> str:
    """Return how much is done of how much; steps are whole, seconds have a digit."""
    whole = float(total).is_integer() and float(done).is_integer()
    return f"{done:.0f}/{total:.0f}" if whole else f"{done:.1f}/{total:.1f}"


def duration(seconds: float) -> str:
    """Return a time span as people write it: ``8.3 s``, ``2 min 05 s``, ``1 h 20 min``."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"
