"""The command line as users start it, and a small volume for it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter

from a2ibench.cli import main
from a2ibench.registry import host

Completed = subprocess.CompletedProcess[str]


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give child processes a cache of their own, one thread and no settings of whoever runs the tests."""
    for name in ("A2IBENCH_DEBUG", "A2IBENCH_DISABLE_PLUGINS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def cli(
    tmp_path: Path, environment: None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Completed]:
    """Return a function that runs ``a2ibench`` with arguments in an empty folder, in this process."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def run(*arguments: str | Path) -> Completed:
        host.cache_clear()
        capfd.readouterr()
        words = [str(argument) for argument in arguments]
        code = main(words)
        return subprocess.CompletedProcess(words, code, *capfd.readouterr())

    return run


@pytest.fixture
def cli_process(tmp_path: Path, environment: None) -> Callable[..., Completed]:
    """Return a function that runs ``python -m a2ibench`` with arguments in an empty folder."""
    folder = tmp_path / "here"
    folder.mkdir(exist_ok=True)

    def run(*arguments: str | Path) -> Completed:
        command = [sys.executable, "-m", "a2ibench", *map(str, arguments)]
        return subprocess.run(
            command,
            cwd=folder,
            env=dict(os.environ),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    """Write a catalogue of an isotropic volume, an anisotropic one, a 2D image and two that are not there."""
    folder = tmp_path / "data"
    folder.mkdir()
    noise = np.random.default_rng(0).normal(size=(48, 48, 48))
    smooth = gaussian_filter(noise, 1.5)
    grey = np.rint(np.interp(smooth, (smooth.min(), smooth.max()), (0, 255))).astype(np.uint8)
    tifffile.imwrite(folder / "full.tif", grey)
    tifffile.imwrite(folder / "thin.tif", grey[::4])
    tifffile.imwrite(folder / "flat.tif", grey[0])
    file = folder / "datasets.toml"
    file.write_text(
        '[full]\ntitle = "smooth noise"\npath = "full.tif"\nvoxel_size = [10, 10, 10]\n'
        "simulate = {ratio = 4.0}\n"
        '[thin]\npath = "thin.tif"\nvoxel_size = [40, 10, 10]\n'
        '[flat]\npath = "flat.tif"\nvoxel_size = [40, 10, 10]\n'
        '[gone]\npath = "gone.tif"\nvoxel_size = [40, 10, 10]\n'
        '[asked]\ninstructions = "ask the authors"\nvoxel_size = [40, 10, 10]\n'
    )
    return file
