"""A cluster in a process of its own, until stdin or a signal ends it: ``python -m a2ibench.cluster.serve``.

Reads one line of JSON from stdin, ``workers`` and ``file``, the fields of a `ClusterFile` or null, and
answers with one on stdout: ``address``, or ``error``. It stands apart from the process that hands out the
work, so that neither slows the other down and Ctrl-C in a terminal does not reach the workers.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import threading
from collections.abc import Mapping
from typing import Any, Final

from a2ibench.cluster.options import GPU, walltime_of
from a2ibench.errors import one_line
from a2ibench.isolation import take_channels

_LOOPBACK: Final = "127.0.0.1"
_CALM: Final[Mapping[str, Any]] = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "500ms",
    "distributed.admin.system-monitor.interval": "2s",
    # A busy machine takes longer than its 15 s to start a worker anew.
    "distributed.deploy.lost-worker-timeout": "120s",
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None,
}
"""By default Dask looks after tasks of milliseconds, and each of its processes takes 5 % of a processor."""
_MARGIN: Final = 120.0
_PAUSE: Final = 2.0


def main() -> None:
    """Serve until the end."""
    channel, requests = take_channels()
    request = json.loads(_line(requests))
    ended = threading.Event()
    for name in ("SIGTERM", "SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: ended.set())
    try:
        _configure()
        cluster = _local(request["workers"]) if request["file"] is None else _described(**request)
    except Exception as error:
        _tell(channel, {"error": one_line(error)})
        sys.exit(1)
    with cluster:
        _tell(channel, {"address": cluster.scheduler_address})
        threading.Thread(target=_await_end, args=(requests, ended), daemon=True).start()
        while not ended.wait(_PAUSE):
            if request["file"] is None:
                cluster.sync(_mend, cluster, request["workers"])


def _configure() -> None:
    import dask

    dask.config.set(_CALM)


async def _mend(cluster: Any, workers: int) -> None:
    """Replace nannies that are gone: one whose worker is killed while that starts gives up for good."""
    from distributed.core import Status

    for name, nanny in list(cluster.workers.items()):
        if nanny.status in (Status.closed, Status.failed):
            del cluster.workers[name]
    cluster.scale(workers)


def _line(channel: int) -> bytes:
    found = b""
    while not found.endswith(b"\n") and (part := os.read(channel, 1 << 16)):
        found += part
    return found


def _await_end(channel: int, ended: threading.Event) -> None:
    while os.read(channel, 4096):
        pass
    ended.set()


def _tell(channel: int, answer: Mapping[str, str]) -> None:
    os.write(channel, (json.dumps(answer) + "\n").encode())


def _local(workers: int) -> Any:
    from distributed import LocalCluster

    return LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        host=_LOOPBACK,
        dashboard_address=f"{_LOOPBACK}:0",
        # What fills memory are the jobs, which are processes of their own.
        memory_limit=0,
        # A job on a GPU waits for one that is free, see `a2ibench.cluster.gpus`.
        resources={GPU: 1},
    )


def _described(workers: int, file: Mapping[str, Any]) -> Any:
    module, _, name = file["kind"].rpartition(".")
    kind = getattr(importlib.import_module(module), name)
    options = dict(file["options"])
    if hasattr(kind, "job_cls"):
        options["worker_extra_args"] = [
            *options.get("worker_extra_args", ()),
            *_lifetime(options),
            *_resources(file["resources"]),
        ]
    elif file["resources"]:
        options["resources"] = {**file["resources"], **options.get("resources", {})}
    cluster = kind(**options)
    # Workers that reach their walltime are replaced, as long as there is work.
    cluster.adapt(minimum=0, maximum=workers, target_duration="10ms", interval="500ms", wait_count=20)
    return cluster


def _lifetime(options: Mapping[str, Any]) -> list[str]:
    """Return what has a worker end by itself before it is killed, such that its jobs go elsewhere at once."""
    name = _flag("lifetime")
    if "walltime" not in options or name in options.get("worker_extra_args", ()):
        return []
    seconds = walltime_of(str(options["walltime"]))
    return [name, f"{max(seconds - _MARGIN, seconds / 2):.0f}s"]


def _resources(given: Mapping[str, float]) -> list[str]:
    named = ",".join(f"{name}={amount:g}" for name, amount in given.items())
    return [_flag("resources"), named] if named else []


def _flag(name: str) -> str:
    # Of the command of Dask's worker.
    return f"--{name}"


if __name__ == "__main__":
    main()
