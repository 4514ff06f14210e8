"""Where the numbers of the page come from: settings, machines, versions, data and checksums."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from a2ibench.bench.merge import MergedRun
from a2ibench.bench.record import Record
from a2ibench.bench.run import Run
from a2ibench.errors import one_line
from a2ibench.files import plain
from a2ibench.reporting.citations import stated_of_dataset

_LONGEST = 200
_DIFFERS = "varies between jobs"


def text_of(value: Any) -> str:
    """Return any value of a record as one printable line of bounded length."""
    if isinstance(value, str):
        return one_line(value, _LONGEST)
    if isinstance(value, float):
        return f"{value:g}"
    if value is None or isinstance(value, bool):
        return "none" if value is None else "yes" if value else "no"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list | tuple):
        return ", ".join(map(text_of, value)) or "none"
    return one_line(json.dumps(plain(value), ensure_ascii=False), _LONGEST)


def differing_settings(run: Run) -> dict[str, Any]:
    """Return the settings that are not the same for all methods that have them, or that only one has.

    Returns
    -------
    dict
        ``methods``, the names of the columns, ``rows``, each a setting with one text for each method, and
        ``shared``, what is the same for all that have it, as pairs of texts.
    """
    told: dict[str, dict[str, str]] = {}
    for record in run.records:
        if record.ok:
            mine = told.setdefault(record.method, {})
            for name, text in _settings(record):
                mine[name] = text if mine.get(name, text) == text else _DIFFERS
    methods = [name for name in run.methods if len(told.get(name, {})) > 0]
    names = sorted({name for method in methods for name in told[method]})
    rows, shared = [], []
    for name in names:
        texts = [told[method].get(name, "") for method in methods]
        having = [told[method][name] for method in methods if name in told[method]]
        if len({*having}) > 1 or (len(having) == 1 and len(methods) > 1):
            rows.append({"name": name, "texts": texts})
        else:
            shared.append((name, having[0]))
    # What all have and differ in tells more than what only one of them knows.
    rows.sort(key=lambda row: (row["texts"].count(""), row["name"]))
    return {"methods": methods, "rows": rows, "shared": shared}


def _settings(record: Record) -> Iterator[tuple[str, str]]:
    for table, before in (("configuration", ""), ("protocol", "training.")):
        told = record.provenance.get(table)
        if isinstance(told, Mapping):
            for name, value in told.items():
                yield f"{before}{name}", text_of(value)
    if used := record.provenance.get("precision_used"):
        yield "precision", text_of(used)


def datasets(run: Run) -> list[dict[str, Any]]:
    """Return what is known of each dataset, as pairs of texts."""
    found = []
    for name in run.datasets:
        stated = stated_of_dataset(run, name)
        record = next((one for one in run.records if one.dataset == name and _describes(one)), None)
        told = dict(record.provenance["dataset"]) if record is not None else {}
        pairs = [
            ("title", stated.get("title") or told.get("title")),
            ("voxels", _product(told.get("shape"))),
            ("voxel size (nm)", _product(told.get("voxel_size"))),
            ("input", _product(told.get("input_shape"))),
            ("input voxel size (nm)", _product(told.get("input_voxel_size"))),
            ("degraded by", _simulation(told.get("simulation"))),
            ("dtype", told.get("dtype")),
            ("noise of the input", told.get("noise")),
            (
                "SHA-256" + (f" of the {told['sha256_of']}" if told.get("sha256_of") else ""),
                told.get("sha256"),
            ),
            ("licence", stated.get("licence") or "not stated"),
            ("citation", stated.get("citation") or "not stated"),
        ]
        found.append(
            {"name": name, "pairs": [(key, text_of(value)) for key, value in pairs if value is not None]}
        )
    return found


def _simulation(told: Any) -> str | None:
    if not isinstance(told, Mapping):
        return None
    settings = told.get("settings")
    given = settings.items() if isinstance(settings, Mapping) else ()
    parts = [f"ratio {text_of(told.get('ratio'))}", *(f"{name} {text_of(value)}" for name, value in given)]
    return f"{text_of(told.get('degradation'))}: {', '.join(parts)}"


def _describes(record: Record) -> bool:
    told = record.provenance.get("dataset")
    return isinstance(told, Mapping) and "shape" in told


def _product(sizes: Any) -> str | None:
    return " x ".join(map(text_of, sizes)) if isinstance(sizes, list | tuple) and sizes else None


def environments(run: Run) -> list[dict[str, Any]]:
    """Return the machines and libraries that jobs ran with, each once, and how many jobs that were."""
    found: dict[str, dict[str, Any]] = {}
    for record in run.records:
        told = record.provenance.get("environment")
        if not isinstance(told, Mapping):
            continue
        # Jobs that loaded other libraries may know of other numbers of threads.
        same = {name: value for name, value in told.items() if name != "threads"}
        device = record.provenance.get("device_name")
        key = json.dumps(plain([same, device]), sort_keys=True)
        one = found.setdefault(key, {"jobs": 0, **_environment(same, device)})
        one["jobs"] += 1
    if not found and run.environment:
        return [{"jobs": 0, **_environment(run.environment, None)}]
    return list(found.values())


def _environment(told: Mapping[str, Any], device: Any) -> dict[str, Any]:
    libraries = told.get("libraries")
    git = told.get("git")
    pairs = [
        (name, text_of(told[name]))
        for name in ("a2ibench", "python", "platform", "cpu", "cpus")
        if told.get(name) is not None
    ]
    if device and device != told.get("cpu"):
        pairs.append(("device", text_of(device)))
    if isinstance(git, Mapping):
        pairs.append(("commit", text_of(git.get("commit")) + (", with changes" if git.get("dirty") else "")))
    return {
        "pairs": pairs,
        "libraries": [
            (text_of(name), text_of(version) if version else "not installed")
            for name, version in (libraries if isinstance(libraries, Mapping) else {}).items()
        ],
    }


def plugins(run: Run) -> list[dict[str, str]]:
    """Return by method which distributions and versions its results are of."""
    found: dict[str, dict[str, None]] = {}
    for record in run.records:
        if record.external is not None:
            made = " ".join(
                str(record.external[name]) for name in ("software", "version") if record.external.get(name)
            )
            text = f"a finished volume of {made}" if made else "a finished volume"
        else:
            text = " ".join(
                text_of(record.provenance[name])
                for name in ("distribution", "version")
                if record.provenance.get(name)
            )
        found.setdefault(record.method, {})[one_line(text) or "not known"] = None
    return [{"method": method, "version": "; ".join(texts)} for method, texts in found.items()]


def checksums(records: Iterable[Record]) -> list[tuple[str, str]]:
    """Return the SHA-256 of each job's reconstruction, voxels in C order, where the record tells it."""
    told = ((record.name, record.provenance.get("reconstruction")) for record in records)
    return [
        (name, text_of(one["sha256"])) for name, one in told if isinstance(one, Mapping) and "sha256" in one
    ]


