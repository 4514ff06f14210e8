"""Volumes in files, opened as a reconstruction opens them."""

from __future__ import annotations

import numpy as np
import pytest

from a2ibench.data.formats import open_lazy
from a2ibench.data.prepare import Crop


@pytest.fixture
def crop(tmp_path):
    """Return a function that stores an array and opens it, or a box of it."""
    opened = []

    def store(array, bounds=None):
        np.save(tmp_path / "stack.npy", array)
        opened.append(open_lazy(tmp_path / "stack.npy"))
        return Crop(opened[-1], bounds)

    yield store
    for volume in opened:
        volume.close()


@pytest.fixture
def reports():
    """Return a progress that keeps what it is told, and what it was told."""
    told = []

    def progress(phase, done, total, **values):
        told.append((phase, done, total))

    return progress, told
