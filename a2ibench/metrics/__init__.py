"""Built-in metrics, registered the way any plugin registers its own."""

from __future__ import annotations

from collections.abc import Callable

from a2ibench.contracts import MetricSpec
from a2ibench.hookspecs import hookimpl

_SSIM = "Wang et al., IEEE Transactions on Image Processing 13(4):600-612, 2004"


@hookimpl
def a2ibench_register_metrics(register: Callable[[MetricSpec], None]) -> None:
    """Register PSNR and SSIM, of the whole volume and of each family of planes."""
    register(MetricSpec("psnr", "a2ibench.metrics.psnr:PSNR", "PSNR of the whole volume, dB"))
    register(MetricSpec("psnr_xy", "a2ibench.metrics.psnr:PSNRxy", "mean PSNR of the lateral slices, dB"))
    register(MetricSpec("psnr_xz", "a2ibench.metrics.psnr:PSNRxz", "mean PSNR of the xz slices, dB"))
    register(MetricSpec("psnr_yz", "a2ibench.metrics.psnr:PSNRyz", "mean PSNR of the yz slices, dB"))
    register(
        MetricSpec("ssim", "a2ibench.metrics.ssim:SSIM", "mean SSIM of all axial slices (xz and yz)", _SSIM)
    )
    register(MetricSpec("ssim_xy", "a2ibench.metrics.ssim:SSIMxy", "mean SSIM of the lateral slices", _SSIM))
    register(MetricSpec("ssim_xz", "a2ibench.metrics.ssim:SSIMxz", "mean SSIM of the xz slices", _SSIM))
    register(MetricSpec("ssim_yz", "a2ibench.metrics.ssim:SSIMyz", "mean SSIM of the yz slices", _SSIM))
    register(MetricSpec("ssim_3d", "a2ibench.metrics.ssim:SSIM3D", "SSIM with a 3D window", _SSIM))
