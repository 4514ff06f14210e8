"""OME-Zarr 0.4: a multiscale pyramid in Zarr v2, for programs that read nothing newer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from a2ibench.data.formats.zarr_writer import OmeZarr
from a2ibench.data.writing.layout import ZYX
from a2ibench.files import flush_all

# Without shards every chunk is a file, so there are fewer and larger ones. From the second coarser level on
# a block has no more than half of that.
_CHUNKS = (128, 128, 64)
# What readers in Java know, too; few of them have Zstandard without Blosc around it.
_COMPRESSOR: Mapping[str, str | int] = {
    "id": "blosc",
    "cname": "zstd",
    "clevel": 1,
    "shuffle": 1,
    "blocksize": 0,
}


class OmeZarrV2(OmeZarr):
    """OME-Zarr 0.4: a folder with one array for each level of the pyramid, and a file for each chunk.

    Blocks are as large as those of 0.5: 8 chunks of the finest level.

    Parameters
    ----------
    path : Path
        The folder.
    layout : Layout
        The volume.
    """

    version: ClassVar[str] = "0.4"
    _driver: ClassVar[str] = "zarr"

    def prepare(self) -> None:
        """Create the group and an empty array for each level, with all metadata."""
        import zarr

        attributes = {"multiscales": [{"version": self.version, **self._multiscale()}]}
        group = zarr.create_group(
            self.path, overwrite=True, zarr_format=2, attributes=attributes | self._history()
        )
        for number, level in enumerate(self.levels):
            group.create_array(
                str(number),
                shape=level.shape,
                dtype=self.layout.dtype,
                chunks=self._stored(number),
                compressors=_COMPRESSOR,
                fill_value=0,
                chunk_key_encoding={"name": "v2", "separator": "/"},
            )
        flush_all(self._metadata)

    def _stored(self, number: int) -> ZYX:
        z, y, x = (min(_CHUNKS[min(number, 2)], n) for n in self.levels[number].shape)
        return z, y, x

    def _folder(self, number: int) -> Path:
        return self.path / str(number)

    @property
    def _metadata(self) -> list[Path]:
        arrays = (self.path / str(number) for number in self._numbers)
        files = [folder / name for folder in arrays for name in (".zarray", ".zattrs")]
        return [self.path / ".zgroup", self.path / ".zattrs", *files]
