"""Where work goes: a running scheduler, a cluster of this machine, or one that a TOML file describes."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from a2ibench.documents import read_toml
from a2ibench.errors import InputError, OptionError
from a2ibench.values import Reader, each, literal, number, show, whole, within

GPU: Final = "GPU"
"""Resource of which a worker has one for each GPU that it may use, and a job on a GPU takes one."""

_ADDRESS: Final = re.compile(r"(?:(?:tcp|tls|ucx|ucxx|ws|wss)://)?(?:\[[0-9a-fA-F:.]+\]|[\w.-]+):(\d{1,5})")
_CLASS: Final = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
_WALLTIME: Final = re.compile(r"(?:(\d+)-)?(\d+):(\d\d)(?::(\d\d))?")
_EXAMPLE: Final = '{ queue = "gpu" }'


@dataclass(frozen=True)
class ClusterFile:
    """What a cluster file says.

    Parameters
    ----------
    path : Path
        The file.
    kind : str
        Class of the cluster, such as ``"dask_jobqueue.SLURMCluster"``.
    options : mapping
        Its keywords.
    workers : int
        At most so many at once.
    resources : mapping of str to float
        What each worker has, such as ``{"GPU": 1}``.
    jobs : mapping of str to float
        What a job takes of it.
    methods : mapping of str to mapping
        The same by method, where it is other.
    """

    path: Path
    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)
    workers: int = 1
    resources: Mapping[str, float] = field(default_factory=dict)
    jobs: Mapping[str, float] = field(default_factory=dict)
    methods: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def walltime(self) -> float | None:
        """Seconds that a job of the cluster may take, as the keyword ``walltime`` says, if there is one."""
        return walltime_of(str(self.options["walltime"])) if "walltime" in self.options else None

    def taken(self, method: str) -> dict[str, float]:
        """Return what a job of a method takes."""
        return {**self.jobs, **self.methods.get(method, {})}


@dataclass(frozen=True)
class ClusterOptions:
    """Where work goes; one of `scheduler` and `file`, or a cluster of this machine.

    Parameters
    ----------
    scheduler : str, optional
        Address of a running scheduler, such as ``"tcp://node1:8786"``.
    workers : int, optional
        How many: processes of one thread on this machine, or of those that `file` allows.
    file : Path, optional
        A cluster file, see `read_cluster_file`.

    Raises
    ------
    OptionError
        If one cannot be used, or one excludes the other.
    """

    scheduler: str | None = None
    workers: int | None = None
    file: Path | None = None

    def __post_init__(self) -> None:
        check_scheduler(self.scheduler)
        check_workers(self.workers)
        if self.scheduler is not None and self.file is not None:
            raise OptionError("{scheduler} and {cluster}: one is running, the other is started; give one")
        if self.scheduler is not None and self.workers is not None:
            raise OptionError(
                "{workers}: the scheduler at {address} has its own; leave it out, or start more there",
                address=self.scheduler,
            )
        described = self.described
        if described is not None and self.workers is not None and self.workers > described.workers:
            raise OptionError(
                "{workers}: got {number}, and {file} allows {most}; ask for fewer, or raise workers there",
                number=self.workers,
                file=self.file,
                most=described.workers,
            )

    @property
    def described(self) -> ClusterFile | None:
        """What the cluster file says, if there is one."""
        return None if self.file is None else read_cluster_file(self.file)

    @property
    def count(self) -> int | None:
        """How many workers are started; None of a running scheduler, whose workers are its own."""
        described = self.described
        if self.scheduler is not None:
            return None
        return self.workers or (2 if described is None else described.workers)


def check_scheduler(address: str | None) -> str | None:
    """Return the address of a scheduler.

    Raises
    ------
    InputError
        If it is none.
    """
    found = None if address is None else _ADDRESS.fullmatch(address)
    if address is not None and (found is None or not 0 < int(found[1]) < 1 << 16):
        raise InputError(
            f"scheduler: got {address!r}; give its address as it prints it, such as tcp://node1:8786"
        )
    return address


def check_workers(count: int | None) -> int | None:
    """Return a number of workers.

    Raises
    ------
    InputError
        If it is none.
    """
    if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 1):
        raise InputError(f"workers: got {count!r}; give a whole number of at least 1")
    return count


def read_cluster_file(path: Path) -> ClusterFile:
    """Read a cluster file.

    Parameters
    ----------
    path : Path
        TOML: ``class``, such as ``"dask_jobqueue.SLURMCluster"``; ``[options]``, its keywords; ``workers``,
        how many there are at most; ``[resources]``, what each worker has; ``[jobs]``, what each job takes of
        it, and ``[jobs.METHOD]`` of one method.

    Raises
    ------
    InputError
        If it cannot be read or says something else; names file and key.
    """
    document = read_toml(path, "a cluster file")
    unknown = document.keys() - _KEYS.keys()
    if unknown:
        raise InputError(f"{path}: unknown key {min(unknown)!r}; known: {', '.join(_KEYS)}")
    if "class" not in document:
        raise InputError(f'{path}: class is missing; give one such as "dask_jobqueue.SLURMCluster"')
    try:
        given = {key: within(key, _KEYS[key], value) for key, value in document.items()}
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None
    jobs = given.get("jobs", {})
    found = ClusterFile(
        path,
        given["class"],
        given.get("options", {}),
        given.get("workers", 1),
        given.get("resources", {}),
        {name: value for name, value in jobs.items() if not isinstance(value, dict)},
        {name: value for name, value in jobs.items() if isinstance(value, dict)},
    )
    _check_fits(found)
    return found


def _check_fits(file: ClusterFile) -> None:
    for place, taken in (("jobs", file.jobs), *((f"jobs.{m}", file.taken(m)) for m in file.methods)):
        for name, amount in taken.items():
            there = file.resources.get(name, 0.0)
            if amount > there:
                raise InputError(
                    f"{file.path}: {place}.{name} is {amount:g}, and a worker has {there:g}; no worker would "
                    "ever take such a job: lower it, or raise resources"
                )


def walltime_of(text: str) -> float:
    """Return the seconds of a time limit such as ``04:00:00`` or ``2-00:00:00``.

    Raises
    ------
    ValueError
        If it is none.
    """
    found = _WALLTIME.fullmatch(text)
    if found is None:
        raise ValueError(f'is {show(text)}; give hours, minutes and seconds, such as "04:00:00"')
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60.0 + seconds


def _class(value: Any) -> str:
    if not _CLASS.fullmatch(name := literal(value)):
        raise ValueError(f'is {show(value)}; give package and class, such as "dask_jobqueue.SLURMCluster"')
    return name


def _options(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"is {show(value)}; give a table such as {_EXAMPLE}")
    if "walltime" in value:
        within(".walltime", walltime_of, str(value["walltime"]))
    return value


_amount = number("a positive number", lambda value: 0 < value < math.inf)
_amounts: Reader = each(_amount)


def _jobs(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"is {show(value)}; give a table such as {{ {GPU} = 1 }}")
    return {
        name: within(f".{name}", _amounts if isinstance(one, dict) else _amount, one)
        for name, one in value.items()
    }


_KEYS: Mapping[str, Reader] = {
    "class": _class,
    "options": _options,
    "workers": whole(1),
    "resources": _amounts,
    "jobs": _jobs,
}
