"""Parts of a reconstruction that many processes do: their pieces, and what tells that it is prepared."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby, product
from pathlib import Path
from typing import Any, Final, NamedTuple

from a2ibench.data.writing.layout import ZYX, Notes, block_at
from a2ibench.data.writing.partial import is_intact, remove_with_checksum, write_checksum
from a2ibench.data.writing.shared import not_prepared
from a2ibench.documents import read_json
from a2ibench.errors import InputError, OptionError, counted
from a2ibench.files import disk_errors, write_bytes, write_json
from a2ibench.reconstruction.paths import Places

_PART: Final = re.compile(r"(\d{1,9})/(\d{1,9})")
_PLAN: Final = "pieces.json"
_NUMBER: Final = "parts"


class Part(NamedTuple):
    """One of so many parts of a reconstruction; the first is 1."""

    number: int
    parts: int

    def __str__(self) -> str:
        return f"{self.number}/{self.parts}"

    def share(self, pieces: int) -> range:
        """Return the numbers of its pieces: consecutive ones, which read next to each other."""
        return range((self.number - 1) * pieces // self.parts, self.number * pieces // self.parts)


class Done(NamedTuple):
    """Numbers of pieces that are done, in so many seconds, and what is noted of their blocks.

    Blocks of the uncertainty are apart.
    """

    numbers: tuple[int, ...]
    blocks: dict[ZYX, Notes]
    apart: dict[ZYX, Notes]
    seconds: float


def part_of(text: str) -> Part:
    """Return the part that a text such as ``2/8`` names.

    Raises
    ------
    InputError
        If it names none.
    """
    found = _PART.fullmatch(str(text))
    part = Part(*map(int, found.groups())) if found else None
    if part is None or not 1 <= part.number <= part.parts:
        raise InputError(f"got {str(text)!r}; give I/N with I from 1 to N, such as 2/8")
    return part


@dataclass(frozen=True)
class Plan:
    """How a reconstruction is cut into pieces, and what they are made from.

    Parameters
    ----------
    size : tuple of int
        Output voxels (z, y, x) of a piece.
    unpacked : bool
        Whether the input was unpacked into the hidden folder.
    states : str
        A digest of names, sizes and times of the input's files.
    """

    size: ZYX
    unpacked: bool
    states: str

    def pieces(self, shape: ZYX) -> Iterator[tuple[ZYX, ZYX]]:
        """Yield where each piece of an output begins, and its shape; in the order of `Blocks`."""
        sides = (range(0, n, by) for n, by in zip(shape, self.size, strict=True))
        for z, y, x in product(*sides):
            yield (z, y, x), block_at((z, y, x), self.size, shape)


def write_plan(scratch: Path, plan: Plan) -> None:
    """Say that all is prepared: parts may come."""
    file = scratch / _PLAN
    with disk_errors(file):
        remove_with_checksum(file)
        write_json(file, vars(plan))
        write_checksum(file)


def read_plan(scratch: Path) -> Plan | None:
    """Return what was prepared; None where nothing is, or not all."""
    file = scratch / _PLAN
    if not is_intact(file):
        return None
    with suppress(OSError, ValueError, KeyError, TypeError):
        told: dict[str, Any] = read_json(file)
        z, y, x = (int(side) for side in told["size"])
        return Plan((z, y, x), bool(told["unpacked"]), str(told["states"]))
    return None


def prepared_plan(places: Places) -> Plan:
    """Return what was prepared of an output.

    Raises
    ------
    OptionError
        If nothing is, or not all.
    """
    plan = read_plan(places.scratch)
    if plan is None:
        raise not_prepared(places.output)
    return plan


def states_digest(files: Iterable[Path]) -> str:
    """Return a digest of names, sizes and times of files, and of those in folders, wherever these lie."""
    digest = hashlib.sha256()
    for path in files:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            with suppress(OSError):
                state = file.stat()
                if not file.is_dir():
                    told = file.relative_to(path.parent).as_posix(), state.st_size, state.st_mtime_ns
                    digest.update(repr(told).encode())
    return digest.hexdigest()


def note_count(scratch: Path, count: int) -> None:
    """Keep into how many parts a reconstruction is cut, for whoever finishes it over a gap."""
    file = scratch / _NUMBER
    with disk_errors(file):
        if not file.is_file() or file.read_bytes() != str(count).encode():
            write_bytes(file, str(count).encode())


def check_complete(
    output: Path, scratch: Path, pieces: Sequence[tuple[ZYX, ZYX]], missing: Collection[ZYX]
) -> None:
    """Accept a reconstruction none of whose pieces is missing.

    Parameters
    ----------
    output, scratch : Path
        The output, and the folder that outlasts an interruption.
    pieces : sequence of pairs of tuple of int
        Where each piece begins, and its shape.
    missing : collection of tuple of int
        Where those begin that are missing.

    Raises
    ------
    OptionError
        If some are; tells of which parts, and how to do them.
    """
    if not missing:
        return
    try:
        count = max(1, int((scratch / _NUMBER).read_bytes()))
    except (OSError, ValueError):
        count = 1
    parts = sorted(
        {
            _part_with(number, count, len(pieces))
            for number, (start, _) in enumerate(pieces)
            if start in missing
        }
    )
    first, of = f"{{part:{parts[0]}/{count}}}", "of part" if len(parts) == 1 else "of parts"
    raise OptionError(
        f"{{output}}: {len(missing)} of {counted(len(pieces), 'piece')} not done, {of} {_ranges(parts)} "
        f"of {count}; give the same with {first}{'' if len(parts) == 1 else ' and so on'} in place of "
        "{finish}, then this again",
        output=output,
    )


def _part_with(piece: int, count: int, pieces: int) -> int:
    """Return the number of the part that a piece belongs to."""
    return ((piece + 1) * count - 1) // pieces + 1


_SHOWN: Final = 6


def _ranges(numbers: Sequence[int]) -> str:
    """Return increasing numbers in short, such as ``1, 3-5``."""
    runs = [
        [number for _, number in run]
        for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])
    ]
    texts = [str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs]
    return ", ".join(texts[:_SHOWN]) + (", ..." if len(texts) > _SHOWN else "")
