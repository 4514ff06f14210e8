"""Everything that is drawn, in nanometres, before any voxel exists: packed neurites and their organelles."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from a2ibench.data.phantom.geometry import Array, Path, Points, Spheres

DENDRITE, BRANCH, MYELINATED, AXON, SPINE = range(5)
MARGIN = 260.0
"""Nanometres that paths run on beyond the volume."""


@dataclass(frozen=True)
class Population:
    """A kind of neurite: its share of the volume, and its radii and stiffness in nanometres."""

    kind: int
    share: float
    radius: tuple[float, float]
    persistence: float


POPULATIONS = (
    Population(DENDRITE, 0.24, (300.0, 480.0), 6000.0),
    Population(MYELINATED, 0.05, (190.0, 260.0), 8000.0),
    Population(BRANCH, 0.18, (130.0, 240.0), 5000.0),
    Population(AXON, 0.34, (66.0, 120.0), 3000.0),
)


def grow(rng: np.random.Generator, width: float) -> list[Path]:
    """Return the paths through a cube of `width` nanometres; spines share their dendrite's owner."""
    side = width + 2 * MARGIN
    paths: list[Path] = []
    for population in POPULATIONS:
        low, high = population.radius
        area = np.pi * (low**2 + low * high + high**2) / 3
        triplets = round(population.share * side**2 / (3 * area))
        # Three orthogonal directions of equal calibre at a time: no axis of the volume is favoured.
        radii = np.repeat(rng.uniform(low, high, triplets), 3)
        for points, radius in zip(_walks(rng, width, radii, population.persistence), radii, strict=True):
            if len(points) > 2:
                calibre = _calibre(rng, len(points), radius, population.kind)
                paths.append(Path(points, calibre, len(paths), population.kind))
    spines = [spine for path in paths if path.kind in (DENDRITE, BRANCH) for spine in _spines(rng, path)]
    return paths + spines


