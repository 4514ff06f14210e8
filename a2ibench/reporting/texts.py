"""Numbers as tables for people show them."""

from __future__ import annotations

import math

from a2ibench.reporting.summary import Sample
from a2ibench.statistics import Interval

ABSENT = "—"
TIED = "≈"
"""Stands before a score that cannot be told from the best."""

_DECIMALS = {"psnr": 2, "ssim": 4, "ssim_3d": 4}


def seconds_text(seconds: float) -> str:
    """Return seconds with three digits, as far as they tell something."""
    if math.isnan(seconds):
        return ABSENT
    if seconds < 0.0005:
        return "0"
    decimals = next((d for d, below in ((3, 0.1), (2, 10), (1, 100)) if seconds < below), 0)
    return f"{seconds:.{decimals}f}"


def count_text(count: float) -> str:
    """Return a number of parameters with its thousands or millions named."""
    if math.isnan(count):
        return ABSENT
    if count < 1e3:
        return f"{count:.0f}"
    # 999,950 would round to 1000.0 k.
    return f"{count / 1e3:.1f} k" if count < 999_950 else f"{count / 1e6:.2f} M"


def metric_text(name: str, sample: Sample) -> str:
    """Return a mean, with its spread where there are several values."""
    if not sample.n:
        return ABSENT
    form = number_form(name)
    mean = f"{sample.mean:{form}}"
    return mean if math.isnan(sample.std) else f"{mean} ± {sample.std:{form}}"


def gain_text(gain: float, interval: Interval, signed: bool = True) -> str:
    """Return a gain of PSNR, with its interval where there is one."""
    if math.isnan(gain):
        return ABSENT
    text = f"{gain:+.2f}" if signed else f"{gain:.2f}"
    return f"{text} {ends_text('psnr', interval)}" if interval.known else text


def ends_text(name: str, interval: Interval) -> str:
    """Return the ends of a metric's interval in brackets; nothing where there is none."""
    form = number_form(name)
    return f"[{interval.low:{form}}, {interval.high:{form}}]" if interval.known else ""


def number_form(name: str) -> str:
    """Return how numbers of a metric are formatted."""
    return f".{_DECIMALS[name]}f" if name in _DECIMALS else ".4g"
