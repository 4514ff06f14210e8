"""What of a bundle may be run again, and the plans that do: no program or file of a stranger is touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from a2ibench.bench.bundle.reading import Bundle
from a2ibench.bench.cache_key import named_files
from a2ibench.bench.job import dataset_from_dict, dataset_identity
from a2ibench.bench.metric_settings import METRIC_SETTINGS
from a2ibench.bench.options import RunOptions
from a2ibench.bench.plan import Plan, plan_run
from a2ibench.bench.record import Record
from a2ibench.bench.specs import find_datasets
from a2ibench.contracts import DatasetSpec
from a2ibench.data.generators import DEFAULT_TARGET
from a2ibench.errors import A2IBenchError, InputError, UnknownNameError
from a2ibench.registry import host

_OUTSIDE = ("commands", "environments")
_LARGEST_SIDE = 1024
_PHANTOM = "phantom"


def why_not(bundle: Bundle, record: Record) -> str | None:
    """Return why a cell cannot be repeated from what the bundle holds; None where it can.

    Nothing is repeated that would run a stranger's program or read a file that a stranger names.
    """
    if record.external:
        return "it is a finished volume that was entered"
    if not record.ok:
        return f"it ended as {record.status}"
    return why_no_row(bundle, record.method)


def why_no_row(bundle: Bundle, row: str) -> str | None:
    """Return why a row of a bundle cannot be run here; None where it can."""
    plan = bundle.run.options
    if row not in plan.get("methods", ()):
        return "it is no row of the plan"
    if any(row in (plan.get(table) or {}) for table in _OUTSIDE):
        return "it is a program, or runs in another Python"
    variant = (plan.get("variants") or {}).get(row) or {}
    settings = {**variant, **((plan.get("set") or {}).get(row) or {})}
    if named_files(settings):
        return "its settings name a file"
    registered = variant.get("method", row)
    if registered not in host().methods:
        return f"the method {registered} is not installed here"
    return None


def left_out(bundle: Bundle) -> dict[str, str]:
    """Return why metrics are not computed again, by name."""
    given = bundle.run.options.get(METRIC_SETTINGS) or {}
    names = {*bundle.run.options.get("metrics", ()), *bundle.run.metrics}
    found = {name: "it was given settings, which may name files" for name in names if given.get(name)}
    return found | {name: "it is not installed here" for name in names if name not in host().metrics}


def drawn_phantom(bundle: Bundle, seed: int) -> DatasetSpec:
    """Return the phantom of a bundle, or where it has none the one that ships, with another seed."""
    for told in bundle.run.options.get("datasets", ()):
        if isinstance(told, Mapping) and told.get(_PHANTOM):
            spec = _generated(bundle, told)
            break
    else:
        (spec,) = find_datasets([_PHANTOM])
    options = {**(spec.phantom or {}), "seed": seed}
    title = f"Phantom drawn with seed {seed}"
    return replace(spec, name=f"{_PHANTOM}-seed-{seed}", title=title, phantom=options, sha256=None)


def plan_of(bundle: Bundle, cell: Record, catalogue: Path | None) -> Plan:
    """Return the plan of one cell.

    Raises
    ------
    InputError
        If it cannot be carried out here, or the dataset is another one here.
    """
    told = next(one for one in bundle.run.options["datasets"] if one["name"] == cell.dataset)
    spec = _generated(bundle, told) if told.get(_PHANTOM) else _with_file(bundle, told, catalogue)
    return plan_for(bundle, [cell.method], spec, (cell.seed,))


def plan_for(bundle: Bundle, rows: Sequence[str], spec: DatasetSpec, seeds: tuple[int, ...]) -> Plan:
    """Return the plan of rows of a bundle on one dataset.

    Raises
    ------
    InputError
        If it cannot be carried out here.
    """
    plan = bundle.run.options
    metrics = [name for name in plan.get("metrics", ()) if name not in left_out(bundle)]
    try:
        planned = plan_run(
            RunOptions(
                methods=list(rows),
                datasets=[_PHANTOM],
                profile=plan["profile"],
                device=plan["device"],
                precision=plan["precision"],
                budget=plan["budget"],
                training_degradation=plan["training_degradation"],
                variants={n: one for n, one in (plan.get("variants") or {}).items() if n in rows} or None,
                settings={n: one for n, one in (plan.get("set") or {}).items() if n in rows} or None,
                metrics=metrics,
                evaluate=plan.get("evaluate"),
                reporters="none",
                controls=False,
                report_planes=0,
            )
        )
    except (A2IBenchError, LookupError, TypeError, ValueError) as error:
        raise InputError(f"{bundle.path}: its plan cannot be carried out here: {error}") from error
    return replace(planned, datasets=(spec,), seeds=seeds)


def _generated(bundle: Bundle, told: Mapping[str, Any]) -> DatasetSpec:
    """Return the spec of a generated dataset, whose definition in the bundle is all there is of it."""
    spec = _spec(bundle, told)
    options = spec.phantom or {}
    if options.get("target", DEFAULT_TARGET) != DEFAULT_TARGET:
        raise InputError(
            f"{bundle.path}: {spec.name} is generated by {str(options['target'])[:80]!a}, which a bundle "
            "may not choose; repeat a job of another dataset"
        )
    side = options.get("size", 0)
    if spec.path is not None or not isinstance(side, int) or side > _LARGEST_SIDE:
        raise InputError(f"{bundle.path}: {spec.name} is no phantom of at most {_LARGEST_SIDE} voxels a side")
    return spec


def _with_file(bundle: Bundle, told: Mapping[str, Any], catalogue: Path | None) -> DatasetSpec:
    """Return the spec that a catalogue here has of a dataset, once it is known to mean the same."""
    there = _spec(bundle, told)
    try:
        (here,) = find_datasets([there.name], catalogue)
    except UnknownNameError as error:
        raise InputError(
            f"{bundle.path}: {error}; give a catalogue that has it, or repeat a job of another dataset"
        ) from None
    old, new = dataset_identity(there), dataset_identity(here)
    for name in new:
        # Where a file lies is no matter; what it holds is compared once it was read.
        if name not in ("path", "url") and new[name] != old.get(name):
            raise InputError(
                f"{bundle.path}: {name} of {there.name} is {old.get(name)} in the bundle, and {new[name]} in "
                "the catalogue here"
            )
    return here


def _spec(bundle: Bundle, told: Mapping[str, Any]) -> DatasetSpec:
    try:
        return dataset_from_dict(told)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{bundle.path}: run.json does not define {str(told.get('name'))[:80]!a} as this release does "
            f"({type(error).__name__})"
        ) from None
