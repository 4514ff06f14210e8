"""What a2ibench ships keeps to its own contract."""

from __future__ import annotations

import pytest

from a2ibench.testing import Check, checks

METHODS = ["cubic", "plain", "srmd", "pssr", "swinir", "a2i-3dem"]
DEGRADATIONS = ["slab-average", "gaussian", "subsample", "em-distortions", "srmd", "crappifier"]
METRICS = ["psnr", "psnr_xy", "psnr_xz", "psnr_yz", "ssim", "ssim_xy", "ssim_xz", "ssim_yz", "ssim_3d"]


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
