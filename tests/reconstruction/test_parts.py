"""Done in parts by many processes, in any order, some twice, some killed, a reconstruction is that of one."""

from __future__ import annotations

import multiprocessing
import os
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from interrupted import reconstruct_in_units, reconstruct_until

import a2ibench
from a2ibench import InputError
from a2ibench.cli import main
from a2ibench.data.formats.zarr_writer import OmeZarr
from a2ibench.data.writing import create, shared
from a2ibench.data.writing.partial import Joined
from a2ibench.data.writing.shared import SharedWriter, join
from a2ibench.reconstruction import streaming
from a2ibench.reconstruction.parts import Part, Plan, _part_with, part_of

CUBIC = ("cubic", {"voxel_size": (40.0, 10.0, 10.0), "ratio": 4.0})
PLAIN = (
    "plain",
    {
        "voxel_size": (40.0, 10.0, 10.0),
        "profile": "smoke",
        "budget": "2steps",
        "precision": "fp32",
        "crop": ((0, 3), (0, 264), (0, 40)),
    },
)


@pytest.fixture
def units(monkeypatch):
    """Have every block be a piece of its own."""
    monkeypatch.setattr(streaming, "VOXELS", 1)
    monkeypatch.setattr(streaming, "AXIAL_VOXELS", 1)


@pytest.fixture
def call(stack, tmp_path, units):
    """Return a function that reconstructs with what it is given in addition."""

    def call(name="o.ome.zarr", how=CUBIC, **more):
        method, options = how
        given = {"save_checkpoint": False, "device": "cpu"} | options | more
        return a2ibench.reconstruct_file(stack, tmp_path / name, method, **given)

    return call


@pytest.fixture(scope="module")
def whole(stack, tmp_path_factory, content):
    """What one process makes of it by cubic interpolation."""
    method, options = CUBIC
    target = tmp_path_factory.mktemp("whole") / "whole.ome.zarr"
    with pytest.MonkeyPatch.context() as small:
        small.setattr(streaming, "AXIAL_VOXELS", 1)
        return content(a2ibench.reconstruct_file(stack, target, method, device="cpu", **options))


@given(st.integers(1, 60), st.integers(1, 80))
def test_every_piece_is_of_one_part(pieces, parts):
    shares = [Part(number, parts).share(pieces) for number in range(1, parts + 1)]
    assert [piece for share in shares for piece in share] == list(range(pieces))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
    for number, share in enumerate(shares, 1):
        assert {_part_with(piece, parts, pieces) for piece in share} <= {number}


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "1/0", "-1/3", "1/3/4", "a/b", "1.5/3", "", "²/3"])
def test_what_is_no_part(text):
    with pytest.raises(InputError, match="give I/N with I from 1 to N"):
        part_of(text)


@settings(max_examples=25, deadline=None)
@given(shape=st.tuples(*[st.integers(1, 12)] * 3), size=st.tuples(*[st.integers(1, 6)] * 3))
def test_pieces_of_a_plan_are_those_of_the_stream(shape, size):
    from a2ibench.contracts import AxialGrid
    from a2ibench.protocol.blocks import Blocks, plan_blocks

    size = tuple(map(min, zip(size, shape, strict=True)))
    given = (AxialGrid(shape[0], 1.0), shape[1:], (1, 2), size)
    blocks = Blocks(*given)
    assert list(blocks) == list(plan_blocks(*given)) == blocks[:]
    assert [streaming.box_of(block) for block in blocks] == list(Plan(size, False, "").pieces(shape))


SHAPE, SMALL = (2, 300, 700), {"identity": {"a": 1}, "voxel_size": (4.0, 4.0, 4.0)}
STARTS = [(0, y, x) for y in (0, 256) for x in (0, 256, 512)]


@pytest.fixture(scope="module")
def voxels():
    return np.random.default_rng(1).integers(0, 256, SHAPE, np.uint8)


@pytest.fixture(scope="module")
def written(voxels, tmp_path_factory, content):
    path = tmp_path_factory.mktemp("written") / "o.zarr"
    with create(path, SHAPE, np.uint8, **SMALL) as writer:
        writer.write((0, 0, 0), voxels)
        writer.finish()
    return content(path)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    order=st.permutations(STARTS), again=st.lists(st.sampled_from(STARTS), max_size=3), at=st.integers(0, 6)
)
def test_blocks_by_many_writers_in_any_order(voxels, written, content, tmp_path_factory, order, again, at):
    path = tmp_path_factory.mktemp("many") / "o.zarr"
    with create(path, SHAPE, np.uint8, **SMALL):
        pass

    def write(start):
        with join(path, SHAPE, np.uint8, **SMALL) as writer:
            _, y, x = start
            writer.write(start, voxels[:, y : y + 256, x : x + 256])

    for number, start in enumerate(order):
        if number == at:
            # Whoever holds it alone takes over what was noted so far.
            with create(path, SHAPE, np.uint8, **SMALL) as writer:
                assert writer.done == set(order[:at])
        write(start)
    for start in again:
        write(start)
    with create(path, SHAPE, np.uint8, **SMALL) as writer:
        writer.finish()
    assert content(path) == written


