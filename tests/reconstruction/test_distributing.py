"""Pieces handed out to workers of Dask: few at a time, again where one ends, and the same bytes."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest

import a2ibench
from a2ibench import InputError

distributed = pytest.importorskip("distributed")

from a2ibench.reconstruction import distributing  # noqa: E402
from a2ibench.reconstruction.distributing import Job, Refused, hand_out  # noqa: E402
from a2ibench.reconstruction.options import ReconstructOptions  # noqa: E402
from a2ibench.reconstruction.parts import Done  # noqa: E402

JOB = Job("0", "in.tif", Path("o.zarr"), ReconstructOptions())


@pytest.fixture(scope="module")
def client():
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


def nothing(job, numbers):
    return Done(numbers, {}, {}, 1e-3 * len(numbers))


@pytest.mark.parametrize("seconds", [0.0, 5.0])
def test_all_are_done_and_the_scheduler_knows_of_few(client, seconds):
    seen, known = [], []

    def take(done):
        seen.append(done.numbers)
        known.append(len(client.futures))

    hand_out(client, nothing, JOB, range(200), take, seconds=seconds)
    assert sorted(number for numbers in seen for number in numbers) == list(range(200))
    assert max(known) <= 7
    # What takes no time goes several at a time, the last ones evenly.
    assert (len(seen) == 200) == (seconds == 0)
    assert len(seen[-1]) == 1


def refused(job, numbers):
    return Refused("o.zarr: the disk is full")


def broken(job, numbers):
    raise ZeroDivisionError("why")


def deadly(job, numbers):
    if 0 not in numbers:
        return nothing(job, numbers)
    raise distributed.KilledWorker("task", SimpleNamespace(address="tcp://127.0.0.1:1"), 3)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (refused, "^o.zarr: the disk is full$"),
        (broken, "a worker failed .*why.*; give the same command again, which goes on"),
        (deadly, "1 piece from number 0 on ended all workers that tried; they may have too little memory"),
    ],
)
def test_what_goes_wrong_there_is_told_in_one_line(client, function, message):
    with pytest.raises(InputError, match=message):
        hand_out(client, function, JOB, range(4), lambda done: None)


@pytest.fixture
def one_thread():
    """Train and restore with one thread here, as the workers do."""
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


NETWORK = {"profile": "smoke", "budget": "2steps", "precision": "fp32"}


@pytest.mark.parametrize(
    ("method", "more", "kills"),
    [
        ("cubic", {}, 3),
        pytest.param("cubic", {}, 10, marks=pytest.mark.slow),
        pytest.param("plain", NETWORK, 10, marks=pytest.mark.slow),
    ],
)
def test_workers_that_are_killed_lose_nothing(
    one_thread, stack, tmp_path, content, monkeypatch, method, more, kills
):
    options = {
        "voxel_size": (40.0, 10.0, 10.0),
        # As many pieces as it takes.
        "ratio": 4.0 if kills < 10 else 40.0,
        "device": "cpu",
        "save_checkpoint": False,
    } | more
    for name in ("VOXELS", "AXIAL_VOXELS"):
        monkeypatch.setattr(f"a2ibench.reconstruction.streaming.{name}", 1)
    whole = a2ibench.reconstruct_file(stack, tmp_path / "whole.ome.zarr", method, **options)
    killed, original = [], distributing.hand_out

    def meddling(client, function, job, numbers, take):
        def kill():
            pids = client.run(os.getpid, on_error="ignore").values()
            for pid in list(pids)[:1]:
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)

        def taken(done):
            take(done)
            if len(killed) < kills:
                kill()

        kill()
        original(client, function, job, numbers, taken)

    monkeypatch.setattr(distributing, "hand_out", meddling)
    a2ibench.reconstruct_file(stack, tmp_path / "o.ome.zarr", method, workers=2, **options)
    assert len(set(killed)) >= kills
    assert content(tmp_path / "o.ome.zarr") == content(whole)
    assert not list(tmp_path.glob(".*"))
