"""Everything that is drawn, in nanometres, before any voxel exists: packed neurites and their organelles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from a2ibench.data.phantom.fields import Array
from a2ibench.data.phantom.neurites import (
    AXON,
    BRANCH,
    DENDRITE,
    MYELINATED,
    SPINE,
    Path,
    Points,
    grow,
    relax,
)

_EVERY = {DENDRITE: 450.0, BRANCH: 1100.0, MYELINATED: 1500.0, AXON: 3000.0}
_VESICLE_SPACING = 48.0
_COMPARTMENT_SPACING = 190.0
_MICROTUBULE_SPACING = {DENDRITE: 75.0, BRANCH: 80.0, MYELINATED: 75.0, AXON: 75.0}


@dataclass(frozen=True)
class Synapses:
    """Discs of dense material where an axon touches a dendrite or spine, and the swellings they belong to.

    Centres of discs (n, 3), their radii (n,), the processes before and behind them (n,), and centres (n, 3)
    and radii (n,) of the swellings; nanometres.
    """

    centre: Points
    radius: Points
    pre: NDArray[np.int_]
    post: NDArray[np.int_]
    bouton: Points
    bouton_radius: Points


@dataclass(frozen=True)
class Vesicles:
    """Centres (n, 3) in nanometres, sorted along z, and the process that each lies in (n,)."""

    centre: Points
    owner: NDArray[np.int_]


@dataclass(frozen=True)
class Compartments:
    """Membrane-bound capsules: one end (n, 3), the way to the other (n, 3), and radius (n,); nanometres."""

    end: Points
    way: Points
    radius: Points


def place_mitochondria(rng: np.random.Generator, paths: list[Path]) -> list[Path]:
    """Return the paths of mitochondria; the owner of each is its host."""
    found = []
    for path in paths:
        if path.kind == SPINE:
            continue
        arc, every = path.arc, _EVERY[path.kind]
        start = rng.uniform(-300, every)
        while start < arc[-1]:
            length = rng.uniform(350, 1100)
            place = np.arange(max(start, 0), min(start + length, arc[-1]), 40.0)
            start += length + rng.exponential(every)
            if len(place) < 4:
                continue
            room = np.interp(place, arc, path.radii) - (75 if path.kind == MYELINATED else 0)
            radius = min(rng.uniform(0.45, 0.72) * room.mean(), rng.uniform(90, 160))
            if radius < 52:
                continue
            aside = rng.standard_normal(3)
            aside *= rng.uniform(0, 0.8) * max(room.mean() - radius - 30, 0) / np.linalg.norm(aside)
            centre = np.stack([np.interp(place, arc, path.points[:, i]) for i in range(3)], axis=1)
            radii = radius * (1 + 0.12 * np.sin(place / 130 + rng.uniform(0, 6)))
            found.append(Path(centre + aside, radii, path.owner, path.kind))
    return found


def place_microtubules(rng: np.random.Generator, paths: list[Path], width: float) -> Points:
    """Return points every 19 nm along the microtubules, sorted along z, shape (n, 3)."""
    lines = [np.zeros((0, 3))]
    for path in paths:
        if path.kind == SPINE:
            continue
        arc = path.arc
        place = np.arange(0, arc[-1], 19.0)
        centre = np.stack([np.interp(place, arc, path.points[:, i]) for i in range(3)], axis=1)
        radius = np.interp(place, arc, path.radii) - (75 if path.kind == MYELINATED else 0)
        reach = 0.85 * np.quantile(radius, 0.6)
        count = rng.poisson(np.pi * reach**2 / _MICROTUBULE_SPACING[path.kind] ** 2)
        wave = np.sin(place[:, None, None] / rng.uniform(300, 700, (count, 2)) + rng.uniform(0, 6, 2))
        aside = rng.uniform(-reach, reach, (count, 2)) + 0.1 * reach * wave
        points = centre[:, None] + np.einsum("nca,nai->nci", aside, _frames(rng, path, place))
        inside = (aside**2).sum(axis=2) < (0.85 * radius[:, None]) ** 2
        inside &= np.all(np.abs(points - width / 2) < width / 2 + 40, axis=2)
        lines.append(points[inside])
    points = np.concatenate(lines)
    return points[np.argsort(points[:, 0], kind="stable")]


def _frames(rng: np.random.Generator, path: Path, place: Points) -> Points:
    """Return two unit vectors across `path` at each place, shape (n, 2, 3)."""
    tangent = np.gradient(path.points, axis=0)
    tangent = np.stack([np.interp(place, path.arc, tangent[:, i]) for i in range(3)], axis=1)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    # One reference across the whole path keeps neighbouring frames parallel.
    reference = np.cross(path.points[-1] - path.points[0], rng.standard_normal(3))
    across = np.cross(tangent, reference)
    across /= np.linalg.norm(across, axis=1, keepdims=True) + 1e-9
    return np.stack([across, np.cross(tangent, across)], axis=1)


def place_synapses(rng: np.random.Generator, paths: list[Path]) -> Synapses:
    """Return the synapses from axonal swellings onto the nearest dendrite or spine."""
    targets = [path for path in paths if path.kind in (DENDRITE, BRANCH, SPINE)]
    points = np.concatenate([np.zeros((0, 3)), *(path.points for path in targets)])
    radii = np.concatenate([np.zeros(0), *(path.radii for path in targets)])
    owner = np.repeat([path.owner for path in targets], [len(path.points) for path in targets])
    found: list[tuple[Points, float, int, int, Points, float]] = []
    for path in paths:
        if path.kind != AXON or len(points) == 0:
            continue
        size = path.radii
        peak = (size[1:-1] >= size[:-2]) & (size[1:-1] > size[2:]) & (size[1:-1] > 110)
        for index in np.flatnonzero(peak) + 1:
            centre, radius = path.points[index], size[index]
            distance = np.linalg.norm(points - centre, axis=1)
            nearest = np.argmin(distance - radii)
            if distance[nearest] - radii[nearest] - radius < 60:
                middle = centre + (points[nearest] - centre) * radius / (radius + radii[nearest])
                found.append((middle, rng.uniform(100, 180), path.owner, int(owner[nearest]), centre, radius))
    columns = list(zip(*found, strict=True)) or [()] * 6
    return Synapses(
        np.array(columns[0]).reshape(-1, 3),
        np.array(columns[1], np.float64),
        np.array(columns[2], np.int_),
        np.array(columns[3], np.int_),
        np.array(columns[4]).reshape(-1, 3),
        np.array(columns[5], np.float64),
    )


def place_vesicles(rng: np.random.Generator, synapses: Synapses) -> Vesicles:
    """Return the vesicles that crowd the swelling before each synapse."""
    lattice = np.stack(np.meshgrid(*[np.arange(-8, 9)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    # Every second point of a cubic lattice is the densest packing of spheres of one size.
    lattice = lattice[lattice.sum(axis=1) % 2 == 0] * (_VESICLE_SPACING / np.sqrt(2))
    away = np.linalg.norm(lattice, axis=1)
    centres = [np.zeros((0, 3))]
    for disc, bouton, size in zip(synapses.centre, synapses.bouton, synapses.bouton_radius, strict=True):
        kept = (away < rng.uniform(0.7, 1.1) * size) & (rng.random(len(away)) < rng.uniform(0.5, 0.95))
        turned = lattice[kept] @ np.linalg.qr(rng.standard_normal((3, 3)))[0]
        centres.append(turned + rng.normal(0, 10, turned.shape) + bouton + 0.3 * (disc - bouton))
    owner = np.repeat(synapses.pre, [len(part) for part in centres[1:]])
    centre = np.concatenate(centres)
    order = np.argsort(centre[:, 0], kind="stable")
    return Vesicles(centre[order], owner[order])


def place_compartments(rng: np.random.Generator, paths: list[Path]) -> Compartments:
    """Return endosomes and cut tubules of reticulum, strewn over all neurites."""
    ends, ways, sizes = [np.zeros((0, 3))], [np.zeros((0, 3))], [np.zeros(0)]
    for path in paths:
        arc, wall = path.arc, 75 if path.kind == MYELINATED else 0
        count = rng.poisson(np.pi * np.mean(path.radii) ** 2 * arc[-1] / _COMPARTMENT_SPACING**3)
        place = rng.uniform(0, arc[-1], count)
        middle = np.stack([np.interp(place, arc, path.points[:, i]) for i in range(3)], axis=1)
        size = 13 + rng.gamma(2.0, 6.0, count)
        way = rng.standard_normal((count, 3)) * rng.uniform(0, 80, (count, 1))
        aside = rng.standard_normal((count, 3))
        aside /= np.linalg.norm(aside, axis=1, keepdims=True)
        free = np.maximum(np.interp(place, arc, path.radii) - wall - size - 25, 0)
        ends.append(middle + aside * (free * np.sqrt(rng.random(count)))[:, None] - way / 2)
        ways.append(way)
        sizes.append(size)
    return Compartments(np.concatenate(ends), np.concatenate(ways), np.concatenate(sizes))


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
    synapses: Synapses
    vesicles: Vesicles
    microtubules: Points
    compartments: Compartments
    brightness: Array
    roughness: Array
    sheath: Array
    firmness: Array


def draw(rng: np.random.Generator, width: float) -> Anatomy:
    """Return the anatomy of a cube of `width` nanometres."""
    paths = sorted(relax(grow(rng, width)), key=lambda path: path.owner)
    processes = max(path.owner for path in paths) + 1
    kind = np.full(processes + 1, -1)
    # Backwards, so that the dendrite's own path and not a spine's says what the process is.
    for path in reversed(paths):
        kind[path.owner] = path.kind
    mitochondria = place_mitochondria(rng, paths)
    synapses = place_synapses(rng, paths)
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
        place_vesicles(rng, synapses),
        place_microtubules(rng, paths, width),
        place_compartments(rng, paths),
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
