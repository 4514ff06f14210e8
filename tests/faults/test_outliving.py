"""No process that a job started outlives the command, however the command ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

METHOD = """
import ctypes, os, subprocess, sys
from pathlib import Path

CHILD = "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


class Clinging:
    halo = (0, 0)

    def fit(self, volume, ctx):
        child = subprocess.Popen([sys.executable, "-c", CHILD], start_new_session=True)
        (Path(os.environ["PIDS"]) / "new").write_text(f"{os.getpid()} {child.pid}")
        (Path(os.environ["PIDS"]) / "new").rename(Path(os.environ["PIDS"]) / "pids")
        # Through PyDLL, C code keeps the interpreter's lock, so that no thread of the worker runs.
        ctypes.PyDLL(None).sleep(600)

    def reconstruct(self, volume, grid, ctx): ...
    def save(self, path): ...
    def load(self, path): ...
"""
HOOKS = """
from a2ibench import MethodSpec, hookimpl

@hookimpl
def a2ibench_register_methods(register):
    register(MethodSpec("clinging", "clinging.deep:Clinging", "does not let go"))
"""
CATALOGUE = """
[cells]
phantom = {size = 48, seed = 1}
voxel_size = [15.0, 15.0, 15.0]
simulate = {ratio = 3.0}
"""


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere a process group is all there is")
@pytest.mark.parametrize(
    "number",
    [signal.SIGKILL, *(pytest.param(one, marks=pytest.mark.slow) for one in (signal.SIGTERM, signal.SIGINT))],
    ids=str,
)
def test_a_worker_in_c_code_and_its_daemon_end_with_the_command(install_plugin, tmp_path, number) -> None:
    install_plugin("clinging", HOOKS, files={"deep.py": METHOD})
    (tmp_path / "datasets.toml").write_text(CATALOGUE)
    command = [sys.executable, "-m", "a2ibench", "run", "--methods", "clinging", "--datasets", "all"]
    command += ["--catalogue", str(tmp_path / "datasets.toml"), "--profile", "smoke"]
    command += ["--reporters", "none", "--out", str(tmp_path / "run")]
    with (tmp_path / "log").open("w") as log:
        running = subprocess.Popen(command, env=os.environ | {"PIDS": str(tmp_path)}, stdout=log, stderr=log)
    pids, end = tmp_path / "pids", time.monotonic() + 60
    while not pids.exists():
        assert running.poll() is None, (tmp_path / "log").read_text()
        assert time.monotonic() < end
        time.sleep(0.05)
    found = [int(pid) for pid in pids.read_text().split()]
    assert all(map(lives, found))
    running.send_signal(number)
    code, end = running.wait(60), time.monotonic() + 30
    while any(map(lives, found)):
        assert time.monotonic() < end, f"{found} outlived the command"
        time.sleep(0.05)
    assert code == {signal.SIGKILL: -9, signal.SIGTERM: -15, signal.SIGINT: 130}[number]
