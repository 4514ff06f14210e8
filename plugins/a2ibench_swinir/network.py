"""The network of SwinIR in its same-size variant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from timm.layers import DropPath, Mlp, trunc_normal_
from torch import nn

from a2ibench import InputError, ShiftedWindowAttention, pad_to_multiple, to_image, to_map

_PUBLISHED_BUFFERS = ("relative_position_index", "attn_mask")


class Block(nn.Module):
    """Transformer block: window attention, then a two-layer perceptron, each on a residual path."""

    def __init__(
        self, channels: int, heads: int, window: int, shift: int, mlp_ratio: float, drop_path: float
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels)
        self.attn = ShiftedWindowAttention(channels, heads, window, shift)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = Mlp(channels, int(channels * mlp_ratio))
        self.drop_path = DropPath(drop_path) if drop_path else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return a map of the same shape (batch, rows, columns, channels)."""
        x = x + self.drop_path(self.attn(self.norm1(x)))
        return x + self.drop_path(self.mlp(self.norm2(x)))


class BlockGroup(nn.Module):
    """Blocks in sequence, every second one with shifted windows."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*blocks)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return a map of the same shape."""
        out: torch.Tensor = self.blocks(x)
        return out


class ResidualLayer(nn.Module):
    """A group of blocks and a convolution on a residual path."""

    def __init__(self, group: BlockGroup, channels: int) -> None:
        super().__init__()
        self.residual_group = group
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return a map of the same shape."""
        return x + to_map(self.conv(to_image(self.residual_group(x))))


class SwinIRNet(nn.Module):
    """SwinIR for grey images, output of the input's size (Liang et al., ICCVW 2021).

    Parameter names and shapes are those of the published checkpoints.

    Parameters
    ----------
    channels : int
        Width of all features.
    depths : sequence of int
        Blocks in each residual layer.
    heads : int
        Attention heads of every block.
    window : int
        Side of the attention windows.
    mlp_ratio : float
        Hidden over outer width of the perceptrons.
    drop_path : float
        Probability that the last block's paths are skipped in training; it rises from 0 linearly.
    """

    def __init__(
        self,
        channels: int,
        depths: Sequence[int],
        heads: int,
        *,
        window: int = 8,
        mlp_ratio: float = 2.0,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        self.window = window
        self.conv_first = nn.Conv2d(1, channels, 3, padding=1)
        self.patch_embed = nn.ModuleDict({"norm": nn.LayerNorm(channels)})
        rates = iter(torch.linspace(0, drop_path, sum(depths)).tolist())
        layers = []
        for depth in depths:
            shifts = (window // 2 * (i % 2) for i in range(depth))
            blocks = [Block(channels, heads, window, s, mlp_ratio, next(rates)) for s in shifts]
            layers.append(ResidualLayer(BlockGroup(blocks), channels))
        self.layers = nn.Sequential(*layers)
        self.norm = nn.LayerNorm(channels)
        self.conv_after_body = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv_last = nn.Conv2d(channels, 1, 3, padding=1)
        self.apply(_initialise)
        # Training starts from the interpolated image itself.
        nn.init.zeros_(self.conv_last.weight)
        nn.init.zeros_(self.conv_last.bias)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return the restored images, shape (batch, 1, rows, columns) as given."""
        rows, columns = image.shape[2:]
        shallow = self.conv_first(pad_to_multiple(image, self.window))
        deep = self.layers(self.patch_embed["norm"](to_map(shallow)))
        deep = self.conv_after_body(to_image(self.norm(deep))) + shallow
        return image + self.conv_last(deep)[..., :rows, :columns]

    def load_published(self, state: Mapping[str, torch.Tensor]) -> None:
        """Take over the weights of a published checkpoint; its precomputed buffers are ignored.

        Raises
        ------
        InputError
            If a parameter is missing, unknown or of another shape.
        """
        own = self.state_dict()
        given = {k: v for k, v in state.items() if k.rpartition(".")[2] not in _PUBLISHED_BUFFERS}
        for name in sorted(own.keys() | given.keys()):
            want, got = (tuple(t[name].shape) if name in t else "nothing" for t in (own, given))
            if want != got:
                raise InputError(
                    f"published SwinIR weights: {name} holds {got}, this network has {want}; "
                    "give a checkpoint of the same variant for one grey channel and no up-sampling"
                )
        self.load_state_dict(given)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
