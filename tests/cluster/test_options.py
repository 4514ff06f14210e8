"""Where work goes: addresses, numbers of workers and cluster files, and the line about each that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from a2ibench.bench.options import RunOptions, check_option
from a2ibench.cluster.options import ClusterOptions, read_cluster_file, walltime_of
from a2ibench.errors import InputError

SLURM = """
class = "dask_jobqueue.SLURMCluster"
workers = 20

[options]
queue = "gpu"
cores = 1
memory = "16GB"
walltime = "04:00:00"

[resources]
GPU = 1
memory = 16e9

[jobs]
memory = 4e9

[jobs.swinir]
memory = 16e9
"""


@pytest.fixture
def slurm(tmp_path: Path) -> Path:
    file = tmp_path / "slurm.toml"
    file.write_text(SLURM)
    return file


def test_a_cluster_file(slurm: Path) -> None:
    file = read_cluster_file(slurm)
    assert (file.kind, file.workers) == ("dask_jobqueue.SLURMCluster", 20)
    assert file.walltime == 4 * 3600
    assert file.taken("cubic") == {"memory": 4e9}
    assert file.taken("swinir") == {"memory": 16e9}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('class = "dask_jobqueue.SLURMCluster"\n', "", "class is missing; give one such as"),
        ("dask_jobqueue.SLURMCluster", "SLURM", "class is 'SLURM'; give package and class"),
        ("workers = 20", "workers = 0", "workers is 0; give a whole number of at least 1"),
        (
            "workers = 20",
            "worker = 20",
            "unknown key 'worker'; known: class, options, workers, resources, jobs",
        ),
        ('"04:00:00"', '"four hours"', "options.walltime is 'four hours'; give hours, minutes and seconds"),
        ("GPU = 1", "GPU = -1", "resources.GPU is -1; give a positive number"),
        (
            "memory = 4e9",
            "memory = 32e9",
            "jobs.memory is 3.2e+10, and a worker has 1.6e+10; no worker would",
        ),
        ("[jobs.swinir]\nmemory", "[jobs.swinir]\ndisk", "jobs.swinir.disk is 1.6e+10, and a worker has 0"),
        ("[options]\n", "[options\n", "not valid TOML"),
    ],
)
def test_what_is_wrong_with_a_cluster_file_is_one_line(slurm: Path, old: str, new: str, message: str) -> None:
    assert old in SLURM
    slurm.write_text(SLURM.replace(old, new, 1))
    with pytest.raises(InputError) as caught:
        read_cluster_file(slurm)
    assert str(caught.value).startswith(f"{slurm}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("text", "seconds"), [("04:00:00", 14400), ("2-00:00:30", 172830), ("1:30", 5400)])
def test_walltimes(text: str, seconds: float) -> None:
    assert walltime_of(text) == seconds


@pytest.mark.parametrize("address", ["node1", "http://node1:8786", "tcp://node1:99999", "tcp://node1:0", ""])
def test_addresses_that_are_none(address: str) -> None:
    with pytest.raises(InputError, match="give its address as it prints it, such as tcp://node1:8786"):
        ClusterOptions(scheduler=address)


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:8786", "tls://node-1.site:8786", "tcp://[::1]:80", "n:1"]
)
def test_addresses(address: str) -> None:
    assert ClusterOptions(scheduler=address).count is None


def test_one_excludes_the_other(slurm: Path) -> None:
    with pytest.raises(InputError, match="give one"):
        ClusterOptions("tcp://n:1", file=slurm)
    with pytest.raises(InputError, match="has its own"):
        ClusterOptions("tcp://n:1", workers=2)
    with pytest.raises(InputError, match="allows 20; ask for fewer"):
        ClusterOptions(workers=21, file=slurm)
    assert ClusterOptions(workers=3, file=slurm).count == 3
    assert ClusterOptions(file=slurm).count == 20
    assert ClusterOptions().count == 2


def test_whoever_names_workers_means_dask(slurm: Path) -> None:
    for given in ({"workers": 2}, {"scheduler": "tcp://n:1"}, {"cluster": slurm}, {"executor": "dask"}):
        assert check_option("executor", RunOptions(**given)) == "dask"
    assert check_option("executor", RunOptions()) == "process"
    with pytest.raises(InputError, match="executor: inline runs all jobs in this process"):
        check_option("executor", RunOptions(executor="inline", workers=2))
    with pytest.raises(InputError, match="workers: got 0; give a whole number of at least 1"):
        check_option("workers", RunOptions(workers=0))
    with pytest.raises(InputError, match="retries: got -1; give a whole number of at least 0"):
        check_option("retries", RunOptions(retries=-1))
