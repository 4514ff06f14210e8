"""A real stack to reconstruct, and a generated one where there is none."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter

# Tests are imported by their path; what child processes run is a module of its own.
sys.path.append(str(Path(__file__).parent))


@pytest.fixture(scope="session")
def stack(tmp_path_factory):
    """A stack of 8-bit texture, of several blocks when reconstructed."""
    noise = np.random.default_rng(0).normal(size=(7, 290, 530))
    texture = gaussian_filter(noise, (0.4, 2, 2))
    texture = 128 + 200 * texture
    path = tmp_path_factory.mktemp("stack") / "stack.tif"
    tifffile.imwrite(path, texture.clip(0, 255).astype(np.uint8), photometric="minisblack")
    return path


@pytest.fixture(scope="session")
def content():
    """Return a function that gives all that a file or folder holds."""

    def read(path):
        if path.is_file():
            return path.read_bytes()
        return {str(f.relative_to(path)): f.read_bytes() for f in sorted(path.rglob("*")) if f.is_file()}

    return read
