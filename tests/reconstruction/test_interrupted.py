"""Killed at random moments and started again, a reconstruction ends as if nothing had happened."""

from __future__ import annotations

import multiprocessing
import time
from random import Random

import pytest
from interrupted import reconstruct_in_units

from a2ibench.protocol.checkpointer import TRAINING
from a2ibench.protocol.state_file import read_state

SOME, MANY = 3, 10
CASES = {
    "network": (
        "a2i-3dem",
        "out.tif",
        {
            "profile": "smoke",
            "budget": "2steps",
            "precision": "fp32",
            "crop": ((0, 3), (0, 140), (0, 64)),
        },
    ),
    "cubic": ("cubic", "out.ome.zarr", {"ratio": 30.0}),
    "matched": ("cubic", "out.ome.zarr", {"ratio": 30.0, "match_slices": True, "ome_version": "0.4"}),
}


@pytest.fixture(scope="module")
def fork():
    """Return a function that starts a process with everything imported."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["interrupted", "a2ibench.reconstruction", "a2ibench_a2i3dem.method", "zarr", "tensorstore"]
    )

    # Started now, so that no reconstruction waits for the server that all are forked from.
    first = context.Process(target=int)
    first.start()
    first.join()

    def start(*arguments):
        process = context.Process(target=reconstruct_in_units, args=arguments)
        process.start()
        return process

    return start


@pytest.mark.slow
@pytest.mark.parametrize("kills", [SOME, MANY])
@pytest.mark.parametrize("case", CASES)
def test_killed_again_and_again(fork, stack, tmp_path, content, case, kills) -> None:
    method, name, options = CASES[case]
    options = options | {"voxel_size": (40.0, 10.0, 10.0)}
    whole, target, random = tmp_path / "whole" / name, tmp_path / name, Random(case)  # noqa: S311
    whole.parent.mkdir()
    begin = time.monotonic()
    process = fork(stack, whole, method, options)
    process.join()
    seconds = time.monotonic() - begin
    assert process.exitcode == 0
    hidden, blocks = tmp_path / f".{name}.partial", []
    # Until some were before the first block was done, and some in the middle of the work.
    least = min(3, kills - 1)
    while len(blocks) < kills or (len(set(blocks)) < least and len(blocks) < 5 * kills):
        process = fork(stack, target, method, options)
        # Longer each time: on a machine that has become slower, too, some are in the middle.
        process.join(random.uniform(0, 0.9 + 0.2 * len(blocks)) * seconds)
        process.kill()
        process.join()
        if target.exists():
            assert content(target) == content(whole)
            options["overwrite"] = True
        if process.exitcode < 0:
            done = hidden / "done"
            blocks.append(done.read_bytes().count(b"\n") if done.exists() else -1)
    process = fork(stack, target, method, options)
    process.join()
    assert process.exitcode == 0
    assert content(target) == content(whole)
    assert not hidden.exists()
    assert len(set(blocks)) >= least, blocks


def test_killed_amid_its_training(fork, stack, tmp_path, content) -> None:
    method, name, options = CASES["network"]
    options = options | {
        "voxel_size": (40.0, 10.0, 10.0), "crop": ((0, 3), (0, 40), (0, 48)), "budget": "60steps",
        "checkpoint_every": "0s", "save_checkpoint": True,
    }  # fmt: skip
    whole, target = tmp_path / "whole" / name, tmp_path / name
    whole.parent.mkdir()
    assert finished(fork(stack, whole, method, options))
    scratch = tmp_path / f".{name}.partial" / "scratch"
    steps = [0]
    for attempt in range(2):
        process = fork(stack, target, method, options)
        while process.is_alive() and kept(scratch)[0] <= steps[-1]:
            time.sleep(0.01)
        process.kill()
        process.join()
        step, resumed = kept(scratch)
        assert resumed == attempt
        steps.append(step)
    assert steps[-1] < 60
    assert finished(fork(stack, target, method, options))
    assert content(target) == content(whole)
    ends = [content(path.with_name(f"{name}.checkpoint")) for path in (target, whole)]
    assert ends[0] == ends[1]
    assert not scratch.exists()


def finished(process) -> bool:
    process.join()
    return process.exitcode == 0


def kept(scratch) -> tuple[int, int]:
    """Return the step of the training that is kept, and how often it was taken up."""
    try:
        found = read_state(scratch / TRAINING)
    except FileNotFoundError:
        return 0, 0
    return found["state"]["step"], found["resumed"]