@pytest.mark.parametrize("how", [CUBIC, PLAIN], ids=["cubic", "plain"])
def test_parts_in_any_order_and_twice_give_what_one_process_does(call, whole, tmp_path, content, how):
    beside = {"uncertainty": tmp_path / "u.ome.zarr"} if how is PLAIN else {}
    if beside:
        whole = content(call("whole.ome.zarr", how, uncertainty=tmp_path / "v.ome.zarr"))
    call(how=how, prepare=True, **beside)
    for part in ("3/3", "1/2", "1/2", "1/1"):
        call(how=how, part=part, **beside)
    call(how=how, finish=True, **beside)
    assert content(tmp_path / "o.ome.zarr") == whole
    if beside:
        assert content(tmp_path / "u.ome.zarr") == content(tmp_path / "v.ome.zarr")
        checks = [
            a2ibench.documents.read_json(tmp_path / f"{name}.ome.zarr.json")["checks"]
            for name in ("whole", "o")
        ]
        assert checks[0] == checks[1]
        assert checks[0]["disagreement"] > 0
    assert not list(tmp_path.glob(".*"))


def test_it_is_not_finished_over_a_gap(call, whole, tmp_path, content):
    call(prepare=True)
    with pytest.raises(
        InputError, match=r"o\.ome\.zarr: 6 of 6 pieces not done, of part 1 of 1; give the same"
    ):
        call(finish=True)
    call(part="2/6")
    call(part="3/6")
    with pytest.raises(
        InputError, match=r"4 of 6 pieces not done, of parts 1, 4-6 of 6; .* part=1/6 and so on"
    ):
        call(finish=True)
    assert not (tmp_path / "o.ome.zarr").exists()
    # What one process has not done it goes on with.
    assert content(call()) == whole


def test_damage_since_a_part_is_noticed(call, whole, tmp_path, content):
    call(prepare=True)
    call(part="1/1")
    shards = sorted((tmp_path / ".o.ome.zarr.partial/o.ome.zarr/0/c").rglob("0/1/*"))
    shards[0].write_bytes(shards[0].read_bytes()[:-1] + b"?")
    with pytest.raises(InputError, match="1 of 6 pieces not done"):
        call(finish=True)
    call(part="1/1")
    call(finish=True)
    assert content(tmp_path / "o.ome.zarr") == whole


class Late:
    """A file system that shows what others wrote only when it was asked some times."""

    def __init__(self, folder, times):
        self.left = {
            path: times
            for path in folder.rglob("*")
            if path.is_file() and {"pieces", "c"} & set(path.relative_to(folder).parts)
        }

    def hides(self, path):
        if path not in self.left:
            return False
        self.left[path] -= 1
        return self.left[path] >= 0


@pytest.mark.parametrize("patience", [60.0, 0.0])
def test_files_that_show_late_are_waited_for_and_never_taken_for_lost(
    call, whole, tmp_path, content, monkeypatch, patience
):
    call(prepare=True)
    for part in ("1/2", "2/2"):
        call(part=part)
    late = Late(tmp_path / ".o.ome.zarr.partial", 3)
    with monkeypatch.context() as broken:
        exists, is_file, read, listed = Path.exists, Path.is_file, Path.read_bytes, Path.iterdir

        def reading(path):
            if late.hides(path):
                raise FileNotFoundError(path)
            return read(path)

        broken.setattr(shared, "UNSHOWN", patience)
        broken.setattr(time, "sleep", lambda seconds: None)
        broken.setattr(Path, "exists", lambda path, **how: exists(path, **how) and not late.hides(path))
        broken.setattr(Path, "is_file", lambda path, **how: is_file(path, **how) and not late.hides(path))
        broken.setattr(Path, "read_bytes", reading)
        broken.setattr(Path, "iterdir", lambda path: (one for one in listed(path) if not late.hides(one)))
        if patience:
            call(finish=True)
        else:
            with pytest.raises(InputError, match="6 of 6 pieces not done"):
                call(finish=True)
    assert len(late.left) > 6
    if not patience:
        call(finish=True)
    assert content(tmp_path / "o.ome.zarr") == whole


def test_who_holds_it_keeps_others_out(call, tmp_path):
    call(prepare=True)
    held = Joined(tmp_path / "o.ome.zarr")
    for alone in ({"finish": True}, {"prepare": True}, {}):
        if alone == {"finish": True}:
            call(part="1/1")
        with pytest.raises(InputError, match="another process is writing it"):
            call(**alone)
    held.release()
    with (
        create(tmp_path / "p.ome.zarr", SHAPE, np.uint8, **SMALL),
        pytest.raises(InputError, match="another process prepares, finishes or writes it whole"),
    ):
        join(tmp_path / "p.ome.zarr", SHAPE, np.uint8, **SMALL)
    call(finish=True)


