"""One GPU for one job: which GPUs a process may use, and a lock on each that all jobs of a machine share."""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

import filelock
import psutil

VISIBLE: Final = "CUDA_VISIBLE_DEVICES"
_POLL: Final = 0.2


def visible_gpus() -> tuple[str, ...]:
    """Return the GPUs that this process may use, as ``CUDA_VISIBLE_DEVICES`` names them, or all by number."""
    given = os.environ.get(VISIBLE)
    return _all() if given is None else tuple(name.strip() for name in given.split(",") if name.strip())


@cache
def _all() -> tuple[str, ...]:
    folder = Path("/proc/driver/nvidia/gpus")
    count = len(list(folder.iterdir())) if folder.is_dir() else 0
    if not count:
        import torch

        count = torch.cuda.device_count()
    return tuple(map(str, range(count)))


@contextmanager
def free_gpu(given_up: Callable[[], bool]) -> Iterator[Mapping[str, str]]:
    """Hold a GPU that no other job on this machine holds, as soon as there is one.

    Parameters
    ----------
    given_up : callable
        Whether to wait no longer.

    Yields
    ------
    mapping of str to str
        The environment in which a process sees this GPU alone; empty where there is none.

    Raises
    ------
    TimeoutError
        If waiting was given up.
    """
    gpus = visible_gpus()
    if not gpus:
        yield {}
        return
    while True:
        for gpu in gpus:
            lock = filelock.FileLock(_place(gpu))
            try:
                lock.acquire(timeout=0)
            except filelock.Timeout:
                continue
            try:
                yield {VISIBLE: gpu}
            finally:
                lock.release()
            return
        if given_up():
            raise TimeoutError
        time.sleep(_POLL)


def _place(gpu: str) -> Path:
    # Each user has locks of their own, since others' files may not be opened; GPUs are seldom shared anyway.
    name = re.sub(r"\W", "_", psutil.Process().username())
    folder = Path(tempfile.gettempdir()) / f"a2ibench-{name}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / f"gpu-{re.sub(r'[^A-Za-z0-9-]', '_', gpu)}.lock"
