"""The command ``a2ibench reconstruct``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from matplotlib import image

from a2ibench.contracts import AxialGrid
from a2ibench.data.opening import open_volume
from a2ibench.protocol.checkpointer import TRAINING
from a2ibench.protocol.resample import interpolate

Cli = Callable[..., subprocess.CompletedProcess[str]]


def test_writes_the_isotropic_volume_with_its_voxel_size(cli: Cli, catalogue: Path, tmp_path: Path) -> None:
    source, target = catalogue.parent / "thin.tif", tmp_path / "iso.tif"
    done = cli("reconstruct", source, target, "--method", "cubic", "--voxel-size", "50,15,15")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{target}\n"
    # Nothing is trained.
    assert done.stderr == ""
    thin = tifffile.imread(source)
    written = open_volume(target)
    assert written.voxel_size == (15.0, 15.0, 15.0)
    assert written.data.dtype == thin.dtype
    assert written.shape == (40, 48, 48)
    expected = np.clip(interpolate(thin, AxialGrid(12, 50 / 15)), 0, 255)
    # Either of the two nearest grey levels where a value lies half-way between them.
    assert np.abs(written.data - expected).max() < 0.5001
    assert sorted(path.name for path in tmp_path.glob("*iso*")) == ["iso.tif", "iso.tif.json", "iso.tif.png"]
    assert image.imread(tmp_path / "iso.tif.png").ndim == 3


def test_an_existing_file_is_replaced_only_on_request(cli: Cli, catalogue: Path, tmp_path: Path) -> None:
    source, target = catalogue.parent / "thin.tif", tmp_path / "iso.tif"
    target.write_text("precious")
    command = ("reconstruct", source, target, "--method", "cubic", "--voxel-size", "20,10,10")
    assert cli(*command).returncode == 2
    assert target.read_text() == "precious"
    assert cli(*command, "--overwrite").returncode == 0
    assert open_volume(target).shape == (24, 48, 48)
    # What was written tells its voxel size itself, and is isotropic.
    again = cli("reconstruct", target, tmp_path / "again.tif", "--method", "cubic")
    assert again.returncode == 2
    assert "isotropic; nothing to reconstruct" in again.stderr


def test_slices_are_matched_and_older_readers_served_on_request(
    cli: Cli, catalogue: Path, tmp_path: Path
) -> None:
    source, target = catalogue.parent / "thin.tif", tmp_path / "iso.ome.zarr"
    words = ("reconstruct", source, target, "--method", "cubic", "--voxel-size", "50,15,15", "--match-slices")
    done = cli(*words, "--ome-version", "0.4")
    assert done.returncode == 0, done.stderr
    assert " of 12 slices matched by more than 5 % of their contrast" in done.stderr
    assert (target / ".zattrs").is_file()
    told = json.loads((tmp_path / "iso.ome.zarr.json").read_text())
    assert told["command"].startswith("a2ibench reconstruct ")
    assert told["command"].endswith("--match-slices --ome-version 0.4")
    refused = cli(*words[:2], tmp_path / "iso.tif", *words[3:], "--ome-version", "0.4")
    assert refused.returncode == 2
    assert "--ome-version: " in refused.stderr
    assert refused.stderr.count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGINT")
def test_interrupted_it_says_that_the_same_command_goes_on(
    catalogue: Path, environment: None, tmp_path: Path
) -> None:
    target = tmp_path / "iso.ome.zarr"
    words = ["reconstruct", catalogue.parent / "thin.tif", target, "--voxel-size", "40,10,10"]
    command = [sys.executable, "-m", "a2ibench", *map(str, words), "--budget", "600s", "--profile", "smoke"]
    process = subprocess.Popen(
        command,
        env=dict(os.environ),
        stderr=subprocess.PIPE,
        text=True,
        # A test runner in the background may have SIGINT ignored, which children inherit.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler) and None,
    )
    training = tmp_path / ".iso.ome.zarr.partial" / "scratch" / "train.csv"
    deadline = time.monotonic() + 120
    while not training.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, messages = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"{target}: not complete; the same command goes on where it stopped\n" in messages
    assert messages.endswith("a2ibench: error: interrupted\n")
    assert "Traceback" not in messages
    assert not target.exists()


def test_with_defaults_it_trains_the_plain_network_and_goes_on_when_it_is_killed(
    catalogue: Path, cli_process: Cli, tmp_path: Path
) -> None:
    target, hidden = tmp_path / "iso.tif", tmp_path / ".iso.tif.partial"
    words = ["reconstruct", catalogue.parent / "thin.tif", target, "--voxel-size", "40,10,10"]
    # A narrow crop, of which patches are small and steps short.
    words += ["--crop", ":,0:24,0:24", "--device", "cpu", "--checkpoint-every", "0.5s"]
    command = [sys.executable, "-m", "a2ibench", *map(str, words)]
    process = subprocess.Popen(command, env=dict(os.environ), stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not (hidden / "scratch" / TRAINING).exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    _, messages = process.communicate()
    assert process.returncode == -signal.SIGKILL, messages
    line = "training plain for 400 steps (27,648 output voxels)\n"
    assert line in messages
    assert json.loads((hidden / "state.json").read_text())["identity.budget"] == "400steps"
    done = cli_process(*words)
    assert done.returncode == 0, done.stderr
    assert line in done.stderr
    assert open_volume(target).shape == (48, 24, 24)
    kept = json.loads((tmp_path / "iso.tif.checkpoint" / "method.json").read_text())
    assert kept["size"] == "small"
    assert kept["kind"] == "Plain"
    assert not hidden.exists()