def test_what_is_refused(call, stack, tmp_path, capsys):
    for name in ("o.tif", "o.ome.tif", "o.h5", "o.mrc"):
        for way in ({"prepare": True}, {"part": "1/2"}, {"finish": True}):
            with pytest.raises(
                InputError, match=r"many processes cannot write one file; .* ends in \.ome\.zarr"
            ):
                call(name, **way)
    for way in ({"part": "1/2"}, {"finish": True}):
        with pytest.raises(InputError, match="is not prepared; give the same with prepare first"):
            call(**way)
    with pytest.raises(InputError, match="prepare and part: each is a way of its own"):
        call(prepare=True, part="1/2")
    with pytest.raises(InputError, match="finish and scheduler, workers or cluster: each"):
        call(finish=True, workers=2)
    assert not list(tmp_path.glob("*o.*"))
    call(prepare=True)
    with pytest.raises(InputError, match="seed was 0, is 1"):
        call(part="1/2", seed=1)
    words = ["reconstruct", stack, tmp_path / "o.ome.zarr", "--method", "cubic", "--voxel-size", "40,10,10"]
    words = [str(word) for word in [*words, "--ratio", "4", "--device", "cpu", "--no-save-checkpoint"]]
    assert main([*words, "--part", "1/3"]) == 0
    assert main([*words, "--finish"]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert "of parts 2-3 of 3; give the same with --part 2/3 and so on in place of --finish" in line
    assert (
        main([*words, "--part", "2/3"]) == main([*words, "--part", "3/3"]) == main([*words, "--finish"]) == 0
    )
    assert main([*words, "--part", "2/3"]) == 2
    assert "is complete already" in capsys.readouterr().err


def test_an_input_that_changes_between_the_parts(call, whole, stack, tmp_path, content):
    # Of the same name, which the output tells.
    source = tmp_path / "copy" / stack.name
    source.parent.mkdir()
    source.write_bytes(stack.read_bytes())

    def own(**more):
        options = {"voxel_size": (40.0, 10.0, 10.0), "ratio": 4.0, "device": "cpu"}
        a2ibench.reconstruct_file(source, tmp_path / "o.ome.zarr", "cubic", **options, **more)

    own(prepare=True)
    own(part="1/2")
    os.utime(source, ns=(0, 0))
    # Its content decides.
    own(part="2/2")
    with source.open("r+b") as file:
        file.seek(-5000, os.SEEK_END)
        file.write(b"other")
    for way in ({"part": "1/2"}, {"finish": True}):
        with pytest.raises(InputError, match="the input has changed"):
            own(**way)
    source.write_bytes(stack.read_bytes())
    own(finish=True)
    assert content(tmp_path / "o.ome.zarr") == whole


MOMENTS = [(OmeZarr, "write", 2), (OmeZarr, "flush", 1), (SharedWriter, "_mark", 1)]


@pytest.mark.slow
def test_killed_at_any_moment_beside_another_part(call, stack, tmp_path, content):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["interrupted", "torch", "a2ibench.reconstruction.ways", "a2ibench_cubic.method", "zarr"]
    )
    method, options = CUBIC
    crop = {"crop": ((0, 2), (0, 290), (0, 264))}

    def start(function, part, *more):
        given = (stack, tmp_path / "o.ome.zarr", method, options | crop | {"part": part}, *more)
        process = context.Process(target=function, args=given)
        process.start()
        return process

    call(prepare=True, **crop)
    for moment in MOMENTS:
        running = [start(reconstruct_until, "1/2", *moment), start(reconstruct_in_units, "2/2")]
        for process in running:
            process.join()
        assert [process.exitcode for process in running] == [-9, 0]
        with pytest.raises(InputError, match="not done, of part 1 of 2"):
            call(finish=True, **crop)
    call(part="1/2", **crop)
    call(finish=True, **crop)
    assert content(tmp_path / "o.ome.zarr") == content(call("whole.ome.zarr", **crop))


def test_an_input_that_is_matched_and_unpacked_first(call, tmp_path, content, monkeypatch):
    monkeypatch.setattr(streaming, "_TIMES", 0.0)
    monkeypatch.setattr(streaming, "_VOXELS", 1 << 16)
    asked = {"match_slices": True, "crop": ((0, 7), (0, 260), (0, 40)), "ome_version": "0.4"}
    call(prepare=True, **asked)
    assert (tmp_path / ".o.ome.zarr.partial/scratch/input.npy").is_file()
    call(part="2/2", **asked)
    call(part="1/2", **asked)
    call(finish=True, **asked)
    assert content(tmp_path / "o.ome.zarr") == content(call("whole.ome.zarr", **asked))


def test_what_is_left_beside_a_finished_output_is_made_by_the_same_call(call, tmp_path, whole, content):
    call(prepare=True)
    call(part="1/1")
    with pytest.MonkeyPatch.context() as broken:
        broken.setattr("a2ibench.reconstruction.reconstruct.write_beside", lambda *given, **more: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            call(finish=True)
    assert content(tmp_path / "o.ome.zarr") == whole
    call(finish=True)
    assert {path.name for path in tmp_path.iterdir()} == {f"o.ome.zarr{end}" for end in ("", ".json", ".png")}
    with pytest.raises(InputError, match="is complete already"):
        call(finish=True)
