"""Records that may share a table: one version of the protocol, one version and settings of every metric."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from a2ibench.bench.record import CONTROLS, Record, whole_number
from a2ibench.bench.score import Score


@dataclass(frozen=True)
class Group:
    """Records that may share a table: one version of the protocol, one version and settings of every metric.

    Parameters
    ----------
    protocol : int
        Protocol version.
    versions : mapping of str to int
        Version by metric.
    records : tuple of Record
        In the order of the run.
    settings : mapping of str to mapping
        Settings by metric, as scores have them; of those that have any.
    origins : mapping of str to str
        By job, the name of the run that it comes from, where several are merged; else empty.
    """

    protocol: int
    versions: Mapping[str, int]
    records: tuple[Record, ...]
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)

    @property
    def controls(self) -> dict[str, dict[str, dict[str, float]]]:
        """Scores of the controls by dataset, control and metric, of these versions; see `Run.controls`."""
        found: dict[str, dict[str, dict[str, float]]] = {}
        for record in self.records:
            told = {name: self._comparable(scores) for name, scores in record.controls.items()}
            # Every job that scored them came to the same; a run that grew may have several.
            if any(told.values()) and record.dataset not in found:
                found[record.dataset] = {name: told[name] for name in CONTROLS if told.get(name)}
        return found

    def _comparable(self, scores: Mapping[str, Score]) -> dict[str, float]:
        return {name: one.value for name, one in scores.items() if self._is_of(name, one)}

    def _is_of(self, metric: str, score: Score) -> bool:
        same = self.settings.get(metric, {}) == score.settings
        return same and self.versions.get(metric) == score.version


def group(records: Sequence[Record]) -> list[Group]:
    """Divide records by protocol, and by versions and settings of metrics, the newest last.

    A record without a metric, such as that of a failed job, counts as of the metric's newest version, and of
    one of its settings, so that it stands in one table only.
    """
    known = [version for record in records if (version := record.protocol_version) is not None]
    parts: dict[tuple[int, tuple[tuple[str, _Kind], ...]], list[Record]] = {}
    by_protocol: dict[int, list[Record]] = {}
    for record in records:
        version = record.protocol_version
        by_protocol.setdefault(max(known, default=0) if version is None else version, []).append(record)
    for protocol, members in by_protocol.items():
        newest: dict[str, _Kind] = {}
        for record in members:
            for name, kind in _kinds(record).items():
                newest[name] = max(newest.get(name, kind), kind)
        for record in members:
            key = protocol, tuple(sorted((newest | _kinds(record)).items()))
            parts.setdefault(key, []).append(record)
    return [_group(protocol, kinds, parts[protocol, kinds]) for protocol, kinds in sorted(parts)]


_Kind = tuple[int, str]
"""Version of a metric, and its settings as text."""


def _kinds(record: Record) -> dict[str, _Kind]:
    # Other programs may have written no whole numbers.
    return {
        name: (whole_number(score.version) or 0, json.dumps(score.settings, sort_keys=True))
        for name, score in record.metrics.items()
    }


def _group(protocol: int, kinds: Iterable[tuple[str, _Kind]], records: Iterable[Record]) -> Group:
    versions, settings = {}, {}
    for name, (version, text) in kinds:
        versions[name] = version
        if given := json.loads(text):
            settings[name] = given
    return Group(protocol, versions, tuple(records), settings)
