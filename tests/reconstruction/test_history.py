"""A reconstruction tells how it was made, and from what; a file beside it tells the command, too."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from datetime import UTC, datetime, timedelta

import h5py
import mrcfile
import pytest
import tifffile
import zarr

import a2ibench
from a2ibench import InputError
from a2ibench.cli import main

NM = (50.0, 4.6, 4.6)
QUICK = {"profile": "smoke", "budget": "2steps", "device": "cpu"}
CROP = ((0, 3), (0, 40), (0, 48))


@pytest.fixture
def source(stack, tmp_path):
    path = tmp_path / "my stack.tif"
    path.write_bytes(stack.read_bytes())
    return path


def inside(path):
    """Return the history that a volume holds."""
    if path.suffix == ".zarr":
        return zarr.open_group(path, mode="r").attrs["a2ibench"]
    if path.suffix == ".h5":
        with h5py.File(path) as file:
            return json.loads(file["volume"].attrs["a2ibench"])
    with tifffile.TiffFile(path) as file:
        if file.is_imagej:
            return json.loads(file.imagej_metadata["Info"])
        return json.loads(tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Description"])


def beside(path):
    return json.loads(path.with_name(f"{path.name}.json").read_text())


@pytest.mark.parametrize("name", ["o.ome.zarr", "o.h5", "o.tif", "o.ome.tif"])
def test_every_format_holds_what_the_file_beside_it_does(source, tmp_path, name):
    target = a2ibench.reconstruct_file(source, tmp_path / name, "cubic", voxel_size=NM, seed=3)
    found, told = inside(target), beside(target)
    assert found.items() <= told.items()
    beside_only = {"command", "date", "source", "output", "matching", "uncertainty", "checks"}
    assert set(told) - set(found) == beside_only
    assert (found["kind"], found["method"], found["seed"]) == ("isotropic reconstruction", "cubic", 3)
    assert (found["version"], found["plugin"]) == (a2ibench.__version__, f"a2ibench {a2ibench.__version__}")
    assert found["input"] == {
        "name": "my stack.tif",
        "digest": f"sha256:{hashlib.sha256(source.read_bytes()).hexdigest()}",
        "shape": [7, 290, 530],
        "dtype": "uint8",
        "crop": None,
        "key": None,
        "level": None,
        "voxel_size": [50.0, 4.6, 4.6],
    }
    assert (found["voxel_size"], found["degradation"]) == ([4.6, 4.6, 4.6], None)
    # Where it lies is nobody's business but the owner's.
    assert str(tmp_path) not in json.dumps(found)
    assert told["source"] == str(source)
    assert told["output"] == str(target)
    made = datetime.fromisoformat(told["date"])
    assert timedelta(0) <= datetime.now(UTC) - made < timedelta(minutes=10)


def test_a_network_tells_its_settings_and_what_it_learnt_to_undo(source, tmp_path):
    options = {"voxel_size": NM, "crop": CROP, **QUICK}
    settings = {"degradation": "slab-average:gaussian=0.02", "planes": "xz"}
    first = a2ibench.reconstruct_file(source, tmp_path / "a.tif", "srmd", settings=settings, **options)
    found = inside(first)
    assert found["degradation"] == "slab-average:gaussian=0.02"
    assert (found["settings"]["planes"], found["settings"]["degradation.gaussian"]) == ("xz", 0.02)
    assert (found["training"], found["checkpoint"]) == ({"size": "tiny", "budget": "2steps"}, None)
    assert found["input"]["crop"] == [[0, 3], [0, 40], [0, 48]]
    # Of a small part of a file its voxels are read, and not the file.
    assert re.fullmatch("content:[0-9a-f]{64}", found["input"]["digest"])
    second = a2ibench.reconstruct_file(
        source, tmp_path / "b.tif", "srmd", checkpoint=tmp_path / "a.tif.checkpoint", **options
    )
    later = inside(second)
    # What was given to the training, not to this call.
    assert later["settings"] == found["settings"]
    assert later["training"] is None
    assert re.fullmatch("[0-9a-f]{64}", later["checkpoint"])


def test_mrc_labels_tell_the_most_important_of_it(source, tmp_path):
    target = a2ibench.reconstruct_file(
        source, tmp_path / "o.mrc", "srmd", voxel_size=NM, crop=CROP, seed=5, **QUICK
    )
    with mrcfile.open(target) as file:
        text = " ".join(file.get_labels())
    told = beside(target)
    for entry in (
        "kind: isotropic reconstruction",
        "method: srmd",
        f"plugin: {told['plugin']}",
        "seed: 5",
        f"degradation: {told['degradation']}",
        "input.name: my stack.tif",
        f"input.digest: {told['input']['digest']}",
        "voxel_size: [4.6, 4.6, 4.6]",
    ):
        assert f"{entry};" in text


def test_the_command_is_kept_as_it_was_given(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["reconstruct", "my stack.tif", "o.tif", "--method", "cubic", "--voxel-size", "50,4.6,4.6"]
    assert main([*words, "--set", "a=-0.6"]) == 0
    told = beside(tmp_path / "o.tif")
    assert shlex.split(told["command"]) == ["a2ibench", *words, "--set", "a=-0.6"]
    assert told["settings"]["a"] == -0.6


def test_a_call_of_python_is_kept_with_its_options(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    a2ibench.reconstruct_file("my stack.tif", "o.tif", "cubic", voxel_size=NM, crop=CROP, overwrite=True)
    assert beside(tmp_path / "o.tif")["command"] == (
        "a2ibench.reconstruct_file('my stack.tif', 'o.tif', method='cubic', voxel_size=(50.0, 4.6, 4.6), "
        "crop=((0, 3), (0, 40), (0, 48)), overwrite=True)"
    )


def test_a_file_of_that_name_that_is_none_of_ours_stays(source, tmp_path):
    path, options = tmp_path / "o.tif.json", {"voxel_size": NM, "crop": CROP}
    for text in ("precious", '{"software": "another"}', "[]"):
        path.write_text(text)
        with pytest.raises(InputError, match=r"o\.tif\.json: exists already and was not left by reconstruct"):
            a2ibench.reconstruct_file(source, tmp_path / "o.tif", "cubic", **options)
        assert path.read_text() == text
    target = a2ibench.reconstruct_file(source, tmp_path / "o.tif", "cubic", overwrite=True, **options)
    assert beside(target)["method"] == "cubic"
    target.unlink()
    # One of an output that is gone is in nobody's way.
    a2ibench.reconstruct_file(source, tmp_path / "o.tif", "cubic", seed=8, **options)
    assert beside(target)["seed"] == 8


def test_files_that_settings_name_are_told_without_their_folders(tmp_path):
    from a2ibench.reconstruction.history import _without_paths

    weights = tmp_path / "secret" / "weights.bin"
    weights.parent.mkdir()
    weights.write_text("1")
    settings = {"weights": str(weights), "degradation": f"psf:kernel={weights},gaussian=1", "planes": "xz"}
    assert _without_paths(settings) == {
        "weights": "weights.bin",
        "degradation": "psf:kernel=weights.bin,gaussian=1",
        "planes": "xz",
    }
