"""The score of a metric, as records and baselines hold it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from a2ibench import values
from a2ibench.values import whole


@dataclass(frozen=True)
class Score:
    """Value of a metric (plus infinity where it has no bound), its version, and the settings it was given.

    Of a setting that names a file it holds the checksum, as ``"sha256:..."``.
    """

    value: float
    version: Any
    settings: Mapping[str, Any] = field(default_factory=dict)


def read_score(value: Any) -> Score:
    """Read a score as it stands in a file."""
    return Score(**_SCORE(value))


def _value(value: Any) -> float:
    return math.inf if value == "inf" else float(_FINITE(value))


def _version(value: Any) -> Any:
    return value if isinstance(value, str) else whole()(value)


_FINITE = values.number("a finite number")
_SCORE = values.fields({"value": _value, "version": _version, "settings": values.or_empty(values.mapping)})


def without_empty_settings(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record, or what the gate keeps of one, whose scores tell of settings where there are any."""
    told = {name: _told(scores) for name, scores in content.get("controls", {}).items()}
    controls = {"controls": told} if "controls" in content else {}
    return {**content, "metrics": _told(content["metrics"]), **controls}


def _told(scores: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    # Other records stay as they were.
    return {
        metric: {name: value for name, value in score.items() if name != "settings" or value}
        for metric, score in scores.items()
    }
