"""Folders of slices: one image, or the same part of a stack, in each file."""

from __future__ import annotations

import re
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple

from a2ibench.data.formats import library, pictures, tiff_images
from a2ibench.data.formats.ome_set import OmeSet, find_set, open_set
from a2ibench.data.formats.photometric import Notice
from a2ibench.data.formats.slice_order import in_order
from a2ibench.data.formats.slice_stack import OpenSlice, PartStack, Plane, SliceStack
from a2ibench.data.formats.source import Source, find
from a2ibench.data.formats.tiff import KIND, files_of_set, open_stack
from a2ibench.data.formats.tiff_images import without_log_lines
from a2ibench.data.formats.volume import LazyVolume, unreachable, unreadable
from a2ibench.errors import InputError, counted

_DM = "DigitalMicrograph"
_KINDS = {
    ".tif": KIND,
    ".tiff": KIND,
    ".png": pictures.PNG,
    ".jpg": pictures.JPEG,
    ".jpeg": pictures.JPEG,
    **dict.fromkeys(library.SUFFIXES, _DM),
}


def open_folder(source: Source, key: str | None, resources: ExitStack) -> LazyVolume:
    """Open a folder of slices as a stack, in the order of the numbers in their names.

    Instead of all that a folder holds, a pattern with ``*`` as the last part of its name takes the
    files that match.

    Raises
    ------
    InputError
        If names or formats differ, or a slice differs from the first, is damaged, or is no
        grey-scale image; names it.
    """
    if key is not None:
        raise InputError(f"{source.text}: key is {key!r}, but a folder of slices is one volume; remove it")
    folder = _folder(source)
    names = slice_names(source)
    if not names:
        raise InputError(
            f"{source.text}: holds no slices; give a folder of .tif, .png, .jpg, .dm3 or .dm4 files"
        )
    kind = _only_kind(source, names)
    notice = Notice(source.text)
    if kind != KIND:
        files = [folder / name for name in in_order(names, folder.text)]
        open_slice = library.open_slice if kind == _DM else pictures.open_slice
        return _stack(source, files, open_slice, kind, notice, resources)
    first = _look(folder / sorted(names)[0])
    if first.set is not None:
        _check_members(source, names, first.set)
        return open_set(first.set, source, resources)
    files = [folder / name for name in in_order(names, folder.text)]
    if first.several:
        return _parts(source, files, notice, resources)
    return _stack(source, files, tiff_images.open_slice, kind, notice, resources)


def is_pattern(source: Source) -> bool:
    """Return whether a source is a pattern for the names of slices."""
    named = source.path is not None and source.path.exists()
    return source.scheme not in ("http", "https") and not named and "*" in source.name


def slice_names(source: Source) -> list[str]:
    """Return the names of the images in a folder, or of those that match a pattern.

    Raises
    ------
    InputError
        If the folder cannot be listed.
    """
    folder = _folder(source)
    try:
        found = folder.filesystem.ls(folder.place, detail=False)
    except FileNotFoundError:
        return []
    except Exception as error:
        raise unreachable(folder.text, error) from error
    names = (str(name).replace("\\", "/").rstrip("/").rpartition("/")[2] for name in found)
    # Names that start with a dot are those of copies that macOS leaves.
    slices = [name for name in names if _suffix(name) in _KINDS and name[0] != "."]
    if folder is not source:
        pattern = ".*".join(re.escape(part) for part in source.name.split("*"))
        slices = [name for name in slices if re.fullmatch(pattern, name)]
    return slices


def parts_of(path: Path) -> list[Path]:
    """Return the local files, sorted, that a pattern or one file of an OME-TIFF set stands for.

    Of a folder, of a file that holds all there is, and of one that cannot be read there are none.
    """
    source, parts = find(path), list[Path]()
    # What is wrong with a file is told when it is opened.
    with suppress(Exception):
        if is_pattern(source):
            parts = [path.parent / name for name in slice_names(source)]
        elif _KINDS.get(_suffix(path.name)) == KIND and path.is_file():
            parts = [Path(file.place) for file in files_of_set(source)]
    return sorted(parts)


def _folder(source: Source) -> Source:
    parent = source.parent if is_pattern(source) else None
    if parent is None and is_pattern(source):
        # A pattern alone is one for the working folder.
        return Source(".", source.scheme, source.filesystem, ".")
    return source if parent is None else parent


def _suffix(name: str) -> str:
    return Path(name).suffix.lower()


def _only_kind(source: Source, names: list[str]) -> str:
    """Return the format that all files have."""
    kinds: dict[str, list[str]] = {}
    for name in sorted(names):
        kinds.setdefault(_KINDS[_suffix(name)], []).append(name)
    if len(kinds) > 1:
        found = sorted(kinds.items(), key=lambda item: -len(item[1]))
        told = ", ".join(f"{len(files)} {kind} ({files[0]})" for kind, files in found)
        pattern = f"{_folder(source).text.rstrip('/')}/*{_suffix(found[0][1][0])}"
        raise InputError(
            f"{source.text}: holds images of {len(found)} formats: {told}; "
            f"give a folder of one format, or a pattern, '{pattern}'"
        )
    return next(iter(kinds))


class _Look(NamedTuple):
    """What the first file of a folder is: of an OME-TIFF set, of several slices, or neither."""

    set: OmeSet | None
    several: bool


def _look(file: Source) -> _Look:
    try:
        with ExitStack() as resources, without_log_lines():
            tiff = tiff_images.opened(file, resources)
            found = find_set(file, tiff, resources)
            if found is not None:
                return _Look(found, False)
            image = tiff_images.only_image(file.text, tiff)
            return _Look(None, not tiff_images.is_slice(image))
    except InputError:
        raise
    except Exception as error:  # damaged files raise almost anything inside the decoders
        raise unreadable(file.text, KIND, error) from error


def _check_members(source: Source, names: list[str], found: OmeSet) -> None:
    members = {file.name for file in found.files}
    others = sorted(name for name in names if name not in members)
    if others:
        raise InputError(
            f"{source.text}: holds {counted(len(members), 'file')} of an OME-TIFF image, but also "
            f"{', '.join(others[:3])}; give one of its files, such as {found.files[0].name}"
        )


def _stack(
    source: Source,
    files: list[Source],
    open_slice: OpenSlice,
    kind: str,
    notice: Notice,
    resources: ExitStack,
) -> LazyVolume:
    array = SliceStack([Plane(file) for file in files], open_slice, kind, notice)
    return LazyVolume(
        array, ("z", "y", "x"), source=source.text, kind=kind, chunks=array.chunks, resources=resources
    )


def _parts(source: Source, files: list[Source], notice: Notice, resources: ExitStack) -> LazyVolume:
    # The last part may have one slice only.
    single = {file.text for file in files if not _look(file).several}

    def open_part(file: Source, notice: Notice, resources: ExitStack) -> LazyVolume:
        if file.text in single:
            return _stack(file, [file], tiff_images.open_slice, KIND, notice, resources)
        return open_stack(file, notice, resources)

    array = PartStack(files, open_part, notice)
    return LazyVolume(
        array,
        ("z", "y", "x"),
        source=source.text,
        kind=KIND,
        chunks=array.chunks,
        voxel_size=array.voxel_size,
        resources=resources,
    )
