"""``a2ibench recommend``, as users run it, and from Python."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter

import a2ibench
from a2ibench.errors import A2IBenchError


def tissue(depth: int = 16, side: int = 112) -> np.ndarray:
    grey = gaussian_filter(np.random.default_rng(0).normal(size=(depth * 3, side, side)), 2.5)
    grey = 128 + 32 * grey / grey.std()
    return np.clip(grey.reshape(depth, 3, side, side).mean(1), 0, 255).astype(np.uint8)


def called(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "a2ibench", *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=300)


def test_a_stack_gets_an_answer_that_can_be_run(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "my stack.tif", tissue())
    words = ("recommend", "my stack.tif", "--voxel-size", "30,10,10", "--budget", "12s")
    done = called(*words, "--methods", "cubic,plain", "--profile", "smoke", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "reports" / "recommend-my-stack"
    told = json.loads((folder / "recommendation.json").read_text())
    assert {one["method"] for one in told["ranking"]} == {"cubic", "plain"}
    scores = [one["score"] for one in told["ranking"]]
    assert scores == sorted(scores, reverse=True)
    gain = next(one for one in told["ranking"] if one["method"] == "plain")["gain"]
    assert abs(gain) == pytest.approx(scores[0] - scores[1])
    assert f"use {told['method']}:" in done.stdout
    assert told["command"] in done.stdout
    assert done.stdout.splitlines()[-1].endswith("recommendation.html")
    html = (folder / "recommendation.html").read_text()
    assert "data:image/png;base64," in html
    # What was finished is kept, and JSON says the same.
    again = called(*words, "--methods", "cubic,plain", "--profile", "smoke", "--json", cwd=tmp_path)
    assert json.loads(again.stdout) == told
    assert "plain seed 0: finished before" in again.stderr
    # The command runs.
    assert shlex.split(told["command"])[:3] == ["a2ibench", "reconstruct", "my stack.tif"]
    dry = called(*shlex.split(told["command"])[1:], "--dry-run", cwd=tmp_path)
    assert dry.returncode == 0, dry.stderr


def test_a_volume_in_memory(tmp_path: Path) -> None:
    volume = a2ibench.Volume(tissue(), (30.0, 10.0, 10.0), (0.0, 255.0), "mine")
    found = a2ibench.recommend(volume, methods="cubic", budget=10, out=tmp_path / "trial", profile="smoke")
    assert found.method == "cubic"
    assert [one.method for one in found.ranking] == ["cubic"], found
    assert found.ranking[0].score > 20
    assert str(tmp_path / "trial" / "stack.ome.zarr") in found.command
    assert {"slice shifts", "noise"} <= {one.name for one in found.findings}


def test_a_stack_of_few_slices_is_checked_all_the_same(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "thin.tif", tissue(6))
    found = a2ibench.recommend(tmp_path / "thin.tif", voxel_size=(30, 10, 10), out=tmp_path / "trial")
    assert found.ranking == ()
    assert found.method == "plain"
    assert found.expectations[-1].startswith("Methods cannot be compared: thin: has 6 slices")
    assert found.findings
    assert (tmp_path / "trial" / "recommendation.html").is_file()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"voxel_size": (10, 10, 10)}, "is isotropic, so there is nothing to reconstruct"),
        ({}, "tells no voxel size"),
        ({"voxel_size": (30, 10, 10), "budget": "1s"}, "give at least 10s"),
        ({"voxel_size": (30, 10, 10), "methods": "plane"}, "plane"),
    ],
)
def test_bad_input_gets_one_line(tmp_path: Path, options: dict[str, object], words: str) -> None:
    tifffile.imwrite(tmp_path / "stack.tif", tissue(12, 64))
    with pytest.raises(A2IBenchError, match=words) as caught:
        a2ibench.recommend(tmp_path / "stack.tif", out=tmp_path / "trial", **options)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "trial").exists()
