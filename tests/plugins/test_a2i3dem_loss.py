from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from scipy import ndimage, stats
from torch import nn

from a2ibench import InputError
from a2ibench_a2i3dem.loss import (
    DerivativeFilters,
    ProjectedDistributionLoss,
    VGGFeatures,
    derivative_kernels,
    parse_layers,
    wasserstein,
)
from a2ibench_a2i3dem.method import A2I3DEM


def test_distance_is_the_wasserstein_distance_of_the_values() -> None:
    x, y = torch.randn(2, 3, 5, 7), 2 * torch.randn(2, 3, 5, 7) + 1
    expected = [
        [stats.wasserstein_distance(x[b, c].flatten(), y[b, c].flatten()) for c in range(3)] for b in range(2)
    ]
    np.testing.assert_allclose(wasserstein(x, y), expected, rtol=1e-5)


def test_distance_does_not_care_where_values_are() -> None:
    x = torch.randn(1, 1, 6, 6)
    shuffled = x.flatten()[torch.randperm(36)].view_as(x)
    assert wasserstein(x, shuffled).item() == 0
    assert wasserstein(x, shuffled + 0.25).item() == pytest.approx(0.25, abs=1e-6)


def test_gradient_is_the_sign_of_the_difference_of_equal_ranks() -> None:
    x = torch.randn(1, 2, 4, 5, requires_grad=True)
    y = torch.randn(1, 2, 4, 5)
    wasserstein(x, y).sum().backward()
    values = x.detach().numpy().reshape(2, 20)
    ranks = stats.rankdata(values, axis=1).astype(int) - 1
    partners = np.take_along_axis(np.sort(y.numpy().reshape(2, 20)), ranks, 1)
    np.testing.assert_allclose(x.grad.numpy().reshape(2, 20), np.sign(values - partners) / 20, rtol=1e-6)


