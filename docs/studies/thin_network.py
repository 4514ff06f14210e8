"""A plugin with about the least of networks: what a reconstruction takes beside it is all that shows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from torch import nn

from a2ibench import MethodSpec, SliceNetwork, hookimpl

NAME = "thin"


class Thin(SliceNetwork):
    """One 3x3 convolution of one channel."""

    def build(self, size: str) -> nn.Module:
        """Return the network, whatever the size."""
        return nn.Conv2d(1, 1, 3, padding=1)


@hookimpl
def a2ibench_register_methods(register: Callable[[MethodSpec], None]) -> None:
    """Register the method."""
    register(MethodSpec(NAME, f"{__name__}:Thin", "one convolution"))


def install(folder: Path) -> None:
    """Describe this module as an installed plugin, in a folder that Python looks for modules in."""
    about = folder / "thin_network-0.dist-info"
    about.mkdir(exist_ok=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: thin-network\nVersion: 0\n")
    (about / "entry_points.txt").write_text(f"[a2ibench]\n{NAME} = {__name__}\n")
