"""How far the families of axial planes are apart: its mean, and a volume of it beside the reconstruction."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.contracts import Method
from a2ibench.contracts.planes import AXIAL, PLANE_CHOICES
from a2ibench.data.checksums import content_sha256
from a2ibench.data.writing import Writer
from a2ibench.data.writing.layout import ZYX, Notes
from a2ibench.data.writing.shared import SharedWriter
from a2ibench.documents import read_json
from a2ibench.errors import OptionError
from a2ibench.files import disk_errors, remove, write_bytes
from a2ibench.protocol.blocks import tells_disagreement

KIND = "uncertainty of an isotropic reconstruction"
DTYPE = np.dtype(np.float32)
AnyWriter = Writer | SharedWriter
_SUMS, _FINISHED = "apart", "uncertainty.json"


def check_told(method: Method, name: str) -> None:
    """Accept a method that tells how far its plane families are apart.

    Raises
    ------
    OptionError
        If it does not.
    """
    if tells_disagreement(method):
        return
    planes = str(getattr(method, "planes", "both"))
    if len(PLANE_CHOICES.get(planes, AXIAL)) < len(AXIAL):
        raise OptionError(
            f"{{name}} with {{planes:{planes}}} tells no uncertainty, which takes two families of planes; "
            "leave {uncertainty} or {planes} out",
            name=name,
        )
    raise OptionError("{name} tells no uncertainty; leave {uncertainty} out, or use plain", name=name)


def is_finished(place: Path, scratch: Path) -> bool:
    """Return whether an interrupted call completed the volume, and has only the output left to complete."""
    try:
        return bool(read_json(scratch / _FINISHED) == _which(place))
    except (OSError, ValueError):
        return False


def _which(path: Path) -> list[int]:
    state = path.lstat()
    return [state.st_dev, state.st_ino]


class Apart:
    """Takes how far the plane families are apart in each piece, while the reconstruction is written.

    Parameters
    ----------
    output : Writer or SharedWriter
        Of the reconstruction. The sum of each piece is kept in its folder of unfinished work, in a file of
        its own, since many processes may.
    shape : tuple of int
        Of the reconstruction, (z, y, x).
    place : Path, optional
        Where a volume of it is written; None where its mean is all that is wanted.
    create : callable
        Returns the writer of that volume.
    resources : contextlib.ExitStack
        Closes the writer.
    """

    def __init__(
        self,
        output: AnyWriter,
        shape: ZYX,
        place: Path | None,
        create: Callable[[Path], AnyWriter],
        resources: ExitStack,
    ) -> None:
        self._output, self._shape, self._place = output, shape, place
        self._folder = output.scratch / _SUMS
        self._writer: AnyWriter | None = None
        if place is not None and not is_finished(place, output.scratch):
            self._writer = create(place)
            resources.push(self._writer)

    @property
    def wanted(self) -> bool:
        """Whether a volume is written, and not complete yet."""
        return self._writer is not None and not self._writer.published

    @property
    def unit(self) -> ZYX:
        """Voxels (z, y, x) of which both volumes have whole blocks."""
        blocks = self._output.block, self._output.block if self._writer is None else self._writer.block
        z, y, x = (min(math.lcm(*sides), n) for *sides, n in zip(*blocks, self._shape, strict=True))
        return z, y, x

    def is_done(self, start: ZYX, shape: ZYX) -> bool:
        """Return whether the volume has a piece."""
        return self._writer is None or self._writer.is_done(start, shape)

    def noted(
        self, start: ZYX, apart: NDArray[np.float32], intensity: tuple[float, float]
    ) -> NDArray[np.float32] | None:
        """Keep the sum of a piece; return the piece in grey levels, None where no volume takes it."""
        lo, hi = intensity
        total = float(apart.sum(dtype=np.float64)) * (hi - lo)
        file = self._folder / "-".join(map(str, (*start, *apart.shape)))
        with disk_errors(file):
            self._folder.mkdir(exist_ok=True)
            write_bytes(file, json.dumps(total).encode())
        return None if self._writer is None else np.multiply(apart, np.float32(hi - lo))

    def write(self, start: ZYX, levels: NDArray[np.float32]) -> None:
        """Write a piece, in grey levels."""
        if self._writer is not None:
            self._writer.write(start, levels)

    def mean(self) -> float | None:
        """Return the mean in grey levels; None where it is not known of every piece."""
        voxels, sums = math.prod(self._shape), _sums_in(self._folder)
        known = sum(math.prod(shape) for _, shape in sums)
        return math.fsum(sums.values()) / voxels if known == voxels else None

    def forget(self) -> None:
        """Take all pieces for not written.

        Raises
        ------
        InputError
            If one of the two volumes is complete, and the other one would be of another training.
        """
        complete = self._output.published or (self._writer is not None and self._writer.published)
        if self._place is not None and complete:
            raise OptionError(
                "{place}: what the reconstruction was trained to is lost, so its uncertainty cannot be told; "
                "leave {uncertainty} out, or add {overwrite:True}",
                place=self._place,
            )
        if self._folder.exists():
            remove(self._folder)
        if isinstance(self._writer, Writer):
            self._writer.forget()

    def publish(self) -> None:
        """Give the volume its name."""
        if isinstance(self._writer, Writer):
            self._writer.publish()

    def adopt(self, blocks: Mapping[ZYX, Notes]) -> None:
        """Take over blocks of the volume that another process has written."""
        if isinstance(self._writer, Writer):
            self._writer.adopt(blocks)

    def withdraw(self, start: ZYX) -> None:
        """Take a piece for not written, in a process that is one of many."""
        if isinstance(self._writer, SharedWriter):
            self._writer.withdraw(start)

    def discard(self) -> None:
        """Remove what was written of the volume."""
        if isinstance(self._writer, Writer):
            self._writer.discard()

    def finish(self) -> None:
        """Remove the volume's folder of unfinished work; that of the output tells from now on that it is."""
        if isinstance(self._writer, Writer) and self._place is not None:
            with disk_errors(self._place):
                marker = json.dumps(_which(self._place)).encode()
                write_bytes(self._output.scratch / _FINISHED, marker)
            self._writer.finish()

    def told(self) -> dict[str, Any] | None:
        """Return where the volume is and its digest; None where there is none."""
        if self._place is None:
            return None
        kind = "content" if self._place.is_dir() else "sha256"
        return {"path": str(self._place), "digest": f"{kind}:{content_sha256(self._place)}"}


def _sums_in(folder: Path) -> dict[tuple[ZYX, ZYX], float]:
    """Return the sums of pieces, by where they begin and their shape."""
    found = {}
    for file in folder.iterdir() if folder.is_dir() else ():
        with suppress(OSError, ValueError, TypeError):
            z, y, x, *shape = map(int, file.name.split("-"))
            depth, height, width = shape
            found[(z, y, x), (depth, height, width)] = float(read_json(file))
    return found


def history_of_uncertainty(history: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the volume's own attributes tell."""
    quantity = "absolute difference of what xz and yz planes became, in grey levels"
    return dict(history) | {"kind": KIND, "quantity": quantity}


def identity_of_uncertainty(determined: Mapping[str, Any]) -> dict[str, Any]:
    """Return all that the volume's voxels depend on, told what those of the reconstruction do."""
    return dict(determined) | {"quantity": "uncertainty"}
