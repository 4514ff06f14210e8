"""Which pages of a TIFF file make up its image: those of one series, or all that are alike."""

from __future__ import annotations

import logging
import math
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import numpy as np

from a2ibench.data.formats.photometric import Notice
from a2ibench.data.formats.source import Source
from a2ibench.data.formats.tiff_pages import PagedArray
from a2ibench.data.formats.volume import check_dtype
from a2ibench.errors import InputError

# Bytes of voxels that a byte of file may stand for: packed bits, and the emptiest compressed stack.
PACKED, COMPRESSED = 8, 10_000
# What tells how a page is stored and shown: sizes, bits, compression, photometric, fill order, samples, rows
# in a strip, planar configuration, predictor, palette, tile sizes, extra samples, sample format.
_LAYOUT = (*range(256, 260), 262, 266, 277, 278, 284, 317, 320, 322, 323, 338, 339, 32997, 32998)
_MOST_TAGS = 4096


class Image(NamedTuple):
    """Pages that make up an image, the letters of its axes, and where its voxels lie one after another."""

    pages: Sequence[Any]
    shape: tuple[int, ...]
    axes: str
    offset: int | None

    @property
    def keyframe(self) -> Any:
        """The page that tells what the others are like."""
        return next(page.keyframe for page in self.pages if page is not None)


def opened(source: Source, resources: ExitStack) -> Any:
    """Return the file as tifffile opens it; closed with the resources."""
    import tifffile

    # tifffile follows the names of further files only where it knows the file's own.
    place = source.path or resources.enter_context(source.open())
    return resources.enter_context(tifffile.TiffFile(place, name=None if source.path else source.name))


@contextmanager
def without_log_lines() -> Iterator[None]:
    """Keep tifffile from logging, in this thread, what is raised as an error anyway."""
    log, thread = logging.getLogger("tifffile"), threading.get_ident()

    def drop(record: logging.LogRecord) -> bool:
        return threading.get_ident() != thread

    log.addFilter(drop)
    try:
        yield
    finally:
        log.removeFilter(drop)


def only_image(where: str, tiff: Any) -> Image:
    """Return the only image of a file.

    Raises
    ------
    InputError
        If the file is damaged or cut short, or holds several images.
    """
    offsets, uniform = _pages(where, tiff)
    series = _series(tiff)
    if series is None or any(one.kind in ("generic", "uniform") for one in series):
        # Nothing tells what belongs together, so all pages do, however each is stored.
        image = _of_all_pages(where, tiff, offsets) if series is None or not uniform else None
    elif len(series) > 1 and all(one.kind == "shaped" and len(one.pages) == 1 for one in series):
        # Written page by page, each with a description of its own.
        image = _alike(where, [one.pages[0] for one in series], [tuple(one.shape) for one in series])
    else:
        image = None
    if image is None:
        one = _only(where, series)
        if one.is_multifile:
            raise InputError(
                f"{where}: is one of several files of an image; give one file, or a folder of slices"
            )
        image = Image(one.pages, tuple(one.shape), one.axes, one.dataoffset if uniform else None)
        if not uniform:
            image = image._replace(pages=[page if page is None else page.aspage() for page in one.pages])
    check_dtype(np.dtype(image.keyframe.dtype), where)
    return image


def _pages(path: str, tiff: Any) -> tuple[list[int], bool]:
    """Return where the pages of a file are, and whether all are stored and shown in the same way."""
    # tifffile leaves out pages it cannot find; a stack with a hole or without its end must not pass.
    # It takes many pages to be like the first, too, and looks at few of them.
    layout, file = tiff.tiff, tiff.filehandle
    file.seek(4 if layout.offsetsize == 4 else 8)
    visited: dict[int, bytes] = {}
    (offset,) = struct.unpack(layout.offsetformat, file.read(layout.offsetsize))
    while offset:
        if offset in visited or offset + layout.tagnosize > file.size:
            raise InputError(f"{path}: cut short or damaged after {len(visited)} pages; get the file again")
        file.seek(offset)
        (tags,) = struct.unpack(layout.tagnoformat, file.read(layout.tagnosize))
        if tags > _MOST_TAGS:
            raise InputError(f"{path}: damaged: page {len(visited)} has {tags} tags; get the file again")
        content = file.read(tags * layout.tagsize)
        visited[offset] = _layout(content, layout)
        (offset,) = struct.unpack(layout.offsetformat, file.read(layout.offsetsize))
    return list(visited), len(set(visited.values())) <= 1


def _layout(tags: bytes, layout: Any) -> bytes:
    parts = (tags[at : at + layout.tagsize] for at in range(0, len(tags), layout.tagsize))
    code = struct.Struct(layout.tagformat1[:2])
    return b"".join(part for part in parts if len(part) > 1 and code.unpack(part[:2])[0] in _LAYOUT)


def _series(tiff: Any) -> Any:
    """Return the images that tifffile makes of the pages; None where pages differ too much for it."""
    try:
        return tiff.series
    except RuntimeError:
        return None


def _only(path: str, series: Any) -> Any:
    if len(series) == 1:
        return series[0]
    shapes = [tuple(one.shape) for one in series]
    raise _several(path, shapes, [np.dtype(one.dtype) for one in series])


