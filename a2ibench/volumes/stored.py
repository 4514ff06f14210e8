"""What a file holds before it is prepared, and what is said of files that cannot be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from a2ibench.errors import InputError, one_line

VoxelSize = tuple[float, float, float]

_INTEGERS = ("uint8", "int8", "uint16", "int16")
_FLOATS = ("float16", "float32", "float64")


class Stored(NamedTuple):
    """Voxels (z, y, x) as a file holds them, and its voxel size in nm (z, y, x) where it tells."""

    data: NDArray[Any]
    voxel_size: VoxelSize | None


def check_dtype(dtype: np.dtype[Any], where: str) -> None:
    """Accept the dtypes of grey-scale images.

    Raises
    ------
    InputError
        If the dtype is another, such as bool, complex, or the 32-bit integers of labels.
    """
    if dtype.name not in _INTEGERS + _FLOATS:
        raise InputError(f"{where}: dtype is {dtype.name}; give 8- or 16-bit integers, or floats")


def native(data: NDArray[Any]) -> NDArray[Any]:
    """Return the array C-contiguous in native byte order; floats become float32."""
    dtype = np.dtype(np.float32) if data.dtype.kind == "f" else data.dtype.newbyteorder("=")
    with np.errstate(over="ignore"):  # a float64 beyond float32 becomes inf, which is reported later
        return np.ascontiguousarray(data, dtype=dtype)


def unreadable(place: Path | str, kind: str, error: Exception) -> InputError:
    """Return the one line to raise when `error` stopped the reading of a file of that kind."""
    if isinstance(error, InputError):
        return error
    if isinstance(error, MemoryError):
        return InputError(f"{place}: does not fit into memory; give a smaller volume")
    if isinstance(error, PermissionError) or (is_remote(place) and _is_of_network(error)):
        return unreachable(place, error)
    return InputError(f"{place}: not a readable {kind} file; it is damaged, cut short or of another kind")


def unreachable(place: Path | str, error: BaseException) -> InputError:
    """Return the one line to raise when a file could not be got for that reason."""
    if isinstance(error, InputError):
        return error
    remote = is_remote(place)
    if isinstance(error, PermissionError):
        advice = "is not public; give one that is" if remote else "may not be read; change its permissions"
        return InputError(f"{place}: {advice}")
    reason = one_line(str(error), 200) or type(error).__name__
    if isinstance(status := getattr(error, "status", None), int):
        reason = f"its server answered {status}"
    advice = "check the address and the connection" if remote else "check the file and its disk"
    return InputError(f"{place}: cannot be read ({reason}); {advice}")


def is_remote(place: Path | str) -> bool:
    """Return whether a place is an address and not a path."""
    return "://" in str(place)


def _is_of_network(error: Exception) -> bool:
    # What readers make of an error of the connection keeps it as the cause.
    cause: BaseException | None = error
    while cause is not None:
        library = type(cause).__module__.partition(".")[0]
        if isinstance(cause, OSError) or library in ("aiohttp", "botocore", "gcsfs"):
            return not isinstance(cause, FileNotFoundError) or cause.__cause__ is not None
        cause = cause.__cause__ or cause.__context__
    return False
