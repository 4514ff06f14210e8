from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.filters import gaussian

import a2ibench_pssr
from a2ibench import (
    AxialDegradation,
    AxialGrid,
    Budget,
    Context,
    DegradationSpec,
    MethodSpec,
    Volume,
    pad_to_multiple,
)
from a2ibench_pssr.degradation import Crappifier, gaussian_blur
from a2ibench_pssr.method import PSSR, SIZES
from a2ibench_pssr.network import PointwiseBlock, PSSRNet, SelfAttention, ShuffleUp

PUBLISHED = 48.9e6


def test_registers_a_method_and_its_degradation() -> None:
    methods: list[MethodSpec] = []
    degradations: list[DegradationSpec] = []
    a2ibench_pssr.a2ibench_register_methods(methods.append)
    a2ibench_pssr.a2ibench_register_degradations(degradations.append)
    assert [(s.name, s.target) for s in methods] == [("pssr", "a2ibench_pssr.method:PSSR")]
    assert [(s.name, s.target) for s in degradations] == [
        ("crappifier", "a2ibench_pssr.degradation:Crappifier")
    ]
    assert PSSR().degradation == "crappifier"


def test_listing_imports_nothing_heavy() -> None:
    code = "import sys, a2ibench_pssr; sys.exit(any(m in sys.modules for m in ('torch', 'timm', 'skimage')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def count(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_the_published_variant_has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        assert count(PSSR(batch_norm=True, variant="published").build("full")) == 48_945_614
        assert count(PSSR(variant="published").build("full")) == pytest.approx(PUBLISHED, rel=0.02)
        assert count(PSSRNet(pooled=False, last_width=96, tail_width=48)) == 32_647_174


@pytest.mark.parametrize("size", ["tiny", "small"])
@pytest.mark.parametrize("shape", [(47, 101), (9, 33), (1, 5)])
def test_keeps_any_size(size: str, shape: tuple[int, int]) -> None:
    assert PSSR().build(size).eval()(torch.rand(2, 1, *shape)).shape == (2, 1, *shape)


def test_full_size_keeps_an_odd_size() -> None:
    with torch.inference_mode():
        assert PSSR(variant="published").build("full").eval()(torch.rand(1, 1, 9, 33)).shape == (1, 1, 9, 33)


@pytest.mark.parametrize(
    ("pooled", "batch_norm"), [(True, True), (False, True), (True, False), (False, False)]
)
def test_gradients_reach_every_parameter(pooled: bool, batch_norm: bool) -> None:
    torch.manual_seed(0)
    network = PSSRNet(**{**SIZES["small"], "pooled": pooled}, batch_norm=batch_norm)
    for module in network.modules():
        if isinstance(module, SelfAttention):
            torch.nn.init.constant_(module.gamma, 0.5)
    network(torch.rand(3, 1, 32, 32)).square().mean().backward()
    silent = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert silent == []


def test_shuffle_starts_as_nearest_neighbour_interpolation_that_is_blurred() -> None:
    torch.manual_seed(0)
    up, x = ShuffleUp(12, 8), torch.randn(2, 12, 5, 7)
    smooth = up(x)
    assert smooth.shape == (2, 8, 10, 14)
    coarse = torch.relu(up.conv(x))[:, ::4]
    nearest = coarse.repeat_interleave(2, 2).repeat_interleave(2, 3)
    mean = (nearest[..., 1:, 1:] + nearest[..., :-1, 1:] + nearest[..., 1:, :-1] + nearest[..., :-1, :-1]) / 4
    torch.testing.assert_close(smooth[..., 1:, 1:], mean)
    torch.testing.assert_close(smooth[..., 0, 0], nearest[..., 0, 0])


def test_attention_starts_as_identity_and_matches_the_formula() -> None:
    torch.manual_seed(0)
    attention, x = SelfAttention(16), torch.randn(2, 16, 4, 5)
    assert torch.equal(attention(x), x)
    torch.nn.init.constant_(attention.gamma, 0.7)
    query, key, value = (f(x).flatten(2) for f in (attention.query, attention.key, attention.value))
    weights = torch.softmax(query.transpose(1, 2) @ key, dim=-1)
    expected = x + 0.7 * (value @ weights.transpose(1, 2)).view(x.shape)
    torch.testing.assert_close(attention(x), expected, rtol=1e-4, atol=1e-5)


def test_encoder_blocks_keep_the_signal_at_the_same_scale() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 32, 16, 16).relu()
    y = torch.nn.Sequential(*[PointwiseBlock(32, 32) for _ in range(6)])(x)
    assert 0.3 < float(y.detach().std() / x.std()) < 5


