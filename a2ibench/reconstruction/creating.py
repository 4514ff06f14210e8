"""The volumes that a reconstruction writes: whether they can be, and how they are begun or gone on with."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from a2ibench.data.writing import Writer, check_creatable, check_resumable, create
from a2ibench.data.writing.layout import ZYX
from a2ibench.data.writing.shared import Note, SharedWriter, check_shared, join
from a2ibench.reconstruction.differing import explained
from a2ibench.reconstruction.paths import Places
from a2ibench.reconstruction.uncertainty import (
    DTYPE,
    history_of_uncertainty,
    identity_of_uncertainty,
    is_finished,
)


@dataclass(frozen=True)
class Volumes:
    """The reconstruction, and where it is asked for its uncertainty.

    Parameters
    ----------
    places : Places
        Where they are written.
    shape : tuple of int
        Of both, (z, y, x).
    dtype : numpy.dtype
        Of the reconstruction.
    voxel_size : tuple of float
        Of both, (z, y, x) in nm.
    overwrite, rows, ome_version
        As for `a2ibench.data.writing.create`.
    """

    places: Places
    shape: ZYX
    dtype: np.dtype[Any]
    voxel_size: tuple[float, float, float]
    overwrite: bool
    rows: bool
    ome_version: str | None

    def check_creatable(self) -> None:
        """Accept what could be begun now; what an interrupted call left is judged when all is known.

        Raises
        ------
        InputError
            As `a2ibench.data.writing.check_creatable` does.
        """
        written = self.places
        if not written.partial.exists():
            check_creatable(written.output, self.shape, self.dtype, overwrite=self.overwrite)
        if written.uncertainty is None or written.uncertainty_partial is None:
            return
        if not (written.uncertainty_partial.exists() or is_finished(written.uncertainty, written.scratch)):
            check_creatable(written.uncertainty, self.shape, DTYPE, overwrite=self.overwrite)

    def check_resumable(self, determine: Callable[[], Mapping[str, Any]]) -> None:
        """Accept what an interrupted call left, if this one could go on with it.

        Raises
        ------
        InputError
            As `a2ibench.data.writing.check_resumable` does.
        """
        written, growing = self.places, self.places.uncertainty_partial
        # Only to compare with it is the whole input read.
        if written.partial.exists():
            how = self._how(written.output)
            check_resumable(
                written.output, dtype=self.dtype, identity=determine(), overwrite=self.overwrite, **how
            )
        if written.uncertainty is not None and growing is not None and growing.exists():
            identity, how = identity_of_uncertainty(determine()), self._how(written.uncertainty)
            check_resumable(
                written.uncertainty, dtype=DTYPE, identity=identity, overwrite=self.overwrite, **how
            )

    def check_shared(self) -> None:
        """Accept formats that many processes can write at once.

        Raises
        ------
        InputError
            As `a2ibench.data.writing.shared.check_shared` does.
        """
        for place in (self.places.output, self.places.uncertainty):
            if place is not None:
                check_shared(place)

    def create(
        self,
        determined: Mapping[str, Any],
        history: Mapping[str, Any],
        pieces: Collection[ZYX] = (),
    ) -> Writer:
        """Begin to write the reconstruction, or go on; see `a2ibench.data.writing.create`."""
        output = self.places.output
        return create(
            output,
            dtype=self.dtype,
            identity=determined,
            history=history,
            pieces=pieces,
            overwrite=self.overwrite,
            **self._how(output),
        )

    def create_uncertainty(
        self,
        place: Path,
        determined: Mapping[str, Any],
        history: Mapping[str, Any],
        pieces: Collection[ZYX] = (),
    ) -> Writer:
        """Begin to write the uncertainty, or go on, told what the reconstruction is."""
        return create(
            place,
            dtype=DTYPE,
            identity=identity_of_uncertainty(determined),
            history=history_of_uncertainty(history),
            pieces=pieces,
            overwrite=self.overwrite,
            **self._how(place),
        )

    def join(self, determined: Mapping[str, Any], note: Note | None) -> SharedWriter:
        """Write pieces of the reconstruction along with others; see `a2ibench.data.writing.shared.join`."""
        output = self.places.output
        return join(output, dtype=self.dtype, identity=determined, note=note, **self._how(output))

    def join_uncertainty(self, place: Path, determined: Mapping[str, Any], note: Note | None) -> SharedWriter:
        """Write pieces of the uncertainty along with others."""
        identity = identity_of_uncertainty(determined)
        return join(place, dtype=DTYPE, identity=identity, note=note, **self._how(place))

    def _how(self, path: Path) -> dict[str, Any]:
        return {
            "shape": self.shape,
            "voxel_size": self.voxel_size,
            "rows": self.rows,
            "ome_version": self.ome_version if path.name.lower().endswith(".zarr") else None,
            "explain": explained,
        }
