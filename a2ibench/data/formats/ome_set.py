"""OME-TIFF sets: an image whose planes are in several files, as the metadata in each of them tell."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, NamedTuple

from a2ibench.data.formats.metadata import VoxelSize, ome_voxel_size
from a2ibench.data.formats.photometric import Notice
from a2ibench.data.formats.slice_stack import Plane, SliceStack
from a2ibench.data.formats.source import Source
from a2ibench.data.formats.tiff_images import open_slice, opened
from a2ibench.data.formats.volume import LazyVolume
from a2ibench.errors import InputError, counted

_TIFF = (".tif", ".tiff")
_MOST_SLICES = 10**6
_AXES = {"C": "several channels", "T": "a time series"}


class OmeSet(NamedTuple):
    """The planes of an image, slice by slice, and its voxel size (z, y, x) in nm where it is told."""

    planes: list[Plane]
    voxel_size: VoxelSize | None

    @property
    def files(self) -> list[Source]:
        """The files that hold the planes."""
        return list(dict.fromkeys(plane.file for plane in self.planes))


def find_set(source: Source, tiff: Any, resources: ExitStack) -> OmeSet | None:
    """Return the image that a TIFF file is one of several files of; None where it holds all there is.

    Parameters
    ----------
    source : Source
        The file.
    tiff : tifffile.TiffFile
        The file, open.
    resources : contextlib.ExitStack
        Closes what is opened.

    Raises
    ------
    InputError
        If there is no such image, it has channels or time points, or files or planes of it are missing.
    """
    folder = source.parent
    if not tiff.is_ome or folder is None:
        return None
    ome = _document(tiff.ome_metadata)
    holder = source
    if "BinaryOnly" in ome:
        holder = folder / str(ome["BinaryOnly"]["MetadataFile"])
        ome = _document(_metadata_of(source, holder, resources))
    pixels = [image["Pixels"] for image in _list(ome.get("Image")) if isinstance(image.get("Pixels"), dict)]
    images = [_Image(one, holder, folder, str(ome.get("UUID"))) for one in pixels]
    if all(name == source.name for image in images for name in image.names):
        return None
    mine = [image for image in images if source.name in image.names]
    if len(mine) != 1:
        raise InputError(
            f"{source.text}: of {counted(len(images), 'image')} in its OME metadata {len(mine) or 'none'} "
            "are in this file; give one stack"
        )
    return mine[0].found(source.text)


def open_set(found: OmeSet, source: Source, resources: ExitStack) -> LazyVolume:
    """Open the image of such files, whose name is that of one of them or of their folder.

    Raises
    ------
    InputError
        If its first slice is no grey-scale image, or damaged.
    """
    array = SliceStack(found.planes, open_slice, "TIFF", Notice(source.text))
    return LazyVolume(
        array,
        ("z", "y", "x"),
        source=source.text,
        kind="TIFF",
        chunks=array.chunks,
        voxel_size=found.voxel_size,
        resources=resources,
    )


class _Image:
    """An image of OME metadata: its element ``Pixels``, the file that holds them, and that file's UUID."""

    def __init__(self, pixels: Mapping[str, Any], holder: Source, folder: Source, own: str) -> None:
        self._pixels, self._holder, self._folder, self._own = pixels, holder, folder, own
        self._data = _list(pixels.get("TiffData"))
        self.names = [self._name(data) for data in self._data]

    def _name(self, data: Mapping[str, Any]) -> str:
        uuid = data.get("UUID")
        # A file that was renamed keeps its UUID.
        if not isinstance(uuid, dict) or "FileName" not in uuid or uuid.get("value") == self._own:
            return self._holder.name
        return str(uuid["FileName"])

    def found(self, where: str) -> OmeSet:
        """Return the planes from the first slice to the last; all have to be there."""
        for axis, meaning in _AXES.items():
            if int(self._pixels[f"Size{axis}"]) != 1:
                raise InputError(
                    f"{where}: holds {meaning}: {self._pixels[f'Size{axis}']} in its OME metadata; "
                    "give one grey-scale stack with axes ZYX"
                )
        size, planes = int(self._pixels["SizeZ"]), dict[int, Plane]()
        if size > _MOST_SLICES:
            raise InputError(f"{where}: damaged: {size} slices in its OME metadata; get the files again")
        for name, data in zip(self.names, self._data, strict=True):
            first, page = int(data.get("FirstZ", 0)), int(data.get("IFD", 0))
            # Without a number of planes it is one where a page is named, and else all of the file.
            unstated = 1 if "IFD" in data or len(self._data) == size else size
            count = int(data.get("PlaneCount", data.get("NumPlanes", unstated)))
            planes |= {first + at: Plane(self._folder / name, page + at) for at in range(min(count, size))}
        lost = [str(z) for z in range(size) if z not in planes]
        if lost or not planes:
            raise InputError(
                f"{where}: its OME metadata name no file for slices {_some(lost)} of {size}; "
                "get the files again"
            )
        found = OmeSet([planes[z] for z in range(size)], ome_voxel_size(self._pixels))
        # Remote ones are asked for when they are read: a question for each would take long.
        missing = [file.name for file in found.files if file.path is not None and not file.is_file()]
        if missing:
            raise InputError(
                f"{where}: is one of {len(found.files)} files of an image, which lacks {_some(missing)}; "
                "put all files into one folder"
            )
        return found


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def _document(text: str) -> dict[str, Any]:
    """Return the root of OME metadata; of damaged ones, which tifffile passes over, nothing."""
    import tifffile

    try:
        found = tifffile.xml2dict(text)["OME"]
    except (KeyError, SyntaxError, TypeError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _metadata_of(source: Source, holder: Source, resources: ExitStack) -> str:
    """Return the metadata that a file leaves to another one."""
    if not holder.is_file():
        raise InputError(
            f"{source.text}: its OME metadata are in {holder.name}, which is missing; put it beside it"
        )
    if holder.name.lower().endswith(_TIFF):
        return str(opened(holder, resources).ome_metadata)
    return (holder.read() or b"").decode("utf-8", "replace")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
