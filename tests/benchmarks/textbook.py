"""Networks as papers and first implementations write them: the yardstick of the speed benchmarks.

Window attention is a product, a softmax and another product, with the relative position bias gathered and
the masks of shifted windows rebuilt in every call. The gated feed-forward network has a layer for each
arrow of its figure. Convolutions see channels first. Parameters are those of the network of ours.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import nn


class TextbookWindowAttention(nn.Module):
    """Shifted-window attention with the parameters of a module of ours, computed step by step."""

    def __init__(self, ours: nn.Module) -> None:
        super().__init__()
        self.qkv, self.proj = ours.qkv, ours.proj
        self.table = ours.relative_position_bias_table
        self.register_buffer("index", ours.relative_position_index, persistent=False)
        self.side, self.shift, self.heads, self.scale = ours.side, ours.shift, ours.num_heads, ours.scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, rows, columns, channels = x.shape
        area = self.side**2
        if self.shift:
            x = torch.roll(x, (-self.shift, -self.shift), (1, 2))
        x = _windows(x, self.side)
        qkv = self.qkv(x).reshape(-1, area, 3, self.heads, channels // self.heads).permute(2, 0, 3, 1, 4)
        q, k, v = qkv[0], qkv[1], qkv[2]
        logits = (q * self.scale) @ k.transpose(-2, -1)
        bias = self.table[self.index.reshape(-1)].view(area, area, -1).permute(2, 0, 1).contiguous()
        logits = logits + bias.unsqueeze(0)
        if self.shift:
            mask = self._mask(rows, columns, x.device)
            logits = logits.view(batch, len(mask), self.heads, area, area) + mask.unsqueeze(1).unsqueeze(0)
            logits = logits.view(-1, self.heads, area, area)
        weights = torch.softmax(logits, dim=-1)
        x = self.proj((weights @ v).transpose(1, 2).reshape(-1, area, channels))
        x = x.view(batch, rows // self.side, columns // self.side, self.side, self.side, channels)
        x = x.permute(0, 1, 3, 2, 4, 5).contiguous().view(batch, rows, columns, channels)
        return torch.roll(x, (self.shift, self.shift), (1, 2)) if self.shift else x

    def _mask(self, rows: int, columns: int, device: torch.device) -> torch.Tensor:
        regions = torch.zeros(1, rows, columns, 1, device=device)
        bands = (slice(-self.side), slice(-self.side, -self.shift), slice(-self.shift, None))
        for i, row in enumerate(bands):
            for j, column in enumerate(bands):
                regions[:, row, column] = 3 * i + j
        labels = _windows(regions, self.side).squeeze(-1)
        apart = labels.unsqueeze(1) - labels.unsqueeze(2)
        return apart.masked_fill(apart != 0, -100.0)


def _windows(x: torch.Tensor, side: int) -> torch.Tensor:
    batch, rows, columns, channels = x.shape
    x = x.view(batch, rows // side, side, columns // side, side, channels)
    return x.permute(0, 1, 3, 2, 4, 5).contiguous().view(-1, side * side, channels)


class TextbookGLEN(nn.Module):
    """Gated feed-forward network with two 1x1 and two depth-wise convolutions, channels first."""

    def __init__(self, ours: nn.Module) -> None:
        super().__init__()
        hidden, channels = ours.project.in_features, ours.project.out_features
        both = ours.local.out_channels == 2 * hidden
        self.linear, self.local = nn.ModuleList(), nn.ModuleList()
        for k in range(2):
            part = slice(k * hidden, (k + 1) * hidden)
            linear = nn.Conv2d(channels, hidden, 1)
            _fill(linear, ours.expand.weight[part, :, None, None], ours.expand.bias[part])
            local = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)
            if k == 0 or both:
                _fill(local, ours.local.weight[part], ours.local.bias[part])
            self.linear.append(linear)
            self.local.append(local if k == 0 or both else nn.Identity())
        self.project = nn.Conv2d(hidden, channels, 1)
        _fill(self.project, ours.project.weight[:, :, None, None], ours.project.bias)
        self.activation = ours.activation

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.permute(0, 3, 1, 2).contiguous()
        gate, value = (local(linear(x)) for linear, local in zip(self.linear, self.local, strict=True))
        return self.project(self.activation(gate) * value).permute(0, 2, 3, 1).contiguous()


def _fill(layer: nn.Module, weight: torch.Tensor, bias: torch.Tensor) -> None:
    layer.load_state_dict({"weight": weight.detach(), "bias": bias.detach()})


def textbook(network: nn.Module, replaced: Mapping[type[nn.Module], type[nn.Module]]) -> nn.Module:
    """Return a copy of a network, channels first, with textbook modules in place of some of ours."""
    plain = copy.deepcopy(network).to(memory_format=torch.contiguous_format)
    for module in list(plain.modules()):
        for name, child in module.named_children():
            if type(child) in replaced:
                setattr(module, name, replaced[type(child)](child))
    return plain
