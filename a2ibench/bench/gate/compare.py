"""Compares what a run came to with a baseline that measured the same: what is worse, better, or unknown."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from a2ibench.bench.gate.limits import Thresholds
from a2ibench.bench.gate.outcome import Outcome, RunOutcome, place_text
from a2ibench.bench.gate.rules import Difference, judge_job
from a2ibench.bench.gate.values import Resources, compare_scores, compare_times
from a2ibench.errors import InputError, one_line, printable

_SHOWN = 5
_LONGEST = 80


def check_compared(run: RunOutcome, baseline: RunOutcome, differences: Sequence[Difference]) -> None:
    """Check that two runs have jobs in common, and that something was compared or is worse.

    A score counts, and anything else whose limit somebody gave: what nobody asked for does not stand in for
    scores.

    Raises
    ------
    InputError
        If nothing was; says why, and what to do.
    """
    _check_common(run, baseline)
    if any(d.failed or (d.compared and (d.kind == "metric" or d.stated)) for d in differences):
        return
    raise InputError(f"nothing was compared: {_reason(run, baseline, differences)}")


def _check_common(run: RunOutcome, baseline: RunOutcome) -> None:
    for name, side in (("RUN", run), ("BASELINE", baseline)):
        if not side.jobs:
            raise InputError(f"nothing to compare: {name} holds no jobs; run it, or give another {name}")
    if not run.jobs.keys() & baseline.jobs.keys():
        raise InputError(
            f"nothing to compare: no job is in both, RUN has {_jobs(run)}, BASELINE has {_jobs(baseline)}; "
            "give the baseline of such a run"
        )


def _reason(run: RunOutcome, baseline: RunOutcome, differences: Sequence[Difference]) -> str:
    common = run.jobs.keys() & baseline.jobs.keys()
    both = [place for place in common if run.jobs[place].ok and baseline.jobs[place].ok]
    if not both:
        return "no job is ok on both sides; run them again"
    scores = [d for d in differences if d.kind == "metric" and d.change is not None]
    if not scores:
        return (
            "no metric has a value on both sides; "
            "take a dataset with a reference, or a metric that needs none"
        )
    limited = [d for d in scores if d.limit is not None and math.isfinite(d.limit)]
    if not limited:
        names = _names(scores)
        first = names.split(", ")[0]
        return (
            f"no limit for {names}; give one, {first}=VALUE, as the largest drop or in a file of thresholds"
        )
    return (
        f"what was gained over cubic in {_names(limited)} is less than what may be lost; "
        "give smaller limits, or train longer"
    )


def _names(scores: Sequence[Difference]) -> str:
    names = list(dict.fromkeys(one_line(d.subject, _LONGEST) for d in scores))
    more = f" (and {len(names) - _SHOWN} more)" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _jobs(run: RunOutcome) -> str:
    more = f" (and {len(run.jobs) - 1} more)" if len(run.jobs) > 1 else ""
    return place_text(next(iter(run.jobs))) + more


@dataclass(frozen=True)
class Comparison:
    """A run beside its baseline.

    Parameters
    ----------
    differences : tuple of Difference
        The worst first, notes last.
    notes : tuple of str
        What else differs, one printable line each.
    jobs : tuple of Outcome
        Those of the run.
    """

    differences: tuple[Difference, ...]
    notes: tuple[str, ...] = ()
    jobs: tuple[Outcome, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is worse, and nothing left open that somebody gave a limit for."""
        return not any(difference.failed for difference in self.differences)

    @property
    def compared(self) -> int:
        """How many values were held against a limit that a bad one would not have kept."""
        return sum(difference.compared for difference in self.differences)

    def of(self, verdict: str) -> list[Difference]:
        """Return the differences with a verdict, the worst first."""
        return [difference for difference in self.differences if difference.verdict == verdict]

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the jobs, JSON-able once infinities are made texts."""
        return {
            "format": "a2ibench-comparison",
            "format_version": 1,
            "ok": self.ok,
            "compared": self.compared,
            "counts": dict(sorted(Counter(d.verdict for d in self.differences).items())),
            "differences": [difference.to_dict() for difference in self.differences],
            "notes": list(self.notes),
        }


def compare(run: RunOutcome, baseline: RunOutcome, thresholds: Thresholds | None = None) -> Comparison:
    """Compare a run with a baseline.

    Scores are compared as means over the seeds that both sides have, times as medians over them of
    multiples of the calibration, resources as medians.

    Parameters
    ----------
    run, baseline : RunOutcome
        The baseline says of each metric whether higher is better.
    thresholds : Thresholds, optional
        By default the built-in ones.

    Raises
    ------
    InputError
        If jobs that both sides have did not measure the same; names the field and both values. If nothing
        is worse because nothing was compared; says why.
    """
    comparison = find_differences(run, baseline, thresholds)
    check_compared(run, baseline, comparison.differences)
    return comparison


def find_differences(
    run: RunOutcome, baseline: RunOutcome, thresholds: Thresholds | None = None
) -> Comparison:
    """Return what `compare` does, also where nothing was compared: that it is ok then means nothing.

    Raises
    ------
    InputError
        If jobs that both sides have did not measure the same; names the field and both values.
    """
    limits = thresholds or Thresholds()
    notes = check_identity(run, baseline)
    places = sorted({*run.jobs, *baseline.jobs})
    found = [judge_job(baseline.jobs.get(place), run.jobs.get(place)) for place in places]
    differences = [difference for difference in found if difference is not None]
    groups: dict[tuple[str, str], list[tuple[Outcome, Outcome]]] = {}
    for place in places:
        old, new = baseline.jobs.get(place), run.jobs.get(place)
        if old is not None and new is not None and old.ok and new.ok:
            groups.setdefault(place[:2], []).append((old, new))
    resources = Resources(limits)
    for pairs in groups.values():
        differences += compare_scores(pairs, baseline, limits, notes)
        differences += compare_times(pairs, limits, notes)
        differences += resources.compare(pairs)
    notes += resources.notes()
    notes += [f"metric {name} is new" for name in sorted(run.metrics - baseline.metrics)]
    order = {"worse": 0, "unknown": 1, "note": 3}
    differences.sort(key=lambda d: (order.get(d.verdict, 2), -d.excess, d.dataset, d.method, d.subject))
    told = tuple(dict.fromkeys(map(printable, notes)))
    return Comparison(tuple(differences), told, tuple(run.jobs.values()))


_ABSENT = object()
_ASKED = ("protocol_version", "profile", "budget", "device", "precision")
_DIGEST = ("dataset.sha256", "dataset.sha256_of")
_SHOWN_VALUE = 70

_Difference = tuple[str, Any, Any]


def check_identity(run: RunOutcome, baseline: RunOutcome) -> list[str]:
    """Check that the jobs that two runs share may be compared.

    Protocol, profile, budget, device, precision, dataset, settings of the method, and versions and settings
    of the metrics must be the same. Two things are only worth a note: a setting that one side does not know,
    because the method has gained or lost it; and the checksum of a generated volume, whose voxels differ
    by rounding from processor to processor while its options and the version of its generator, which must
    be the same, stay.

    Returns
    -------
    list of str
        Notes, one line each, also on versions and machines that differ.

    Raises
    ------
    InputError
        If jobs may not be compared; names the first field and both values.
    """
    notes: dict[str, None] = {}
    refused: list[tuple[int, str]] = []
    for place in run.jobs.keys() & baseline.jobs.keys():
        new, old = run.jobs[place], baseline.jobs[place]
        for name, there, here in _differences(new, old):
            text = f"{name} is {shown(here)} in RUN and {shown(there)} in BASELINE"
            if _may_differ(name, there, here, old):
                notes[f"{_subject(name, new)}: {text}"] = None
            else:
                refused.append((_rank(name), f"{place_text(place)}: {text}"))
        for name, there, here in _compare(old.information, new.information):
            notes[f"{_subject(name, new)}: {shown(there)} in BASELINE, {shown(here)} in RUN"] = None
    if refused:
        more = f" (and {len(refused) - 1} more differences)" if len(refused) > 1 else ""
        raise InputError(f"{min(refused)[1]}{more}; run it as BASELINE was run, or write a new baseline")
    return sorted(notes)


def refused_differences(new: Outcome, old: Outcome) -> list[tuple[str, Any, Any]]:
    """Return what keeps two jobs from being compared, as `check_identity` has it.

    Returns
    -------
    list of tuple
        Name of the field, and its values in the old and in the new one; what explains most stands first.
    """
    found = [one for one in _differences(new, old) if not _may_differ(*one, old)]
    return sorted(found, key=lambda one: _rank(one[0]))


def _differences(new: Outcome, old: Outcome) -> Iterator[_Difference]:
    # A job that failed has not found out about its dataset, nor resolved its settings.
    if new.ok and old.ok:
        yield from _compare(old.identity, new.identity)
    else:
        yield from _compare(
            {name: old.identity.get(name) for name in _ASKED},
            {name: new.identity.get(name) for name in _ASKED},
        )
    for metric in old.metrics.keys() & new.metrics.keys():
        there, here = old.metrics[metric].version, new.metrics[metric].version
        if there != here:
            yield f"version of metric {metric}", there, here
        yield from _compare(
            dict(old.metrics[metric].settings),
            dict(new.metrics[metric].settings),
            f"setting of metric {metric}",
        )


def _compare(old: Any, new: Any, name: str = "") -> Iterator[_Difference]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            yield from _compare(
                old.get(key, _ABSENT), new.get(key, _ABSENT), f"{name}.{key}" if name else key
            )
    elif old != new:
        yield name, old, new


def _may_differ(name: str, there: Any, here: Any, old: Outcome) -> bool:
    if name in _DIGEST:
        return bool((old.identity.get("dataset", {}).get("definition") or {}).get("phantom"))
    return name.startswith("settings.") and _ABSENT in (there, here)


def _subject(name: str, outcome: Outcome) -> str:
    if name.startswith("settings."):
        return outcome.method
    if name.startswith("dataset."):
        return outcome.dataset
    return f"{outcome.method} {name}" if name == "plugin" else name


def shown(value: Any) -> str:
    """Return the value of a field that differs, in bounded length."""
    if value is None or value is _ABSENT:
        return "none" if value is None else "absent"
    text = " ".join((value if isinstance(value, str) else json.dumps(value)).split())
    return text if len(text) <= _SHOWN_VALUE else f"{text[: _SHOWN_VALUE - 3]}..."


def _rank(name: str) -> int:
    # What a whole run was asked for explains more than what follows from it.
    return _ASKED.index(name) if name in _ASKED else len(_ASKED) + name.startswith("settings.")
