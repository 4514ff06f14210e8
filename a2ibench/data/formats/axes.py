"""What metadata call axes: z, y and x, others that a volume has one entry of, and names that say nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from a2ibench.errors import InputError

_WORDS = {
    "z": ("z", "depth", "plane", "planes", "pln", "slice", "slices", "section", "sections"),
    "y": ("y", "row", "rows", "height"),
    "x": ("x", "col", "cols", "column", "columns", "width"),
    "t": ("t", "time", "times", "timepoint", "timepoints", "frame", "frames"),
    "c": ("c", "ch", "channel", "channels", "color", "colour", "rgb", "rgba", "band", "bands"),
    "s": ("s", "sample", "samples"),
}
_MEANING = {word: letter for letter, words in _WORDS.items() for word in words}
_NOTHING = re.compile(r"(phony_)?(dim|dimension|axis|ax|d)?[ _-]?\d*|[?abdijk]|none|null|unknown")


def stated_axes(names: object, rank: int, *, customary: Sequence[str] = ("z", "y", "x")) -> Names | None:
    """Return metadata's names of `rank` axes, as letters where they are known; None where they say nothing.

    Parameters
    ----------
    names : object
        A list of texts, or anything else that metadata hold there.
    rank : int
        How many axes there are.
    customary : sequence of str
        The order that axes without a name have where they can only be those of z, y and x that none names.
    """
    if not isinstance(names, list | tuple) or len(names) != rank:
        return None
    words = [str(name).strip().lower() for name in names]
    found = [_MEANING.get(word, word) for word in words]
    if not any(word in _MEANING for word in words):
        return None
    unnamed = [at for at, word in enumerate(words) if word not in _MEANING and _NOTHING.fullmatch(word)]
    left = [letter for letter in customary if letter not in found]
    if len(unnamed) == len(left):
        for at, letter in zip(unnamed, left, strict=True):
            found[at] = letter
    return tuple(name or "?" for name in found)


Names = tuple[str, ...]


def agreed(stated: Iterable[Names | None], where: str) -> Names | None:
    """Return the names of axes that all give which give any.

    Raises
    ------
    InputError
        If two of them differ.
    """
    found = list(dict.fromkeys(names for names in stated if names is not None))
    if len(found) > 1:
        first, second = (", ".join(names) for names in found[:2])
        raise InputError(f"{where}: its axes are said to be {first} and {second}; correct one of them")
    return found[0] if found else None


def assumed_axes(shape: Sequence[int]) -> Names:
    """Return the names of axes that nothing names: z, y, x in this order, and those of length 1 left out."""
    long = [axis for axis, size in enumerate(shape) if size > 1]
    spatial = long if len(long) == 3 else list(range(len(shape)))[-3:]
    names = ["?"] * len(shape)
    for axis, name in zip(spatial, ("z", "y", "x")[-len(spatial) :], strict=True):
        names[axis] = name
    return tuple(names)
