"""The command that draws figures for papers."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from a2ibench.bench.kept_planes import save_planes
from a2ibench.bench.record import Record, write_record
from a2ibench.bench.score import Score
from a2ibench.contracts import Volume

Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of two methods that kept their planes."""
    truth = np.random.default_rng(0).integers(0, 255, (12, 32, 40), np.uint8)
    volume = Volume(truth[::3].copy(), (30.0, 10.0, 10.0), (0, 255))
    for method in ("cubic", "srmd"):
        record = Record(
            "cells", method, 0, metrics={"psnr": Score(30.0, 1)}, provenance={"protocol_version": 3}
        )
        job = tmp_path / "run" / "jobs" / record.name
        job.mkdir(parents=True)
        save_planes(job, 3, truth, truth, volume)
        write_record(job, record)
    return tmp_path / "run"


def test_a_figure_is_drawn_and_its_caption_told(cli_process: Cli, run: Path, tmp_path: Path) -> None:
    file = tmp_path / "new" / "figure.png"
    done = cli_process(
        *("figure", run, "--plane", "xy", "--width", "89mm", "--window", "2:12,4:20", "--window", "auto"),
        *("--seed", "mean", "--error", "--out", file),
    )
    assert done.returncode == 0, done.stderr
    path, caption = done.stdout.splitlines()
    assert path == str(file)
    assert caption.startswith("cells: xy plane at z = ")
    assert "shown are cubic seed 0, srmd seed 0" in caption
    with Image.open(file) as image:
        assert image.width == 2102
        assert image.info["Description"] == caption


def test_the_default_lies_in_the_run(cli: Cli, run: Path) -> None:
    done = cli("figure", run, "--methods", "srmd")
    assert done.stdout.splitlines()[0] == str(run / "figures" / "xz.png"), done.stderr


def test_what_cannot_be_drawn_is_one_line(cli: Cli, run: Path, tmp_path: Path) -> None:
    for words, message in (
        ((run, "--plane", "zx"), "unknown plane 'zx'; did you mean "),
        ((run, "--slice", "x"), "--slice: got 'x'; give a whole number, or auto"),
        (
            (run, "--slice", "31", "--plane", "xy"),
            "cells: plane xy 31 was not kept of cubic, srmd; kept are xy ",
        ),
        ((run, "--window", "1:2"), "--window: got '1:2'; give Y0:Y1,X0:X1, such as 40:104,100:164, or auto"),
        ((run, "--window", "5:3,1:2"), "--window: got 5:3,1:2; the xz plane of cells has 0:12,0:40"),
        ((run, "--width", "3km"), "--width: got '3km'; give 1 to 20 inches, such as 89mm, 183mm or 3.5in"),
        ((run, "--methods", "srm"), "unknown method 'srm'; did you mean 'srmd'?"),
        ((run, "--datasets", "x"), "unknown dataset 'x'; known: cells"),
        ((run, "--seed", "-1"), "--seed: got '-1'; give a whole number, or mean"),
        ((run, "--out", "figure.jpg"), "--out: got figure.jpg; give a file that ends in .png, .svg, .pdf"),
        ((tmp_path,), f"{tmp_path}: holds no run; give the folder that a2ibench run wrote"),
    ):
        done = cli("figure", *words)
        assert done.returncode == 2, words
        assert done.stderr.startswith(f"a2ibench: error: {message}"), done.stderr
        assert done.stderr.count("\n") == 1
