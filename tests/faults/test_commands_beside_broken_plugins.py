"""Every command works beside plugins that end, stop or hold up whoever imports them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ATTACKS = {
    "ends": "import os; os._exit(0)",
    "leaves": "raise SystemExit(0)",
    "interrupts": "raise KeyboardInterrupt",
    "sleeps": "import time; time.sleep(600)",
    "dies": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
}
BASELINE = str(Path(__file__).parents[2] / "reports" / "reference" / "phantom-smoke.json")
CATALOGUE = """
[cells]
phantom = {size = 48, seed = 1}
voxel_size = [15.0, 15.0, 15.0]
simulate = {ratio = 3.0}
"""
RUN = ("run", "--methods", "cubic", "--catalogue", "d.toml", "--datasets", "all", "--profile", "smoke")
COMMANDS = {
    ("--help",): 0,
    ("--version",): 0,
    ("list", "methods"): 0,
    ("list", "plugins"): 0,
    ("doctor",): 1,
    (*RUN, "--dry-run"): 0,
    (*RUN, "--out", "run"): 0,
    ("compare", BASELINE, BASELINE): 0,
    ("baseline", "run", "new", "--out", "."): 0,
    ("fetch", "cells", "--catalogue", "d.toml"): 0,
    ("plugin", "new", "mine", "plugin"): 0,
    ("plugin", "check", "cubic"): 0,
    ("reconstruct", "stack.npy", "o.tif", "--voxel-size", "40,10,10", "--method", "cubic"): 0,
}


@pytest.mark.slow
def test_every_command_does_its_work(install_plugin, tmp_path, monkeypatch) -> None:
    import numpy as np

    for name, source in ATTACKS.items():
        install_plugin(f"odd-{name}", source)
    (tmp_path / "d.toml").write_text(CATALOGUE)
    stack = np.random.default_rng(0).integers(0, 256, (6, 24, 24)).astype(np.uint8)
    np.save(tmp_path / "stack.npy", stack)
    variables = os.environ | {"A2IBENCH_PLUGIN_TIMEOUT": "4", "OMP_NUM_THREADS": "1"}
    codes = {}
    for command in COMMANDS:
        done = subprocess.run(
            [sys.executable, "-m", "a2ibench", *command],
            cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        codes[command] = done.returncode
        assert "Traceback" not in done.stderr, command
        if command == ("list", "plugins"):
            assert all(f"odd-{name}" in done.stdout for name in ATTACKS)
            assert done.stdout.count("failed: ") == len(ATTACKS)
    assert codes == COMMANDS
    assert (tmp_path / "run" / "table.csv").is_file()
    assert (tmp_path / "new.json").is_file()
    assert (tmp_path / "o.tif").is_file()
