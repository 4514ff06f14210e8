"""An output that is its own input, by whatever name, is refused before anything is touched."""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
import zarr

import a2ibench
from a2ibench import InputError

OPTIONS = {"voxel_size": (40.0, 10.0, 10.0)}
VOXELS = np.random.default_rng(0).integers(0, 255, (4, 40, 48), np.uint8)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The inputs, and links to them, in the working folder."""
    monkeypatch.chdir(tmp_path)
    tifffile.imwrite("raw.tif", VOXELS, photometric="minisblack")
    with h5py.File("raw.h5", "w") as file:
        file["volume"] = VOXELS
    with h5py.File("outer.h5", "w") as file:
        file["volume"] = h5py.ExternalLink("raw.h5", "volume")
    zarr.create_array("raw.zarr", data=VOXELS, chunks=(4, 40, 48))
    group = zarr.create_group("group.zarr")
    group.create_array("a/b", data=VOXELS, chunks=(4, 40, 48))
    for name in ("slices", "o.tif.checkpoint", "linked"):
        Path(name).mkdir()
        for number, plane in enumerate(VOXELS):
            tifffile.imwrite(f"{name}/{number}.tif", plane)
    Path("linked/0.tif").rename("first.tif")
    Path("linked/0.tif").symlink_to("../first.tif")
    Path("link.tif").symlink_to("raw.tif")
    Path("f.tif.png").symlink_to("raw.tif")
    Path("j.tif.json").symlink_to("raw.tif")
    Path("hard.tif").hardlink_to("raw.tif")
    Path("here").symlink_to(".")
    Path(".p.tif.partial").mkdir()
    shutil.copy("raw.tif", ".p.tif.partial/p.tif")
    Path("sub").mkdir()
    return tmp_path


def content(folder):
    """All names, and what each file holds or link leads to."""
    return {
        str(path): path.readlink() if path.is_symlink() else path.is_file() and path.read_bytes()
        for path in sorted(folder.rglob("*"))
    }


CASES = {
    "the same": ("raw.tif", "raw.tif"),
    "with a dot": ("raw.tif", "./raw.tif"),
    "through a folder": ("raw.tif", "sub/../raw.tif"),
    "absolute": ("raw.tif", "{}/raw.tif"),
    "absolute input": ("{}/sub/../raw.tif", "raw.tif"),
    "an address of a file": ("file://{}/raw.tif", "raw.tif"),
    "by a link": ("raw.tif", "link.tif"),
    "the other way": ("link.tif", "raw.tif"),
    "a linked folder": ("raw.tif", "here/raw.tif"),
    "a hard link": ("raw.tif", "hard.tif"),
    "a dataset in another file": ("outer.h5", "raw.h5"),
    "the same container": ("raw.zarr", "raw.zarr"),
    "with a slash": ("raw.zarr/", "raw.zarr"),
    "an array within": ("group.zarr/a/b", "group.zarr"),
    "within a container": ("raw.zarr", "raw.zarr/o.zarr"),
    "deep within": ("group.zarr", "group.zarr/a/b/c/o.tif"),
    "among the slices": ("slices", "slices/9.tif"),
    "one of the slices": ("slices", "slices/0.tif"),
    "by a linked folder": ("slices", "here/slices/9.tif"),
    "where a slice leads to": ("linked", "first.tif"),
    "the checkpoint": ("o.tif.checkpoint", "o.tif"),
    "within the checkpoint": ("o.tif.checkpoint/0.tif", "o.tif"),
    "the figure": ("raw.tif", "f.tif"),
    "the history": ("raw.tif", "j.tif"),
    "unfinished work": (".p.tif.partial/p.tif", "p.tif"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_input_is_kept(folder, case):
    source, target = (name.format(folder) for name in CASES[case])
    if source.endswith("/0.tif"):
        # Two slices are a stack.
        tifffile.imwrite(source, VOXELS, photometric="minisblack")
    if case == "deep within":
        Path("group.zarr/a/b/c").mkdir(exist_ok=True)
    key = "volume" if source == "outer.h5" else None
    before = content(folder)
    for overwrite in (False, True):
        with pytest.raises(InputError, match=r"which is read; write elsewhere") as caught:
            a2ibench.reconstruct_file(source, target, "cubic", key=key, overwrite=overwrite, **OPTIONS)
        assert "\n" not in str(caught.value)
        assert content(folder) == before


@pytest.mark.parametrize(
    ("target", "saved"),
    [
        ("x.zarr", "x.zarr"),
        ("x.zarr", "x.zarr/network"),
        ("x.tif", "x.tif.png"),
        ("x.tif", "x.tif.json"),
        ("x.tif", ".x.tif.partial/a"),
    ],
)
def test_what_is_written_does_not_meet_itself(folder, target, saved):
    with pytest.raises(InputError, match="give one of them another name"):
        a2ibench.reconstruct_file("raw.tif", target, "cubic", save_checkpoint=saved, **OPTIONS)


def test_a_file_of_several_is_an_input(folder):
    names = ["a.ome.tif", "b.ome.tif"]
    pixels = "".join(
        f'<TiffData FirstZ="{z}" IFD="{z % 2}" PlaneCount="1">'
        f'<UUID FileName="{names[z // 2]}">urn:uuid:0000000{z // 2}</UUID></TiffData>'
        for z in range(4)
    )
    for number, name in enumerate(names):
        text = (
            '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
            f'UUID="urn:uuid:0000000{number}"><Image ID="Image:0"><Pixels ID="Pixels:0" Type="uint8" '
            'DimensionOrder="XYZCT" SizeX="48" SizeY="40" SizeZ="4" SizeC="1" SizeT="1">'
            f'<Channel ID="C:0" SamplesPerPixel="1"/>{pixels}</Pixels></Image></OME>'
        )
        with tifffile.TiffWriter(name) as file:
            for plane in VOXELS[2 * number : 2 * number + 2]:
                file.write(plane, photometric="minisblack", metadata=None, description=text, contiguous=False)
                text = None
    before = content(folder)
    for target in names:
        with pytest.raises(InputError, match="which is read; write elsewhere"):
            a2ibench.reconstruct_file("a.ome.tif", target, "cubic", overwrite=True, **OPTIONS)
    assert content(folder) == before


def test_a_neighbour_of_the_input_is_no_input(folder):
    written = a2ibench.reconstruct_file("raw.tif", "raw.tif.tif", "cubic", **OPTIONS)
    assert written == folder / "raw.tif.tif"
    assert a2ibench.reconstruct_file("slices", "slices.zarr", "cubic", **OPTIONS).is_dir()
