"""A client of the scheduler that the options name, whose cluster is started where it does not run yet."""

from __future__ import annotations

import importlib
import json
import logging
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, Final

from a2ibench import __version__
from a2ibench.cluster.options import ClusterOptions
from a2ibench.documents import parse_json
from a2ibench.errors import InputError, OptionError, counted, one_line
from a2ibench.files import plain
from a2ibench.isolation.supervised import Lines, Supervised, python_module

if TYPE_CHECKING:
    from distributed import Client

_PATIENCE: Final = 5.0
_STARTING: Final = 120.0
_SHOWN: Final = 3


@contextmanager
def connected(options: ClusterOptions) -> Iterator[Client]:
    """Yield a client of the scheduler that the options name.

    A cluster that is started for it runs in a process group of its own, so that Ctrl-C in the terminal does
    not reach it, and ends with this process, however that ends.

    Parameters
    ----------
    options : ClusterOptions
        Where work goes.

    Raises
    ------
    InputError
        If distributed is not installed, the cluster cannot be started, no scheduler answers, or a worker
        has no a2ibench or another release of it.
    """
    require_distributed()
    with _quiet():
        if options.scheduler is not None:
            with _client(options.scheduler) as client:
                check_workers_alike(client)
                yield client
            return
        with _started(options) as address, _client(address) as client:
            if options.file is None:
                client.wait_for_workers(options.count or 1, timeout=_STARTING)
            yield client


def require_distributed() -> None:
    """Refuse to go on without distributed.

    Raises
    ------
    InputError
        If it is not installed.
    """
    try:
        importlib.import_module("distributed")
    except ImportError as error:
        raise InputError(
            f"running on Dask needs packages that are not installed ({one_line(error, 100)}); "
            "install them with pip install 'a2ibench[dask]'"
        ) from error


def check_workers_alike(client: Client) -> None:
    """Refuse workers that do not run this release of a2ibench.

    Raises
    ------
    OptionError
        If there is one; names it.
    """
    found: Mapping[str, Any] = client.run(_version, on_error="return")
    others = {worker: said for worker, said in found.items() if said != __version__}
    if not others:
        return
    worker, said = next(iter(others.items()))
    what = f"cannot import it ({one_line(said, 100)})" if isinstance(said, BaseException) else f"has {said}"
    raise OptionError(
        "{scheduler}: this is a2ibench {version}, and {count} not the same: {worker} {what}; "
        "install this release in the workers' environment, and start them anew",
        version=__version__,
        count="1 worker is" if len(others) == 1 else f"{counted(len(others), 'worker')} are",
        worker=worker,
        what=what,
    )


def _version() -> str:
    return __version__


@contextmanager
def _client(address: str) -> Iterator[Client]:
    from distributed import Client

    try:
        client = Client(address, timeout=_PATIENCE, set_as_default=False, name="a2ibench")
    except (OSError, ValueError, ImportError) as error:
        raise OptionError(
            "{scheduler}: no scheduler answers at {address} within {seconds:g} s ({cause}); start one with "
            "dask scheduler, look at the address that it prints, or leave it out to start a cluster here",
            address=address,
            seconds=_PATIENCE,
            cause=one_line(error, 120),
        ) from error
    try:
        yield client
    finally:
        client.close(timeout=_PATIENCE)


@contextmanager
def _started(options: ClusterOptions) -> Iterator[str]:
    described = options.described
    request = {"workers": options.count, "file": None if described is None else plain(vars(described))}
    with tempfile.TemporaryFile() as log:
        process = Supervised(python_module("a2ibench.cluster.serve"), stderr=log, patience=_PATIENCE)
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
            yield _address(process, log, options)
        finally:
            process.stop()


def _address(process: Supervised, log: IO[bytes], options: ClusterOptions) -> str:
    try:
        line = Lines(process.stdout).get(_STARTING)
        answer = {} if line is None else parse_json(line)
    except (TimeoutError, ValueError):
        answer = {}
    if "address" in answer:
        return str(answer["address"])
    cause = answer.get("error") or _end_of(log) or "it said nothing"
    where = options.file or "the cluster of this machine"
    raise InputError(f"{where}: could not be started: {one_line(cause)}")


def _end_of(log: IO[bytes]) -> str:
    log.seek(0)
    lines = log.read().decode(errors="replace").strip().splitlines()
    return " / ".join(lines[-_SHOWN:])


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what distributed logs, such as workers that come and go, off the terminal."""
    logger = logging.getLogger("distributed")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
