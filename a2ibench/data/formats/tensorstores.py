"""What tensorstore opens: arrays of formats that no other library reads."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from a2ibench.data.formats.source import Source
from a2ibench.data.formats.volume import unreachable
from a2ibench.errors import InputError

# Few attempts, so that a server that is gone is an error soon.
_CONTEXT = {
    "http_request_retries": {"max_retries": 3},
    "s3_request_retries": {"max_retries": 3},
    "data_copy_concurrency": {"limit": 1},
}


class TensorArray:
    """An array that tensorstore reads by blocks, counted from 0 along each axis.

    Parameters
    ----------
    source : Source
        Folder of the array.
    spec : dict
        tensorstore's description, without the place.
    fill_missing : bool
        Whether chunks that are not there are taken for the value that the metadata state.

    Raises
    ------
    InputError
        If the metadata are damaged or name an unknown compression.
    """

    def __init__(self, source: Source, spec: dict[str, Any], *, fill_missing: bool) -> None:
        import tensorstore

        self._source = source
        described = {**spec, "kvstore": _place(source), "fill_missing_data_reads": fill_missing}
        try:
            context = tensorstore.Context(_CONTEXT)
            opened: Any = tensorstore.open(described, read=True, open=True, context=context).result()
        except (ValueError, NotImplementedError) as error:
            raise _refusal(source, error) from error
        self._array = opened[tensorstore.d[:].translate_to[0]]
        self.shape = tuple(int(size) for size in opened.shape)
        self.dtype: np.dtype[Any] = np.dtype(opened.dtype.numpy_dtype)
        self.chunks = tuple(int(size) for size in opened.chunk_layout.read_chunk.shape)

    def __getitem__(self, block: tuple[slice, ...]) -> Any:
        try:
            return self._array[block].read().result()
        except ValueError as error:
            raise _refusal(self._source, error) from error


def _place(source: Source) -> dict[str, Any]:
    if source.path is not None:
        return {"driver": "file", "path": f"{source.path.resolve().as_posix()}/"}
    if source.scheme == "s3":
        bucket, _, inside = source.text.partition("://")[2].partition("/")
        place = {"driver": "s3", "bucket": bucket, "path": f"{inside.rstrip('/')}/"}
        return place | {"aws_credentials": {"type": "anonymous"}}
    # Public buckets of Google are plain web servers too.
    base = source.text
    if source.scheme == "gs":
        base = f"https://storage.googleapis.com/{source.text.partition('://')[2]}"
    return {"driver": "http", "base_url": f"{base.rstrip('/')}/"}


def _refusal(source: Source, error: Exception) -> InputError:
    text = str(error)
    if source.scheme and (found := re.search(r"HTTP code (\d+)|CURL error [^\[]*|UNAVAILABLE", text)):
        reason = f"its server answered {found[1]}" if found[1] else found[0].strip()
        if found[1] != "404":
            return unreachable(source.text, OSError(reason))
    if "compression" in text or "encoding" in text or "not registered" in text:
        return InputError(f"{source.text}: unknown or damaged compression; store it again with gzip")
    if "missing" in text.lower() or "NOT_FOUND" in text:
        return InputError(
            f"{source.text}: a chunk is missing; get the volume again, or, if its writer left out "
            "empty chunks, open it with fill_missing"
        )
    return InputError(f"{source.text}: damaged: its metadata or chunks cannot be read; get the volume again")
