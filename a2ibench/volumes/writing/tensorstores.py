"""Zarr arrays as tensorstore writes them: four times as fast as zarr, and without holding up threads."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_TOLD = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS)


def opened_for_writing(path: Path) -> Any:
    """Return an array that was created before; blocks that are all 0 are stored, too.

    A shard that is not there is then always a loss. Files are flushed by whoever writes, not by tensorstore.
    """
    import tensorstore

    spec = {
        "driver": "zarr3",
        "kvstore": {"driver": "file", "path": f"{path.absolute().as_posix()}/"},
        "store_data_equal_to_fill_value": True,
    }
    context = tensorstore.Context({"file_io_sync": False})
    with as_os_error():
        return tensorstore.open(spec, open=True, read=True, write=True, context=context).result()


@contextmanager
def as_os_error() -> Iterator[None]:
    """Turn what tensorstore says of the disk into the OSError that it stands for."""
    try:
        yield
    except ValueError as error:
        text = str(error)
        code = next((code for code in _TOLD if os.strerror(code) in text), errno.EIO)
        raise OSError(code, os.strerror(code)) from error
