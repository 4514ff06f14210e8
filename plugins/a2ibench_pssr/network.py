"""The PSSR network: a ResNet encoder and a U-Net decoder with pixel-shuffle up-sampling."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from timm.models.resnet import ResNet
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from a2ibench import pad_to_multiple

START = 0.01
"""Scale of the last layer's first weights when the network predicts a correction: it starts near zero."""


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

    The mean of 2 x 2 neighbours afterwards suppresses what checkerboard is left. In the version of fastai
    that PSSR was made with (1.0.55) the last shuffle has it, too.

    Parameters
    ----------
    n_in, n_out : int
        Channels.
    """

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        layer = nn.Conv2d(n_in, 4 * n_out, 1)
        kernel = nn.init.kaiming_normal_(torch.empty(n_out, n_in, 1, 1), nonlinearity="relu")
        with torch.no_grad():
            layer.weight.copy_(kernel.repeat_interleave(4, dim=0))
            layer.bias.zero_()  # type: ignore[union-attr]
        self.conv = weight_norm(layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the image (batch, n_out, 2 rows, 2 columns)."""
        up = F.pixel_shuffle(F.relu(self.conv(x)), 2)
        return F.avg_pool2d(F.pad(up, (1, 0, 1, 0), mode="replicate"), 2, stride=1)


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
    """

    expansion = 1

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        **_: object,
    ) -> None:
        super().__init__()
        self.conv1 = conv(inplanes, planes, 1, bias=False)
        # Without normalisation between blocks the signal would double with each of them at a gain of 1.
        self.conv2 = conv(planes, planes, 3, stride=stride, bias=False, gain=0.25)
        self.downsample = downsample

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the features (batch, planes, rows / stride, columns / stride)."""
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(shortcut + self.conv2(F.relu(self.conv1(x))))


class Encoder(nn.Module):
    """A weight-normalised ResNet that returns the features of every scale, finest (half size) first.

    Parameters
    ----------
    stem_width : int
        The stem is three 3x3 convolutions of widths stem_width, stem_width, 2 stem_width.
    channels, blocks : sequence of int
        Width and residual blocks of each stage.
    """

    def __init__(self, stem_width: int, channels: Sequence[int], blocks: Sequence[int]) -> None:
        super().__init__()
        resnet = ResNet(
            PointwiseBlock,  # type: ignore[arg-type]
            tuple(blocks),
            num_classes=0,
            in_chans=1,
            global_pool="",
            stem_width=stem_width,
            stem_type="deep",
            avg_down=True,
            channels=tuple(channels),
            norm_layer=nn.Identity,
        )
        self.stem = nn.Sequential(resnet.conv1, resnet.act1)
        self.pool = resnet.maxpool
        self.stages = nn.ModuleList(getattr(resnet, f"layer{i + 1}") for i in range(len(channels)))
        self.channels = (2 * stem_width, *channels)
        for layer in list(self.modules()):
            if isinstance(layer, nn.Conv2d) and not nn.utils.parametrize.is_parametrized(layer):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                weight_norm(layer)

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        """Return one map for each of `channels`, each half the size of the one before."""
        features = [self.stem(image)]
        x = self.pool(features[0])
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features


