"""LPIPS from the command line, on random weights: a column of its own, and files that cannot be used."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from a2ibench import Record, read_run
from a2ibench.metrics.lpips import _shapes

Completed = subprocess.CompletedProcess[str]

WEIGHTS = {
    name: torch.rand(shape, generator=torch.Generator().manual_seed(1)) * 0.01
    for name, shape in _shapes().items()
}
CATALOGUE = "[phantom]\nphantom = {size = 36}\nvoxel_size = [15, 15, 15]\nsimulate = {ratio = 3.0}\n"
COMMAND = "run --methods cubic --datasets phantom --catalogue small.toml --profile smoke --no-controls"
COMMAND += " --executor inline --reporters tables --metrics psnr,lpips --set lpips.weights="


@pytest.fixture
def prepared(cli: Callable[..., Completed]) -> Callable[..., Completed]:
    """Return a function that gives the command in a folder with weights, in this process."""
    Path("small.toml").write_text(CATALOGUE)
    save_file(WEIGHTS, "first.safetensors")
    return lambda weights, *more: cli(*f"{COMMAND}{weights}".split(), *more)


def apart(weights: str, *more: str) -> Completed:
    """Give the command in a process of its own."""
    words = [sys.executable, "-m", "a2ibench", *f"{COMMAND}{weights}".split(), *more]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def record_in(folder: str) -> Record:
    (record,) = read_run(folder).records
    return record


@pytest.mark.slow
def test_every_file_of_weights_is_a_run_of_its_own(prepared: Callable[..., Completed]) -> None:
    done = apart("first.safetensors", "--out", "first")
    assert (done.returncode, "LPIPS" in done.stdout) == (0, True), done.stderr
    first = record_in("first")
    assert first.metrics["lpips"].value > 0
    Path("first.safetensors").rename("moved.safetensors")
    assert "finished before" in prepared("moved.safetensors", "--out", "first").stderr
    torch.save({name: 2 * tensor for name, tensor in WEIGHTS.items()}, "second.pth")
    refused = prepared("second.pth", "--out", "first")
    assert (refused.returncode, "holds a run with other --set of metrics" in refused.stderr) == (2, True)
    done = prepared("second.pth", "--out", "second")
    assert done.returncode == 0, done.stderr
    second = record_in("second")
    assert second.metrics["psnr"] == first.metrics["psnr"]
    assert second.metrics["lpips"].value != first.metrics["lpips"].value
    assert second.metrics["lpips"].settings != first.metrics["lpips"].settings
    assert second.provenance["key"] != first.provenance["key"]


def test_files_that_cannot_be_used_end_it_with_one_line(prepared: Callable[..., Completed]) -> None:
    Path("damaged.safetensors").write_bytes(Path("first.safetensors").read_bytes()[:100_000])
    lacking = {name: tensor for name, tensor in WEIGHTS.items() if name != "lin2.model.1.weight"}
    torch.save(lacking, "lacking.pth")
    for file, problem, call in (
        ("damaged.safetensors", "is damaged, or no state dict", apart),
        ("lacking.pth", "has no tensor lin2.model.1.weight", prepared),
        ("absent.pth", "cannot be read", prepared),
        ("", "no file is set, and none is downloaded", prepared),
    ):
        done = call(file)
        assert done.returncode == 2
        assert problem in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert not Path("reports").exists()
