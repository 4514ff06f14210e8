"""What cannot be written: one clear line, and nothing under the final name."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
import threading
import time
from collections import namedtuple
from contextlib import suppress

import numpy as np
import pytest
from written import IDENTITY, NAMES, NM, SHAPE, content, create, noise, write

from a2ibench.data.formats.zarr_writer import OmeZarr
from a2ibench.errors import InputError

SMALL = noise((5, 6, 7), "uint8")


def refused(path, match, **options):
    with pytest.raises(InputError, match=match) as caught:
        create(path, (5, 6, 7), "uint8", NM, **({"identity": IDENTITY} | options))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a", "a.png", "a.nrrd", ".tif", ".ome.zarr", "a.zarr.zip"])
def test_unknown_formats(tmp_path, name):
    refused(tmp_path / name, r"unknown format; give a name that ends in \.ome\.zarr, \.zarr, \.ome\.tif")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dtype", ["float64", "bool", "uint32", "complex64"])
def test_unknown_dtypes(tmp_path, dtype):
    with pytest.raises(InputError, match=f"dtype is {dtype}; it can be written as uint8, int8"):
        create(tmp_path / "a.tif", (5, 6, 7), dtype, NM, identity={})
    assert list(tmp_path.iterdir()) == []


def test_no_voxels(tmp_path):
    with pytest.raises(InputError, match="give at least one voxel along each"):
        create(tmp_path / "a.tif", (5, 0, 7), "uint8", NM, identity={})


def test_no_folder(tmp_path):
    refused(tmp_path / "b" / "a.tif", "its folder does not exist")


@pytest.mark.parametrize("name", NAMES)
def test_an_existing_output_stays_until_the_new_one_is_whole(tmp_path, name):
    path = write(tmp_path / name, SMALL)
    before = content(path)
    refused(path, "exists already; choose another name, or add overwrite=True")
    other = noise((5, 6, 7), "uint8", seed=1)
    with create(path, (5, 6, 7), "uint8", NM, identity=IDENTITY, overwrite=True) as writer:
        writer.write((0, 0, 0), other)
        assert content(path) == before
        writer.finish()
    assert content(path) != before
    assert list(tmp_path.iterdir()) == [path]


def test_an_output_that_appears_meanwhile_stays(tmp_path):
    path = tmp_path / "a.tif"
    with create(path, (5, 6, 7), "uint8", NM, identity=IDENTITY) as writer:
        writer.write((0, 0, 0), SMALL)
        path.write_text("of somebody else")
        with pytest.raises(InputError, match="has appeared meanwhile"):
            writer.finish()
    assert path.read_text() == "of somebody else"


def test_folders_that_hold_something_else_are_not_replaced(tmp_path):
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.zarr" / "thesis.tex").touch()
    (tmp_path / "b.tif").mkdir()
    (tmp_path / "c.zarr").touch()
    refused(tmp_path / "a.zarr", "a folder without Zarr", overwrite=True)
    refused(tmp_path / "b.tif", "is a folder; choose another name", overwrite=True)
    refused(tmp_path / "c.zarr", "is a file; choose another name", overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zarr", "b.tif", "c.zarr"]


def test_another_identity(tmp_path):
    path, voxels = tmp_path / "a.tif", noise(SHAPE, "uint8")
    write(path, voxels, count=2)
    with pytest.raises(
        InputError, match=r'identity.method was "cubic", is "srmd"\); .* or overwrite=True'
    ) as caught:
        create(path, SHAPE, "uint8", NM, identity=IDENTITY | {"method": "srmd"})
    assert "identity.input" not in str(caught.value)
    with pytest.raises(InputError, match=r"dtype was .*uint8.*, is .*int8"):
        create(path, SHAPE, "int8", NM, identity=IDENTITY)
    with create(path, SHAPE, "uint8", NM, identity=IDENTITY, overwrite=True) as writer:
        assert len(writer.done) == 2
    with create(path, SHAPE, "uint8", NM, identity={"nested": {"a": (1, 2)}}, overwrite=True) as writer:
        assert not writer.done
    with create(path, SHAPE, "uint8", NM, identity={"nested": {"a": [1, 2]}}) as writer:
        writer.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_second_process(tmp_path, child):
    path = tmp_path / "a.tif"
    code = """
import sys
with create(sys.argv[1], (5, 6, 7), "uint8", NM, identity=IDENTITY):
    print("held", flush=True)
    sys.stdin.read()
