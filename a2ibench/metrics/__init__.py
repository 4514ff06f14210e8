"""Built-in metrics, registered the way any plugin registers its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from a2ibench.contracts import MetricSpec
from a2ibench.hookspecs import hookimpl

_SSIM = "Wang et al., IEEE Transactions on Image Processing 13(4):600-612, 2004"
_GMSD = "Xue et al., IEEE Transactions on Image Processing 23(2):684-695, 2014"
_HAARPSI = "Reisenhofer et al., Signal Processing: Image Communication 61:33-43, 2018"
_FSIM = "Zhang et al., IEEE Transactions on Image Processing 20(8):2378-2386, 2011"
_MDSI = "Nafchi et al., IEEE Access 4:5579-5590, 2016"
_LPIPS = "Zhang et al., IEEE/CVF Conference on Computer Vision and Pattern Recognition, 586-595, 2018"
_FSC = (
    "van Heel and Schatz, Journal of Structural Biology 151(3):250-262, 2005; "
    "by direction: Koho et al., Nature Communications 10:3103, 2019"
)

_VOI = "Meilă, Journal of Multivariate Analysis 98(5):873-895, 2007"
_ARAND = "Arganda-Carreras et al., Frontiers in Neuroanatomy 9:142, 2015"

_DB: dict[str, Any] = {"unit": "dB", "allowed_drop": 0.1}
_INDEX: dict[str, Any] = {"citation": _SSIM, "allowed_drop": 0.005}
_NM: dict[str, Any] = {"citation": _FSC, "unit": "nm", "decimals": 1}
_SEGMENTED: dict[str, Any] = {"decimals": 3, "on_request": True}


@hookimpl
def a2ibench_register_metrics(register: Callable[[MetricSpec], None]) -> None:
    """Register the metrics that compare with a reference."""
    _register_psnr_and_ssim(register)
    _register_resolutions(register)
    _register_segmentations(register)
    summary = "mean HaarPSI of all axial slices (xz and yz)"
    looks: dict[str, Any] = {"heading": "HaarPSI", "citation": _HAARPSI, "decimals": 4, "allowed_drop": 0.005}
    register(MetricSpec("haarpsi", "a2ibench.metrics.haarpsi:HaarPSI", summary, **looks))
    summary = "mean gradient magnitude similarity deviation of all axial slices, lower is better"
    looks = {"heading": "GMSD", "citation": _GMSD, "decimals": 4, "allowed_drop": 0.002, "in_tables": False}
    register(MetricSpec("gmsd", "a2ibench.metrics.gmsd:GMSD", summary, **looks))
    summary = "root mean squared error over the reference's standard deviation, lower is better"
    looks = {"heading": "NRMSE", "decimals": 4, "allowed_drop": 0.01, "in_tables": False}
    register(MetricSpec("nrmse", "a2ibench.metrics.nrmse:NRMSE", summary, **looks))
    summary = "mean absolute error of the mean intensity of lateral slices, grey levels, lower is better"
    looks = {"unit": "grey levels", "decimals": 2, "in_tables": False}
    register(MetricSpec("bias", "a2ibench.metrics.bias:Bias", summary, **looks))
    asked: dict[str, Any] = {"decimals": 4, "on_request": True}
    summary = "mean FSIM of all axial slices, on request"
    register(MetricSpec("fsim", "a2ibench.metrics.indices:FSIM", summary, _FSIM, heading="FSIM", **asked))
    summary = "mean MDSI of all axial slices, lower is better, on request"
    register(MetricSpec("mdsi", "a2ibench.metrics.indices:MDSI", summary, _MDSI, heading="MDSI", **asked))
    summary = (
        "mean LPIPS (AlexNet) of all axial slices, lower is better, on request and with a file of weights"
    )
    register(MetricSpec("lpips", "a2ibench.metrics.lpips:LPIPS", summary, _LPIPS, heading="LPIPS", **asked))


def _register_psnr_and_ssim(register: Callable[[MetricSpec], None]) -> None:
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
    looks: dict[str, Any] = {"heading": "SSIM 3D", "decimals": 4, "in_tables": False}
    register(MetricSpec("ssim_3d", f"{ssim}3D", summary, **looks, **_INDEX))


def _register_resolutions(register: Callable[[MetricSpec], None]) -> None:
    fsc, rare = "a2ibench.metrics.fsc:FSC", _NM | {"on_request": True}
    summary = "wavelength at which the {} Fourier shell correlation falls below {}"
    axial, lateral = (summary.format(wedge, "1/2") for wedge in ("axial", "lateral"))
    looks: dict[str, Any] = {"heading": "axial FSC", "in_tables": False}
    register(MetricSpec("fsc_axial", f"{fsc}Axial", axial, **looks, **_NM))
    register(MetricSpec("fsc_lateral", f"{fsc}Lateral", lateral, heading="lateral FSC", **rare))
    axial, lateral = (summary.format(wedge, "1/7") for wedge in ("axial", "lateral"))
    register(MetricSpec("fsc_axial_143", f"{fsc}Axial143", axial, heading="axial FSC 1/7", **rare))
    register(MetricSpec("fsc_lateral_143", f"{fsc}Lateral143", lateral, heading="lateral FSC 1/7", **rare))


def _register_segmentations(register: Callable[[MetricSpec], None]) -> None:
    home = "a2ibench.metrics.segmentation"
    summary = "variation of information between segmentations, bits"
    register(MetricSpec("voi", f"{home}:VOI", summary, _VOI, heading="VOI", unit="bits", **_SEGMENTED))
    summary = "adapted Rand error between segmentations"
    register(MetricSpec("arand", f"{home}:ARand", summary, _ARAND, heading="ARAND", **_SEGMENTED))
