from __future__ import annotations

import numpy as np
import pytest

from a2ibench import metrics
from a2ibench.bench.scoring import score
from a2ibench.metrics import ssim as module
from a2ibench.metrics.similarity import plane_means
from a2ibench.registry import host
from a2ibench.testing.metrics import context_of


def bundled() -> tuple[str, ...]:
    specs = []
    metrics.a2ibench_register_metrics(specs.append)
    return tuple(spec.name for spec in specs if callable(host().build("metric", spec.name)))


def test_metrics_of_a_job_compute_every_map_once_and_give_what_each_gives_alone(monkeypatch) -> None:
    rng = np.random.default_rng(0)
    reference = rng.integers(0, 200, (15, 14, 16)).astype(np.uint8)
    prediction = reference + rng.integers(0, 40, reference.shape).astype(np.uint8)
    names = bundled()
    alone = {name: host().build("metric", name)(prediction, reference, 255.0) for name in names}
    alone = {name: value for name, value in alone.items() if not np.isnan(value)}
    windows = []

    def counted(first, second, data_range, axes):
        windows.extend(axes)
        return plane_means(first, second, data_range, axes)

    monkeypatch.setattr(module, "plane_means", counted)
    scores = score(names, context_of(prediction, reference, reference, 255.0, "slab-average"))
    assert sorted(windows) == [(0, 1), (0, 1, 2), (0, 2), (1, 2)]
    assert {name: given.value for name, given in scores.metrics.items()} == pytest.approx(alone, rel=1e-12)
    assert scores.slices["ssim.xz"].mean() == pytest.approx(alone["ssim_xz"], abs=1e-6)
