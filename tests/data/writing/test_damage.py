"""Whatever happens to unfinished work, it is never published as it is, and never in the way."""

from __future__ import annotations

import json
import os
import re
import shutil
import zlib

import numpy as np
import pytest
from written import IDENTITY, NAMES, NM, SHAPE, at, block_starts, content, create, hidden, noise, write

from a2ibench.errors import InputError


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What each output holds when nothing goes wrong, and the work that is left when all but one block is."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "left").mkdir()
    contents = {name: content(write(folder / name, noise(SHAPE, "uint8"))) for name in NAMES}
    for name in NAMES:
        with create(folder / "left" / name, SHAPE, "uint8", NM, identity=IDENTITY) as writer:
            starts = block_starts(writer, SHAPE)
            for start in starts[:-1]:
                writer.write(start, at(noise(SHAPE, "uint8"), start, writer.block))
            (writer.scratch / "network").write_text("trained")
    return contents, folder / "left"


def data(path):
    """Files of an unfinished output that hold voxels."""
    unfinished = hidden(path) / path.name
    if unfinished.is_file():
        return [unfinished]
    metadata = ("zarr.json", ".zgroup", ".zattrs", ".zarray")
    return sorted(file for file in unfinished.rglob("*") if file.is_file() and file.name not in metadata)


def change(file, offset, by=1):
    with file.open("r+b") as opened:
        opened.seek(offset, os.SEEK_SET if offset >= 0 else os.SEEK_END)
        byte = opened.read(1)[0]
        opened.seek(offset, os.SEEK_SET if offset >= 0 else os.SEEK_END)
        opened.write(bytes([(byte + by) % 256]))


