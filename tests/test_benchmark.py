from __future__ import annotations

import errno

import pytest

from a2ibench.bench.benchmark import benchmark
from a2ibench.bench.executors import inline
from a2ibench.bench.options import RunOptions
from a2ibench.bench.plan import plan_run


def test_a_disk_that_fills_up_costs_no_finished_job(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue = tmp_path / "datasets.toml"
    catalogue.write_text(
        '[small]\ntitle = "generated"\nphantom = {size = 32, seed = 1}\nvoxel_size = [15.0, 15.0, 15.0]\n'
        "simulate = {ratio = 2.0}\n"
    )
    plan = plan_run(
        RunOptions("cubic", "small", catalogue=catalogue, seeds=2, device="cpu", executor="inline")
    )
    run_job = inline.run_job

    def run_until_full(job, folder, progress):
        if job.seed == 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return run_job(job, folder, progress)

    monkeypatch.setattr(inline, "run_job", run_until_full)
    results = benchmark(plan, out=tmp_path / "run")
    assert results.failed
    assert "No space left on device" in results.problems[0]
    assert "the same command continues" in results.problems[0]
    assert [record.seed for record in results.run.records] == [0]
    assert "| cubic |" in (tmp_path / "run" / "table.md").read_text()
    monkeypatch.setattr(inline, "run_job", run_job)
    assert not benchmark(plan, out=tmp_path / "run").failed
