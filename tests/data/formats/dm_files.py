"""DM3 and DM4 files, written tag by tag, for no library writes them."""

from __future__ import annotations

import struct

import numpy as np

TYPES = {"int16": (1, 2), "float32": (2, 6), "uint8": (6, 10), "uint16": (10, 4), "int32": (7, 3)}


class Tags:
    """Writes the tags of one version of the format: lengths have 4 bytes in DM3 and 8 in DM4."""

    def __init__(self, version: int) -> None:
        self.version, self.long = version, ">i" if version == 3 else ">q"

    def number(self, value: int) -> bytes:
        return struct.pack(self.long, value)

    def tag(self, kind: int, name: str, content: bytes) -> bytes:
        size = b"" if self.version == 3 else self.number(len(content))
        return struct.pack(">BH", kind, len(name)) + name.encode() + size + content

    def group(self, tags: dict[str, object] | list[object]) -> bytes:
        items = tags.items() if isinstance(tags, dict) else [("", value) for value in tags]
        inner = b"".join(self.item(name, value) for name, value in items)
        return b"\0\0" + self.number(len(tags)) + inner

    def item(self, name: str, value: object) -> bytes:
        if isinstance(value, dict | list):
            return self.tag(20, name, self.group(value))
        if isinstance(value, np.ndarray):
            info, content = [20, TYPES[value.dtype.name][1], value.size], value.tobytes()
        elif isinstance(value, str):
            info, content = [20, 4, len(value)], value.encode("utf-16-le")
        elif isinstance(value, float):
            info, content = [6], struct.pack("<f", value)
        else:
            info, content = [5], struct.pack("<I", value)
        described = b"%%%%" + self.number(len(info)) + b"".join(self.number(one) for one in info)
        return self.tag(21, name, described + content)


def image(data, scales, units) -> dict[str, object]:
    dimension = [
        {"Origin": 0.0, "Scale": float(scale), "Units": unit}
        for scale, unit in zip(scales[::-1], units[::-1], strict=True)
    ]
    brightness = {"Origin": 0.0, "Scale": 1.0, "Units": ""}
    return {
        "ImageData": {
            "Calibrations": {"Brightness": brightness, "Dimension": dimension, "DisplayCalibratedUnits": 1},
            "Data": data,
            "DataType": TYPES[data.dtype.name][0],
            "Dimensions": [int(size) for size in data.shape[::-1]],
            "PixelDepth": data.dtype.itemsize,
        },
        "ImageTags": {"Comment": "tissue"},
        "Name": "stack",
        "UniqueID": {"0": 1},
    }


def written(path, *images, version=3, thumbnail=True):
    """Write images, (data, scales, units) with axes from the slowest on, behind a thumbnail."""
    first = [(np.zeros((4, 4), np.int32), (1, 1), ("", ""))] if thumbnail else []
    tags = Tags(version)
    root = {"ImageList": [image(*one) for one in [*first, *images]]}
    if thumbnail:
        root["Thumbnails"] = [{"ImageIndex": 0, "SourceImage_Id": 1}]
    content = tags.group(root)
    header = struct.pack(">i", version) + tags.number(len(content)) + struct.pack(">i", 1)
    file = path / f"a.dm{version}"
    file.write_bytes(header + content + bytes(8))
    return file
