"""Damaged headers of real files: one clear line each time, or a read; no hang, crash or full memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

DATA = np.random.default_rng(3).integers(1, 255, (4, 16, 18)).astype(np.uint8)
WORKER = Path(__file__).with_name("fuzz_worker.py")
WHOLE = 10**9

# Format; file that is damaged, inside the volume; bytes of its header, 0 for JSON; how many times.
CASES = [
    ("tiff", "", WHOLE, 700),
    ("hdf5", "", WHOLE, 1000),
    ("mat", "", WHOLE, 200),
    ("mrc", "", 1024, 700),
    ("npy", "", 128, 300),
    ("folder", "slice8.tif", 400, 200),
    ("zarr2", "raw/.zarray", 0, 700),
    ("zarr2", "raw/0.1.1", 64, 100),
    ("zarr3", "raw/zarr.json", 0, 700),
    ("zarr3", "raw/c/0/1/1", 64, 100),
    ("n5", "raw/attributes.json", 0, 400),
    ("n5", "raw/0/0/0", 64, 100),
    ("precomputed", "info", 0, 400),
]


@pytest.mark.parametrize("part", [5, pytest.param(1, marks=pytest.mark.slow)], ids=["some", "all"])
@pytest.mark.parametrize(
    ("kind", "file", "header", "count"), CASES, ids=[f"{case[0]} {case[1]}".strip() for case in CASES]
)
def test_damaged_headers(write, tmp_path, kind, file, header, count, part):
    count = max(min(count, 200), count // part)
    path = write(kind, DATA)
    target = path / file if file else path
    assert target.is_file()
    arguments = [str(path), str(target), str(header), "1", str(count), str(tmp_path)]
    done = subprocess.run(
        [sys.executable, str(WORKER), *arguments], capture_output=True, text=True, timeout=580, check=False
    )
    assert done.returncode == 0, f"{done.returncode}: {done.stderr[-3000:]}"
    found = json.loads(done.stdout)
    assert found["refused"] + found["same"] + found["other"] == count
    assert found["refused"] > count / 10
