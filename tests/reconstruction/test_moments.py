"""Whenever a call ends too early, the same one finishes what is missing; damage and changes are noticed."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest
import tifffile

import a2ibench
from a2ibench import InputError
from a2ibench.data.writing import Writer
from a2ibench.protocol.checkpointer import TRAINING, FileCheckpointer
from a2ibench.reconstruction import checkpoints, reconstruct

OPTIONS = {
    "voxel_size": (40.0, 10.0, 10.0),
    "profile": "smoke",
    "budget": "3steps",
    "device": "cpu",
    "crop": ((None, None), (0, 40), (0, 48)),
}


class Killed(BaseException):
    """Stands for the end of the process."""


def killed(*arguments, **options):
    raise Killed


def caller(stack, folder):
    source = folder / "in.tif"
    source.write_bytes(stack.read_bytes())

    def call(name="o.tif", method="srmd", **options):
        phases = []
        a2ibench.reconstruct_file(
            source,
            folder / name,
            method,
            progress=lambda phase, *news, **values: phases.append(phase),
            **OPTIONS | options,
        )
        return set(phases)

    return call


@pytest.fixture
def call(stack, tmp_path):
    """Return a function that reconstructs by a network, and tells the phases it went through."""
    return caller(stack, tmp_path)


@pytest.fixture(scope="module")
def whole(stack, tmp_path_factory, content):
    """All that an undisturbed call leaves."""
    folder = tmp_path_factory.mktemp("whole")
    caller(stack, folder)("whole.tif")
    return {end: content(folder / f"whole.tif{end}") for end in ("", ".checkpoint")}


MOMENTS = {
    "before the end": (Writer, "publish"),
    "before the checkpoint": (reconstruct, "keep"),
    "amid the checkpoint": (checkpoints, "flush_tree"),
    "before the history": (reconstruct, "write_beside"),
    "before the figure": (reconstruct, "_draw"),
    "before the hidden folder goes": (Writer, "finish"),
}


@pytest.mark.parametrize("overwrite", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("moment", MOMENTS)
def test_the_same_call_finishes(call, whole, tmp_path, content, monkeypatch, moment, overwrite):
    with monkeypatch.context() as broken:
        broken.setattr(*MOMENTS[moment], killed)
        with pytest.raises(Killed):
            call()
    assert (tmp_path / ".o.tif.partial").is_dir()
    assert not call(overwrite=overwrite) & {"fit", "reconstruct"}
    for end, expected in whole.items():
        assert content(tmp_path / f"o.tif{end}") == expected
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"in.tif", "o.tif", "o.tif.json", "o.tif.png", "o.tif.checkpoint"}
    with pytest.raises(InputError, match="exists already"):
        call()


def test_the_checkpoint_serves_another_stack(call, tmp_path):
    call()
    assert "fit" not in call("b.tif", checkpoint=tmp_path / "o.tif.checkpoint")
    assert not (tmp_path / "b.tif.checkpoint").exists()
    call("c.tif", save_checkpoint=False)
    call("d.tif", "cubic", profile=None, budget=None)
    call("e.tif", save_checkpoint=tmp_path / "elsewhere")
    assert (tmp_path / "elsewhere" / "intensity.json").is_file()
    assert not {"c.tif.checkpoint", "d.tif.checkpoint", "e.tif.checkpoint"} & {
        path.name for path in tmp_path.iterdir()
    }


def test_an_older_checkpoint_is_replaced_only_on_request_and_before_the_training(call, tmp_path, content):
    call()
    (tmp_path / "o.tif").unlink()
    old = content(tmp_path / "o.tif.checkpoint")
    phases = []
    with pytest.raises(InputError, match=r"o\.tif\.checkpoint: exists already; add overwrite=True"):
        phases.append(call(seed=1))
    assert content(tmp_path / "o.tif.checkpoint") == old
    assert not (tmp_path / ".o.tif.partial").exists()
    # One that learns nothing needs no place.
    call(method="cubic")
    assert content(tmp_path / "o.tif.checkpoint") == old
    call(seed=1, overwrite=True)
    assert content(tmp_path / "o.tif.checkpoint").keys() == old.keys()
    assert content(tmp_path / "o.tif.checkpoint") != old
    thesis = tmp_path / "t.tif.checkpoint" / "thesis.tex"
    thesis.parent.mkdir()
    thesis.touch()
    with pytest.raises(InputError, match="is no checkpoint that reconstruct saved"):
        call("t.tif", overwrite=True)
    assert thesis.exists()


@pytest.mark.parametrize("victim", ["method/weights.safetensors", "method", "intensity.json", "method.seal"])
def test_damaged_training_is_not_applied(call, whole, tmp_path, content, monkeypatch, victim):
    with monkeypatch.context() as broken:
        broken.setattr(Writer, "publish", killed)
        with pytest.raises(Killed):
            call()
    found = tmp_path / ".o.tif.partial" / "scratch" / victim
    if found.is_dir():
        next(found.iterdir()).unlink()
    else:
        found.write_bytes(found.read_bytes()[:-3])
    phases = call()
    # Blocks of a network that is gone are not mixed with those of another.
    assert ({"fit", "reconstruct"} <= phases) == (victim != "intensity.json")
    for end, expected in whole.items():
        assert content(tmp_path / f"o.tif{end}") == expected


def test_a_trained_network_outlasts_an_error_behind_it(call, tmp_path, monkeypatch):
    def fails(*arguments, **options):
        raise InputError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(reconstruct, "stream", fails)
        with pytest.raises(InputError, match="the disk is full"):
            call()
    assert "fit" not in call()


@pytest.mark.parametrize("how", ["content", "same size and time", "touched", "replaced", "linked"])
def test_an_input_that_changes_meanwhile(call, tmp_path, monkeypatch, how):
    source, original = tmp_path / "in.tif", reconstruct.stream

    def meddling(*arguments, **options):
        original(*arguments, **options)
        state = source.stat()
        if how in ("content", "same size and time"):
            with source.open("r+b") as file:
                file.seek(-5000, os.SEEK_END)
                file.write(b"other")
            if how != "content":
                os.utime(source, ns=(state.st_atime_ns, state.st_mtime_ns))
        elif how == "touched":
            os.utime(source, ns=(0, 0))
        elif how == "replaced":
            copy = tmp_path / "copy"
            copy.write_bytes(source.read_bytes())
            copy.replace(source)
        else:
            (tmp_path / "backup").hardlink_to(source)

    monkeypatch.setattr(reconstruct, "stream", meddling)
    if how == "linked":
        call(method="cubic", crop=None)
        return
    with pytest.raises(InputError, match=r"in\.tif: has changed while it was read; nothing is written"):
        call(method="cubic", crop=None)
    assert not [path for path in tmp_path.iterdir() if "o.tif" in path.name]


@pytest.mark.parametrize("place", [(3, 200, 300), (0, 0, 0), (6, 289, 529), (2, 30, 500)])
def test_any_voxel_changes_the_identity(stack, tmp_path, monkeypatch, place):
    voxels = tifffile.imread(stack)
    source, kinds = tmp_path / "in.npy", []
    for kind in ("whole", "crop"):
        crop = None if kind == "whole" else tuple((max(0, at - 4), at + 1) for at in place)
        for change in (0, 1):
            changed = voxels.copy()
            changed[place] ^= change
            np.save(source, changed)
            os.utime(source, ns=(0, change))
            from a2ibench.data.formats import open_lazy
            from a2ibench.data.prepare import Crop
            from a2ibench.reconstruction.identity import content

            with open_lazy(source) as stored:
                kinds.append(content(stored, Crop(stored, crop), [source]))
    assert len(set(kinds)) == 4


def test_a_file_that_a_setting_names_is_part_of_the_identity(tmp_path, monkeypatch):
    from a2ibench.reconstruction.identity import identity
    from a2ibench.reconstruction.options import ReconstructOptions, context, resolve_method

    weights, found = tmp_path / "weights.bin", []
    for text in ("one", "two!"):
        weights.write_text(text)
        options = ReconstructOptions(
            "cubic", device="cpu", settings={"weights": str(weights), "planes": "both"}
        )
        found.append(identity("x", 4.0, options, resolve_method(options), context(options, 1)))
    assert found[0]["files"] != found[1]["files"]
    assert list(found[0]["files"]) == ["weights"]


WANDERER = """
import os
import numpy as np
from a2ibench import MethodSpec, hookimpl, interpolate, normalise
os.chdir("/")
class Wanderer:
    halo = (2, 0)
    def fit(self, volume, ctx): os.chdir("/tmp")
    def reconstruct(self, volume, grid, ctx):
        os.chdir("/")
        return interpolate(normalise(volume.data, volume), grid)
    def save(self, path): (path / "learnt").write_text("1"); os.chdir("/tmp")
    def load(self, path): assert (path / "learnt").read_text() == "1"; os.chdir("/")
