"""Zarr stores, local and remote, that notice chunks that are not there or not whole."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from zarr.abc.store import ByteRequest
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import FsspecStore, LocalStore, WrapperStore

from a2ibench.errors import InputError
from a2ibench.volumes.lazy.source import Source

# A header of Blosc: versions, flags, and the sizes of the voxels, of a part, and of all that is stored.
_BLOSC_HEADER, _BLOSC_SIZE = 16, slice(12, 16)


class NoticingStore(WrapperStore[Any]):
    """A store that lists the keys it was asked for and does not hold.

    Parameters
    ----------
    store : zarr.abc.store.Store
        What is read.
    where : str
        Its path or address, shown in messages.

    Attributes
    ----------
    missing : list of str
        The keys that were not there.
    blosc : bool
        Whether what is read are chunks that Blosc compressed. Those that are cut short are an error
        then, for its decoder does not notice, and takes whatever lies behind them in memory for voxels.
    """

    def __init__(self, store: Any, where: str = "") -> None:
        super().__init__(store)
        self._where = where
        self.missing: list[str] = []
        self.blosc = False

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Return what is stored under a key; None, and a note of it, where nothing is."""
        found: Buffer | None = await super().get(key, prototype, byte_range)
        if found is None:
            self.missing.append(key)
        elif self.blosc:
            stated = int.from_bytes(found[_BLOSC_SIZE].to_bytes(), "little")
            if len(found) < _BLOSC_HEADER or stated != len(found):
                raise InputError(f"{self._where}: chunk {key} is cut short or damaged; get the volume again")
        return found


def opened_store(source: Source, resources: ExitStack) -> NoticingStore:
    """Return the container as a store that cannot be written; closed with the resources."""
    if source.path is not None:
        store: Any = LocalStore(source.path, read_only=True)
    else:
        # Buckets that may not be listed deny what is not there.
        absent = (FileNotFoundError, IsADirectoryError, NotADirectoryError, KeyError, PermissionError)
        store = FsspecStore.from_url(
            source.text, storage_options=source.options, read_only=True, allowed_exceptions=absent
        )
    resources.callback(store.close)
    return NoticingStore(store, source.text)
