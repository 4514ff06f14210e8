"""OME-TIFF images in several files."""

from __future__ import annotations

import uuid
from pathlib import Path

import numpy as np
import tifffile

STACK = np.random.default_rng(4).integers(0, 256, (6, 18, 29)).astype(np.uint8)
SCHEMA = 'xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"'
SPACING = (35.0, 7.0, 7.0)


def identifier(name: str) -> str:
    return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, name)}"


def document(own: str, data: str, channels: int = 1, times: int = 1) -> str:
    size = "".join(
        f'PhysicalSize{axis}="{value / 1000}" PhysicalSize{axis}Unit="µm" '
        for axis, value in zip("ZYX", SPACING, strict=True)
    )
    z, y, x = STACK.shape
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><OME {SCHEMA} UUID="{identifier(own)}"><Image ID="Image:0">'
        f'<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="{x}" SizeY="{y}" SizeZ="{z}" '
        f'SizeC="{channels}" SizeT="{times}" {size}><Channel ID="Channel:0:0" SamplesPerPixel="1"/>{data}'
        "</Pixels></Image></OME>"
    )


def plane(name: str, z: int, page: int | None, count: int | None = None) -> str:
    stated = ("" if page is None else f' IFD="{page}"') + ("" if count is None else f' PlaneCount="{count}"')
    uuid_of = f'<UUID FileName="{name}">{identifier(name)}</UUID>'
    return f'<TiffData FirstZ="{z}" FirstC="0" FirstT="0"{stated}>{uuid_of}</TiffData>'


def write_file(path: Path, planes: np.ndarray, text: str, photometric: str = "minisblack") -> None:
    with tifffile.TiffWriter(path) as writer:
        for number, page in enumerate(planes):
            description = {} if number else {"description": text.encode()}
            writer.write(page, metadata=None, photometric=photometric, compression="zlib", **description)


def write_set(folder: Path, each: int, *, blocks: bool = False, **sizes: int) -> list[Path]:
    """Write the stack in files of so many planes, whose names do not tell the order."""
    folder.mkdir()
    names = [f"{letter}.ome.tif" for letter in "qcxafm"[: len(STACK) // each]]
    if blocks:
        data = "".join(plane(name, each * at, 0, each) for at, name in enumerate(names))
    else:
        data = "".join(plane(names[z // each], z, z % each, 1) for z in range(len(STACK)))
    for at, name in enumerate(names):
        write_file(folder / name, STACK[each * at : each * at + each], document(name, data, **sizes))
    return [folder / name for name in names]
