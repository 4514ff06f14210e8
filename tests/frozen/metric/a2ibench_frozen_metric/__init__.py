"""PSNR of the axial gradient, as a metric of a2ibench."""

from __future__ import annotations

from collections.abc import Callable

from a2ibench import MetricSpec, hookimpl


@hookimpl
def a2ibench_register_metrics(register: Callable[[MetricSpec], None]) -> None:
    """Name the metric; listing metrics comes here, so nothing heavy is imported."""
    register(
        MetricSpec(
            name="frozen-metric",
            target="a2ibench_frozen_metric.metric:FrozenMetricMetric",
            summary="PSNR of the steps between neighbouring slices, dB",
            unit="dB",
            decimals=2,
            allowed_drop=0.1,
        )
    )
