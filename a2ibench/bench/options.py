"""The options of a run, and those that other tables share: for command line, run files, Python and docs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from a2ibench.bench.executors import EXECUTORS
from a2ibench.bench.specs import (
    ALL,
    Settings,
    checked_settings,
    find_datasets,
    method_names,
    metric_names,
    one_of,
    reporter_names,
)
from a2ibench.contracts import Budget
from a2ibench.data.catalogue import load_catalogue
from a2ibench.errors import InputError, naming_option
from a2ibench.protocol.checkpointer import interval
from a2ibench.protocol.profiles import PROFILES, TRAINING_DEGRADATIONS
from a2ibench.values import Reader, literal, names, number, path, whole

if TYPE_CHECKING:
    from a2ibench.bench.executors.events import Events

PRECISIONS = ("auto", "fp32", "bf16")


@dataclass(frozen=True)
class Option:
    """One option, wherever it is given.

    Parameters
    ----------
    help : str
        What the command line says of it; other options in it are fields, as in `OptionError`.
    metavar : str
        What is given on the command line; empty where it is on or off, or where only Python has it.
    type : type
        Of the value on the command line: tuple for numbers, slice for start and stop along each axis.
    doc : str
        What the documentation of Python says instead of `help`.
    example : str
        Of a tuple or slices, for messages.
    off : str
        What the command line says of ``--no-NAME``, which gives False; empty where there is none.
    key : callable or str
        Reads the value of a run file; or what to do instead, where a run file cannot hold it.
    check : callable
        Returns the value to use of what was given, and of the checked values of `needs`.
    needs : tuple of str
        Other options that the check depends on.
    """

    help: str
    metavar: str = ""
    type: type = str
    doc: str = ""
    example: str = ""
    off: str = ""
    key: Reader | str = ""
    check: Callable[..., Any] = lambda value: value
    needs: tuple[str, ...] = ()

    @property
    def in_python_only(self) -> bool:
        """Whether the command line does not have it."""
        return not self.metavar and self.type is not bool

    def default(self, value: Any = None, **changes: Any) -> Any:
        """Return a field of a table with this option, changed where this table differs from others."""
        return field(default=value, metadata={"option": replace(self, **changes)})


def options_of(table: type) -> dict[str, Option]:
    """Return the options of a table by name, in its order."""
    return {one.name: one.metadata["option"] for one in fields(table)}


def check_option(name: str, options: object) -> Any:
    """Return the value to use of one option.

    Raises
    ------
    UnknownNameError
        If nothing has a name that it gives.
    OptionError
        If it cannot be used.
    """
    option = options_of(type(options))[name]
    others = [check_option(other, options) for other in option.needs]
    with naming_option(name):
        return option.check(getattr(options, name), *others)


def _profile(name: str | None) -> str:
    from a2ibench.bench.device import cuda_present

    if name is None:
        return "full" if cuda_present() else "quick"
    return one_of("profile", name, PROFILES)


def _device(name: str) -> str:
    from a2ibench.bench.device import resolve_device

    return resolve_device(name)


def _seeds(seeds: int | Sequence[int]) -> tuple[int, ...]:
    found = tuple(range(seeds)) if isinstance(seeds, int) else tuple(dict.fromkeys(seeds))
    if not found or min(found) < 0:
        raise InputError(f"seeds: got {seeds}; give a number of at least 1, or seeds of at least 0")
    return found


def _timeout(timeout: float | None, executor: str) -> float | None:
    if timeout is not None and not 0 < timeout < math.inf:
        raise InputError(f"timeout: got {timeout}; give a positive number of seconds")
    if timeout is not None and executor == "inline":
        raise InputError("timeout: the inline executor cannot stop a job; use the process executor")
    return timeout


def _budget(budget: str | Budget | None) -> Budget | None:
    return Budget.parse(budget) if isinstance(budget, str) else budget


def checked_folder(path: str | Path | bool | None) -> Path | bool | None:
    """Return a path for a text; True, False and None are what they are."""
    return Path(path) if isinstance(path, str | Path) else path


def _catalogue(path: str | Path | None) -> Path | None:
    if path is None:
        return None
    load_catalogue(Path(path))
    return Path(path).absolute()


CATALOGUE = Option("A datasets.toml instead of the one that ships.", "FILE", Path, key=path, check=_catalogue)
PROFILE = Option(
    "Network size and training; full by default with a GPU, else quick.",
    "|".join(PROFILES),
    doc='``"smoke"``, ``"quick"``, ``"standard"`` or ``"full"``; by default full with a GPU, else quick.',
    key=literal,
    check=_profile,
)
DEVICE = Option(
    "Where methods run; auto by default.",
    "auto|cpu|cuda",
    doc='``"auto"``, ``"cpu"`` or ``"cuda"``.',
    key=literal,
    check=_device,
)
PRECISION = Option(
    "Of networks; auto by default.",
    "|".join(PRECISIONS),
    doc='``"auto"``, ``"fp32"`` or ``"bf16"``.',
    key=literal,
    check=lambda name: one_of("precision", name, PRECISIONS),
)
BUDGET = Option(
    "Training of each learned method, instead of the profile's.",
    "2000steps|300s",
    doc='Training of each learned method, such as ``"2000steps"`` or ``"300s"``, instead of the profile\'s.',
    key=literal,
    check=_budget,
)
CHECKPOINT_EVERY = Option(
    "How often a training is kept, to go on there if it is killed; 60s by default.",
    "60s|never",
    doc='How often a training is kept, to go on there if it is killed: ``"60s"``, seconds, or ``"never"``.',
    key=literal,
    check=interval,
)
SETTINGS = Option(
    "Change a setting of a method; repeatable.",
    "METHOD.KEY=VALUE",
    list,
    doc="``{method: {key: value}}``, or texts ``METHOD.KEY=VALUE``.",
    check=checked_settings,
    needs=("methods",),
)


# Every start of the command line makes these classes, and methods that nobody calls take time.
@dataclass(frozen=True, repr=False, eq=False)
class RunOptions:
    """What a run is asked for; see `a2ibench.run`."""

    methods: str | Sequence[str] = Option(
        "Methods to compare; all by default.",
        "all|A,B",
        doc='Names, or ``"all"``.',
        key=names,
        check=method_names,
    ).default(ALL)
    datasets: str | Sequence[str] | None = Option(
        "Datasets; by default every one that needs no download.",
        "all|D1,D2",
        doc='Names, or ``"all"``; by default every one that needs no download.',
        key=names,
        check=find_datasets,
        needs=("catalogue",),
    ).default()
    _: KW_ONLY
    catalogue: str | Path | None = CATALOGUE.default()
    profile: str | None = PROFILE.default()
    seeds: int | Sequence[int] = Option(
        "Repeat each job with seeds 0 to N-1; 1 by default.",
        "N",
        int,
        doc="How many, counted from 0, or which.",
        key=whole(1),
        check=_seeds,
    ).default(1)
    device: str = DEVICE.default("auto")
    precision: str = PRECISION.default("auto")
    budget: str | Budget | None = BUDGET.default()
    executor: str = Option(
        "A process for each job (the default), or all in this one.",
        "|".join(EXECUTORS),
        doc='``"process"``, one for each job, or ``"inline"``, all in this one.',
        key=literal,
        check=lambda name: one_of("executor", name, EXECUTORS),
    ).default("process")
    training_degradation: str = Option(
        "What networks learn to undo: what made the volume (the default), or what each was published with.",
        "|".join(TRAINING_DEGRADATIONS),
        doc='``"matched"``, what made the volume, or ``"own"``, what each method was published with.',
        key=literal,
        check=lambda name: one_of("training_degradation", name, TRAINING_DEGRADATIONS),
    ).default("matched")
    checkpoint_every: str | float = CHECKPOINT_EVERY.default("60s")
    settings: Settings | None = SETTINGS.default()
    timeout: float | None = Option(
        "Stop a job that takes longer.",
        "SECONDS",
        float,
        doc="Seconds after which a job is stopped.",
        key=number("a positive number of seconds", lambda value: 0 < value < math.inf),
        check=_timeout,
        needs=("executor",),
    ).default()
    reporters: str | Sequence[str] | None = Option(
        "What writes about the run in the end; all by default.",
        "all|none|A,B",
        doc='Names of reporters, such as ``"tables"`` and ``"figures"``, or ``"none"``; by default all.',
        key=names,
        check=reporter_names,
    ).default()
    out: str | Path | None = Option(
        "Folder of this run; by default one in reports/ named after the options.",
        "DIR",
        Path,
        key=path,
        check=checked_folder,
    ).default()
    fresh: bool = Option(
        "Start over; keep the earlier run as DIR.1.",
        type=bool,
        key="every run of it would start over; give {fresh:True} on the command line",
    ).default(False)
    metrics: str | Sequence[str] | None = Option("Names; by default all.", check=metric_names).default()
    events: Events | None = Option("Told how the run goes.").default()


COMMAND_ONLY: Mapping[str, Option] = {
    "dry_run": Option(
        "Show what would be done and how long it may take; do nothing.",
        type=bool,
        key="give {dry_run:True} on the command line",
    ),
    "json": Option("With {dry_run:True}: print JSON.", type=bool, key="give {json:True} on the command line"),
}
"""What the command line of a run has beyond `RunOptions`."""
