"""The options of tuning a method, and the volumes that methods are tuned on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from a2ibench.bench.options import Option, RunOptions, options_of
from a2ibench.bench.specs import Names, find_datasets
from a2ibench.contracts import Budget, DatasetSpec, Simulation
from a2ibench.data.catalogue import load_catalogue
from a2ibench.errors import InputError
from a2ibench.registry import host
from a2ibench.registry.loading import named_parameters
from a2ibench.registry.schema import declared_settings, parse_setting

if TYPE_CHECKING:
    from a2ibench.bench.executors.events import Events

SETTING: Final = "learning_rate"
VALUES: Final = (2e-3, 4e-3, 8e-3, 16e-3)


def _phantom(seed: int, ratio: float) -> DatasetSpec:
    return DatasetSpec(
        name=f"phantom-{seed}",
        title=f"Generated neuropil of seed {seed}, for development: no table reports it",
        voxel_size=(15.0, 15.0, 15.0),
        phantom={"size": 96, "seed": seed},
        simulate=Simulation(ratio),
    )


DEVELOPMENT: Final[Mapping[str, DatasetSpec]] = MappingProxyType(
    {spec.name: spec for spec in (_phantom(101, 3.0), _phantom(102, 4.0))}
)
"""What methods are tuned on where nothing else is named: phantoms of other seeds than the catalogue's."""

_NAMED = " and ".join(DEVELOPMENT)


def _method(name: str) -> str:
    host().find("method", name)
    return name


def _setting(name: str, method: str) -> str:
    target = host().load("method", method)
    declared = declared_settings(target)
    known = named_parameters(target) if declared is None else declared
    numeric = [key for key, one in known.items() if type(one.default) in (int, float)]
    if name not in numeric:
        others = f"choose one of {', '.join(numeric)}" if numeric else "it has none"
        raise InputError(f"setting: got {name!r}, which is no numeric setting of {method}; {others}")
    return name


def _values(given: str | Sequence[float], setting: str, method: str) -> tuple[float, ...]:
    try:
        numbers = [float(part) for part in (given.split(",") if isinstance(given, str) else given)]
    except (TypeError, ValueError):
        numbers = []
    found = {parse_setting(method, setting, number) for number in numbers if math.isfinite(number)}
    if len(found) < 2 or len(numbers) != len(found):
        raise InputError(f"values: got {given!r}; give at least two different numbers, such as 0.001,0.002")
    return tuple(sorted(value for value in found if isinstance(value, int | float)))


def _development(names: Names | None, catalogue: Path | None) -> tuple[DatasetSpec, ...]:
    if names is None and catalogue is None:
        return tuple(DEVELOPMENT.values())
    found = find_datasets(names, catalogue, more=DEVELOPMENT)
    shipped = {_volume(spec) for spec in load_catalogue().values()}
    for spec in found:
        if _volume(spec) in shipped:
            raise InputError(
                f"datasets: {spec.name} is a volume of the catalogue that ships, which tables report; "
                f"tune on others, such as {_NAMED}"
            )
        if spec.simulate is None:
            raise InputError(
                f"datasets: {spec.name} has no reference to score with; give datasets with a simulate table"
            )
    return found


def _volume(spec: DatasetSpec) -> tuple[object, ...]:
    """Return what tells a volume from others, whatever it is called."""
    if spec.phantom is None:
        return spec.url, spec.path, spec.member, spec.key, spec.level, spec.crop, spec.instructions
    from a2ibench.data.generators import DEFAULT_TARGET

    # A phantom of another size shows the same tissue.
    return spec.phantom.get("target", DEFAULT_TARGET), spec.phantom.get("seed", 0)


_RUN = options_of(RunOptions)


@dataclass(frozen=True, repr=False, eq=False)
class TuneOptions:
    """What tuning is asked for; see `a2ibench.tune`."""

    method: str = field(metadata={"option": Option("Name of a registered method.", check=_method)})
    _: KW_ONLY
    setting: str = Option(
        "Numeric setting to tune; learning_rate by default.",
        "NAME",
        doc="A numeric setting of the method.",
        check=_setting,
        needs=("method",),
    ).default(SETTING)
    values: str | Sequence[float] = Option(
        f"Values to try; by default {','.join(f'{value:g}' for value in VALUES)}.",
        "V1,V2,...",
        doc="At least two different values to try.",
        check=_values,
        needs=("setting", "method"),
    ).default(VALUES)
    datasets: str | Sequence[str] | None = _RUN["datasets"].default(
        help="Volumes to tune on, none that a table reports; by default all of {catalogue} that need no "
        f"download, or without it {_NAMED}, which are generated.",
        doc="",
        metavar="D1,D2",
        check=_development,
        needs=("catalogue",),
    )
    catalogue: str | Path | None = _RUN["catalogue"].default(
        help="A datasets.toml with volumes to tune on.", doc="A datasets.toml with volumes to tune on."
    )
    profile: str | None = _RUN["profile"].default()
    seeds: int | Sequence[int] = _RUN["seeds"].default(
        1, help="Train with seeds 0 to N-1 for each value and dataset; 1 by default."
    )
    device: str = _RUN["device"].default("auto")
    precision: str = _RUN["precision"].default("auto")
    budget: str | Budget | None = _RUN["budget"].default(
        help="Each training, instead of the profile's.",
        doc='Each training, such as ``"2000steps"`` or ``"300s"``, instead of the profile\'s.',
    )
    executor: str = _RUN["executor"].default("process", needs=())
    timeout: float | None = _RUN["timeout"].default()
    out: str | Path | None = _RUN["out"].default(
        help="Folder of the runs and of tuning.json; by default one in reports/ named after the options."
    )
    fresh: bool = _RUN["fresh"].default(False, help="Start over; keep earlier runs in DIR as NAME.1.")
    events: Events | None = _RUN["events"].default()