def test_encoder_halves_the_size_at_each_scale() -> None:
    network = PSSRNet(**SIZES["small"])
    features = network.encoder(torch.rand(1, 1, 48, 80))
    assert [f.shape[1:] for f in features] == [
        (c, 48 >> s, 80 >> s) for s, c in enumerate(network.encoder.channels, start=1)
    ]


def test_restoration_away_from_the_padding_does_not_depend_on_it() -> None:
    torch.manual_seed(0)
    network = PSSRNet(**{**SIZES["tiny"], "attention": False}).eval()
    image = torch.rand(1, 1, 96, 96)
    whole, part = network(image), network(image[..., :93, :91])
    torch.testing.assert_close(part[..., :32, :32], whole[..., :32, :32], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(47, 101), (9, 33), (32, 64), (3, 2)])
def test_padding_extends_to_a_multiple_and_keeps_the_image(shape: tuple[int, int]) -> None:
    image = torch.rand(1, 1, *shape)
    padded = pad_to_multiple(image, 32)
    assert all(n % 32 == 0 and n - m < 32 for n, m in zip(padded.shape[-2:], shape, strict=True))
    assert torch.equal(padded[..., : shape[0], : shape[1]], image)


def test_network_repeats_itself_in_evaluation() -> None:
    network, image = PSSR().build("tiny").eval(), torch.rand(3, 1, 24, 24)
    torch.testing.assert_close(network(image)[1:2], network(image[1:2]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("sigma", [0.7, 3.0])
def test_gaussian_blur_against_skimage(sigma: float) -> None:
    image = np.random.default_rng(0).random((33, 20))
    found = gaussian_blur(torch.from_numpy(image)[None, None], sigma)[0, 0]
    np.testing.assert_allclose(found, gaussian(image, sigma, mode="nearest"), atol=1e-10)


def test_noise_has_the_variance_of_the_closed_form() -> None:
    images = torch.full((400, 1, 60, 60), 0.6)
    images[..., 30:] = 0.2
    grid = AxialGrid(20, 3.0)
    sampled = Crappifier(variance=0.02)(images, grid, torch.Generator().manual_seed(0)).image
    # The strength is uniform in [0, 0.02], so its mean is 0.01; the slab averages 3 independent draws.
    for columns, level in ((slice(0, 15), 0.6), (slice(45, 60), 0.2)):
        residual = sampled[..., columns] - level
        assert float(residual.var()) == pytest.approx(0.01 * level / 3, rel=0.1)
        assert float(residual.mean()) == pytest.approx(0, abs=1e-3)
    strengths = (sampled[..., :15] - 0.6).flatten(1).var(dim=1) * 3 / 0.6
    assert strengths.min() < 0.001
    assert 0.018 < strengths.max() < 0.023


def test_crappifier_without_noise_is_the_slab_average() -> None:
    images, grid = torch.rand(3, 1, 20, 7), AxialGrid(6, 10 / 3)
    made = Crappifier(variance=0)(images, grid, torch.Generator())
    torch.testing.assert_close(made.image, AxialDegradation()(images, grid, torch.Generator()).image)
    assert dict(made.parameters) == {}


def test_crappifier_is_determined_by_the_generator() -> None:
    images, grid = torch.rand(3, 1, 18, 7), AxialGrid(6, 3.0)
    first, again, other = (
        Crappifier()(images, grid, torch.Generator().manual_seed(s)).image for s in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_loss_is_the_mean_squared_error_and_decay_reaches_the_optimizer() -> None:
    method = PSSR(weight_decay=0.25)
    prediction, target = torch.rand(2, 1, 4, 4), torch.rand(2, 1, 4, 4)
    torch.testing.assert_close(method.loss(prediction, target), (prediction - target).square().mean())
    assert method.optimizer([torch.nn.Parameter(torch.ones(2))]).param_groups[0]["weight_decay"] == 0.25


def test_learns_and_survives_a_round_trip(tmp_path: Path) -> None:
    y, x = np.mgrid[:64, :72] / 7
    data = np.stack([120 + 60 * np.sin(y + z) * np.cos(x) for z in range(10)])
    volume = Volume(data.astype(np.uint8), (3, 1, 1), (0, 255), "wavy")
    losses: list[float] = []

    def progress(phase: str, done: float, total: float, **values: float) -> None:
        losses.extend(values.values())

    ctx = Context(
        size="tiny", budget=Budget(steps=12), batch=4, patch=24, progress=progress, precision="fp32"
    )
    method = PSSR()
    method.fit(volume, ctx)
    assert np.isfinite(losses).all()
    grid = AxialGrid(10, 3.0)
    restored = method.reconstruct(volume, grid, ctx)
    assert restored.shape == (30, 64, 72)
    method.save(tmp_path)
    copy = PSSR()
    copy.load(tmp_path)
    np.testing.assert_allclose(copy.reconstruct(volume, grid, ctx), restored, atol=1e-6)
