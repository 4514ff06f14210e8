"""Overlapping neurites push each other apart until they lie side by side."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from a2ibench.volumes.phantom.paths import Path, Points

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
