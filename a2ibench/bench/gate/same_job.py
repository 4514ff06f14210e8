"""Whether two jobs measured the same thing, and in what else they differ."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from a2ibench.bench.gate.outcome import Outcome, RunOutcome, place_text
from a2ibench.errors import InputError

_ABSENT = object()
_ASKED = ("protocol_version", "profile", "budget", "device", "precision")
_DIGEST = ("dataset.sha256", "dataset.sha256_of")
_LONGEST = 70

_Difference = tuple[str, Any, Any]


def check_identity(run: RunOutcome, baseline: RunOutcome) -> list[str]:
    """Check that the jobs that two runs share may be compared.

    Protocol, profile, budget, device, precision, dataset, settings of the method and versions of the
    metrics must be the same. Two things are only worth a note: a setting that one side does not know,
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
            text = f"{name} is {_show(here)} in RUN and {_show(there)} in BASELINE"
            if _may_differ(name, there, here, old):
                notes[f"{_subject(name, new)}: {text}"] = None
            else:
                refused.append((_rank(name), f"{place_text(place)}: {text}"))
        for name, there, here in _compare(old.information, new.information):
            notes[f"{_subject(name, new)}: {_show(there)} in BASELINE, {_show(here)} in RUN"] = None
    if refused:
        more = f" (and {len(refused) - 1} more differences)" if len(refused) > 1 else ""
        raise InputError(f"{min(refused)[1]}{more}; run it as BASELINE was run, or write a new baseline")
    return sorted(notes)


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


def _show(value: Any) -> str:
    if value is None or value is _ABSENT:
        return "none" if value is None else "absent"
    text = " ".join((value if isinstance(value, str) else json.dumps(value)).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _rank(name: str) -> int:
    # What a whole run was asked for explains more than what follows from it.
    return _ASKED.index(name) if name in _ASKED else len(_ASKED) + name.startswith("settings.")
