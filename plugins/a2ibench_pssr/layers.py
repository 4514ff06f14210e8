"""Building blocks of the PSSR network."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm


def conv(
    n_in: int, n_out: int, size: int = 3, *, stride: int = 1, bias: bool = True, gain: float = 1.0
) -> nn.Module:
    """Return a weight-normalised convolution that keeps the image size, He-initialised times `gain`."""
    layer = nn.Conv2d(n_in, n_out, size, stride=stride, padding=size // 2, bias=bias)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    with torch.no_grad():
        layer.weight.mul_(gain)
        if layer.bias is not None:
            layer.bias.zero_()
    normed: nn.Module = weight_norm(layer)
    return normed


class ShuffleUp(nn.Module):
    """Double rows and columns by a pixel shuffle that starts as nearest-neighbour interpolation (ICNR).

    Parameters
    ----------
    n_in, n_out : int
        Channels.
    blur : bool
        Average 2 x 2 neighbours afterwards, which suppresses what checkerboard is left.
    """

    def __init__(self, n_in: int, n_out: int, *, blur: bool) -> None:
        super().__init__()
        layer = nn.Conv2d(n_in, 4 * n_out, 1)
        kernel = nn.init.kaiming_normal_(torch.empty(n_out, n_in, 1, 1), nonlinearity="relu")
        with torch.no_grad():
            layer.weight.copy_(kernel.repeat_interleave(4, dim=0))
            layer.bias.zero_()  # type: ignore[union-attr]
        self.conv = weight_norm(layer)
        self.blur = blur

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the image (batch, n_out, 2 rows, 2 columns)."""
        up = F.pixel_shuffle(F.relu(self.conv(x)), 2)
        return F.avg_pool2d(F.pad(up, (1, 0, 1, 0), mode="replicate"), 2, stride=1) if self.blur else up


class SelfAttention(nn.Module):
    """Attention between all positions, added with a weight that starts at 0 (Zhang et al., SAGAN, ICML 2019).

    Without SAGAN's spectral normalisation, which steadied its adversarial training. Memory grows with the
    positions, not their square, where torch has a fused kernel.

    Parameters
    ----------
    channels : int
        Input channels; queries and keys have an eighth of them.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.inner = max(1, channels // 8)
        self.query = nn.Conv2d(channels, self.inner, 1, bias=False)
        self.key = nn.Conv2d(channels, self.inner, 1, bias=False)
        self.value = nn.Conv2d(channels, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the features with what each position attends to, same shape."""
        query, key, value = (f(x).flatten(2).transpose(1, 2) for f in (self.query, self.key, self.value))
        # The fused kernels want equal widths; zeros change no product.
        query, key = (F.pad(t, (0, x.shape[1] - self.inner)) for t in (query, key))
        seen = F.scaled_dot_product_attention(query[:, None], key[:, None], value[:, None], scale=1.0)
        return x + self.gamma * seen[:, 0].transpose(1, 2).reshape(x.shape)


class PointwiseBlock(nn.Module):
    """The published encoder's residual block: a 1x1 and a 3x3 convolution, weight-normalised, no other norm.

    The signature is that of the blocks that ``timm.models.resnet.ResNet`` builds its stages from.

    Parameters
    ----------
    inplanes, planes : int
        Channels.
    stride : int
        Of the 3x3 convolution.
    downsample : nn.Module, optional
        Shortcut where shapes change.
    gain : float
        Scale of the second convolution's first weights. Without normalisation between blocks the signal
        would double with each of them at 1.
    """

    expansion = 1

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        *,
        gain: float = 0.25,
        **_: object,
    ) -> None:
        super().__init__()
        self.conv1 = conv(inplanes, planes, 1, bias=False)
        self.conv2 = conv(planes, planes, 3, stride=stride, bias=False, gain=gain)
        self.downsample = downsample

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the features (batch, planes, rows / stride, columns / stride)."""
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(shortcut + self.conv2(F.relu(self.conv1(x))))
