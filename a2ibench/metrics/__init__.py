"""Built-in metrics, registered the way any plugin registers its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from a2ibench.contracts import MetricSpec
from a2ibench.hookspecs import hookimpl

_SSIM = "Wang et al., IEEE Transactions on Image Processing 13(4):600-612, 2004"


_DB: dict[str, Any] = {"unit": "dB", "allowed_drop": 0.1}
_INDEX: dict[str, Any] = {"citation": _SSIM, "allowed_drop": 0.005}


@hookimpl
def a2ibench_register_metrics(register: Callable[[MetricSpec], None]) -> None:
    """Register PSNR and SSIM, of the whole volume and of each family of planes."""
    psnr, ssim = "a2ibench.metrics.psnr:PSNR", "a2ibench.metrics.ssim:SSIM"
    summary = "mean SSIM of all axial slices (xz and yz)"
    register(MetricSpec("psnr", psnr, "PSNR of the whole volume, dB", heading="PSNR", decimals=2, **_DB))
    register(MetricSpec("psnr_xy", f"{psnr}xy", "mean PSNR of the lateral slices, dB", **_DB))
    register(MetricSpec("psnr_xz", f"{psnr}xz", "mean PSNR of the xz slices, dB", **_DB))
    register(MetricSpec("psnr_yz", f"{psnr}yz", "mean PSNR of the yz slices, dB", **_DB))
    register(MetricSpec("ssim", ssim, summary, heading="SSIM", decimals=4, **_INDEX))
    register(MetricSpec("ssim_xy", f"{ssim}xy", "mean SSIM of the lateral slices", **_INDEX))
    register(MetricSpec("ssim_xz", f"{ssim}xz", "mean SSIM of the xz slices", **_INDEX))
    register(MetricSpec("ssim_yz", f"{ssim}yz", "mean SSIM of the yz slices", **_INDEX))
    summary = "SSIM with a 3D window"
    register(MetricSpec("ssim_3d", f"{ssim}3D", summary, heading="SSIM 3D", decimals=4, **_INDEX))
