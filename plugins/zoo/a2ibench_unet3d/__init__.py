"""The 3D super-resolution U-Net, which learns along a lateral axis what it is to undo along z."""

from __future__ import annotations

from collections.abc import Callable

from a2ibench import MethodSpec, hookimpl

CITATION = (
    "Heinrich L, Bogovic JA, Saalfeld S. Deep learning for isotropic super-resolution from non-isotropic 3D "
    "electron microscopy. MICCAI 2017, LNCS 10434, pp. 135-143"
)


@hookimpl
def a2ibench_register_methods(register: Callable[[MethodSpec], None]) -> None:
    """Register the method."""
    summary = "3D U-Net on the acquired slices, self-supervised along the lateral axes"
    register(MethodSpec("unet3d", "a2ibench_unet3d.method:UNet3D", summary, CITATION))
