"""What a2ibench ships keeps to its own contract."""

from __future__ import annotations

import pytest

from a2ibench.testing import Check, checks

METHODS = ["cubic", "plain", "srmd", "pssr", "swinir", "a2i-3dem"]
DEGRADATIONS = ["slab-average", "gaussian", "subsample", "em-distortions", "srmd", "crappifier"]
METRICS = ["psnr", "psnr_xy", "psnr_xz", "psnr_yz", "ssim", "ssim_xy", "ssim_xz", "ssim_yz", "ssim_3d"]
METRICS += ["fsc_axial", "fsc_lateral", "fsc_axial_143", "fsc_lateral_143"]
METRICS += ["haarpsi", "gmsd", "nrmse", "bias", "fsim", "mdsi"]
METRICS += ["in_plane_psnr", "in_plane_ssim", "reduced_psnr", "consistency", "disagreement"]
SEGMENTED = ["voi", "arand"]
# The volumes that metrics are tried on are smaller than a neurite: one segment, in whatever noise.
_NEEDS_NEURITES = ("perfect-is-best", "reference-honoured")


def every(kind: str, names: list[str]) -> list[object]:
    return [pytest.param(check, id=f"{name}-{check}") for name in names for check in checks(kind, name)]


@pytest.mark.parametrize("check", every("method", METHODS))
def test_method_conforms(check: Check) -> None:
    check()


@pytest.mark.parametrize("check", every("degradation", DEGRADATIONS))
def test_degradation_conforms(check: Check) -> None:
    check()


@pytest.mark.parametrize("check", every("metric", METRICS))
def test_metric_conforms(check: Check) -> None:
    check()


@pytest.mark.parametrize("check", every("metric", SEGMENTED))
def test_metric_of_segmentations_conforms(check: Check) -> None:
    if check.name not in _NEEDS_NEURITES:
        check()
