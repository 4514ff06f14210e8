from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import a2ibench_dictionary
from a2ibench import AxialGrid, Budget, Context, InputError, MethodSpec, Volume
from a2ibench.protocol.blocks import reconstruct_volume
from a2ibench_dictionary.method import Dictionary, _detail
from a2ibench_dictionary.patches import MARGIN, STEP, features_of, overlapped, patches_of, shape_for
from a2ibench_dictionary.regression import (
    Regression,
    cluster,
    learn,
    nearest_anchors,
    principal_components,
    ridge_maps,
)

CTX = Context(size="tiny", budget=Budget(steps=60), batch=4, patch=32)
FEW = {"anchors": 8, "samples": 2000, "neighbours": 200}


def drawn(ratio: float = 3.0, shape: tuple[int, int, int] = (12, 40, 48)) -> Volume:
    rng = np.random.default_rng(0)
    smooth = np.cumsum(rng.normal(size=shape), axis=2) + np.cumsum(rng.normal(size=shape), axis=1)
    data = np.interp(smooth, (smooth.min(), smooth.max()), (0, 255)).astype(np.uint8)
    return Volume(data, (10 * ratio, 10.0, 10.0), (0.0, 255.0), "v")


def rows(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_registers_a_method() -> None:
    methods: list[MethodSpec] = []
    a2ibench_dictionary.a2ibench_register_methods(methods.append)
    assert [(s.name, s.target) for s in methods] == [("dictionary", "a2ibench_dictionary.method:Dictionary")]


def test_ridge_maps_are_the_closed_form_on_the_nearest_samples() -> None:
    samples, details = F.normalize(rows(0, 50, 5)), rows(1, 50, 3)
    anchors = F.normalize(rows(2, 2, 5))
    maps = ridge_maps(samples, details, anchors, 20, 0.1).numpy()
    for anchor, found in zip(anchors.numpy(), maps, strict=True):
        near = np.argsort(-np.abs(samples.numpy() @ anchor))[:20]
        x, y = samples.numpy()[near].T, details.numpy()[near].T
        expected = y @ x.T @ np.linalg.inv(x @ x.T + 0.1 * np.eye(5))
        np.testing.assert_allclose(found, expected.T, atol=1e-5)


def test_principal_components_are_those_of_numpy() -> None:
    features = rows(3, 200, 6) * torch.tensor([5.0, 3, 1, 0.1, 0.01, 0.001])
    basis = principal_components(features, 0.999, 64)
    _, s, v = np.linalg.svd(features.numpy(), full_matrices=False)
    count = int((np.cumsum(s**2) / (s**2).sum() < 0.999).sum()) + 1
    assert basis.shape == (6, count)
    np.testing.assert_allclose(np.abs(basis.numpy().T @ v[:count].T), np.eye(count), atol=1e-4)
    assert principal_components(features, 1.0, 2).shape == (6, 2)


def test_anchors_are_found_where_the_samples_are_whichever_their_sign() -> None:
    directions = torch.eye(3)
    generator = torch.Generator().manual_seed(0)
    noisy = directions.repeat(50, 1) + 0.02 * rows(4, 150, 3)
    signs = torch.where(rows(5, 150, 1) > 0, 1.0, -1.0)
    found = cluster(F.normalize(noisy * signs), 12, generator)
    nearest = nearest_anchors(directions, found)
    assert ((found[nearest] * directions).sum(1).abs() > 0.99).all()
    assert torch.allclose(found.norm(dim=1), torch.ones(len(found)), atol=1e-5)


def test_each_patch_has_the_map_of_its_own_anchor() -> None:
    basis, anchors, maps = torch.eye(4), F.normalize(rows(6, 3, 4)), rows(7, 3, 4, 5)
    features = rows(8, 30, 4)
    found = Regression(basis, anchors, maps)(features)
    for feature, detail in zip(features, found, strict=True):
        k = int((anchors @ feature).abs().argmax())
        torch.testing.assert_close(detail, feature @ maps[k])


def test_linear_details_are_learnt_as_they_are() -> None:
    features, truth = rows(9, 400, 6), rows(10, 6, 4)
    generator = torch.Generator().manual_seed(0)
    learnt = learn(
        [(features, features @ truth)],
        anchors=4,
        neighbours=100,
        penalty=0.0,
        energy=1.0,
        components=6,
        generator=generator,
    )
    torch.testing.assert_close(learnt(features), features @ truth, atol=1e-3, rtol=1e-3)


def test_features_are_derivatives_along_columns_and_rows() -> None:
    y, x = torch.meshgrid(torch.arange(12.0), torch.arange(14.0), indexing="ij")
    image = (3 * x + 5 * y + 0.5 * x * x)[None, None]
    features = features_of(image, (4, 6)).unflatten(1, (4, 4, 6))
    place = MARGIN + torch.arange(6.0)
    torch.testing.assert_close(features[0, 0], (6 + 2 * place).expand(4, 6))
    torch.testing.assert_close(features[0, 1], torch.full((4, 6), 10.0))
    torch.testing.assert_close(features[0, 2], torch.full((4, 6), 2.0))
    torch.testing.assert_close(features[0, 3], torch.zeros(4, 6))
    assert len(features) == ((12 - 2 * MARGIN - 4) // STEP + 1) * ((14 - 2 * MARGIN - 6) // STEP + 1)


def test_patches_add_up_to_the_image_as_often_as_they_cover_it() -> None:
    image = torch.rand(2, 1, 12, 16)
    shape = (4, 6)
    counts = overlapped(patches_of(torch.ones_like(image), shape), 2, (12, 16), shape)
    torch.testing.assert_close(overlapped(patches_of(image, shape), 2, (12, 16), shape), image * counts)
    assert (counts[..., 4:8, 6:10] == shape[0] * shape[1] / STEP**2).all()


@pytest.mark.parametrize("ratio", [1.5, 3.0, 10 / 3, 8.0])
@pytest.mark.parametrize("size", [(9, 33), (24, 24), (40, 11)])
def test_every_pixel_is_covered_equally_at_any_size(ratio: float, size: tuple[int, int]) -> None:
    shape = shape_for(ratio, 8)
    pixels = shape[0] * shape[1]
    # Whatever the features are, the detail of a patch is 1 everywhere: so is the mean.
    learnt = Regression(torch.zeros(4 * pixels, 1), torch.ones(1, 1), torch.zeros(1, 1, pixels))
    constant = type("Ones", (), {"__call__": lambda self, f: torch.ones(len(f), pixels)})()
    image = torch.rand(2, 1, *size)
    torch.testing.assert_close(_detail(constant, image, shape), torch.ones_like(image))
    assert (_detail(learnt, image, shape) == 0).all()


def test_restores_more_than_interpolation_does() -> None:
    rng = np.random.default_rng(1)
    # Discs of one size: what is blurred along z can be told from what is seen along y and x.
    z, y, x = np.indices((36, 60, 60))
    truth = np.full(z.shape, 200.0)
    for centre in rng.uniform(0, 60, (60, 3)):
        truth[(z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2 < 36] = 50
    low = truth.reshape(12, 3, 60, 60).mean(1).round().astype(np.uint8)
    volume, grid = Volume(low, (30.0, 10.0, 10.0), (0.0, 255.0), "v"), AxialGrid(12, 3.0)
    method = Dictionary(anchors=16, samples=4000)
    method.fit(volume, CTX)
    restored = method.reconstruct(volume, grid, CTX) * 255
    plain = Dictionary(anchors=1, samples=50, penalty=1e9)
    plain.fit(volume, CTX)
    interpolated = plain.reconstruct(volume, grid, CTX) * 255
    assert np.square(restored - truth).mean() < 0.95 * np.square(interpolated - truth).mean()


@pytest.mark.parametrize("ratio", [3.0, 10 / 3])
def test_blocks_are_parts_of_the_whole(ratio: float) -> None:
    volume, method = drawn(ratio, (48, 40, 24)), Dictionary(**FEW)
    method.fit(volume, CTX)
    whole, blocks = (reconstruct_volume(method, volume, CTX, max_voxels=n) for n in (1 << 30, 100_000))
    np.testing.assert_allclose(blocks, whole, atol=1e-5)


def test_the_same_seed_learns_the_same() -> None:
    volume, grid = drawn(), AxialGrid(12, 3.0)
    first, second = Dictionary(**FEW), Dictionary(**FEW)
    for method in (first, second):
        method.fit(volume, CTX)
    assert np.array_equal(first.reconstruct(volume, grid, CTX), second.reconstruct(volume, grid, CTX))


def test_a_checkpoint_restores_the_same(tmp_path: Path) -> None:
    volume, grid = drawn(10 / 3), AxialGrid(12, 10 / 3)
    method, loaded = Dictionary(columns=6, **FEW), Dictionary()
    method.fit(volume, CTX)
    method.save(tmp_path)
    loaded.load(tmp_path)
    assert (loaded.halo, loaded.columns) == (method.halo, 6)
    assert np.array_equal(loaded.reconstruct(volume, grid, CTX), method.reconstruct(volume, grid, CTX))
    assert loaded.parameters() == method.parameters() > 0
    assert loaded.macs_per_voxel() == method.macs_per_voxel()


def test_counts_its_work() -> None:
    method = Dictionary(anchors=8, samples=500, components=5, energy=1.0)
    method.fit(drawn(), CTX)
    pixels = 8 * 8
    assert method.macs_per_voxel() == 2 * (4 * pixels * 5 + 8 * 5 + 5 * pixels) / STEP**2
    assert method.parameters() == 4 * pixels * 5 + 8 * 5 + 8 * 5 * pixels


def test_a_flat_volume_stays_flat() -> None:
    volume = Volume(np.full((8, 40, 40), 90, np.uint8), (30.0, 10.0, 10.0), (0.0, 255.0), "flat")
    method = Dictionary(**FEW)
    method.fit(volume, CTX)
    restored = method.reconstruct(volume, AxialGrid(8, 3.0), CTX)
    np.testing.assert_allclose(restored, 90 / 255, atol=1e-6)


def test_a_budget_in_seconds_is_kept() -> None:
    told: list[tuple[float, float]] = []
    ctx = Context(
        size="tiny",
        budget=Budget(seconds=3),
        batch=4,
        patch=32,
        progress=lambda _, done, total, **__: told.append((done, total)),
    )
    Dictionary(**FEW).fit(drawn(), ctx)
    assert told[-1] == (3, 3)
    assert max(done for done, _ in told[:-1]) < 3


def test_patches_that_are_too_small_are_refused() -> None:
    with pytest.raises(InputError, match="too small for 24 x 8 pixels"):
        Dictionary().fit(drawn(8.0, (6, 27, 27)), CTX)