class UpLevel(nn.Module):
    """One level of the decoder: up-sample, join the encoder's features, two convolutions.

    Parameters
    ----------
    n_in, n_skip, n_out : int
        Channels from below, from the encoder, and of the result.
    attention : bool
        Whether self-attention follows.
    batch_norm : bool
        Whether the encoder's features are batch-normalised first.
    """

    def __init__(self, n_in: int, n_skip: int, n_out: int, *, attention: bool, batch_norm: bool) -> None:
        super().__init__()
        self.up = ShuffleUp(n_in, n_in // 2)
        self.norm = nn.BatchNorm2d(n_skip) if batch_norm else nn.Identity()
        self.convs = nn.Sequential(conv(n_in // 2 + n_skip, n_out), nn.ReLU(), conv(n_out, n_out), nn.ReLU())
        self.attention = SelfAttention(n_out) if attention else nn.Identity()

    def forward(self, x: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        """Return the features at the size of `skip`."""
        up = self.up(x)
        if up.shape[-2:] != skip.shape[-2:]:  # only above the globally pooled level
            up = F.interpolate(up, skip.shape[-2:], mode="nearest")
        joined: torch.Tensor = self.convs(F.relu(torch.cat([up, self.norm(skip)], dim=1)))
        attended: torch.Tensor = self.attention(joined)
        return attended


class Tail(nn.Module):
    """The full-resolution end: joins the input image, then residual blocks and a 1x1 convolution."""

    def __init__(self, channels: int, inner: int, blocks: int, *, gain: float) -> None:
        super().__init__()
        self.up = ShuffleUp(channels, channels)
        width = channels + 1
        self.blocks = nn.ModuleList(
            nn.Sequential(conv(width, inner), nn.ReLU(), conv(inner, width), nn.ReLU()) for _ in range(blocks)
        )
        self.last = conv(width, 1, 1, gain=gain)

    def forward(self, x: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        """Return the image (batch, 1, 2 rows, 2 columns) from features (batch, channels, rows, columns)."""
        x = torch.cat([self.up(x), image], dim=1)
        for block in self.blocks:
            x = x + block(x)
        restored: torch.Tensor = self.last(x)
        return restored


class PSSRNet(nn.Module):
    """Restore an image of any size.

    The defaults are the published network: the widths and blocks of a ResNet-34 with a three-layer stem, and
    a decoder that starts from globally pooled features, because the cut through the original's classifier
    left its pooling in. It has 48,945,614 trained numbers (a weight-normalised convolution has one more for
    each output channel). Without the pooled level, and with the widths that follow from that (last_width 96,
    tail_width 48), it has 32,647,174.

    Parameters
    ----------
    stem_width, channels, blocks
        See `Encoder`.
    pooled : bool
        Add a level of globally pooled features below the encoder.
    last_width : int
        Channels of the decoder's last level, at half size, and of the tail.
    tail_width, tail_blocks : int
        Inner width and number of the residual blocks at full resolution.
    attention : bool
        Self-attention in the decoder, three levels from its end where it has that many.
    batch_norm : bool
        Batch-normalise the features that the decoder takes from the encoder.
    residual : bool
        Predict a correction of the input image; the published network predicts the image.
    """

    def __init__(
        self,
        *,
        stem_width: int = 32,
        channels: Sequence[int] = (64, 128, 256, 512),
        blocks: Sequence[int] = (3, 4, 6, 3),
        pooled: bool = True,
        last_width: int = 104,
        tail_width: int = 52,
        tail_blocks: int = 1,
        attention: bool = True,
        batch_norm: bool = True,
        residual: bool = True,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(stem_width, channels, blocks)
        self.multiple = 2 ** (1 + len(channels))
        self.residual, self.pooled = residual, pooled
        top = channels[-1]
        self.middle = nn.Sequential(
            nn.BatchNorm2d(top) if batch_norm else nn.Identity(),
            nn.ReLU(),
            conv(top, 2 * top),
            nn.ReLU(),
            conv(2 * top, top),
            nn.ReLU(),
        )
        skips = self.encoder.channels[::-1] if pooled else self.encoder.channels[-2::-1]
        self.levels = nn.ModuleList()
        width = top
        for left, skip in zip(range(len(skips) - 1, -1, -1), skips, strict=True):
            n_out = width // 2 + skip if left else last_width
            self.levels.append(
                UpLevel(width, skip, n_out, attention=attention and left == 2, batch_norm=batch_norm)
            )
            width = n_out
        self.tail = Tail(width, tail_width, tail_blocks, gain=START if residual else 1.0)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return the restored image, shape (batch, 1, rows, columns) like the degraded one."""
        rows, columns = image.shape[-2:]
        padded = pad_to_multiple(image, self.multiple)
        features = self.encoder(padded)
        if self.pooled:
            features.append(features[-1].mean(dim=(-2, -1), keepdim=True))
        x = self.middle(features.pop())
        for level in self.levels:
            x = level(x, features.pop())
        restored: torch.Tensor = self.tail(x, padded)[..., :rows, :columns]
        return image + restored if self.residual else restored
