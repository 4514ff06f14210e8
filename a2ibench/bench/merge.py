"""Runs of several machines as one, where all of their records may share a table."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from a2ibench.bench.gate.compare import refused_differences, shown
from a2ibench.bench.gate.outcome import Outcome
from a2ibench.bench.gate.records import identity_of
from a2ibench.bench.groups import Group, group
from a2ibench.bench.growth import RunPlan, differences, joined
from a2ibench.bench.metric_settings import METRIC_SETTINGS
from a2ibench.bench.paths import JobFiles
from a2ibench.bench.record import Record
from a2ibench.bench.run import Run, ordered
from a2ibench.errors import InputError, OptionError, one_line, printable
from a2ibench.files import plain

if TYPE_CHECKING:
    import pandas as pd

RUN_COLUMN = "run"
"""Column of tables that tells which run a row comes from."""

_MACHINES = ("device", "precision")
# Which metrics a run has, and where a file lies, is no matter: records tell what was scored, and of what.
_APART = (*_MACHINES, "metrics", METRIC_SETTINGS)
_PLACES = ("path", "url")
_RUN_WIDE = "the runs"


@dataclass(frozen=True)
class MergedRun(Run):
    """Several runs as one; see `merged`.

    Parameters
    ----------
    folder : Path
        No folder: its name is that of all of the runs.
    runs : mapping of str to Run
        The runs, by the names that they are told apart by.
    origins : mapping of str to str
        By job, the name of its run.
    """

    runs: Mapping[str, Run] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)

    @property
    def parts(self) -> tuple[Run, ...]:
        """The runs that it was merged of."""
        return tuple(self.runs.values())

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The records, divided as those of a run are, with the run of each."""
        return tuple(replace(part, origins=self.origins) for part in group(self.records))

    def files_of(self, record: Record) -> JobFiles:
        """Return where the files of a job lie, in the folder of its own run."""
        return self.runs[self.origins[record.name]].files_of(record)

    def place_of(self, file: Path) -> str:
        """Return a file of a run as it is called within it, behind the name of the run."""
        for name, run in self.runs.items():
            if file.is_relative_to(run.folder):
                return f"{name}/{run.place_of(file)}"
        return str(file)

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each job, as `Run.to_frame`, with the name of its ``run``."""
        table = super().to_frame()
        table.insert(min(3, len(table.columns)), RUN_COLUMN, [self.origins[one.name] for one in self.records])
        return table


def merged(runs: Sequence[Run]) -> Run:
    """Return several runs as one, whose records may share a table; of one run, itself.

    Seeds of a method that are in different runs join. Devices and precisions may differ, which tables tell.

    Parameters
    ----------
    runs : sequence of Run
        What `read_run` returned, in the order of their rows.

    Raises
    ------
    InputError
        If a run is given twice, a job is in two runs and not the same, or the runs differ in what scores
        depend on: versions of the protocol and of metrics, settings of metrics, profile, budget, degradation
        in training, datasets of one name, or settings of methods of one name. Names what differs, and both
        values.
    """
    if len(runs) == 1:
        return runs[0]
    named = _named(runs)
    for one, other in combinations(named, 2):
        _check((one, named[one]), (other, named[other]))
    options: dict[str, Any] = {}
    for run in runs:
        kept = joined(options, run.options)
        changed = [key for key in _MACHINES if options and options.get(key) != run.options.get(key)]
        # What the records tell of each is then told in its place.
        options = {key: value for key, value in kept.items() if key not in changed}
    origins: dict[str, str] = {}
    records: list[Record] = []
    for name, run in named.items():
        records += [one for one in run.records if origins.setdefault(one.name, name) == name]
    damaged = {file: problem for run in runs for file, problem in run.damaged.items()}
    folder = Path(" + ".join(Path(name).name for name in named))
    return MergedRun(folder, options, {}, ordered(records, options), damaged, named, origins)


def _named(runs: Sequence[Run]) -> dict[str, Run]:
    places = [run.folder.resolve() for run in runs]
    for place, count in Counter(places).items():
        if count > 1:
            raise InputError(f"{printable(str(place))}: is given {count} times; give each run once")
    names = [place.name for place in places]
    # Folders of one name are told apart by where they are.
    texts = names if len({*names}) == len(names) else [str(run.folder) for run in runs]
    texts = texts if len({*texts}) == len(texts) else [str(place) for place in places]
    return dict(zip(map(printable, texts), runs, strict=True))


_Named = tuple[str, Run]
_Found = tuple[str, str, Any, Any]


def _check(one: _Named, other: _Named) -> None:
    found = next(_apart(one[1], other[1]), None)
    if found is not None:
        subject, name, old, new = found
        raise InputError(
            f"{one[0]} and {other[0]} may not share a report: {_line(subject)}: {_line(name)} is "
            f"{shown(old)} in {one[0]} and {shown(new)} in {other[0]}; report on each by itself"
        )
    _check_jobs(one, other)


def _check_jobs(one: _Named, other: _Named) -> None:
    there = {record.name: record for record in one[1].records}
    for record in other[1].records:
        if record.name in there and _content(record) != _content(there[record.name]):
            raise OptionError(
                "{job}: is in {one} and in {other}, and not the same; take it out of one of them, by running "
                "that with {remove} for {job} and {out} for its folder",
                job=_line(record.name),
                one=one[0],
                other=other[0],
            )


def _content(record: Record) -> str:
    return json.dumps(plain(record.to_dict()), sort_keys=True)


def _line(text: str) -> str:
    return one_line(text, 120)


def _apart(one: Run, other: Run) -> Iterator[_Found]:
    """Yield what keeps two runs from sharing a table: subject, field, and both values."""
    yield from _of_groups(one, other)
    yield from _of_plans(one, other)
    yield from _of_jobs(one, other)


def _of_groups(one: Run, other: Run) -> Iterator[_Found]:
    if not (one.groups and other.groups):
        return
    # Older ones share no table within their own run either.
    old, new = one.groups[-1], other.groups[-1]
    if old.protocol != new.protocol:
        yield _RUN_WIDE, "protocol_version", old.protocol, new.protocol
    for metric in sorted(old.versions.keys() & new.versions.keys()):
        if old.versions[metric] != new.versions[metric]:
            yield _RUN_WIDE, f"version of metric {metric}", old.versions[metric], new.versions[metric]
        was, now = dict(old.settings.get(metric, {})), dict(new.settings.get(metric, {}))
        if was != now:
            yield _RUN_WIDE, f"settings of metric {metric}", was, now


def _of_plans(one: Run, other: Run) -> Iterator[_Found]:
    old, new = _identity(one), _identity(other)
    if old is None or new is None:
        return
    for option, (was, now) in differences(old, new).items():
        if option == "datasets":
            for there, here in zip(was, now, strict=True):
                names = [name for name in {**there, **here} if there.get(name) != here.get(name)]
                yield there["name"], names[0], there.get(names[0]), here.get(names[0])
        else:
            yield _RUN_WIDE, option, was, now


def _identity(run: Run) -> dict[str, Any] | None:
    """Return what decides the scores of a run, wherever its files lie; None where run.json does not tell."""
    try:
        identity = RunPlan.read(run.folder).identity
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
    told = {name: value for name, value in identity.items() if name not in _APART}
    datasets = [{k: v for k, v in one.items() if k not in _PLACES} for one in identity.get("datasets", ())]
    return {"methods": [], **told, "datasets": datasets}


def _of_jobs(one: Run, other: Run) -> Iterator[_Found]:
    """Yield what differs between jobs: of any two, of two of a dataset, of two of a method on it."""
    old, new = _newest(one), _newest(other)
    for depth, fields in enumerate((("profile", "budget"), ("dataset",), ("settings",))):
        # A volume from elsewhere has no profile.
        there, here = (_told(jobs, depth, fields, external=depth == 1) for jobs in (old, new))
        for place in there.keys() & here.keys():
            for name, before, after in refused_differences(here[place], there[place]):
                yield " ".join(place) or _RUN_WIDE, name, before, after
    trained = [dict.fromkeys(filter(None, map(_trained, records))) for records in (old, new)]
    if all(trained) and {*trained[0]} != {*trained[1]}:
        yield _RUN_WIDE, "training_degradation", " and ".join(trained[0]), " and ".join(trained[1])


def _newest(run: Run) -> list[Record]:
    """Return the records with results that stand in the newest tables."""
    return [record for record in run.groups[-1].records if record.ok] if run.groups else []


def _told(
    records: Iterable[Record], depth: int, fields: Sequence[str], *, external: bool
) -> dict[tuple[str, ...], Outcome]:
    """Return some fields of the first job of each dataset (depth 1), and of each method on it (depth 2)."""
    found: dict[tuple[str, ...], Outcome] = {}
    for record in records:
        place = (record.dataset, record.method)[:depth]
        if place not in found and (external or record.external is None):
            identity = identity_of(record)
            kept = {name: identity[name] for name in fields}
            found[place] = Outcome(record.dataset, record.method, 0, record.status, identity=kept)
    return found


def _trained(record: Record) -> str | None:
    told = record.provenance.get("protocol")
    found = told.get("training_degradation") if isinstance(told, Mapping) else None
    return None if found is None else str(found)
