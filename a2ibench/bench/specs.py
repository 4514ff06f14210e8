"""From names to specs, and jobs and specs of datasets as JSON and back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from a2ibench.bench.paths import job_name
from a2ibench.bench.variants import Variant, checked_setting, families
from a2ibench.contracts import Budget, DatasetSpec, Simulation
from a2ibench.data.catalogue import load_catalogue
from a2ibench.errors import InputError, OptionError, UnknownNameError, one_line
from a2ibench.files import plain
from a2ibench.hookspecs import PROJECT
from a2ibench.registry import host
from a2ibench.registry.schema import parse_setting
from a2ibench.settings import Value

Names = str | Sequence[str]
SetTo = tuple[str, str, Value]
"""Method, key and value of a setting."""
Settings = Mapping[str, Mapping[str, Value]] | Sequence[str | SetTo]
"""Either ``{method: {key: value}}``, or ``METHOD.KEY=VALUE`` or (method, key, value) each."""

ALL = "all"
_BASELINE = "cubic"


def method_names(
    names: Names = ALL, variants: Mapping[str, Variant] = MappingProxyType({})
) -> tuple[str, ...]:
    """Return the names of the wanted methods, then of variants; for ``"all"`` the baseline comes first.

    Parameters
    ----------
    names : str or sequence of str
        Of registered methods and of variants, one by one or as a family.
    variants : mapping
        By name; all of them are wanted.

    Raises
    ------
    UnknownNameError
        If no plugin registers a name.
    PluginError
        If the plugin that gives a name does not work.
    InputError
        If there is no method at all.
    """
    if names == ALL:
        found = sorted(host().methods, key=lambda name: name != _BASELINE)
    else:
        groups = families(variants)
        found = [row for name in _split("methods", names) for row in groups.get(name, [name])]
        for name in found:
            if name not in variants:
                host().find("method", name)
    found = list(dict.fromkeys([*found, *variants]))
    if not found:
        raise InputError("methods: no plugin registers any; see a2ibench doctor for what is wrong")
    return tuple(found)


def chosen_variants(names: Names, variants: Mapping[str, Variant]) -> dict[str, Variant]:
    """Return the variants that names of methods, variants or families choose; all for ``"all"``."""
    if names == ALL:
        return dict(variants)
    chosen = set(_split("methods", names))
    return {name: one for name, one in variants.items() if {name, one.family} & chosen}


def known_datasets(catalogue: Path | None = None) -> dict[str, DatasetSpec]:
    """Return all datasets by name: a catalogue's (by default the one that ships), then those of plugins.

    Where a plugin has a dataset of the same name, the catalogue's is taken.

    Raises
    ------
    CatalogueError
        If the catalogue cannot be read.
    """
    listed = load_catalogue(catalogue)
    registered = {name: entry.spec for name, entry in host().datasets.items() if name not in listed}
    return listed | registered


def find_datasets(
    names: Names | None = None,
    catalogue: Path | None = None,
    *,
    more: Mapping[str, DatasetSpec] = MappingProxyType({}),
) -> tuple[DatasetSpec, ...]:
    """Return the wanted datasets; by default all that need no download. Those in `more` are found by name.

    Raises
    ------
    UnknownNameError
        If a name is neither in the catalogue nor registered by a plugin.
    InputError
        If there is no dataset that needs no download.
    """
    known = known_datasets(catalogue)
    if names is None:
        found = [spec for spec in known.values() if spec.local]
    elif names == ALL:
        found = list(known.values())
    else:
        known = {**more, **known}
        found = [known[one_of("dataset", name, known)] for name in _split("datasets", names)]
    if not found:
        raise InputError(f"datasets: {catalogue or 'the catalogue'} has none without a download; name some")
    for spec in found:
        if spec.simulate is not None:
            host().find("degradation", spec.simulate.degradation)
    return tuple(spec if spec.path is None else replace(spec, path=spec.path.absolute()) for spec in found)


def metric_names(names: Names | None = None) -> tuple[str, ...]:
    """Return the names of the wanted metrics, by default all.

    Raises
    ------
    UnknownNameError
        If no plugin registers a name.
    """
    found = list(host().metrics) if names is None or names == ALL else _split("metrics", names)
    for name in found:
        host().find("metric", name)
    return tuple(found)


def reporter_names(names: Names | None = None) -> tuple[str, ...]:
    """Return the names of the wanted reporters; by default all, tables and figures before those of plugins.

    Parameters
    ----------
    names : str or sequence of str, optional
        ``"none"`` for no reporter.

    Raises
    ------
    UnknownNameError
        If no plugin registers a name.
    PluginError
        If the plugin that gives a name does not work.
    """
    if names is None or names == ALL:
        reporters = host().reporters
        return tuple(sorted(reporters, key=lambda name: reporters[name].distribution != PROJECT))
    if names == "none" or not names:
        return ()
    found = _split("reporters", names)
    for name in found:
        host().find("reporter", name)
    return tuple(found)


def named_rows(names: Names | None) -> tuple[str, ...]:
    """Return the names of rows to remove, of methods or jobs; the folder tells whether they exist."""
    return () if names is None else tuple(_split("remove", names))


def one_of(kind: str, name: str, known: Mapping[str, Any] | Sequence[str]) -> str:
    """Return `name` if it is among `known`.

    Raises
    ------
    UnknownNameError
        If it is not.
    """
    if name not in known:
        raise UnknownNameError(kind, name, known)
    return name


def checked_settings(
    given: Settings | None, methods: Sequence[str], variants: Mapping[str, Variant] = MappingProxyType({})
) -> dict[str, dict[str, Value]]:
    """Return checked settings by method; only the methods that have any are imported.

    Parameters
    ----------
    given : mapping or sequence, optional
        As `RunOptions` has them; of two for the same key the later counts.
    methods : sequence of str
        The methods of the run, and its variants.
    variants : mapping
        By name.

    Raises
    ------
    UnknownNameError
        If a method or a setting does not exist.
    InputError
        If a text has another form, a value is not allowed, or the method is not part of the run.
    """
    if isinstance(given, Mapping):
        given = [f"{method}.{key}={value}" for method, table in given.items() for key, value in table.items()]
    checked: dict[str, dict[str, Value]] = {}
    for one in given or ():
        method, key, value = _split_setting(one) if isinstance(one, str) else one
        registered = variants[method].method if method in variants else method
        host().find("method", registered)
        if method not in methods:
            text = one if isinstance(one, str) else f"{method}.{key}={value}"
            raise OptionError(
                "{settings}: {text} is for {method}, which is not run; add it to {methods}",
                text=repr(text),
                method=method,
            )
        checked.setdefault(method, {})[key] = checked_setting(registered, key, value)
    return checked


def settings_of_one(
    given: Mapping[str, Value] | Sequence[str] | None, method: str, planes: str | None
) -> Mapping[str, Value]:
    """Return the settings of one method; texts ``KEY=VALUE`` or ``METHOD.KEY=VALUE`` are checked."""
    if not isinstance(given, Mapping):
        full = [text if text.startswith(f"{method}.") else f"{method}.{text}" for text in given or ()]
        given = checked_settings(full, [method]).get(method, {})
    return given if planes is None else {**given, "planes": parse_setting(method, "planes", planes)}


def _split_setting(text: str) -> SetTo:
    place, equals, value = text.partition("=")
    method, dot, key = place.strip().rpartition(".")
    if not (equals and dot and method and key):
        raise OptionError("{settings}: got {got}; give METHOD.KEY=VALUE", got=repr(text))
    return method, key, value.strip()


# Jobs are processes of their own, which could not be handed an array in memory.
_INSTEAD = {"datasets": ", or save the volume to a file and give input=FILE and voxel_size=(z, y, x)"}

_TWICE = {"methods": ", and for the same method with other settings a table [variants.NAME] in a run file"}


def _split(what: str, names: Names) -> list[str]:
    if isinstance(names, str):
        parts = re.split(r"[,\s]+", names)
    else:
        parts = list(names) if isinstance(names, Iterable) else [names]
    for part in parts:
        if not isinstance(part, str):
            raise InputError(f"{what}: got {one_line(repr(part), 80)}; give names{_INSTEAD.get(what, '')}")
    found = [part.strip() for part in parts if part.strip()]
    if not found:
        raise InputError(f"{what}: got {names!r}; give names, separated by commas, or all")
    for name in found:
        if found.count(name) > 1:
            raise InputError(
                f"{what}: {name} is given {found.count(name)} times; give it once{_TWICE.get(what, '')}"
            )
    return found


FOR_PEOPLE = ("title", "licence", "citation", "instructions")


def dataset_to_dict(spec: DatasetSpec) -> dict[str, Any]:
    """Return every field of a spec, JSON-able."""
    fields: dict[str, Any] = plain(asdict(spec))
    return fields


def dataset_from_dict(fields: Mapping[str, Any]) -> DatasetSpec:
    """Return the spec that `dataset_to_dict` described."""
    given = dict(fields)
    path, simulate, crop = given["path"], given["simulate"], given["crop"]
    return DatasetSpec(
        **given
        | {
            "voxel_size": tuple(given["voxel_size"]),
            "path": None if path is None else Path(path),
            "simulate": None if simulate is None else Simulation(**simulate),
            "crop": None if crop is None else tuple((start, stop) for start, stop in crop),
            "intensity": None if given["intensity"] is None else tuple(given["intensity"]),
        }
    )


def dataset_identity(spec: DatasetSpec) -> dict[str, Any]:
    """Return the fields that decide what is benchmarked: all but the texts for people."""
    return {name: value for name, value in dataset_to_dict(spec).items() if name not in FOR_PEOPLE}


@dataclass(frozen=True)
class Job:
    """One method on one dataset with one seed.

    Parameters
    ----------
    dataset : DatasetSpec
        The volume.
    method : str
        Name of a registered method, or of a variant of it.
    seed : int
        Seed of the method; the simulated input is the same for all seeds.
    profile, device, precision : str
        As in the plan.
    budget : Budget
        How long a learned method trains.
    settings : mapping
        Constructor keywords of the method.
    training_degradation : str
        See `training_settings`.
    metrics : tuple of str
        What to score.
    checkpoint_every : float or None
        Seconds between two states of the training that are kept; None where none is.
    key : str
        Cache key, see `job_key`; empty until it is known.
    variant_of : str
        The registered method, where `method` is the name of a variant; else empty.
    keep_volume : bool
        Whether the reconstruction is kept beside the record.
    """

    dataset: DatasetSpec
    method: str
    seed: int
    profile: str
    budget: Budget
    device: str = "cpu"
    precision: str = "auto"
    settings: Mapping[str, Value] = field(default_factory=dict)
    training_degradation: str = "matched"
    metrics: tuple[str, ...] = ()
    checkpoint_every: float | None = None
    key: str = ""
    variant_of: str = ""
    keep_volume: bool = False

    @property
    def registered(self) -> str:
        """Name that the method is registered under."""
        return self.variant_of or self.method

    @property
    def name(self) -> str:
        """Name of the job and of its folder."""
        return job_name(self.dataset.name, self.method, self.seed)

    def to_dict(self) -> dict[str, Any]:
        """Return every field, JSON-able."""
        fields = {name: plain(getattr(self, name)) for name in self.__dataclass_fields__}
        return fields | {"dataset": dataset_to_dict(self.dataset), "budget": str(self.budget)}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Job:
        """Return the job that `to_dict` described."""
        return cls(
            **dict(fields)
            | {
                "dataset": dataset_from_dict(fields["dataset"]),
                "budget": Budget.parse(fields["budget"]),
                "metrics": tuple(fields["metrics"]),
            }
        )
