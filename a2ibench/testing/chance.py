"""The global random generators of Python, NumPy and torch, which plugins are not to rely on."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

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
