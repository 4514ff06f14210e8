"""The U-Net of care-isotropic against its description."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from a2ibench_care_isotropic.method import SIZES, CAREIsotropic
from a2ibench_care_isotropic.network import IsotropicUNet

LAYERS = [(1, 1), (1, 1), (1, 2), (2, 2), (2, 4), (4, 2), (4, 2), (2, 1), (2, 1), (1, 1)]
"""Channels before and after each 5x5 convolution, as multiples of the first features."""


def test_the_published_network_has_the_parameters_that_its_shape_tells() -> None:
    shapes = [(max(32 * n_in, 1), 32 * n_out) for n_in, n_out in LAYERS]
    shapes[0] = (1, 32)
    expected = sum(25 * n_in * n_out + n_out for n_in, n_out in shapes) + 32 + 1
    network = CAREIsotropic(variant="published").build("tiny")
    assert sum(p.numel() for p in network.parameters()) == expected == 922_977


def test_computes_what_its_layers_say() -> None:
    network = IsotropicUNet((2, 3, 5), kernel=3).double()
    nn.init.normal_(network.last.weight)
    image = torch.rand(1, 1, 8, 12).double()
    convolutions = iter([layer for layer in network.modules() if isinstance(layer, nn.Conv2d)])

    def twice(x: torch.Tensor) -> torch.Tensor:
        for _ in range(2):
            layer = next(convolutions)
            x = F.conv2d(x, layer.weight, layer.bias, padding=1).clamp(min=0)
        return x

    def pooled(x: torch.Tensor) -> torch.Tensor:
        return x.unflatten(3, (-1, 2)).unflatten(2, (-1, 2)).amax((3, 5))

    def doubled(x: torch.Tensor) -> torch.Tensor:
        return x.repeat_interleave(2, 2).repeat_interleave(2, 3)

    fine = twice(image)
    coarse = twice(pooled(fine))
    middle = twice(pooled(coarse))
    up = twice(torch.cat([doubled(middle), coarse], 1))
    up = twice(torch.cat([doubled(up), fine], 1))
    expected = image + torch.einsum("bchw,c->bhw", up, network.last.weight[0, :, 0, 0])[:, None]
    torch.testing.assert_close(network(image), expected)


@pytest.mark.parametrize("size", ["tiny", "small", "full"])
def test_size_is_the_contexts_unless_something_else_is_set(size: str) -> None:
    assert CAREIsotropic().build(size).down[0][0].out_channels == SIZES[size][0]
    assert CAREIsotropic(features=6).build(size).middle[0].out_channels == 24
    assert CAREIsotropic(kernel=2).build(size).down[0][0].kernel_size == (3, 3)