@hookimpl
def a2ibench_register_methods(register):
    spec = {"summary": "s", "citation": "c", "api_version": 1}
    register(MethodSpec(name="wanderer", target="wanderer:Wanderer", **spec))
"""


def test_relative_names_mean_the_same_all_the_time(install_plugin, stack, tmp_path, monkeypatch):
    from a2ibench.cli import main

    install_plugin("wanderer", WANDERER)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.tif").write_bytes(stack.read_bytes())
    words = "reconstruct in.tif {} --method wanderer --voxel-size 40,10,10 --device cpu"
    assert main(words.format("a.tif").split()) == 0
    monkeypatch.chdir(tmp_path)
    assert main([*words.format("b.tif").split(), "--checkpoint", "a.tif.checkpoint"]) == 0
    first, second = (tifffile.imread(tmp_path / name) for name in ("a.tif", "b.tif"))
    np.testing.assert_array_equal(first, second)
    names = {path.name for path in tmp_path.glob("*tif*")}
    beside = {"a.tif.json", "a.tif.png", "a.tif.checkpoint", "b.tif.json", "b.tif.png"}
    assert names == {"in.tif", "a.tif", "b.tif"} | beside


def test_an_error_of_a_later_call_keeps_the_training_that_was_begun(
    call, whole, tmp_path, content, monkeypatch
):
    save, training = FileCheckpointer.save, tmp_path / ".o.tif.partial/scratch" / TRAINING

    def last_save(self, state):
        save(self, state)
        raise Killed

    with monkeypatch.context() as broken:
        broken.setattr(FileCheckpointer, "save", last_save)
        with pytest.raises(Killed):
            call(checkpoint_every="0s")
    begun = training.read_bytes()
    other = tmp_path / "o.tif.checkpoint"
    other.mkdir()
    (other / checkpoints.INTENSITY).write_text("[0, 1]")
    with pytest.raises(InputError, match="exists already"):
        call()
    assert training.read_bytes() == begun
    shutil.rmtree(other)
    call()
    assert not training.exists()
    assert {end: content(tmp_path / f"o.tif{end}") for end in whole} == whole
