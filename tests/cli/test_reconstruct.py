"""The command ``a2ibench reconstruct``."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from matplotlib import image

from a2ibench.contracts import AxialGrid
from a2ibench.data.opening import open_volume
from a2ibench.data.writing import Writer
from a2ibench.errors import InputError
from a2ibench.protocol.checkpointer import TRAINING
from a2ibench.protocol.resample import interpolate
from a2ibench.protocol.state_file import read_state

Cli = Callable[..., subprocess.CompletedProcess[str]]


def test_writes_the_isotropic_volume_with_its_voxel_size(cli: Cli, catalogue: Path, tmp_path: Path) -> None:
    source, target = catalogue.parent / "thin.tif", tmp_path / "iso.tif"
    done = cli("reconstruct", source, target, "--method", "cubic", "--voxel-size", "50,15,15")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{target}\n"
    said = dict(line.split(maxsplit=1) for line in done.stderr.splitlines())
    assert said["input"] == "thin.tif: 12 x 48 x 48, uint8, 50 x 15 x 15 nm"
    assert said["output"] == "iso.tif: 40 x 48 x 48 (92,160), 15 x 15 x 15 nm, ratio 3.333"
    assert said["disk"].startswith("90 KiB for its voxels; ")
    assert said["method"] == "cubic on cpu, which learns nothing"
    assert said["time"].startswith("under 1 s")
    assert re.fullmatch(
        r"consistency \d+\.\d\d, (passes|does not fit the input) \(at most 1.2\)", said["checks"]
    )
    assert re.fullmatch(
        r"along z over across, by wavelength: \S+ \(42.4 nm\), \S+ \(84.9 nm\)", said["power"]
    )
    assert said["figure"] == f"{target}.png"
    assert said["open"].startswith(f"napari {target} (needs napari-tiff); Fiji: ")
    assert len(said) == len(done.stderr.splitlines()) == 9
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


@pytest.mark.parametrize("name", ["iso.tif", "iso.ome.zarr"])
def test_a_dry_run_says_what_it_would_do_and_writes_nothing(
    cli: Cli, catalogue: Path, tmp_path: Path, name: str
) -> None:
    words = ("reconstruct", catalogue.parent / "thin.tif", tmp_path / name, "--voxel-size", "40,10,10")
    before = sorted(tmp_path.rglob("*"))
    done = cli(*words, "--dry-run", "--budget", "7steps", "--profile", "smoke")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "method  plain on cpu, trained for 7 steps\n" in done.stderr
    assert "time    " in done.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_a_dry_run_finds_what_would_stop_it(cli: Cli, catalogue: Path, tmp_path: Path) -> None:
    source = catalogue.parent / "thin.tif"
    (tmp_path / "there.tif").touch()
    for target, message in {
        "there.tif": "exists already",
        "iso.png": "unknown format",
        "gone/iso.tif": "its folder does not exist",
    }.items():
        done = cli(
            "reconstruct", source, tmp_path / target, "--dry-run", "--method", "cubic",
            "--voxel-size", "40,10,10",
        )  # fmt: skip
        assert done.returncode == 2
        assert message in done.stderr.splitlines()[-1]


def test_a_dry_run_finds_a_disk_that_is_too_small(
    cli: Cli, catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage)
    words = ("reconstruct", catalogue.parent / "thin.tif", tmp_path / "iso.mrc", "--method", "cubic")
    done = cli(*words, "--voxel-size", "40,10,10", "--dry-run")
    assert done.returncode == 2
    assert "GiB more, but the disk has 0.001 GiB free" in done.stderr.splitlines()[-1]


def test_a_checkpoint_knows_its_method(cli: Cli, catalogue: Path, tmp_path: Path) -> None:
    source, first, second = catalogue.parent / "thin.tif", tmp_path / "a.tif", tmp_path / "b.tif"
    words = ("--voxel-size", "40,10,10", "--profile", "smoke")
    assert cli("reconstruct", source, first, "--method", "pssr", *words).returncode == 0
    kept = ("--checkpoint", f"{first}.checkpoint")
    done = cli("reconstruct", source, second, *kept, *words)
    assert done.returncode == 0, done.stderr
    assert f"method  pssr on cpu, trained before: {first}.checkpoint\n" in done.stderr
    assert np.array_equal(tifffile.imread(first), tifffile.imread(second))
    other = cli("reconstruct", source, tmp_path / "c.tif", *kept, *words, "--method", "srmd")
    assert other.returncode == 2
    assert f"--method: got srmd, but {first}.checkpoint is of pssr; leave it out" in other.stderr


def test_a_job_s_checkpoint_knows_its_method(cli: Cli, catalogue: Path, tmp_path: Path) -> None:
    source = catalogue.parent / "thin.tif"
    run = ("run", "--methods", "srmd", "--datasets", "thin", "--catalogue", catalogue, "--profile", "smoke")
    assert cli(*run, "--executor", "inline", "--out", tmp_path / "run").returncode == 0
    checkpoint = tmp_path / "run" / "jobs" / "thin--srmd--s0" / "checkpoint"
    words = ("reconstruct", source, tmp_path / "a.tif", "--voxel-size", "40,10,10", "--profile", "smoke")
    done = cli(*words, "--checkpoint", checkpoint)
    assert done.returncode == 0, done.stderr
    assert "method  srmd on cpu" in done.stderr


def test_an_interrupted_call_of_other_options_is_told_by_their_names(
    cli: Cli, catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = catalogue.parent / "thin.tif", tmp_path / "iso.tif"
    words = ("reconstruct", source, target, "--method", "cubic", "--voxel-size", "40,10,10")
    with monkeypatch.context() as broken:
        broken.setattr(Writer, "publish", lambda writer: (_ for _ in ()).throw(InputError("stopped")))
        assert cli(*words).returncode == 2

    def told(*more: str) -> str:
        done = cli(*words, *more)
        assert done.returncode == 2
        return done.stderr.splitlines()[-1].partition("other settings (")[2].partition("); ")[0]

    left = sorted(tmp_path.rglob("*"))
    assert told("--seed", "3", "--dry-run") == "--seed was 0, is 3"
    assert cli(*words, "--seed", "3", "--dry-run", "--overwrite").returncode == 0
    done = cli(*words, "--dry-run")
    assert done.returncode == 0, done.stderr
    target.touch()
    refused = cli(*words, "--dry-run")
    assert refused.returncode == 2
    assert "exists already" in refused.stderr.splitlines()[-1]
    target.unlink()
    assert sorted(tmp_path.rglob("*")) == left
    assert told("--seed", "3") == "--seed was 0, is 3"
    assert told("--crop", "0:8,:,4:40") == "--crop was not given, is 0:8,:,4:40"
    assert told("--set", "a=-0.75") == "--set was not given, is a=-0.75"
    assert told("--intensity", "0,99") == "--intensity was not given, is 0,99"
    assert told("--ratio", "3") == "ratio was 4, is 3"
    assert told("--method", "plain", "--profile", "smoke").startswith("--method was cubic, is plain")
    changed = tifffile.imread(source)
    changed[3, 5, 7] += 1
    tifffile.imwrite(source, changed)
    assert told() == "the input has changed"


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("0.03,0.009,0.009", "if it is in um give 0.03um,0.009um,0.009um"),
        ("8,8,30", "is the order z,y,x? Then give 30,8,8"),
        ("8,30,8", "is the order z,y,x? Then give 30,8,8"),
        ("8,30,30", "is coarser laterally than axially"),
        ("30nm,8,8", "give a unit for each of the three"),
        ("30px,8px,8px", "whose unit 'px' is not known"),
    ],
)
def test_voxel_sizes_that_cannot_be_meant_are_refused_with_a_hint(
    cli: Cli, catalogue: Path, tmp_path: Path, given: str, hint: str
) -> None:
    for words in (
        ("reconstruct", catalogue.parent / "thin.tif", tmp_path / "iso.tif", "--method", "cubic"),
        ("run", "--input", catalogue.parent / "thin.tif", "--methods", "cubic"),
    ):
        done = cli(*words, "--voxel-size", given)
        assert done.returncode == 2
        assert hint in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("given", ["0.03um,0.009um,0.009µm", "30,9,9nm", "300Å,90Å,90Å", "30,9,9"])
def test_voxel_sizes_may_have_units(cli: Cli, catalogue: Path, tmp_path: Path, given: str) -> None:
    target = tmp_path / "iso.tif"
    words = ("reconstruct", catalogue.parent / "thin.tif", target, "--method", "cubic")
    assert cli(*words, "--voxel-size", given).returncode == 0
    assert open_volume(target).voxel_size == pytest.approx((9, 9, 9))


def test_lateral_spacings_that_hardly_differ_are_averaged_and_said(
    cli: Cli, catalogue: Path, tmp_path: Path
) -> None:
    target = tmp_path / "iso.tif"
    words = ("reconstruct", catalogue.parent / "thin.tif", target, "--method", "cubic")
    done = cli(*words, "--voxel-size", "40,8,8.002")
    assert done.returncode == 0, done.stderr
    assert "lateral spacings y 8 nm and x 8.002 nm are averaged to 8.001 nm\n" in done.stderr
    assert open_volume(target).voxel_size == pytest.approx((8.001, 8.001, 8.001), rel=1e-9)


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


@pytest.mark.parametrize("to_its_end", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_with_defaults_it_trains_the_plain_network_and_goes_on_when_it_is_killed(
    catalogue: Path, environment: None, tmp_path: Path, to_its_end: bool
) -> None:
    target, hidden = tmp_path / "iso.tif", tmp_path / ".iso.tif.partial"
    words = ["reconstruct", catalogue.parent / "thin.tif", target, "--voxel-size", "40,10,10"]
    # A narrow crop, of which patches are small and steps short.
    words += ["--crop", ":,0:24,0:24", "--device", "cpu", "--checkpoint-every", "0.5s"]
    command, line = [sys.executable, "-m", "a2ibench", *map(str, words)], "training plain for 400 steps "

    def kept() -> dict[str, Any]:
        try:
            return read_state(hidden / "scratch" / TRAINING)
        except FileNotFoundError:
            return {"state": {"step": 0}, "resumed": -1}

    for attempt in range(2):
        process = subprocess.Popen(command, env=dict(os.environ), stderr=subprocess.PIPE, text=True)
        deadline, before = time.monotonic() + 120, kept()["state"]["step"]
        while kept()["state"]["step"] <= before and time.monotonic() < deadline:
            time.sleep(0.01)
        process.kill()
        _, messages = process.communicate()
        assert process.returncode == -signal.SIGKILL, messages
        assert f"{line}(27,648 output voxels)\n" in messages
        assert kept()["resumed"] == attempt
    assert json.loads((hidden / "state.json").read_text())["identity.budget"] == "400steps"
    if not to_its_end:
        return
    done = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert line in done.stderr
    assert open_volume(target).shape == (48, 24, 24)
    kept = json.loads((tmp_path / "iso.tif.checkpoint" / "method.json").read_text())
    assert kept["size"] == "small"
    assert kept["kind"] == "Plain"
    assert not hidden.exists()
