"""Everything that is drawn, in nanometres, before any voxel exists."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from a2ibench.data.phantom import organelles
from a2ibench.data.phantom.fields import Array
from a2ibench.data.phantom.neurites import AXON, MYELINATED, Path, Points, grow, relax

SPACING = 0.34
"""Steps between spheres, in local radii: their union is then smooth to a few per cent of the radius."""


@dataclass(frozen=True)
class Spheres:
    """Unions of spheres: centres (n, 3), radii (n,), and the objects they belong to (n,), sorted."""

    centres: Array
    radii: Array
    owner: NDArray[np.int_]

    @classmethod
    def along(cls, paths: list[Path]) -> Spheres:
        """Return closely spaced spheres along `paths`; the owner of each is the number of its path."""
        dense = [_densify(path) for path in paths]
        return cls(
            np.concatenate([path.points for path in dense] or [np.zeros((0, 3))]).astype(np.float32),
            np.concatenate([path.radii for path in dense] or [np.zeros(0)]).astype(np.float32),
            np.repeat(np.arange(len(dense)), [len(path.points) for path in dense]),
        )

    def near(self, low: Array, high: Array, reach: float) -> Spheres:
        """Return the spheres whose surface comes within `reach` of the box from `low` to `high`."""
        outside = np.maximum(np.maximum(low - self.centres, self.centres - high), 0)
        keep = np.einsum("ij,ij->i", outside, outside) < (self.radii + np.float32(reach)) ** 2
        return Spheres(self.centres[keep], self.radii[keep], self.owner[keep])


@dataclass(frozen=True)
class Anatomy:
    """Shapes and staining of one piece of tissue.

    `tubes` and `mitochondria` are spheres along paths. Path p of `tubes` belongs to ``process[p]`` and has
    the typical radius ``calibre[p]``; mitochondrion m lies in process ``hosts[m]``. Brightness (grey levels),
    roughness, sheath (nm of myelin) and firmness are given for each process; the one past the last,
    ``processes``, is the glia that fills what the neurites leave free.
    """

    processes: int
    tubes: Spheres
    process: NDArray[np.int_]
    calibre: Array
    mitochondria: Spheres
    hosts: NDArray[np.int_]
    synapses: organelles.Synapses
    vesicles: organelles.Vesicles
    microtubules: Points
    compartments: organelles.Compartments
    brightness: Array
    roughness: Array
    sheath: Array
    firmness: Array


def draw(rng: np.random.Generator, extent: float) -> Anatomy:
    """Return the anatomy of a cube of `extent` nanometres."""
    paths = sorted(relax(grow(rng, extent)), key=lambda path: path.owner)
    processes = max(path.owner for path in paths) + 1
    kind = np.full(processes + 1, -1)
    # Backwards, so that the dendrite's own path and not a spine's says what the process is.
    for path in reversed(paths):
        kind[path.owner] = path.kind
    mitochondria = organelles.mitochondria(rng, paths)
    synapses = organelles.synapses(rng, paths)
    brightness = rng.normal(180, 8, processes + 1)
    brightness[kind == AXON] -= 4
    sheath = np.where(kind == MYELINATED, rng.uniform(50, 80, processes + 1), 0)
    return Anatomy(
        processes,
        Spheres.along(paths),
        np.array([path.owner for path in paths], np.int_),
        np.array(
            [60 if path.kind == MYELINATED else min(np.median(path.radii), 200) for path in paths], np.float32
        ),
        Spheres.along(mitochondria),
        np.array([path.owner for path in mitochondria], np.int_),
        synapses,
        organelles.vesicles(rng, synapses),
        organelles.microtubules(rng, paths, extent),
        organelles.compartments(rng, paths),
        np.minimum(brightness, 200).astype(np.float32),
        rng.uniform(0.6, 1.3, processes + 1).astype(np.float32),
        sheath.astype(np.float32),
        np.where(kind == MYELINATED, 1.6, rng.uniform(0.8, 1.5, processes + 1)).astype(np.float32),
    )


def _densify(path: Path) -> Path:
    # Length in units of the local radius: steps are finer where the path is thin.
    step = np.diff(path.arc) / (0.5 * (path.radii[1:] + path.radii[:-1]))
    scaled = np.concatenate([[0.0], np.cumsum(step)])
    wanted = np.linspace(0, scaled[-1], max(2, int(np.ceil(scaled[-1] / SPACING)) + 1))
    points = np.stack([np.interp(wanted, scaled, path.points[:, i]) for i in range(3)], axis=1)
    return Path(points, np.interp(wanted, scaled, path.radii), path.owner, path.kind)