@pytest.mark.parametrize("sigma", [1.0, 2.0, 4.0])
def test_kernels_are_derivatives_of_gaussians(sigma: float) -> None:
    kernels = derivative_kernels(sigma).double()[:, 0]
    side = kernels.shape[-1]
    impulse = np.zeros((side, side))
    impulse[side // 2, side // 2] = 1
    for kernel, order in zip(kernels, ((0, 1), (1, 0), (0, 2), (1, 1), (2, 0)), strict=True):
        reference = ndimage.gaussian_filter(impulse, sigma, order, mode="constant", truncate=3)
        similarity = (kernel.numpy() * reference).sum() / np.linalg.norm(kernel) / np.linalg.norm(reference)
        assert abs(similarity) > 0.999
        assert kernel.sum() == pytest.approx(0, abs=1e-6)
        assert kernel.abs().sum() == pytest.approx(2, abs=1e-6)


def test_filter_loss_is_the_mean_over_pixels_and_all_derivatives() -> None:
    prediction, target = torch.rand(2, 1, 20, 24), torch.rand(2, 1, 20, 24)
    distances = []
    for b in range(2):
        x, y = prediction[b, 0].numpy(), target[b, 0].numpy()
        distances.append(stats.wasserstein_distance(x.ravel(), y.ravel()))
        for k in range(2):
            for kernel in derivative_kernels(2.0**k)[:, 0].numpy():
                maps = [
                    ndimage.correlate(im, kernel, mode="nearest")[:: 2**k, :: 2**k].ravel() for im in (x, y)
                ]
                distances.append(stats.wasserstein_distance(*maps))
    found = ProjectedDistributionLoss(DerivativeFilters(2))(prediction, target)
    assert found.item() == pytest.approx(np.mean(distances), rel=1e-4)


@pytest.mark.parametrize("shape", [(9, 33), (1, 1), (48, 48)])
def test_filters_take_any_size(shape: tuple[int, int]) -> None:
    maps = DerivativeFilters(3)(torch.full((2, 1, *shape), 0.5))
    assert [m.shape[1] for m in maps] == [1, 5, 5, 5]
    assert all(m.abs().max() < 1e-6 for m in maps[1:])


def test_loss_is_equation_5() -> None:
    prediction, target = torch.rand(2, 1, 16, 16), torch.rand(2, 1, 16, 16)
    absolute = (prediction - target).abs().mean()
    distribution = ProjectedDistributionLoss(DerivativeFilters(3))(prediction, target)
    torch.testing.assert_close(A2I3DEM().loss(prediction, target), absolute + 0.3 * distribution)
    torch.testing.assert_close(A2I3DEM(alpha_filters=0).loss(prediction, target), absolute)
    torch.testing.assert_close(A2I3DEM(alpha_filters=2).loss(prediction, target), absolute + 2 * distribution)


@pytest.fixture
def vgg(tmp_path: Path) -> tuple[Path, nn.Sequential]:
    make_layers = pytest.importorskip("torchvision.models.vgg").make_layers
    features = make_layers([4, 4, "M", 6, 6, "M", 8, "M"]).eval()
    file = tmp_path / "vgg.safetensors"
    save_file(
        nn.ModuleDict({"features": features}).state_dict() | {"classifier.0.bias": torch.zeros(3)}, file
    )
    return file, features


def test_vgg_features_are_torchvisions(vgg: tuple[Path, nn.Sequential]) -> None:
    file, features = vgg
    image = torch.rand(2, 1, 16, 20)
    x = (image.expand(-1, 3, -1, -1) - torch.tensor([0.485, 0.456, 0.406])[:, None, None]) / torch.tensor(
        [0.229, 0.224, 0.225]
    )[:, None, None]
    found = VGGFeatures(file, (3, 8, 11))(image)
    for layer, value in zip((3, 8, 11), found, strict=True):
        torch.testing.assert_close(value, features[: layer + 1](x))


def test_vgg_loss_trains_the_image_and_not_the_features(vgg: tuple[Path, nn.Sequential]) -> None:
    method = A2I3DEM(vgg_weights=str(vgg[0]))
    assert method.configuration()["pdl"] == "pdl-vgg"
    prediction = torch.rand(1, 1, 16, 16, requires_grad=True)
    target = torch.rand(1, 1, 16, 16)
    loss = method.loss(prediction, target)
    loss.backward()
    assert (loss - (prediction - target).abs().mean()).item() > 0
    assert prediction.grad.abs().min() > 0
    features = ProjectedDistributionLoss(VGGFeatures(vgg[0], (3, 8)))
    assert not any(p.requires_grad for p in features.parameters())


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"features.0.weight": torch.zeros(4, 1, 3, 3)}, r"features\.0\.weight has shape \(4, 1, 3, 3\)"),
        ({"features.0.weight": torch.zeros(4, 3, 3, 3)}, r"features\.0\.weight has shape"),
        ({"other": torch.zeros(1)}, r"features\.0 is missing"),
        (
            {"features.0.weight": torch.zeros(4, 3, 3, 3), "features.0.bias": torch.zeros(4)},
            r"features\.2 is missing",
        ),
        (None, "cannot be read as safetensors"),
    ],
)
def test_other_weight_files_are_refused(
    tmp_path: Path, tensors: dict[str, torch.Tensor] | None, message: str
) -> None:
    file = tmp_path / "weights.safetensors"
    if tensors is None:
        file.write_bytes(b"not safetensors")
    else:
        save_file(tensors, file)
    with pytest.raises(InputError, match=message) as raised:
        VGGFeatures(file, (3,))
    assert str(file) in str(raised.value)


@pytest.mark.parametrize("text", ["", "3,x", "-1", "3,3"])
def test_lists_of_layers_are_checked(text: str) -> None:
    assert parse_layers("3, 8") == (3, 8)
    with pytest.raises(InputError, match="vgg_layers: got"):
        parse_layers(text)
