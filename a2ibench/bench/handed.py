"""What a method is handed of a dataset, and what it is scored against."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.bench.provenance import describe_dataset, describe_voxels
from a2ibench.contracts import AxialGrid, DatasetSpec, Volume
from a2ibench.errors import InputError

Phase = Callable[[str], AbstractContextManager[Any]]
"""Times a phase of a job."""


@dataclass(frozen=True)
class Handed:
    """What a method is handed of a dataset.

    Parameters
    ----------
    volume : Volume, shape (n_in, y, x)
        The anisotropic volume, in memory of its own.
    reference : Volume or None, shape (n_out, y, x)
        What reconstructions are scored against, where the dataset simulates its input.
    described : dict
        What `describe_dataset` tells, and the checksum of the labels where they were opened.
    labels : ndarray or None, shape (n_out, y, x)
        What the voxels of the reference belong to, where it is known and was asked for.
    """

    volume: Volume
    reference: Volume | None
    described: dict[str, Any]
    labels: NDArray[Any] | None = None

    @property
    def grid(self) -> AxialGrid:
        """Where the slices of a reconstruction lie."""
        return AxialGrid(self.volume.shape[0], self.volume.ratio)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of a reconstruction."""
        return (self.grid.n_out, *self.volume.shape[1:])

    @property
    def voxel_size(self) -> tuple[float, float, float]:
        """Voxel size of a reconstruction, (z, y, x) in nm."""
        lateral = self.volume.voxel_size[1]
        return lateral, lateral, lateral


def open_handed(spec: DatasetSpec, phase: Phase = nullcontext, *, labels: bool = False) -> Handed:
    """Open a dataset, and make the anisotropic input of it where it is to be simulated.

    Parameters
    ----------
    spec : DatasetSpec
        The catalogue's entry.
    phase : callable
        Told the name of each phase: fetch, load, simulate.
    labels : bool
        Whether to open the labels, too, if the dataset has any.

    Raises
    ------
    InputError
        If the dataset cannot be read, or is isotropic and is not to be simulated.
    DownloadError
        If it cannot be downloaded.
    """
    from a2ibench.data.fetch import fetch
    from a2ibench.data.opening import open_dataset, open_labels

    if spec.url is not None:
        with phase("fetch"):
            fetch(spec)
    with phase("load"):
        stored = open_dataset(spec)
        known = open_labels(spec) if labels and spec.labels and spec.simulate else None
    volume, reference = stored, None
    if spec.simulate is not None:
        # This imports torch, which other jobs need not wait for.
        from a2ibench.data.intensity_range import find_levels
        from a2ibench.protocol.simulate import simulate

        with phase("simulate"):
            volume, reference = simulate(stored, spec.simulate)
            # Of what the method is handed: nothing that it is told comes from the reference.
            found = find_levels(volume.data, spec.name, declared=spec.intensity)
            volume = replace(volume, **found._asdict())
    elif volume.ratio == 1:
        raise InputError(
            f"{spec.name}: voxel_size {spec.voxel_size} is isotropic, so there is nothing to reconstruct; "
            "give the dataset a simulate table"
        )
    n_out = AxialGrid(volume.shape[0], volume.ratio).n_out
    described = describe_dataset(spec, stored, volume, n_out)
    if known is not None:
        known = known[:n_out]
        described["labels"] = describe_voxels(known)
    # A view would carry what it is a view of, and so perhaps the reference, to the method.
    return Handed(replace(volume, data=np.array(volume.data)), reference, described, known)
