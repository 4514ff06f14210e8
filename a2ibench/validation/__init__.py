"""Scores of reconstructions that have no reference, registered the way any plugin registers its own."""

from __future__ import annotations

from collections.abc import Callable

from a2ibench.contracts import MetricSpec
from a2ibench.hookspecs import hookimpl

_HERE = "a2ibench.validation.scores"
_WALD = "after Wald et al., Photogrammetric Engineering and Remote Sensing 63(6):691-699, 1997"


@hookimpl
def a2ibench_register_metrics(register: Callable[[MetricSpec], None]) -> None:
    """Register the scores of held-out lateral planes, consistency and disagreement."""
    register(
        MetricSpec(
            "in_plane_psnr",
            f"{_HERE}:InPlanePSNR",
            "PSNR of held-out lateral planes, degraded as the axial direction is and restored, dB",
            heading="in-plane PSNR",
            unit="dB",
            decimals=2,
            allowed_drop=0.1,
        )
    )
    register(
        MetricSpec(
            "in_plane_ssim",
            f"{_HERE}:InPlaneSSIM",
            "mean SSIM of held-out lateral planes, degraded as the axial direction is and restored",
            heading="in-plane SSIM",
            decimals=4,
            allowed_drop=0.005,
        )
    )
    register(
        MetricSpec(
            "reduced_psnr",
            f"{_HERE}:ReducedPSNR",
            "PSNR of acquired slices, reconstructed from averages of pairs of them, dB",
            citation=_WALD,
            heading="reduced PSNR",
            unit="dB",
            decimals=2,
            allowed_drop=0.1,
        )
    )
    register(
        MetricSpec(
            "consistency",
            f"{_HERE}:Consistency",
            "difference of the reconstruction, degraded again, from the input, over what is to be expected",
            citation=_WALD,
            heading="consistency",
            decimals=2,
            ranked=False,
            limit=1.2,
            in_tables=False,
        )
    )
    register(
        MetricSpec(
            "disagreement",
            f"{_HERE}:Disagreement",
            "mean absolute difference of what xz and yz planes became, in grey levels",
            heading="disagreement",
            decimals=2,
            on_request=True,
            ranked=False,
        )
    )
