"""Curving paths of neurites without a preferred direction, which push each other apart until packed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

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


Points = NDArray[np.float64]

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


@dataclass(frozen=True)
class Path:
    """One unbranched stretch of a process: sphere centres (n, 3) and radii (n,), nanometres."""

    points: Points
    radii: Points
    owner: int
    kind: int

    @property
    def arc(self) -> Points:
        """Length along the path at each centre, nanometres."""
        return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(self.points, axis=0), axis=1))])


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
