"""Clusters that are started, and what is said where they cannot be."""

from __future__ import annotations

import os
import stat
import sys
import time
from pathlib import Path

import psutil
import pytest

from a2ibench.cluster import client as module
from a2ibench.cluster.client import check_workers_alike, connected
from a2ibench.cluster.gpus import VISIBLE, free_gpu, visible_gpus
from a2ibench.cluster.options import ClusterOptions
from a2ibench.errors import InputError

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Dask is tried on Linux only")

SBATCH = """#!{python}
import os, subprocess, sys
script = sys.argv[-1]
with open(os.environ["SUBMITTED"], "a") as file:
    file.write(open(script).read())
nothing = {{"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}}
job = subprocess.Popen(["/bin/sh", script], start_new_session=True, **nothing)
print("Submitted batch job", job.pid)
"""
SCANCEL = """#!{python}
import os, signal, sys
for pid in sys.argv[1:]:
    os.killpg(int(pid), signal.SIGTERM)
"""
FILE = """
class = "dask_jobqueue.SLURMCluster"
workers = 1

[options]
cores = 1
memory = "1GB"
walltime = "00:10:00"
interface = "lo"

[resources]
memory = 1e9
"""


def test_a_cluster_of_this_machine_listens_on_loopback_only() -> None:
    with connected(ClusterOptions(workers=1)) as client:
        assert client.submit(lambda: 1 + 1).result() == 2
        assert client.dashboard_link.startswith("http://127.0.0.1:")
        below = psutil.Process().children(recursive=True)
        ports = [one for process in below for one in process.net_connections() if one.status == "LISTEN"]
        assert {one.laddr.ip for one in ports} == {"127.0.0.1"}
        # Ctrl-C in a terminal goes to its foreground group alone.
        assert os.getpgrp() not in {os.getpgid(process.pid) for process in below}
    assert not [one for one in below if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.slow
def test_workers_that_are_killed_while_they_start_are_replaced() -> None:
    with connected(ClusterOptions(workers=2)) as client:
        end, killed = time.monotonic() + 8, set[int]()
        while time.monotonic() < end:
            for one in psutil.Process().children(recursive=True):
                if "spawn_main" in " ".join(one.cmdline()):
                    one.kill()
                    killed.add(one.pid)
            time.sleep(0.5)
        assert len(killed) > 4
        client.wait_for_workers(2, timeout=60)
        assert client.submit(lambda: 1 + 1).result(timeout=60) == 2


def test_jobs_of_a_batch_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only SLURM itself is not here: its two commands start and end the scripts that it would."""
    for name, text in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(text.format(python=sys.executable))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    monkeypatch.setenv("SUBMITTED", str(tmp_path / "submitted.txt"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "slurm.toml").write_text(FILE)
    with connected(ClusterOptions(file=tmp_path / "slurm.toml")) as client:
        assert client.submit(lambda: 1 + 1, resources={"memory": 5e8}).result(timeout=60) == 2
    script = (tmp_path / "submitted.txt").read_text()
    assert "#SBATCH -t 00:10:00" in script
    assert "--resources memory=1e+09" in script
    # Ends by itself before it is killed.
    assert "--lifetime 480s" in script


def test_a_class_that_does_not_start_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "none.toml"
    file.write_text('class = "dask_jobqueue.NoSuchCluster"\n')
    with pytest.raises(InputError) as caught, connected(ClusterOptions(file=file)):
        pass
    assert str(caught.value).startswith(f"{file}: could not be started: AttributeError: ")


def test_without_the_extra_one_line_tells_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"pip install 'a2ibench\[dask\]'"), connected(ClusterOptions()):
        pass


def test_workers_of_another_release_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Client:
        def run(self, function, on_error):
            return {"tcp://a:1": module.__version__, "tcp://b:2": "0.0.9", "tcp://c:3": ImportError("no")}

    with pytest.raises(InputError, match=r"2 workers are not the same: tcp://b:2 has 0\.0\.9; install"):
        check_workers_alike(Client())


def test_a_gpu_serves_one_job_at_a_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv(VISIBLE, "1, GPU-ab/c")
    assert visible_gpus() == ("1", "GPU-ab/c")
    with free_gpu(lambda: False) as first, free_gpu(lambda: False) as second:
        assert [first, second] == [{VISIBLE: "1"}, {VISIBLE: "GPU-ab/c"}]
        with pytest.raises(TimeoutError), free_gpu(lambda: True):
            pass
    with free_gpu(lambda: False) as again:
        assert again == {VISIBLE: "1"}
    monkeypatch.setenv(VISIBLE, "")
    with free_gpu(lambda: False) as none:
        assert none == {}
