"""A method that sees in 3D, written with public names alone; a test installs it as a plugin's module."""

import json
import math
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import nn

from a2ibench import AxialDegradation, AxialGrid, Context, Volume, interpolate, normalise

REACH = 3


class Volumetric:
    """Sharpens the interpolated volume by 3D convolutions, trained along x to do so along z."""

    def __init__(self) -> None:
        self.ratio = 1.0
        self.network: nn.Module | None = None

    @property
    def halo(self) -> tuple[int, int]:
        return math.ceil(REACH / self.ratio) + 2, REACH

    def fits(self, shape: tuple[int, int, int]) -> bool:
        return math.prod(shape) <= 1 << 21

    def fit(self, volume: Volume, ctx: Context) -> None:
        torch.manual_seed(ctx.seed)
        self.ratio, self.network = volume.ratio, _network().to(ctx.device)
        pairs = _pairs(volume).to(ctx.device)
        optimizer = torch.optim.Adam(self.network.parameters(), lr=3e-3)
        sides = [min(ctx.patch // 2, n) for n in pairs.shape[1:]]
        done, total = 0.0, float(ctx.budget.steps or ctx.budget.seconds or 0)
        kept = ctx.checkpointer and ctx.checkpointer.restore()
        if kept:
            done = kept["done"]
            self.network.load_state_dict(kept["network"])
            optimizer.load_state_dict(kept["optimizer"])
            torch.set_rng_state(kept["random"])
        start = time.perf_counter() - done
        while done < total:
            batch = torch.stack([_patch(pairs, sides) for _ in range(ctx.batch)], dim=1)[:, :, None]
            loss = (batch[0] + self.network(batch[0]) - batch[1]).abs().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            done = done + 1 if ctx.budget.steps else min(time.perf_counter() - start, total)
            ctx.progress("fit", done, total, loss=loss.item())
            if ctx.checkpointer and ctx.checkpointer.should_save():
                state = {"network": self.network.state_dict(), "optimizer": optimizer.state_dict()}
                ctx.checkpointer.save(state | {"done": done, "random": torch.get_rng_state()})

    def reconstruct(self, volume: Volume, grid: AxialGrid, ctx: Context) -> NDArray[np.float32]:
        cover = grid.covering()
        data = torch.from_numpy(interpolate(normalise(volume.data, volume), cover)).to(ctx.device)[None, None]
        with torch.inference_mode():
            restored = (data + self.network.to(ctx.device)(data))[0, 0]
        ctx.progress("reconstruct", 1, 1)
        first = grid.first_out - cover.first_out
        return restored[first : first + grid.n_out].cpu().numpy()

    def save(self, path: Path) -> None:
        weights = {name: value.cpu().contiguous() for name, value in self.network.state_dict().items()}
        save_file(weights, path / "weights.safetensors")
        (path / "method.json").write_text(json.dumps({"ratio": self.ratio}))

    def load(self, path: Path) -> None:
        self.ratio, self.network = json.loads((path / "method.json").read_text())["ratio"], _network()
        self.network.load_state_dict(load_file(path / "weights.safetensors"))

    def parameters(self) -> int:
        return sum(values.numel() for values in self.network.parameters())

    def macs_per_voxel(self) -> float:
        return float(sum(layer.weight.numel() for layer in self.network if isinstance(layer, nn.Conv3d)))


def _network() -> nn.Sequential:
    sizes = [(1, 6), (6, 6), (6, 1)]
    layers = [nn.Conv3d(before, after, 3, padding=1) for before, after in sizes]
    nn.init.zeros_(layers[-1].weight)
    return nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])


def _pairs(volume: Volume) -> torch.Tensor:
    """Return the volume with x in front: degraded along it and interpolated back, and as it was."""
    isotropic = interpolate(normalise(volume.data, volume), AxialGrid(volume.shape[0], volume.ratio))
    grid = AxialGrid(math.floor(volume.shape[2] / volume.ratio), volume.ratio)
    truth = np.ascontiguousarray(isotropic.transpose(2, 1, 0)[: grid.n_out])
    degraded = np.einsum("io,oyz->iyz", AxialDegradation().operator(grid).astype(np.float32), truth)
    return torch.from_numpy(np.stack([interpolate(degraded, grid), truth]))


def _patch(pairs: torch.Tensor, sides: list[int]) -> torch.Tensor:
    for axis, side in enumerate(sides, start=1):
        first = int(torch.randint(pairs.shape[axis] - side + 1, ()))
        pairs = pairs.narrow(axis, first, side)
    return pairs
