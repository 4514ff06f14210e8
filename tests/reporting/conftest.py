"""Folders of runs as a2ibench.bench leaves them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from a2ibench.bench.record import Record, write_record
from a2ibench.files import plain


def job(
    dataset="cells",
    method="cubic",
    seed=0,
    *,
    status="ok",
    scores=None,
    version=1,
    protocol=1,
    timings=None,
    model=None,
    planes=None,
    slices=None,
    **fields,
):
    """One job: its record, and the arrays of slices.npz and scores.npz, if any."""
    record = {
        "dataset": dataset,
        "method": method,
        "seed": seed,
        "status": status,
        "metrics": {name: {"value": value, "version": version} for name, value in (scores or {}).items()},
        "timings": timings or {},
        "memory": {"process": 3 << 30},
        "model": model or {},
        "provenance": {
            "protocol_version": protocol,
            "profile": "smoke",
            "device": "cpu",
            "precision": "fp32",
            "dataset": {"name": dataset, "voxel_size": [8.0, 8.0, 8.0]},
        },
        "error": None,
    }
    return record | fields, planes, slices


@pytest.fixture
def make_run(tmp_path):
    def make(*jobs, datasets=(), methods=()):
        for record, planes, slices in jobs:
            folder = tmp_path / "jobs" / f"{record['dataset']}--{record['method']}--s{record['seed']}"
            folder.mkdir(parents=True)
            if planes is not None:
                np.savez_compressed(folder / "slices.npz", **planes)
            if slices is not None:
                np.savez_compressed(folder / "scores.npz", **slices)
            write_record(folder, Record.from_dict(plain(record)))
        if datasets or methods:
            plan = {"datasets": [{"name": name} for name in datasets], "methods": list(methods)}
            (tmp_path / "run.json").write_text(json.dumps({"plan": plan}))
        return tmp_path

    make.job = job
    return make