def _walks(rng: np.random.Generator, width: float, radii: Points, persistence: float) -> list[Points]:
    count = len(radii)
    if count == 0:
        return []
    bases, upper = np.linalg.qr(rng.standard_normal((count // 3, 3, 3)))
    # Signs as in the decomposition's unique form make the bases uniform over all rotations.
    bases = bases * np.sign(np.diagonal(upper, axis1=1, axis2=2))[:, None]
    directions = bases.transpose(0, 2, 1).reshape(-1, 3)
    middles = rng.uniform(-MARGIN, width + MARGIN, (count, 3))
    step = 0.7 * radii[:, None]
    halves = []
    for sign in (-1.0, 1.0):
        heading, bend, position = sign * directions, np.zeros((count, 3)), middles
        trail = [position]
        for _ in range(int(2 * (width + 2 * MARGIN) / step.min())):
            # A smoothed bend makes neurites sweep instead of jitter.
            bend = 0.75 * bend + 0.3 * np.sqrt(step / persistence) * rng.standard_normal((count, 3))
            heading = heading + bend
            heading /= np.linalg.norm(heading, axis=1, keepdims=True)
            position = position + step * heading
            trail.append(position)
        way = np.stack(trail, axis=1)
        left = np.any(np.abs(way - width / 2) > width / 2 + MARGIN, axis=2)
        left[:, -1] = True
        halves.append([points[: np.argmax(out)] for points, out in zip(way, left, strict=True)])
    return [np.concatenate([back[:0:-1], forth]) for back, forth in zip(*halves, strict=True)]


def _calibre(rng: np.random.Generator, count: int, radius: float, kind: int) -> Points:
    place = np.arange(count) * 0.7 * radius
    if kind == MYELINATED:
        return np.full(count, radius)
    if kind != AXON:
        phase = rng.uniform(0, 2 * np.pi, 2)
        wave = 0.12 * np.sin(place / 260 + phase[0]) + 0.1 * np.sin(place / 110 + phase[1])
        return np.asarray(radius * (1 + wave))
    swelling, centre = np.zeros(count), rng.uniform(0, 900)
    while centre < place[-1] + 200:
        height, width = rng.uniform(0.3, 1.4), rng.uniform(120, 240)
        swelling = np.maximum(swelling, height * np.exp(-0.5 * ((place - centre) / width) ** 2))
        centre += rng.uniform(700, 1900)
    return np.asarray(radius * (1 + swelling))


def _spines(rng: np.random.Generator, path: Path) -> list[Path]:
    spines = []
    for _ in range(rng.poisson(path.arc[-1] / 650)):
        root = rng.integers(len(path.points) - 1)
        away = np.cross(rng.standard_normal(3), path.points[root + 1] - path.points[root])
        away /= np.linalg.norm(away)
        neck, head = rng.uniform(120, 420), rng.uniform(110, 190)
        along = np.arange(0, neck + head, 35.0)
        bulb = head * np.sqrt(np.clip((along - neck) / head, 0.2, 1))
        radii = np.where(along < neck, rng.uniform(45, 65), bulb)
        points = path.points[root] + (path.radii[root] * 0.8 + along)[:, None] * away
        spines.append(Path(points, radii, path.owner, SPINE))
    return spines


_Pairs = tuple[NDArray[np.int_], NDArray[np.int_]]

_ROUNDS = 14
_ROUNDS_PER_SEARCH = 5
_SLACK = 30.0
_RADII = (0.0, 75.0, 100.0, 130.0, 180.0, 260.0, np.inf)


def relax(paths: list[Path]) -> list[Path]:
    """Return the paths moved so that they overlap little; thin ones give way to thick ones."""
    sizes = [len(path.points) for path in paths]
    points = np.concatenate([path.points for path in paths])
    radii = np.concatenate([path.radii for path in paths])
    owner = np.repeat([path.owner for path in paths], sizes)
    path_of = np.repeat(np.arange(len(paths)), sizes)
    inner = np.flatnonzero(path_of[2:] == path_of[:-2]) + 1
    first = second = np.zeros(0, np.int_)
    for turn in range(_ROUNDS):
        if turn % _ROUNDS_PER_SEARCH == 0:
            first, second = _neighbours(points, radii, owner)
        points = points + _push(points, radii, first, second)
        points[inner] += 0.2 * (points[inner - 1] + points[inner + 1] - 2 * points[inner])
    moved = np.split(points, np.cumsum(sizes)[:-1])
    return [replace(path, points=place) for path, place in zip(paths, moved, strict=True)]


def _push(points: Points, radii: Points, first: NDArray[np.int_], second: NDArray[np.int_]) -> Points:
    apart = points[second] - points[first]
    distance = np.sqrt(np.einsum("ij,ij->i", apart, apart)) + 1e-6
    overlap = radii[first] + radii[second] - distance
    touching = np.flatnonzero(overlap > 0)
    first, second, apart = first[touching], second[touching], apart[touching]
    force = apart * (overlap[touching] / distance[touching])[:, None]
    given_way = (radii[first] ** 2 / (radii[first] ** 2 + radii[second] ** 2))[:, None]
    push = np.empty_like(points)
    for axis in range(3):
        push[:, axis] = np.bincount(second, (force * given_way)[:, axis], len(points))
        push[:, axis] -= np.bincount(first, (force * (1 - given_way))[:, axis], len(points))
    length = np.linalg.norm(push, axis=1, keepdims=True) + 1e-9
    return np.asarray(push * np.minimum(0.35, 0.25 * radii[:, None] / length))


def _neighbours(points: Points, radii: Points, owner: NDArray[np.int_]) -> _Pairs:
    """Return the pairs of spheres of different owners that touch or nearly do."""
    # One tree for each range of radii, so that thin ones are not searched at the reach of thick ones.
    groups = [np.flatnonzero((radii >= low) & (radii < high)) for low, high in pairwise(_RADII)]
    groups = [group for group in groups if len(group)]
    trees = [cKDTree(points[group]) for group in groups]
    found: list[_Pairs] = []
    for i, (small, tree) in enumerate(zip(groups, trees, strict=True)):
        pairs = tree.query_pairs(2 * radii[small].max() + _SLACK, output_type="ndarray").reshape(-1, 2)
        found.append((small[pairs[:, 0]], small[pairs[:, 1]]))
        for large, other in zip(groups[i + 1 :], trees[i + 1 :], strict=True):
            reach = radii[small].max() + radii[large].max() + _SLACK
            near = tree.sparse_distance_matrix(other, reach, output_type="ndarray")
            found.append((small[near["i"]], large[near["j"]]))
    first = np.concatenate([pair[0] for pair in found])
    second = np.concatenate([pair[1] for pair in found])
    apart = points[first] - points[second]
    reach = radii[first] + radii[second] + _SLACK
    near = (owner[first] != owner[second]) & (np.einsum("ij,ij->i", apart, apart) < reach**2)
    return first[near], second[near]


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
            centre = path.at(place)
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
        centre = path.at(place)
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
        middle = path.at(place)
        size = 13 + rng.gamma(2.0, 6.0, count)
        way = rng.standard_normal((count, 3)) * rng.uniform(0, 80, (count, 1))
        aside = rng.standard_normal((count, 3))
        aside /= np.linalg.norm(aside, axis=1, keepdims=True)
        free = np.maximum(np.interp(place, arc, path.radii) - wall - size - 25, 0)
        ends.append(middle + aside * (free * np.sqrt(rng.random(count)))[:, None] - way / 2)
        ways.append(way)
        sizes.append(size)
    return Compartments(np.concatenate(ends), np.concatenate(ways), np.concatenate(sizes))


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
