"""Which stored axis is which of z, y and x."""

from __future__ import annotations

from collections.abc import Sequence

from a2ibench.errors import InputError

_MEANING = {"c": "channels", "s": "colours", "t": "time points"}


def named(names: object, rank: int) -> tuple[str, ...] | None:
    """Return metadata's names of `rank` axes in lower case; None where they do not name z, y and x."""
    if not isinstance(names, list | tuple) or len(names) != rank:
        return None
    found = tuple(str(name).strip().lower() for name in names)
    return found if all(found.count(letter) == 1 for letter in "zyx") else None


def assumed(rank: int) -> tuple[str, ...]:
    """Return the names of axes that nothing names: those behind are z, y, x."""
    return ("?",) * max(rank - 3, 0) + ("z", "y", "x")[-rank:]


def order(names: Sequence[str], shape: Sequence[int], where: str) -> tuple[int, int, int]:
    """Return where z, y and x are among the stored axes; every other axis must have length 1.

    Raises
    ------
    InputError
        If an axis is missing, has no voxels, or there are several channels, time points or the like.
    """
    sizes = tuple(int(size) for size in shape)
    described = f"axes {', '.join(names)} of shape {sizes}"
    if sorted(name for name in names if name in ("z", "y", "x")) != ["x", "y", "z"]:
        raise InputError(f"{where}: {described}; give a 3D volume with axes z, y and x")
    check_sizes(sizes, where)
    for name, size in zip(names, sizes, strict=True):
        if size > 1 and name not in ("z", "y", "x"):
            kind = _MEANING.get(name[:1], f"entries along axis {name}")
            raise InputError(f"{where}: {size} {kind} ({described}); give a volume with one only")
    return names.index("z"), names.index("y"), names.index("x")


def check_sizes(shape: Sequence[int], where: str) -> None:
    """Accept shapes whose axes all have voxels.

    Raises
    ------
    InputError
        If one has none.
    """
    if any(isinstance(size, int) and size < 1 for size in shape):
        raise InputError(f"{where}: shape {tuple(shape)} holds no voxel; give a volume that holds some")


def is_volume(names: Sequence[str], shape: Sequence[int]) -> bool:
    """Return whether z, y and x are among the axes, and all others have length 1."""
    return all(name in ("z", "y", "x") or size == 1 for name, size in zip(names, shape, strict=True))
