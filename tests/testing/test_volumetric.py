"""A network that sees in 3D is a method like any other: its own package is all that it takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from a2ibench import Budget, Context, DatasetSpec, Simulation
from a2ibench.bench.job import Job
from a2ibench.bench.run_job import run_job
from a2ibench.protocol.blocks import reconstruct_volume
from a2ibench.registry import host
from a2ibench.testing import checks, judge
from a2ibench.testing.volumes import scene

SOURCE = Path(__file__).with_name("volumetric.py").read_text()
CUBE = DatasetSpec("cube", "A cube", (10.0,) * 3, phantom={"size": 40}, simulate=Simulation(3.5))


@pytest.fixture(autouse=True)
def _installed(install: Callable[..., object]) -> None:
    spec = 'MethodSpec("planted", "planted.deep:Volumetric", "sees in 3D", "Nobody, 2024")'
    install("method", f"    pass\n\n{SOURCE}", spec=spec)


def test_it_keeps_to_the_contract() -> None:
    outcomes = {check.name: judge(check) for check in checks("method", "planted")}
    assert {name: found.message for name, found in outcomes.items() if found.status == "failed"} == {}
    assert {name for name, found in outcomes.items() if found.status == "skipped"} <= {
        "cpu-and-gpu",
        "planes-by-themselves",
        "disagreement",
    }


def test_blocks_of_its_own_limit_make_up_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    method, (volume, _) = host().build("method", "planted"), scene(10 / 3, (12, 40, 56))
    ctx = Context(budget=Budget(steps=4), batch=2, patch=32)
    method.fit(volume, ctx)
    whole = reconstruct_volume(method, volume, ctx)
    asked: list[tuple[int, ...]] = []
    reconstruct = method.reconstruct

    def noting(part, grid, ctx):
        asked.append((grid.n_out, *part.shape[1:]))
        return reconstruct(part, grid, ctx)

    monkeypatch.setattr(method, "reconstruct", noting)
    monkeypatch.setattr(method, "fits", lambda shape: np.prod(shape) <= 30_000)
    blocks = reconstruct_volume(method, volume, ctx)
    np.testing.assert_allclose(blocks, whole, atol=1e-5)
    assert len(asked) > 4
    assert max(map(np.prod, asked)) <= 30_000


def test_a_job_records_its_work(tmp_path: Path) -> None:
    job = Job(CUBE, "planted", 0, "smoke", Budget(steps=10), metrics=("psnr",))
    record = run_job(job, tmp_path)
    assert record.status == "ok"
    weights = 27 * (6 + 36 + 6)
    assert record.model["macs_per_voxel"] == weights
    assert record.model["params"] == weights + 6 + 6 + 1
    assert record.metrics["psnr"].value > 20
