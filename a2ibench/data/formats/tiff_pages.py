"""The voxels of TIFF pages: only strips and tiles that a block touches are decoded."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.data.formats.photometric import Notice, tiff_greys
from a2ibench.errors import InputError

# (depth, length, width)
Size = tuple[int, int, int]
Region = tuple[slice, slice, slice]


class PagedArray:
    """An image of one or more TIFF pages, page by page and segment by segment, in the grey levels shown.

    Parameters
    ----------
    pages : sequence of tifffile.TiffPage or tifffile.TiffFrame
        Alike in shape and dtype, of one sample a pixel. They may be stored in different ways.
    shape : tuple of int
        Of the image.
    where : str
        The file's name in messages.
    notice : Notice
        Told of annotations in colour.

    Raises
    ------
    InputError
        If the pages do not make up the image, are compressed in an unknown way, or show colours.
    """

    def __init__(self, pages: Sequence[Any], shape: tuple[int, ...], where: str, notice: Notice) -> None:
        keyframe = pages[0].keyframe
        self.shape, self.dtype = tuple(shape), np.dtype(keyframe.dtype)
        self._pages, self._where = pages, where
        separate, depth, length, width, samples = keyframe.shaped
        count, page = len(pages), depth * length * width
        leading = [at for at in range(len(self.shape) + 1) if math.prod(self.shape[:at]) == count]
        if separate * samples != 1 or not leading or math.prod(self.shape) != count * page:
            raise InputError(
                f"{where}: {count} pages of shape {tuple(keyframe.shape)} do not make an "
                f"image of shape {self.shape}; get the file again"
            )
        self._leading = leading[-1] if depth == 1 else leading[0]
        self._size: Size = (depth, length, width)
        decoders: dict[Any, _Decoder] = {}
        for one in {id(page.keyframe): page.keyframe for page in pages}.values():
            if _alike(one) not in decoders:
                decoders[_alike(one)] = _Decoder(one, where, notice)
        self._decoders = decoders

    @property
    def chunks(self) -> tuple[int, ...]:
        """Voxels that are decoded together, along each stored axis."""
        inner = len(self.shape) - self._leading
        segment = _segment_size(self._pages[0].keyframe)
        sizes = segment[max(3 - inner, 0) :]
        return (1,) * (len(self.shape) - len(sizes)) + tuple(sizes)

    def __getitem__(self, block: tuple[slice, ...]) -> NDArray[Any]:
        sizes = [part.stop - part.start for part in block]
        out = np.empty(sizes, self.dtype)
        outer, inner = block[: self._leading], block[self._leading :]
        region = self._region(inner)
        pages = itertools.product(*(range(part.start, part.stop) for part in outer))
        flat = out.reshape(-1, *(part.stop - part.start for part in region))
        for number, index in enumerate(pages):
            page = self._pages[int(np.ravel_multi_index(index, self.shape[: self._leading])) if index else 0]
            self._decoders[_alike(page.keyframe)].read(page, region, flat[number])
        return out

    def _region(self, inner: tuple[slice, ...]) -> Region:
        # The axes of a page that the series shows, without some of those of length 1.
        shown = [
            (part, size) for part, size in zip(inner, self.shape[self._leading :], strict=True) if size > 1
        ]
        region = (shown.pop(0)[0] if size > 1 and shown else slice(0, 1) for size in self._size)
        depth, length, width = region
        return depth, length, width


def _alike(keyframe: Any) -> tuple[int, bytes]:
    """Return what pages have in common that one decoder serves."""
    colormap = keyframe.colormap
    return keyframe.hash, b"" if colormap is None else colormap.tobytes()


class _Decoder:
    """Reads regions of pages that are stored as the keyframe is."""

    def __init__(self, keyframe: Any, where: str, notice: Notice) -> None:
        _check_compression(keyframe, where)
        self._keyframe, self._where = keyframe, where
        self._greys = tiff_greys(keyframe, where, notice)
        self._segment = _segment_size(keyframe)
        _, *size, _ = keyframe.shaped
        self._grid = tuple(math.ceil(one / part) for one, part in zip(size, self._segment, strict=True))

    def read(self, page: Any, region: Region, out: NDArray[Any]) -> None:
        """Copy a region of a page, in the grey levels that it shows."""
        touched = [
            range(part.start // size, (part.stop - 1) // size + 1)
            for part, size in zip(region, self._segment, strict=True)
        ]
        indices = [int(np.ravel_multi_index(at, self._grid)) for at in itertools.product(*touched)]
        keyframe, file = self._keyframe, page.parent.filehandle
        options = {}
        if keyframe.compression in (6, 7, 34892, 33007):
            options = {"jpegtables": page.jpegtables, "jpegheader": keyframe.jpegheader}
        offsets = [page.dataoffsets[index] for index in indices]
        counts = [page.databytecounts[index] for index in indices]
        for content, index in file.read_segments(offsets, counts, indices=indices):
            decoded, (_, *start, _), shape = keyframe.decode(content, index, **options)
            if decoded is None:
                raise InputError(f"{self._where}: page {page.index}: segment {index} is missing")
            found = decoded[..., 0]
            inside, outside = [], []
            for begin, length, part in zip(start, shape, region, strict=False):
                first, last = max(begin, part.start), min(begin + length, part.stop)
                inside.append(slice(first - begin, last - begin))
                outside.append(slice(first - part.start, last - part.start))
            stored = found[tuple(inside)]
            out[tuple(outside)] = stored if self._greys is None else self._greys(stored)


def _segment_size(keyframe: Any) -> Size:
    _, _, length, width, _ = keyframe.shaped
    if keyframe.is_tiled:
        return keyframe.tiledepth, keyframe.tilelength, keyframe.tilewidth
    return 1, min(keyframe.rowsperstrip, length), width


def _check_compression(keyframe: Any, where: str) -> None:
    import tifffile

    try:
        tifffile.TIFF.DECOMPRESSORS[keyframe.compression]
    except KeyError:
        raise InputError(
            f"{where}: unknown compression {int(keyframe.compression)}; store it again, for "
            "example as zstd or zlib"
        ) from None
