"""What run.json holds: the union of what commands asked for, which grows and never changes its meaning."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from a2ibench.bench.paths import RunFiles, job_name
from a2ibench.documents import read_json
from a2ibench.environment import environment
from a2ibench.files import plain

if TYPE_CHECKING:
    from a2ibench.bench.plan import Plan

Place = tuple[str, str, int]
"""Dataset, method and seed of a job."""

JOBS = "jobs"
_GROWING = ("methods", "datasets", "seeds")


@dataclass(frozen=True)
class RunPlan:
    """What run.json holds.

    Parameters
    ----------
    identity : mapping
        As `Plan.identity` returns it, of all methods, datasets and seeds; tables in it are by method.
    plan : mapping
        As `Plan.to_dict` returns it, with the names of all jobs as ``jobs``. Runs of earlier releases have
        no such list: their jobs are all combinations.
    """

    identity: Mapping[str, Any]
    plan: Mapping[str, Any]

    @classmethod
    def of(cls, plan: Plan) -> RunPlan:
        """Return what a new run of a plan holds."""
        # As it is read back, so that the two can be compared.
        whole = {**plan.to_dict(), JOBS: [job.name for job in plan.jobs()]}
        return cls(plain(plan.identity()), plain(whole))

    @classmethod
    def read(cls, run_dir: Path) -> RunPlan:
        """Read run.json in the folder of a run.

        Raises
        ------
        OSError
            If there is none.
        ValueError, LookupError, TypeError
            If it is damaged.
        """
        content = read_json(RunFiles(run_dir).plan)
        found = cls(dict(content["identity"]), dict(content["plan"]))
        if not isinstance(content["fingerprint"], str):
            raise TypeError("no fingerprint")
        found.places()
        return found

    def places(self) -> dict[str, Place]:
        """Return dataset, method and seed by the name of every job, in the order of tables."""
        return planned_places(self.plan)

    def datasets(self) -> list[str]:
        """Return the names of the datasets."""
        return [dataset["name"] for dataset in self.plan.get("datasets", ())]

    def holds(self, names: Iterable[str]) -> bool:
        """Whether all jobs of these names are part of the run."""
        return set(names) <= self.places().keys()

    def with_jobs_of(self, plan: Plan) -> RunPlan:
        """Return this run and a plan in one; `differences` must be empty.

        Names stand in the order in which they appeared first, unless the plan has all of them.
        """
        new = RunPlan.of(plan)
        identity = {option: _united(self.identity.get(option), value) for option, value in _all(self, new)}
        for option in ("methods", "seeds"):
            identity[option] = sorted({*self.identity.get(option, ()), *new.identity[option]})
        return RunPlan(identity, joined(self.plan, new.plan))

    def without(self, names: Collection[str], entered: Collection[str] = ()) -> RunPlan:
        """Return this run without some jobs, and without methods, datasets and seeds that have none left.

        Datasets that finished volumes were `entered` for stay.
        """
        left = {name: place for name, place in self.places().items() if name not in names}
        datasets, methods, seeds = ({place[axis] for place in left.values()} for axis in range(3))
        datasets |= {*entered}
        kept: dict[str, Any] = {
            "methods": [name for name in self.plan.get("methods", ()) if name in methods],
            "datasets": [one for one in self.plan.get("datasets", ()) if one["name"] in datasets],
            "seeds": [seed for seed in self.plan.get("seeds", ()) if seed in seeds],
        }
        gone = {*self.plan.get("methods", ())} - methods
        identity = {name: _less(value, gone) for name, value in self.identity.items()} | {
            "methods": sorted(methods),
            "datasets": [one for one in self.identity.get("datasets", ()) if one["name"] in datasets],
            "seeds": sorted(seeds),
        }
        plan = {name: _less(value, gone) for name, value in self.plan.items()}
        return RunPlan(identity, {**plan, **kept, JOBS: [*left]})

    def to_dict(self) -> dict[str, Any]:
        """Return what stands in run.json."""
        return {
            "fingerprint": fingerprint(self.identity),
            "identity": self.identity,
            "plan": self.plan,
            "environment": environment(),
        }


def planned_places(plan: Mapping[str, Any]) -> dict[str, Place]:
    """Return dataset, method and seed of every job of a plan as run.json has it, by the job's name.

    Raises
    ------
    LookupError, TypeError
        If it is damaged.
    """
    places = _combinations(plan)
    if JOBS not in plan:
        return places
    wanted = {*plan[JOBS]}
    return {name: place for name, place in places.items() if name in wanted}


def joined(there: Mapping[str, Any], here: Mapping[str, Any]) -> dict[str, Any]:
    """Return two plans as run.json has them in one.

    Names stand in the order in which they appeared first, unless the second plan has all of them.
    """
    merged: dict[str, Any] = {
        "methods": _in_order(there.get("methods", ()), here.get("methods", ())),
        "datasets": _by_name(there.get("datasets", ()), here.get("datasets", ())),
        "seeds": _in_order(there.get("seeds", ()), here.get("seeds", ())),
    }
    old, new = planned_places(there), planned_places(here)
    names = {*old, *new}
    merged[JOBS] = [name for name in _combinations(merged) if name in names]
    # Jobs that shared a process shared its peak of memory, too.
    if there.get("executor") == "inline" and names - {*new}:
        merged["executor"] = "inline"
    return {**here, **_tables(there, here), **merged}


def fingerprint(identity: Mapping[str, Any]) -> str:
    """Return 64 hexadecimal digits that differ where identities differ."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return what keeps two identities from being one run: by option, what is there and what is now.

    Methods, datasets and seeds may be others. What both have must be the same: datasets of one name, and of
    a method everything that tables hold of it.
    """
    found: dict[str, tuple[Any, Any]] = {}
    old, new = _datasets(there), _datasets(here)
    redefined = [name for name in new if name in old and old[name] != new[name]]
    if redefined:
        found["datasets"] = ([old[name] for name in redefined], [new[name] for name in redefined])
    both = {*there.get("methods", ())} & {*here["methods"]}
    for option in dict.fromkeys([*here, *there]):
        was, now = there.get(option), here.get(option)
        if option in _GROWING:
            continue
        if isinstance(was, Mapping) or isinstance(now, Mapping):
            was, now = was or {}, now or {}
            names = [name for name in {**was, **now} if name in both or (name in was and name in now)]
            changed = [name for name in names if was.get(name) != now.get(name)]
            if changed:
                found[option] = tuple({n: t[n] for n in changed if n in t} for t in (was, now))  # type: ignore[assignment]
        elif was != now:
            found[option] = was, now
    return found


def _datasets(identity: Mapping[str, Any]) -> dict[str, Any]:
    return {dataset["name"]: dataset for dataset in identity.get("datasets", ())}


def _combinations(plan: Mapping[str, Any]) -> dict[str, Place]:
    datasets = [dataset["name"] for dataset in plan.get("datasets", ())]
    places = product(datasets, plan.get("methods", ()), plan.get("seeds", ()))
    return {job_name(*place): place for place in places}


def _in_order(old: Sequence[Any], new: Sequence[Any]) -> list[Any]:
    return list(new) if {*old} <= {*new} else list(dict.fromkeys([*old, *new]))


def _by_name(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    found = {dataset["name"]: dataset for dataset in (*old, *new)}
    order = _in_order([dataset["name"] for dataset in old], [dataset["name"] for dataset in new])
    return [found[name] for name in order]


def _all(old: RunPlan, new: RunPlan) -> Iterator[tuple[str, Any]]:
    yield from new.identity.items()
    # Tables are there only where there is something in them.
    yield from ((name, {}) for name in old.identity if name not in new.identity)


def _united(old: Any, new: Any) -> Any:
    if isinstance(new, Mapping):
        return dict(sorted({**(old or {}), **new}.items()))
    if isinstance(new, list) and new and isinstance(new[0], Mapping):
        named = {one["name"]: one for one in (*(old or ()), *new)}
        return [named[name] for name in sorted(named)]
    return new


def _tables(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _united(old.get(name), new.get(name, {}))
        for name in {**old, **new}
        if isinstance(old.get(name), Mapping) or isinstance(new.get(name), Mapping)
    }


def _less(value: Any, methods: Collection[str]) -> Any:
    return {n: v for n, v in value.items() if n not in methods} if isinstance(value, Mapping) else value
