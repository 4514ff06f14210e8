"""What plugins are not to do: draw from global random generators, or leave files of pickled objects."""

from __future__ import annotations

import random
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np


@contextmanager
def global_seed(seed: int) -> Iterator[None]:
    """Seed every global generator for the length of the body, and put them back as they were."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 (the global one is at issue)
    torch: Any = sys.modules.get("torch")
    kept = torch.get_rng_state() if torch is not None else None
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 (as above)
    if torch is not None:
        torch.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002 (as above)
        if kept is not None:
            torch.set_rng_state(kept)


def global_states() -> dict[str, str]:
    """Return a text for each library's global generator that differs once numbers were drawn from it."""
    states = {"random": repr(random.getstate()), "numpy.random": repr(_numpy_state())}
    torch: Any = sys.modules.get("torch")
    if torch is not None:
        states["torch"] = torch.get_rng_state().numpy().tobytes().hex()
    return states


def _numpy_state() -> list[Any]:
    state: Any = np.random.get_state()  # noqa: NPY002 (as above)
    return [part.tolist() if isinstance(part, np.ndarray) else part for part in state]


SUFFIXES: Final = frozenset({".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".joblib", ".dill", ".mar"})
"""Suffixes under which programs open files as pickles."""

_PROTOCOLS = tuple(b"\x80" + bytes([protocol]) for protocol in range(2, 6))
_NPY = b"\x93NUMPY"


def pickled(path: Path) -> bool:
    """Whether a file is a pickle, or a zip archive or numpy file that holds one."""
    if not path.is_file():
        return False
    if path.suffix.lower() in SUFFIXES:
        return True
    with path.open("rb") as file:
        if _begins_as_pickle(file.read(256)):
            return True
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if Path(name).suffix.lower() in SUFFIXES:
                return True
            with archive.open(name) as member:
                if _begins_as_pickle(member.read(256)):
                    return True
    return False


def _begins_as_pickle(head: bytes) -> bool:
    # An array of objects has a header of text, then a pickle.
    return head.startswith(_PROTOCOLS) or (head.startswith(_NPY) and b"'|O'" in head)
