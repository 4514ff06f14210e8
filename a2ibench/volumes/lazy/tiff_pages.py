"""Blocks of TIFF images, of which only the strips and tiles that are touched are decoded."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.errors import InputError

# (depth, length, width)
Size = tuple[int, int, int]


class PagedArray:
    """The image of a TIFF series, page by page and segment by segment.

    Parameters
    ----------
    series : tifffile.TiffPageSeries
        Of pages alike, of one sample a pixel.
    where : str
        The file's name in messages.

    Raises
    ------
    InputError
        If the pages do not make up the image, or are compressed in an unknown way.
    """

    def __init__(self, series: Any, where: str) -> None:
        keyframe = series.keyframe
        _check_compression(keyframe, where)
        self._where = where
        self.shape: tuple[int, ...] = tuple(series.shape)
        self.dtype = np.dtype(series.dtype)
        self._pages, self._keyframe = series.pages, keyframe
        separate, depth, length, width, samples = keyframe.shaped
        count, page = len(series.pages), depth * length * width
        leading = [at for at in range(len(self.shape) + 1) if math.prod(self.shape[:at]) == count]
        if separate * samples != 1 or not leading or math.prod(self.shape) != count * page:
            raise InputError(
                f"{where}: {count} pages of shape {tuple(keyframe.shape)} do not make an "
                f"image of shape {self.shape}; get the file again"
            )
        self._leading = leading[-1] if depth == 1 else leading[0]
        self._size: Size = (depth, length, width)
        self._segment = _segment_size(keyframe)
        self._grid: Size = (
            math.ceil(depth / self._segment[0]),
            math.ceil(length / self._segment[1]),
            math.ceil(width / self._segment[2]),
        )

    @property
    def chunks(self) -> tuple[int, ...]:
        """Voxels that are decoded together, along each stored axis."""
        inner = len(self.shape) - self._leading
        sizes = self._segment[max(3 - inner, 0) :]
        return (1,) * (len(self.shape) - len(sizes)) + tuple(sizes)

    def __getitem__(self, block: tuple[slice, ...]) -> NDArray[Any]:
        sizes = [part.stop - part.start for part in block]
        out = np.empty(sizes, self.dtype)
        outer, inner = block[: self._leading], block[self._leading :]
        window = self._window(inner)
        pages = itertools.product(*(range(part.start, part.stop) for part in outer))
        flat = out.reshape(-1, *(part.stop - part.start for part in window))
        for number, index in enumerate(pages):
            page = self._pages[int(np.ravel_multi_index(index, self.shape[: self._leading])) if index else 0]
            self._read(page, window, flat[number])
        return out

    def _window(self, inner: tuple[slice, ...]) -> tuple[slice, slice, slice]:
        # The axes of a page that the series shows, without some of those of length 1.
        shown = [
            (part, size) for part, size in zip(inner, self.shape[self._leading :], strict=True) if size > 1
        ]
        window = (shown.pop(0)[0] if size > 1 and shown else slice(0, 1) for size in self._size)
        depth, length, width = window
        return depth, length, width

    def _read(self, page: Any, window: tuple[slice, slice, slice], out: NDArray[Any]) -> None:
        touched = [
            range(part.start // size, (part.stop - 1) // size + 1)
            for part, size in zip(window, self._segment, strict=True)
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
            for begin, length, part in zip(start, shape, window, strict=False):
                first, last = max(begin, part.start), min(begin + length, part.stop)
                inside.append(slice(first - begin, last - begin))
                outside.append(slice(first - part.start, last - part.start))
            out[tuple(outside)] = found[tuple(inside)]


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