def _several(path: str, shapes: list[tuple[int, ...]], dtypes: list[Any]) -> InputError:
    count, names = len(shapes), list(dict.fromkeys(dtype.name for dtype in dtypes))
    if len(set(shapes)) > 1:
        found = f"{count} images that differ ({', '.join(map(str, shapes[:3]))})"
    elif len(names) > 1:
        found = f"{count} images alike in shape, {shapes[0]}, but of dtypes {', '.join(names[:3])}"
    else:
        found = f"{count} images alike in shape, but written as {count} stacks of {shapes[0]}"
    return InputError(f"{path}: holds {found}; give one stack")


def _of_all_pages(where: str, tiff: Any, offsets: list[int]) -> Image:
    import tifffile

    pages = []
    for index, offset in enumerate(offsets):
        tiff.filehandle.seek(offset)
        pages.append(tifffile.TiffPage(tiff, index))
    return _alike(where, pages, [tuple(page.shape) for page in pages])


def _alike(where: str, pages: list[Any], shapes: list[tuple[int, ...]]) -> Image:
    """Return the image of pages of one shape and dtype."""
    kinds: dict[tuple[Any, ...], int] = {}
    for page, shape in zip(pages, shapes, strict=True):
        kind = (shape, page.shaped, np.dtype(page.dtype))
        kinds[kind] = kinds.get(kind, 0) + 1
    if len({(shape, shaped) for shape, shaped, _ in kinds}) == 1 < len(kinds):
        told = " and ".join(f"{dtype.name} ({count})" for (*_, dtype), count in kinds.items())
        raise InputError(f"{where}: pages alike in shape, {shapes[0]}, but of dtypes {told}; give one stack")
    if len(kinds) > 1:
        counted = [(shape if count == 1 else (count, *shape)) for (shape, *_), count in kinds.items()]
        raise _several(where, counted, [dtype for *_, dtype in kinds])
    page, count = pages[0], len(pages)
    if math.prod(shapes[0]) != math.prod(page.shape):
        raise _several(where, shapes, [page.dtype])
    return Image(pages, (count, *page.shape), f"I{page.axes}", None)


def check_whole(path: str, image: Image) -> None:
    """Accept images whose voxels are all in the file.

    Raises
    ------
    InputError
        If some are not.
    """
    # A damaged header may claim sizes that would fill the memory with nothing.
    for number, page in enumerate(image.pages):
        if page is None or not _is_whole(page):
            raise InputError(f"{path}: cut short: page {number} is not all there; get the file again")
    expansion = PACKED if all(page.keyframe.compression == 1 for page in image.pages) else COMPRESSED
    nbytes = math.prod(image.shape) * np.dtype(image.keyframe.dtype).itemsize
    if nbytes > expansion * image.keyframe.parent.filehandle.size:
        raise InputError(f"{path}: damaged: too small for its shape {image.shape}; get the file again")


def _is_whole(page: Any) -> bool:
    # tifffile fills what it does not find with zeros.
    offsets, counts = page.dataoffsets, page.databytecounts
    ends = [offset + count for offset, count in zip(offsets, counts, strict=False)]
    return 0 < len(ends) == len(offsets) == len(counts) and max(ends) <= page.parent.filehandle.size


def open_slice(source: Source, number: int | None, notice: Notice, resources: ExitStack) -> PagedArray:
    """Open a slice (y, x): the only page of a file, or the one of that number.

    Raises
    ------
    InputError
        If the file is damaged or cut short, or its page shows no grey-scale image.
    """
    with without_log_lines():
        tiff = opened(source, resources)
        image = only_image(source.text, tiff) if number is None else _page(source.text, tiff, number)
        check_whole(source.text, image)
        if not is_slice(image):
            raise InputError(f"{source.text}: shape {image.shape}; give slices of one grey-scale image each")
        separate, _, length, width, samples = image.keyframe.shaped
        if separate * samples > 1:
            advice = "give slices of one grey-scale image each"
            if separate > 1:
                advice += "; several slices of one file have to be pages, not planes of colour"
            raise InputError(
                f"{source.text}: holds colour: axes {image.axes} of shape {image.shape}; {advice}"
            )
        return PagedArray(image.pages, (length, width), source.text, notice)


def is_slice(image: Image) -> bool:
    """Return whether an image is one plane, whatever axes of length 1 or of colours it has besides."""
    shaped: tuple[int, ...] = image.keyframe.shaped
    separate, depth, length, width, samples = shaped
    return depth == 1 and math.prod(image.shape) == separate * length * width * samples


def _page(where: str, tiff: Any, number: int) -> Image:
    import tifffile

    offsets, _ = _pages(where, tiff)
    if number >= len(offsets):
        raise InputError(
            f"{where}: holds {len(offsets)} pages, but OME metadata name page {number}; get the file again"
        )
    tiff.filehandle.seek(offsets[number])
    page = tifffile.TiffPage(tiff, number)
    check_dtype(np.dtype(page.dtype), where)
    return Image([page], tuple(page.shape), page.axes, None)
