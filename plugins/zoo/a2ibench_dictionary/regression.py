"""Anchored neighbourhood regression (Timofte et al., 2014): what is learnt, and how."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch.nn import functional as F

_ROUNDS = 15
_CHUNK = 1 << 12
_CLUSTERED = 100
_LEAST = 1e-8


@dataclass(frozen=True)
class Regression:
    """Linear maps from features of a patch to its missing detail, one for each anchor.

    Parameters
    ----------
    basis : torch.Tensor, shape (features, components)
        Orthonormal principal components.
    anchors : torch.Tensor, shape (anchors, components)
        Unit vectors.
    maps : torch.Tensor, shape (anchors, components, pixels)
        What reduced features are multiplied by where an anchor is the one most correlated with them.
    """

    basis: torch.Tensor
    anchors: torch.Tensor
    maps: torch.Tensor

    def __call__(self, features: torch.Tensor) -> torch.Tensor:
        """Return the detail of patches, shape (patches, pixels), of features (patches, features)."""
        reduced = features @ self.basis
        nearest = nearest_anchors(reduced, self.anchors)
        order = nearest.argsort(stable=True)
        counts = torch.bincount(nearest, minlength=len(self.anchors)).tolist()
        found = torch.cat(
            [group @ self.maps[k] for k, group in enumerate(reduced[order].split(counts)) if len(group)]
        )
        return torch.empty_like(found).index_copy_(0, order, found)


def principal_components(features: torch.Tensor, energy: float, most: int) -> torch.Tensor:
    """Return an orthonormal basis (features, components) that holds so much of the mean square.

    Parameters
    ----------
    features : torch.Tensor, shape (samples, features)
        Of mean 0, as derivatives are.
    energy : float
        Share of the mean square to keep.
    most : int
        At most so many components.
    """
    power, vectors = torch.linalg.eigh(features.T.double() @ features.double())
    power, vectors = power.flip(0).clamp(min=0), vectors.flip(1)
    shares = power.cumsum(0) / power.sum().clamp(min=_LEAST)
    count = min(most, int((shares < energy).sum()) + 1)
    return vectors[:, :count].to(features.dtype)


def nearest_anchors(reduced: torch.Tensor, anchors: torch.Tensor) -> torch.Tensor:
    """Return for each row (samples, components) the anchor most correlated with it, whichever the sign."""
    return torch.cat([(part @ anchors.T).abs_().argmax(1) for part in reduced.split(_CHUNK)])


def cluster(samples: torch.Tensor, count: int, generator: torch.Generator) -> torch.Tensor:
    """Return `count` unit vectors that unit vectors gather around, by k-means of lines through the origin.

    Parameters
    ----------
    samples : torch.Tensor, shape (samples, components)
        Unit vectors; a vector and its opposite count as one.
    count : int
        At most so many; fewer where there are fewer samples.
    generator : torch.Generator
        Draws the first anchors.
    """
    count = min(count, len(samples))
    # A hundred samples an anchor tell where it belongs.
    samples = samples[torch.randperm(len(samples), generator=generator)[: _CLUSTERED * count]]
    anchors = samples[:count].clone()
    for _ in range(_ROUNDS):
        nearest = nearest_anchors(samples, anchors)
        signs = (samples * anchors[nearest]).sum(1).sign()
        sums = torch.zeros_like(anchors).index_add_(0, nearest, samples * signs[:, None])
        lengths = sums.norm(dim=1, keepdim=True)
        anchors = torch.where(lengths > _LEAST, sums / lengths.clamp(min=_LEAST), anchors)
    return anchors


def ridge_maps(
    samples: torch.Tensor, details: torch.Tensor, anchors: torch.Tensor, neighbours: int, penalty: float
) -> torch.Tensor:
    """Return for each anchor the ridge regression on the samples nearest to it.

    With X the nearest samples and Y their details, in columns, the map is ``Y X^T (X X^T + penalty I)^-1``
    (Timofte et al., 2014, equation 6).

    Parameters
    ----------
    samples : torch.Tensor, shape (samples, components)
        Unit vectors.
    details : torch.Tensor, shape (samples, pixels)
        In the same units: divided by what made the samples unit vectors.
    anchors : torch.Tensor, shape (anchors, components)
        Unit vectors.
    neighbours : int
        Samples of each regression.
    penalty : float
        Of the squared coefficients.

    Returns
    -------
    torch.Tensor, shape (anchors, components, pixels)
    """
    eye = penalty * torch.eye(samples.shape[1], dtype=torch.float64)
    maps = []
    for anchor in anchors:
        found = (
            (samples @ anchor).abs().topk(min(neighbours, len(samples)), sorted=False).indices.sort().values
        )
        near, far = samples[found].double(), details[found].double()
        maps.append(torch.linalg.solve(near.T @ near + eye, near.T @ far).to(samples.dtype))
    return torch.stack(maps)


def learn(
    pairs: Iterable[tuple[torch.Tensor, torch.Tensor]],
    *,
    anchors: int,
    neighbours: int,
    penalty: float,
    energy: float,
    components: int,
    generator: torch.Generator,
) -> Regression:
    """Learn the regressions from features and details.

    Parameters
    ----------
    pairs : iterable of (torch.Tensor, torch.Tensor)
        Features (patches, features) and details (patches, pixels).
    anchors, neighbours, penalty, energy, components, generator
        Of `cluster`, `ridge_maps` and `principal_components`.
    """
    features, details = (torch.cat(parts) for parts in zip(*pairs, strict=True))
    basis = principal_components(features, energy, components)
    reduced = features @ basis
    lengths = reduced.norm(dim=1, keepdim=True)
    telling = lengths[:, 0] > _LEAST
    if not telling.any():
        # Where nothing varies there is nothing to learn from, and no detail to add.
        flat = torch.zeros(1, basis.shape[1], details.shape[1])
        return Regression(basis, F.normalize(torch.ones_like(flat[..., 0])), flat)
    samples, details = reduced[telling] / lengths[telling], details[telling] / lengths[telling]
    found = cluster(samples, anchors, generator)
    return Regression(basis, found, ridge_maps(samples, details, found, neighbours, penalty))