def truncated(path):
    file = data(path)[-1]
    os.truncate(file, file.stat().st_size // 2)


def emptied(path):
    os.truncate(data(path)[0], 0)


def longer(path):
    with data(path)[0].open("ab") as file:
        file.write(b"more")


def a_voxel_differs(path):
    file = data(path)[0]
    change(file, file.stat().st_size // 3)


def the_header_differs(path):
    file, group = data(path)[0], hidden(path) / path.name
    change(file if file == group else next(group.glob("z*.json"), group / ".zattrs"), 4)


def the_end_differs(path):
    change(data(path)[0], -3)


def zeros(path):
    for file in data(path):
        size = file.stat().st_size
        os.truncate(file, 0)
        os.truncate(file, size)


def no_data(path):
    unfinished = hidden(path) / path.name
    unfinished.unlink() if unfinished.is_file() else shutil.rmtree(unfinished)


def another_kind(path):
    folder = (hidden(path) / path.name).is_dir()
    no_data(path)
    if folder:
        (hidden(path) / path.name).write_text("no folder")
    else:
        (hidden(path) / path.name / "c").mkdir(parents=True)


def a_folder_for_a_file(path):
    file = data(path)[0]
    file.unlink()
    (file / "x").mkdir(parents=True)


def a_link(path):
    unfinished, elsewhere = hidden(path) / path.name, path.parent / "elsewhere"
    unfinished.rename(elsewhere)
    unfinished.symlink_to(elsewhere)


def edited(lines):
    """Return what edits the journal: a function from its lines to others."""

    def edit(path):
        done = hidden(path) / "done"
        done.write_bytes(b"".join(lines(done.read_bytes().splitlines(keepends=True))))

    return edit


def stated(start, notes):
    text = json.dumps([*start, notes])
    return f"{text} {zlib.crc32(text.encode()):08x}\n".encode()


def without_checksums(lines):
    return [b"%b\n" % line.rpartition(b" ")[0] for line in lines]


def of_older_work(lines):
    return [stated(json.loads(line.rpartition(b" ")[0])[:3], {"min": 0.0}) for line in lines]


DATA = (
    truncated,
    emptied,
    longer,
    a_voxel_differs,
    the_header_differs,
    the_end_differs,
    zeros,
    no_data,
    another_kind,
    a_folder_for_a_file,
    a_link,
)
JOURNAL = {
    "garbage": lambda lines: [b"\x00\xff garbage\n", *lines],
    "only garbage": lambda lines: [os.urandom(4096)],
    "no end": lambda lines: [*lines[:-1], lines[-1][:-7]],
    "no line ends": lambda lines: [line.strip() for line in lines],
    "twice": lambda lines: lines + lines,
    "twice, once damaged": lambda lines: [*lines, lines[0].replace(b"0", b"1", 1)],
    "outside": lambda lines: [*lines, stated((0, 0, 512), {"crc32": 0}), stated((-256, 0, 0), {"crc32": 0})],
    "between blocks": lambda lines: [*lines, stated((0, 3, 0), {"crc32": 0})],
    "no numbers": lambda lines: [*lines, stated(("a", None, 0.5), {}), stated((True, 0, 0), {})],
    "no notes": lambda lines: [*lines, stated((0, 256, 256), None), stated((0,), {})],
    "a block that is not written": lambda lines: [*lines, stated((0, 256, 256), {"crc32": 1})],
    "another checksum": lambda lines: [stated((0, 0, 0), {"crc32": 1}), *lines[1:]],
    "without checksums": without_checksums,
    "of older work": of_older_work,
    "deep": lambda lines: [*lines, b"[" * 100_000 + b"\n"],
    "empty": lambda lines: [],
}
STATE = {
    "empty": b"",
    "cut short": b'{"shape": [70, 3',
    "garbage": b"\x00\xff\x80" * 99,
    "no object": b"[1, 2]",
    "a key twice": b'{"shape": 1, "shape": 1}',
    "deep": b"[" * 100_000,
    "not finite": b'{"shape": 1e999}',
}


def goes_on(path, whole, **options):
    """Whatever is left, the same call ends with the right output, and says in a line each what it redoes."""
    write(path, noise(SHAPE, "uint8"), **options)
    assert content(path) == whole[path.name]
    assert not hidden(path).exists()


@pytest.fixture
def left(tmp_path, whole):
    """Return a function that puts what an interrupted call left into a folder of its own."""

    def copied(name):
        path = tmp_path / name
        shutil.copytree(hidden(whole[1] / name), hidden(path))
        return path

    return copied


@pytest.mark.parametrize("damage", DATA, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_damaged_data_are_written_anew(left, whole, name, damage, caplog):
    path = left(name)
    damage(path)
    with create(path, SHAPE, "uint8", NM, identity=IDENTITY) as writer:
        assert len(writer.done) < len(block_starts(writer, SHAPE)) - 1 or damage in (the_end_differs, longer)
        # What took an hour to train stays.
        assert (writer.scratch / "network").read_text() == "trained"
    assert len(caplog.messages) <= 1
    goes_on(path, whole[0])
    if damage is not the_end_differs:
        # Which may be of a block that is not written yet.
        assert re.fullmatch(r".*\.partial: .*; .* written anew", caplog.messages[0])


@pytest.mark.parametrize("case", JOURNAL)
@pytest.mark.parametrize("name", ["a.ome.zarr", "a.mrc"])
def test_a_damaged_journal_lists_no_block_that_is_not_there(left, whole, name, case):
    path = left(name)
    edited(JOURNAL[case])(path)
    with create(path, SHAPE, "uint8", NM, identity=IDENTITY) as writer:
        starts = block_starts(writer, SHAPE)
        assert writer.done <= set(starts[:-1])
    goes_on(path, whole[0])


@pytest.mark.parametrize("case", STATE)
@pytest.mark.parametrize("overwrite", [False, True])
def test_without_settings_all_begins_anew(left, whole, case, overwrite, caplog):
    path = left("a.tif")
    (hidden(path) / "state.json").write_bytes(STATE[case])
    with create(path, SHAPE, "uint8", NM, identity=IDENTITY, overwrite=overwrite) as writer:
        assert not writer.done
    assert caplog.messages == [f"{hidden(path)}: state.json is damaged; all of it begins anew"]
    goes_on(path, whole[0])


@pytest.mark.parametrize("name", ["state.json", "done", "lock", "scratch", "published", "replaced"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_folders_and_links_in_the_place_of_its_files(left, whole, name, overwrite):
    for place in ("folder", "file", "link"):
        path = left("a.h5")
        found = hidden(path) / name
        if found.is_dir():
            shutil.rmtree(found)
        found.unlink(missing_ok=True)
        if place == "folder":
            (found / "x").mkdir(parents=True)
        elif place == "file":
            found.write_text("x")
        else:
            found.symlink_to("nowhere")
        if (name, place) == ("replaced", "folder"):
            # Put back, as after a kill between two renames: nothing is lost.
            with pytest.raises(InputError, match="is a folder" if overwrite else "exists already"):
                write(path, noise(SHAPE, "uint8"), overwrite=overwrite)
            path.rename(path.with_name("put back"))
        goes_on(path, whole[0], overwrite=overwrite)
        path.unlink()


def test_something_else_of_the_hidden_name(tmp_path, whole):
    path, elsewhere = tmp_path / "a.tif", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "thesis.tex").touch()
    for place in ("file", "link"):
        hidden(path).symlink_to(elsewhere) if place == "link" else hidden(path).write_text("mine")
        with pytest.raises(InputError, match="is no folder of unfinished work; move it away, or add"):
            write(path, noise(SHAPE, "uint8"))
        goes_on(path, whole[0], overwrite=True)
    assert [file.name for file in elsewhere.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("name", NAMES)
def test_after_the_name_only_the_end_is_left(tmp_path, name, whole):
    path, voxels = tmp_path / name, noise(SHAPE, "uint8")
    with create(path, SHAPE, "uint8", NM, identity=IDENTITY) as writer:
        for start in block_starts(writer, SHAPE):
            writer.write(start, at(voxels, start, writer.block))
        (writer.scratch / "network").write_text("trained")
        writer.publish()
        assert writer.published
    assert content(path) == whole[0][name]
    for overwrite in (False, True):
        with create(path, SHAPE, "uint8", NM, identity=IDENTITY, overwrite=overwrite) as writer:
            assert writer.published
            assert writer.done == set(block_starts(writer, SHAPE))
            assert (writer.scratch / "network").read_text() == "trained"
            writer.write((0, 0, 0), np.zeros(writer.block, np.uint8))
    with pytest.raises(InputError, match="exists already"):
        create(path, SHAPE, "uint8", NM, identity={"method": "another"})
    with create(path, SHAPE, "uint8", NM, identity=IDENTITY) as writer:
        writer.finish()
    assert content(path) == whole[0][name]
    with pytest.raises(InputError, match="exists already"):
        create(path, SHAPE, "uint8", NM, identity=IDENTITY)
    assert [file.name for file in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("gone", [True, False])
def test_an_output_that_was_moved_away_or_replaced_is_not_taken_for_it(tmp_path, gone, whole):
    path, voxels = tmp_path / "a.h5", noise(SHAPE, "uint8")
    with create(path, SHAPE, "uint8", NM, identity=IDENTITY) as writer:
        for start in block_starts(writer, SHAPE):
            writer.write(start, at(voxels, start, writer.block))
        writer.publish()
    path.rename(tmp_path / "moved.h5")
    if gone:
        goes_on(path, whole[0])
        return
    path.write_text("of somebody else")
    with pytest.raises(InputError, match="exists already"):
        write(path, voxels)
    assert path.read_text() == "of somebody else"
    goes_on(path, whole[0], overwrite=True)


@pytest.mark.parametrize("name", ["o.tif", "o.h5", "o.mrc", "o.ome.zarr"])
def test_an_output_that_no_disk_holds_is_refused_at_once(tmp_path, name):
    with pytest.raises(InputError, match=r"its voxels would take .* GiB, but the disk has"):
        create(tmp_path / name, (1 << 20, 1 << 20, 1 << 20), "uint8", (10.0, 10.0, 10.0), identity={})
    assert not list(tmp_path.iterdir())
