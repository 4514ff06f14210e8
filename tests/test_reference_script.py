"""The reference measurements for a GPU, run on the CPU in their smallest form."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "reports" / "reference" / "full_profile.py"


@pytest.mark.slow
def test_the_script_runs_both_parts_and_keeps_their_records(tmp_path, shared_data) -> None:
    command = [sys.executable, str(SCRIPT), "--catalogue", str(shared_data / "datasets.toml")]
    command += ["--datasets", "tiny-fib25", "--profile", "smoke", "--device", "cpu", "--seeds", "1"]
    command += ["--methods", "srmd", "--budget", "2steps", "--shape", "6", "50", "140"]
    command += ["--runs", str(tmp_path / "runs"), "--keep", str(tmp_path / "kept")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=550, check=False)
    assert done.returncode == 0, done.stderr
    records = {p.stem: json.loads(p.read_text()) for p in (tmp_path / "kept").glob("*/records/*.json")}
    assert len(records) == 1 + 1
    assert all(record["status"] == "ok" for record in records.values())
    paper = records["paper-size--srmd--s0"]
    assert "psnr" not in paper["metrics"]
    assert paper["provenance"]["dataset"]["shape"] == [24, 50, 140]
    assert {"load", "fit", "reconstruct", "write"} <= paper["timings"].keys()
    assert (tmp_path / "kept" / "volumes" / "table.md").read_text().count("### tiny-fib25") == 1
    assert list((tmp_path / "kept" / "paper-size" / "figures").glob("*.png"))
    assert not list((tmp_path / "kept").rglob("checkpoint"))