"""
    process = child(code, path, stdin=subprocess.PIPE)
    assert process.stdout.readline() == "held\n"
    refused(path, "another process is writing it")
    refused(path, "another process is writing it", overwrite=True)
    process.communicate("")
    write(path, SMALL)


@pytest.mark.parametrize(
    ("start", "size"),
    [
        ((0, 0, 1), (5, 6, 6)),
        ((0, 0, 0), (5, 6, 8)),
        ((0, 0, 0), (4, 6, 7)),
        ((-5, 0, 0), (5, 6, 7)),
        ((5, 0, 0), (1, 6, 7)),
    ],
)
def test_boxes_that_are_no_blocks(tmp_path, start, size):
    with create(tmp_path / "a.tif", (5, 6, 7), "uint8", NM, identity={}) as writer:
        with pytest.raises(InputError, match=r"give whole blocks of \(5, 6, 7\)"):
            writer.write(start, np.zeros(size, np.uint8))
        with pytest.raises(InputError, match="got voxels of float32; give uint8"):
            writer.write((0, 0, 0), np.zeros((5, 6, 7), np.float32))
        with pytest.raises(InputError, match=r"give \(z, y, x\) voxels"):
            writer.write((0, 0, 0), np.zeros((5, 6), np.uint8))


def test_a_folder_that_may_not_be_written_to(mounted):
    folder, run = mounted("ro")
    run("""
with raises(f"a.tif: {folder} may not be written to; change its permissions"):
    write(folder / "a.tif", noise(SHAPE, "uint8"))
""")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_file_size_limit(tmp_path, name, child):
    # Of more than the metadata, but less than the voxels.
    code = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
write(Path(sys.argv[1]), noise((65, 66, 67), "uint8"))
"""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    _, err = child(code, tmp_path / name).communicate()
    assert f"InputError: {tmp_path / name}: larger than a file may be" in err
    assert not (tmp_path / name).exists()
    write(tmp_path / name, noise((65, 66, 67), "uint8"))


FULL = """
from a2ibench.data.writing import writer as writer_module
path, voxels, ballast = folder / name, noise(SHAPE, "uint8"), folder / "ballast"
def fill(room):
    with contextlib.suppress(OSError), open(ballast, "wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    os.truncate(ballast, ballast.stat().st_size - room)
"""


@pytest.mark.parametrize("name", NAMES)
def test_a_disk_that_is_full_from_the_start(mounted, name):
    _, run = mounted("size=4m")
    run(
        f"name = {name!r}{FULL}"
        + """
for room in (0, 4096, 20480):
    fill(room)
    with raises("the disk is full; free some space", "GiB more, but the disk has 0.00"):
        write(path, voxels)
    assert set(folder.iterdir()) <= {ballast, hidden(path)}
    ballast.unlink()
write(path, noise((65, 66, 67), "uint8"), overwrite=True)
assert os.listdir(folder) == [name]
"""
    )


def test_a_library_that_goes_on_writing_when_it_has_failed(tmp_path, monkeypatch):
    others = []

    def prepare(self):
        def write_on():
            until = time.monotonic() + 0.1
            while time.monotonic() < until:
                with suppress(FileNotFoundError):
                    self.path.mkdir(exist_ok=True)
                    (self.path / "zarr.json").touch()

        others.append(threading.Thread(target=write_on))
        others[0].start()
        time.sleep(0.02)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(OmeZarr, "prepare", prepare)
    refused(tmp_path / "a.ome.zarr", "the disk is full; free some space")
    others[0].join()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_disk_that_others_fill(tmp_path, mounted, name):
    expected = content(write(tmp_path / name, noise(SHAPE, "uint8")))
    _, run = mounted("size=24m")
    run(
        f"name, expected = {name!r}, {expected!r}{FULL}"
        + """
writer_module._FLUSH_EVERY = 0.0
with raises("the disk is full; free some space and give the same command again"):
    with create(path, SHAPE, "uint8", NM, identity=IDENTITY) as writer:
        for number, start in enumerate(block_starts(writer, SHAPE)):
            if number == 2:
                fill(20480)
            writer.write(start, at(voxels, start, writer.block))
assert set(folder.iterdir()) == {hidden(path), ballast}
ballast.unlink()
with create(path, SHAPE, "uint8", NM, identity=IDENTITY) as writer:
    assert len(writer.done) == 2, writer.done
assert content(write(path, voxels)) == expected
"""
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_disk_that_fills_up_while_writing(tmp_path, name, monkeypatch):
    path, voxels = tmp_path / name, noise(SHAPE, "uint8")
    write(path, voxels, count=2)
    with monkeypatch.context() as patch:

        def full(*arguments):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        patch.setattr(os, "fsync", full)
        with pytest.raises(InputError, match=f"{name}: the disk is full; .* which goes on"):
            write(path, voxels)
    assert not path.exists()
    with create(path, SHAPE, "uint8", NM, identity=IDENTITY) as writer:
        assert len(writer.done) == 2
    assert content(write(path, voxels)) == content(write(tmp_path / f"b{name}", voxels))


def test_too_little_room_is_told_before_the_first_block(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(2**40, 2**40 - 2**30, 2**30))
    with pytest.raises(InputError, match=r"needs 1[56]\.\d\d\d GiB more, but the disk has 1.000 GiB free"):
        create(tmp_path / "a.h5", (4096, 2048, 2048), "uint8", NM, identity={})
    assert list(tmp_path.iterdir()) == []