def facts(run: Run) -> list[tuple[str, str]]:
    """Return what the run was asked for, in a few pairs of texts."""
    options, records = run.options, run.records
    seeds: Sequence[Any] = options.get("seeds") or sorted({record.seed for record in records})
    ended = [str(at) for record in records if (at := record.provenance.get("finished"))]
    pairs = [
        ("datasets", len(run.datasets)),
        ("methods", len(run.methods)),
        ("seeds", len(seeds)),
        ("profile", options.get("profile") or _one(records, "profile")),
        ("device", options.get("device") or _one(records, "device")),
        ("precision", _one(records, "precision_used") or options.get("precision")),
        ("budget", options.get("budget") or _one(records, "budget")),
        ("a2ibench", run.environment.get("a2ibench") or _one(records, "a2ibench")),
        ("finished", max(ended)[:16].replace("T", " ") + " UTC" if ended else None),
    ]
    return [(name, text_of(value)) for name, value in pairs if value is not None]


def merged_runs(run: Run) -> list[dict[str, Any]]:
    """Return name and facts of each run that it was merged of; nothing for one that was not."""
    if not isinstance(run, MergedRun):
        return []
    return [
        {"name": name, "pairs": [("jobs", text_of(len(part.records))), *facts(part)]}
        for name, part in run.runs.items()
    ]


def _one(records: Iterable[Record], name: str) -> str | None:
    told = dict.fromkeys(str(one) for record in records if (one := record.provenance.get(name)))
    return " and ".join(told) or None
