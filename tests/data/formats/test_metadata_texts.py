"""Hostile metadata in TIFF and HDF5 files: read, or refused with one line; no hang, no other error."""

from __future__ import annotations

import json
import random
import time

import h5py
import numpy as np
import pytest
import tifffile

from a2ibench.data.formats import open_lazy
from a2ibench.errors import InputError

DATA = np.arange(2 * 5 * 6, dtype=np.uint8).reshape(2, 5, 6)
VALUES = [
    "", "0", "-1", "1", "2", "nan", "inf", "1e999", "9" * 5000, str(2**63), "uint8", "XYZCT", "nm", "\u00b5m",
    r"\u00B5m", "x" * 5000, "&#x1b;", "a=b", "True", "[1]", "\x1b[2J",
]  # fmt: skip
OME = (
    '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
    '<Image ID="Image:0" Name="a"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" '
    'SizeX="6" SizeY="5" SizeZ="2" SizeC="1" SizeT="1" PhysicalSizeX="5" PhysicalSizeXUnit="nm" '
    'PhysicalSizeZ="40" PhysicalSizeZUnit="nm"><TiffData IFD="0" PlaneCount="2"/></Pixels></Image></OME>'
)
ENTITIES = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "grey"}">' for n in range(10))
IMAGEJ = "ImageJ=1.54f\nimages=2\nslices=2\nunit=nm\nspacing=40.0\nloop=false\nmin=0.0\nmax=255.0\n"
AXES = {"axes": [{"key": key, "typeFlags": 2, "resolution": 0, "description": ""} for key in "zyx"]}


def ome(chance: random.Random) -> str:
    kind = chance.random()
    if kind < 0.05:
        return OME.replace("<Image", "<Image>" * 20_000 + "<Image", 1)
    if kind < 0.1:
        return OME.replace("<OME", f"<!DOCTYPE OME [{ENTITIES}]><OME", 1).replace('Name="a"', 'Name="&e9;"')
    parts = OME.split('"')
    for _ in range(chance.choice([1, 1, 2, 4])):
        at = chance.randrange(1, len(parts), 2)
        parts[at] = chance.choice(VALUES)
    text = '"'.join(parts)
    if kind < 0.3:
        first, last = sorted(chance.randrange(len(text)) for _ in range(2))
        text = text[:first] + text[last:] + text[first:last] * chance.randrange(3)
    return text


def imagej(chance: random.Random) -> str:
    lines = IMAGEJ.splitlines()
    for _ in range(chance.choice([1, 1, 2, 4])):
        at = chance.randrange(1, len(lines))
        name = lines[at].partition("=")[0]
        lines[at] = chance.choice(
            [name, f"{name}={chance.choice(VALUES)}", f"frames={chance.choice(VALUES)}"]
        )
    return "\n".join(lines) + "\n"


def axis_tags(chance: random.Random) -> str:
    kind = chance.random()
    if kind < 0.1:
        return chance.choice(["[", '{"axes":', '{"axes": [{"key":']) * 50_000
    if kind < 0.4:
        text = json.dumps(AXES)
        first, last = sorted(chance.randrange(len(text)) for _ in range(2))
        return text[:first] + chance.choice(VALUES) + text[last:]
    keys = ["z", "y", "x", "c", "", 1, None, [], {}, "z" * 1000, float("nan")]
    tags = [chance.choice([{"key": chance.choice(keys)}, {}, 1, None]) for _ in range(chance.randrange(5))]
    return json.dumps({"axes": tags if chance.random() < 0.8 else chance.choice(keys)})


def write_tiff(path, text: str) -> None:
    pages = [text.encode("utf-8"), None]
    with tifffile.TiffWriter(path) as file:
        for plane, description in zip(DATA, pages, strict=True):
            file.write(plane, description=description, metadata=None, contiguous=False)


def write_hdf5(path, text: str) -> None:
    with h5py.File(path, "w") as file:
        # An attribute of its own file object, for the text may be too long for a header.
        file.create_dataset("raw", data=DATA, track_order=True)
        file["raw"].attrs.create("axistags", np.bytes_(text.encode("utf-8")[:60_000]))


KINDS = {"ome": (ome, write_tiff, "a.ome.tif"), "imagej": (imagej, write_tiff, "a.tif"),
         "axistags": (axis_tags, write_hdf5, "a.h5")}  # fmt: skip


def search(kind: str, path, seed: int, count: int) -> int:
    """Return how many of so many files were read; the others were refused with one line."""
    make, write, _ = KINDS[kind]
    read, said = 0, []
    for number in range(count):
        chance = random.Random(seed * 1_000_003 + number)  # noqa: S311
        text = make(chance)
        write(path, text)
        start = time.process_time()
        try:
            with open_lazy(path) as volume:
                assert volume[:, :, :].size > 0
                assert volume.voxel_size is None or np.isfinite(volume.voxel_size).all()
                read += 1
        except InputError as error:
            said.append(str(error))
        except Exception as error:
            raise AssertionError(f"case {number}: {text[:500]!r}") from error
        assert time.process_time() - start < 10, f"case {number}"
    assert [line for line in said if not line.isprintable() or len(line) > 1000] == []
    return read


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_metadata(tmp_path, kind):
    assert search(kind, tmp_path / KINDS[kind][2], 1, 40) > 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_hostile_metadata_at_length(tmp_path, kind):
    assert search(kind, tmp_path / KINDS[kind][2], 2, 2000) > 0


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_damaged_is_read(tmp_path, kind):
    path = tmp_path / KINDS[kind][2]
    KINDS[kind][1](path, {"ome": OME, "imagej": IMAGEJ, "axistags": json.dumps(AXES)}[kind])
    with open_lazy(path) as volume:
        assert volume.shape == DATA.shape
        np.testing.assert_array_equal(volume[:, :, :], DATA)
