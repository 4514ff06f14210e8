"""Downloads a crop of a chunked remote volume, block by block."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.contracts import DatasetSpec
from a2ibench.contracts.specs import CHUNKED_FORMATS
from a2ibench.data import prepare
from a2ibench.data.fetch.transfer import DownloadBar, Pace, RetryPolicy, end_stalls, retried
from a2ibench.data.formats import LazyVolume, open_lazy
from a2ibench.data.formats.volume import native
from a2ibench.data.writing import Writer, create
from a2ibench.data.writing.layout import ZYX, box, starts
from a2ibench.errors import InputError


def download_crop(
    spec: DatasetSpec, output: Path, retry: RetryPolicy, bar: DownloadBar | None = None
) -> None:
    """Write the crop of an entry to an HDF5 file, whose dataset is ``volume``; floats become float32.

    An interrupted call is continued: blocks that are on the disk are not asked for again.

    Parameters
    ----------
    spec : DatasetSpec
        With a `crop`, and a `url` that is `chunked`.
    output : Path
        Ends in .h5, and appears when it is complete.
    retry : RetryPolicy
        When to give up.
    bar : DownloadBar, optional
        Is told how many bytes of voxels there are.

    Raises
    ------
    InputError
        If there is no such volume, it is damaged, or the crop reaches beyond it.
    DownloadError
        If its server does not answer.
    """
    if spec.crop is None:
        raise InputError("crop is missing; of a chunked volume only a crop is downloaded, so give one")
    end_stalls(retry)
    pace = Pace(retry)
    opened = partial(open_lazy, address(spec), key=spec.key, level=spec.level)
    with retried(opened, retry) as volume:
        prepare.check_crop(spec.crop, volume.shape, spec.name)
        (z0, z1), (y0, y1), (x0, x1) = spec.crop
        shape = (z1 - z0, y1 - y0, x1 - x0)
        dtype = np.dtype(np.float32) if volume.dtype.kind == "f" else volume.dtype
        identity = {"url": spec.url, "key": spec.key, "level": spec.level, "crop": spec.crop}
        with create(output, shape, dtype, spec.voxel_size, identity=identity, overwrite=True) as writer:
            _copy(volume, (z0, y0, x0), shape, writer, retry, pace, bar)
            writer.finish()


def address(spec: DatasetSpec) -> str:
    """Return the link of an entry without the format in front: which it is, the volume's own files tell."""
    first, _, rest = str(spec.url).partition("://")
    return rest if first.lower() in CHUNKED_FORMATS else str(spec.url)


def _copy(
    volume: LazyVolume,
    origin: ZYX,
    shape: ZYX,
    writer: Writer,
    retry: RetryPolicy,
    pace: Pace,
    bar: DownloadBar | None,
) -> None:
    blocks = {start: box(start, writer.block, shape) for start in starts(shape, writer.block)}
    sizes = {
        start: volume.dtype.itemsize * int(np.prod([part.stop - part.start for part in parts]))
        for start, parts in blocks.items()
    }
    if bar is not None:
        bar.begin(sum(sizes[start] for start in writer.done), sum(sizes.values()))
    for start, parts in blocks.items():
        if start in writer.done:
            continue
        pace.check()
        z, y, x = (
            slice(part.start + first, part.stop + first) for part, first in zip(parts, origin, strict=True)
        )
        writer.write(start, native(retried(partial(_read, volume, (z, y, x)), retry)))
        if bar is not None:
            bar.update(sizes[start])


def _read(volume: LazyVolume, block: tuple[slice, slice, slice]) -> NDArray[Any]:
    return volume[block]
