"""What a volume is and how it came about is in its own attributes or header, as other programs read them."""

from __future__ import annotations

import json

import h5py
import mrcfile
import pytest
import tifffile
import zarr
from PIL import Image
from written import NAMES, content, noise, write

HISTORY = {
    "software": "a2ibench",
    "version": "1.2.3",
    "kind": "isotropic reconstruction",
    "method": "srmd",
    "degradation": "slab-average:gaussian=0.01",
    "input": {"name": 'Kühe & <b> "1".tif', "digest": f"sha256:{'0a' * 32}", "key": None},
    "voxel_size": [4.6, 4.6, 4.6],
}


@pytest.fixture
def written(tmp_path):
    """Return a function that writes a volume with the history."""

    def written(name, **options):
        return write(tmp_path / name, noise((4, 30, 40), "uint8"), history=HISTORY, **options)

    return written


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_zarr_attributes(written, version):
    group = zarr.open_group(written("a.ome.zarr", ome_version=version), mode="r")
    assert group.attrs["a2ibench"] == HISTORY


def test_hdf5_attributes(written):
    with h5py.File(written("a.h5")) as file:
        assert json.loads(file["volume"].attrs["a2ibench"]) == HISTORY


def test_imagej_shows_it_and_so_does_the_description(written):
    path = written("a.tif")
    with tifffile.TiffFile(path) as file:
        assert json.loads(file.imagej_metadata["Info"]) == HISTORY
        assert file.pages[0].software == "a2ibench 1.2.3"
    with Image.open(path) as image:
        lines = image.tag_v2[270].splitlines()
    (line,) = [line for line in lines if line.startswith("a2ibench=")]
    assert json.loads(line.removeprefix("a2ibench=")) == HISTORY


def test_ome_xml_has_a_description(written):
    with tifffile.TiffFile(written("a.ome.tif")) as file:
        found = tifffile.xml2dict(file.ome_metadata)["OME"]
    assert json.loads(found["Image"]["Description"]) == HISTORY
    assert found["Creator"] == "a2ibench 1.2.3"


def test_mrc_labels(written):
    path = written("a.mrc")
    assert mrcfile.validate(path)
    with mrcfile.open(path) as file:
        labels = file.get_labels()
    assert labels[0] == "software: a2ibench; version: 1.2.3; kind: isotropic reconstruction;"
    entries = " ".join(labels).split("; ")
    assert "degradation: slab-average:gaussian=0.01" in entries
    assert f"input.digest: {HISTORY['input']['digest']}" in entries
    assert r'input.name: K\xfche & <b> "1".tif' in entries


def test_mrc_labels_hold_what_has_room(tmp_path):
    long = {"software": "a2ibench"} | {f"setting{n}": "x" * (n % 90) for n in range(1, 200)}
    path = write(tmp_path / "a.mrc", noise((4, 30, 40), "uint8"), history=long)
    assert mrcfile.validate(path)
    with mrcfile.open(path) as file:
        assert int(file.header.nlabl) == 10
        assert all(len(label) <= 80 for label in file.get_labels())
        assert file.get_labels()[-1].endswith("...")


@pytest.mark.parametrize("name", NAMES)
def test_the_same_history_gives_the_same_bytes(tmp_path, name):
    folders = [tmp_path / "1", tmp_path / "2"]
    for folder in folders:
        folder.mkdir()
    voxels = noise((4, 30, 40), "uint16")
    first, second = (content(write(folder / name, voxels, history=HISTORY)) for folder in folders)
    assert first == second
