"""Killed at any moment, an output goes on where it stopped, and ends as if nothing had happened."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import time
from random import Random

import numpy as np
import pytest
from written import IDENTITY, LARGE, NAMES, NM, SHAPE, at, block_starts, content, create, hidden, noise, write

from a2ibench.errors import InputError


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """What each output holds when nothing goes wrong."""
    folder = tmp_path_factory.mktemp("whole")
    return {name: content(write(folder / name, noise(SHAPE, "uint8"))) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_goes_on_after_the_blocks_that_are_done(tmp_path, name, uninterrupted):
    voxels, path = noise(SHAPE, "uint8"), tmp_path / name
    write(path, voxels, count=2)
    assert [found.name for found in tmp_path.iterdir()] == [hidden(path).name]
    with create(path, SHAPE, "uint8", NM, identity=IDENTITY) as writer:
        assert len(writer.done) == 2
        for start in block_starts(writer, SHAPE):
            if start not in writer.done:
                writer.write(start, at(voxels, start, writer.block))
        writer.finish()
    assert content(path) == uninterrupted[name]
    assert [found.name for found in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", NAMES)
def test_killed_at_random_moments(tmp_path, name, fork):
    whole, path, random = tmp_path / "whole" / name, tmp_path / name, Random(name)  # noqa: S311
    whole.parent.mkdir()
    begin = time.monotonic()
    assert fork("write_flushing", str(whole), 0.0)[1]() == 0
    seconds = time.monotonic() - begin
    blocks, done = [0], hidden(path) / "done"

    def finished():
        with contextlib.suppress(FileNotFoundError):
            return done.read_bytes().count(b"\n")
        return 0

    while not path.exists() and len(blocks) < 60:
        # Every other time as soon as it has come further, which a busy machine may not do in any time given.
        soon = len(blocks) % 2 == 1
        process, ended = fork("write_flushing", str(path), 0.0 if soon else random.choice([0.0, 0.05]))
        patience = time.monotonic() + 60
        while soon and finished() <= blocks[-1] and not path.exists() and time.monotonic() < patience:
            time.sleep(0.0005)
        if not soon:
            # Longer each time: it comes to an end on a machine that has become slower, too.
            time.sleep(random.uniform(0, seconds * (0.3 + 0.02 * len(blocks))))
        os.kill(process, signal.SIGKILL)
        if ended() == 0:
            break
        assert set(tmp_path.iterdir()) <= {whole.parent, hidden(path), path}
        blocks.append(finished())
    if not path.exists():
        write(path, noise(LARGE, "uint8"))
    assert content(path) == content(whole)
    # In the middle of the work, and of work that had been interrupted before.
    assert len(set(blocks) - {0}) >= 2, blocks


@pytest.mark.parametrize("name", ["a.zarr", "a.mrc"])
def test_killed_while_replacing_an_older_output(tmp_path, name, fork):
    path, shape = tmp_path / name, (65, 66, 67)
    old = content(write(path, noise(shape, "uint8", seed=7)))
    new = content(write(tmp_path / f"b{name}", noise(shape, "uint8")))
    seen, status = [], None
    for calls in itertools.count(1, 3):
        status = fork("overwrite_dying", str(path), shape, calls)[1]()
        if path.exists():
            seen.append({str(old): "old", str(new): "new"}[str(content(path))])
        if status == 0:
            break
        assert status == -signal.SIGKILL
    assert content(path) == new
    assert len(seen) > 10
    assert seen == sorted(seen, reverse=True)


def test_a_line_that_was_cut_short_is_not_a_block(tmp_path):
    path, voxels = tmp_path / "a.tif", noise(SHAPE, "uint8")
    write(path, voxels, count=3)
    done = hidden(path) / "done"
    done.write_bytes(done.read_bytes()[:-4])
    with create(path, SHAPE, "uint8", NM, identity=IDENTITY) as writer:
        assert len(writer.done) == 2
    assert done.read_bytes().count(b"\n") == 2


def test_a_folder_without_settings_starts_anew(tmp_path):
    path, voxels = tmp_path / "a.tif", noise((5, 6, 7), "uint8")
    hidden(path).mkdir()
    (hidden(path) / "done").write_text("[0, 0, 0, {}]\n")
    with create(path, (5, 6, 7), "uint8", NM, identity=IDENTITY) as writer:
        assert not writer.done
        writer.write((0, 0, 0), voxels)
        writer.finish()


def test_leftovers_of_a_killed_zarr_do_not_stay(tmp_path, uninterrupted):
    path, voxels = tmp_path / "a.ome.zarr", noise(SHAPE, "uint8")
    write(path, voxels, count=1)
    leftover = hidden(path) / "a.ome.zarr" / "0" / "c" / "0" / "0" / "0.__lock"
    leftover.parent.mkdir(parents=True, exist_ok=True)
    leftover.write_bytes(b"half a shard")
    write(path, voxels)
    assert content(path) == uninterrupted["a.ome.zarr"]


def test_an_error_keeps_what_is_written(tmp_path):
    path, voxels = tmp_path / "a.h5", noise(SHAPE, "uint8")
    with (
        contextlib.suppress(ZeroDivisionError),
        create(path, SHAPE, "uint8", NM, identity=IDENTITY) as writer,
    ):
        writer.write((0, 0, 0), voxels[:, :256, :256])
        raise ZeroDivisionError
    with create(path, SHAPE, "uint8", NM, identity=IDENTITY) as writer:
        assert writer.done == {(0, 0, 0)}
        # What is done is left as it is.
        writer.write((0, 0, 0), np.zeros((70, 256, 256), np.uint8))
        writer.discard()
    assert list(tmp_path.iterdir()) == []


def test_nothing_more_after_the_end(tmp_path):
    path, voxels = tmp_path / "a.h5", noise((5, 6, 7), "uint8")
    with create(path, (5, 6, 7), "uint8", NM, identity=IDENTITY) as writer:
        with pytest.raises(InputError, match=r"a.h5: 1 block not written"):
            writer.finish()
        writer.write((0, 0, 0), voxels)
        writer.finish()
        for call in (writer.finish, writer.discard, lambda: writer.write((0, 0, 0), voxels)):
            with pytest.raises(InputError, match="create it again"):
                call()


def test_scratch_stays_as_long_as_the_output_is_not_whole(tmp_path):
    path, voxels = tmp_path / "a.ome.zarr", noise((5, 6, 7), "uint8")

    def begin(identity, **options):
        return create(path, (5, 6, 7), "uint8", NM, identity=identity, **options)

    with begin(IDENTITY) as writer:
        assert writer.scratch.parent == hidden(path)
        (writer.scratch / "network").write_text("trained")
    with pytest.raises(InputError, match="create it again"):
        writer.scratch  # noqa: B018
    with begin(IDENTITY) as writer:
        assert (writer.scratch / "network").read_text() == "trained"
    with begin({"method": "another"}, overwrite=True) as writer:
        assert list(writer.scratch.iterdir()) == []
        (writer.scratch / "network").write_text("trained")
        writer.write((0, 0, 0), voxels)
        writer.finish()
    assert list(tmp_path.iterdir()) == [path]
    assert not list(path.rglob("network"))
