"""Methods of another Python: scores, statuses and words are those of this one, and its versions recorded."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import a2ibench
from a2ibench.bench.cache_key import job_key
from a2ibench.bench.options import RunOptions
from a2ibench.bench.plan import plan_run
from a2ibench.bench.record import Record
from a2ibench.bench.run_file import combined_options, read_run_file
from a2ibench.errors import A2IBenchError, InputError

RunOne = Callable[..., Record]

HOOKS = """
from a2ibench import MethodSpec, hookimpl

@hookimpl
def a2ibench_register_methods(register):
    for name in ("near", "raises", "memory", "exits", "killed", "sleeps", "skips"):
        register(MethodSpec(name, f"there.methods:{name.title()}", "a probe", citation="Doe 2020"))
"""
METHODS = """
import json, os, random, time
import numpy as np
from a2ibench import Configurable, setting


class Near(Configurable):
    halo = (1, 2)
    align = 4
    gain: float = setting(1.0, "factor of all intensities", low=0, high=2)
    degradation: str = setting("none", "what it learns to undo")

    def fit(self, volume, ctx):
        self.drawn = [random.random(), float(np.random.random())]
        told = [ctx.seed, ctx.device, ctx.size, str(ctx.budget), ctx.batch, ctx.patch, str(volume.data.dtype),
                volume.voxel_size, volume.intensity, volume.name, volume.contrast, volume.padding]
        (ctx.workdir / "told.json").write_text(json.dumps(told + self.drawn))
        print("a line for the log")
        for step in range(3):
            ctx.progress("fit", step, 3, loss=0.5, grad=float("nan"))

    def fits(self, shape):
        return shape[1] <= 16

    def parameters(self):
        return 12

    def macs_per_voxel(self):
        return 3.5

    def precision_used(self, ctx):
        return "fp32" if ctx.precision == "auto" else ctx.precision

    def reconstruct(self, volume, grid, ctx):
        lo, hi = volume.intensity
        nearest = np.clip(np.rint(grid.positions).astype(int), 0, volume.shape[0] - 1)
        data = np.asarray(volume.data, np.float32)[nearest]
        return (self.gain * (data - lo) / (hi - lo)).astype(np.float32)

    def reconstruct_planes(self, volume, grid, ctx):
        return self.reconstruct(volume, grid, ctx)

    def save(self, path):
        (path / "drawn.json").write_text(json.dumps(self.drawn))

    def load(self, path):
        self.drawn = json.loads((path / "drawn.json").read_text())


class Raises(Near):
    def fit(self, volume, ctx):
        raise ValueError("no luck\\\\nat all")


class Memory(Near):
    def fit(self, volume, ctx):
        np.empty(1 << 60, np.uint8)


class Exits(Near):
    def reconstruct(self, volume, grid, ctx):
        os._exit(7)


class Killed(Near):
    def fit(self, volume, ctx):
        print("about to die", flush=True)
        os.kill(os.getpid(), 9)


class Sleeps(Near):
    def fit(self, volume, ctx):
        with open(os.environ["PIDS"] + ".new", "w") as file:
            file.write(str(os.getpid()))
        os.rename(os.environ["PIDS"] + ".new", os.environ["PIDS"])
        time.sleep(600)


class Skips(Near):
    def skip(self, volume):
        return f"not for {volume.shape[0]} slices"
"""


@pytest.fixture
def there(environment_with: Callable[..., Path]) -> Path:
    """Return the other Python with a plugin that is not installed here."""
    return environment_with("there", HOOKS, METHODS.replace("\\\\n", "\\n"))


def test_a2ibench_needs_nothing_but_numpy_there(other_python: Path) -> None:
    code = "import a2ibench, a2ibench.contracts, a2ibench.external.worker, json, numpy, sys; "
    code += "print(json.dumps([numpy.__version__, sorted({name.partition('.')[0] for name in sys.modules})]))"
    done = subprocess.run([other_python, "-c", code], capture_output=True, text=True, check=True)
    version, modules = json.loads(done.stdout)
    assert version != np.__version__
    foreign = {name for name in modules if name not in sys.stdlib_module_names and name[0] != "_"}
    assert foreign <= {"a2ibench", "numpy", "sitecustomize"}
    for name in ("torch", "pluggy"):
        gone = subprocess.run([other_python, "-c", f"import {name}"], capture_output=True, check=False)
        assert gone.returncode == 1, f"{name} is installed there"


def test_a_bundled_method_there_scores_what_it_does_here(record_of: RunOne, other_python: Path) -> None:
    rows = {"there-sharp": {"method": "cubic", "a": -1.0}, "here-sharp": {"method": "cubic", "a": -1.0}}
    options: dict[str, Any] = {"variants": rows, "environments": [f"there-sharp={other_python}"]}
    here = record_of("here-sharp", **options)
    there = record_of("there-sharp", **options)
    assert there.status == here.status == "ok"
    assert there.metrics == here.metrics
    assert there.provenance["configuration"] == here.provenance["configuration"] == {"a": -1.0}
    assert "environment_of_method" not in here.provenance


class Reports:
    """Events that keep the reports of progress."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []

    def progress(self, job: object, phase: str, done: float, total: float, values: Any) -> None:
        self.seen.append((phase, done, total, dict(values)))

    def job_started(self, job: object, index: int, total: int) -> None: ...
    def job_finished(self, job: object, record: object) -> None: ...
    def job_cached(self, job: object, record: object) -> None: ...


def test_a_method_that_is_only_there_runs_as_one_of_here(
    record_of: RunOne,
    there: Path,
    install_plugin: Callable[..., object],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options: dict[str, Any] = {"settings": {"near": {"gain": 0.5}}, "seeds": [3], "budget": "7steps"}
    events = Reports()
    foreign = record_of("near", out="there", environments=[f"near={there}"], events=events, **options)
    assert (foreign.status, foreign.error) == ("ok", None)
    assert "a line for the log" in capsys.readouterr().err
    install_plugin("there", HOOKS, files={"methods.py": METHODS.replace("\\\\n", "\\n")})
    own = record_of("near", out="here", **options)
    assert own.status == "ok"
    # Scores, settings, seeds and all that a context and a volume tell.
    assert foreign.metrics == own.metrics
    for name in ("configuration", "precision_used", "distribution", "version", "settings"):
        assert foreign.provenance[name] == own.provenance[name], name
    assert foreign.provenance["configuration"] == {"gain": 0.5, "degradation": "slab-average"}
    told = [tmp_path.joinpath(out, "jobs", own.name, "told.json").read_text() for out in ("there", "here")]
    assert told[0] == told[1]
    assert foreign.files == own.files
    rates = [{k: v for k, v in one.model.items() if k != "voxels_per_second"} for one in (foreign, own)]
    assert rates[0] == rates[1] == {"params": 12, "macs_per_voxel": 3.5}
    assert ("fit", 0, 3, {"loss": 0.5}) in events.seen
    # What it ran in.
    kept = foreign.provenance["environment_of_method"]
    assert kept["python"].endswith(".".join(map(str, sys.version_info[:3])))
    assert kept["method"]["libraries"]["numpy"] != np.__version__
    assert "torch" not in kept["method"]["libraries"]
    assert kept["method"]["target"] == "there.methods:Near"
    assert foreign.memory["external"] > 10e6
    assert not list((tmp_path / "there").rglob("exchange-*"))


@pytest.mark.parametrize(
    ("method", "status", "kind", "message"),
    [
        ("raises", "error", "ValueError", "ValueError: no luck at all"),
        ("memory", "oom", "", "Unable to allocate"),
        ("exits", "error", "InterpreterDied", "ended the process with code 7; see log.txt"),
        ("killed", "error", "InterpreterDied", "was killed by signal 9 (SIGKILL); if nobody did so by hand"),
        ("skips", "skipped", "", "not for 8 slices"),
    ],
)
def test_what_becomes_of_it_is_recorded_as_of_ours(
    record_of: RunOne, there: Path, method: str, status: str, kind: str, message: str
) -> None:
    record = record_of(method, datasets="thin", environments=[f"{method}={there}"])
    assert record.status == status
    assert message in str(record.message)
    assert kind in (record.error.type if record.error else "")
    if method == "raises":
        assert record.error is not None
        assert "methods.py" in record.error.traceback
    if method == "killed":
        assert record.error is not None
        assert "about to die" in record.error.traceback


def test_it_is_stopped_after_its_time(
    record_of: RunOne, there: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIDS", str(tmp_path / "pid"))
    for seconds in (3, 15, 90):
        options = {"executor": "process", "timeout": seconds, "datasets": "thin", "out": str(seconds)}
        record = record_of("sleeps", environments=[f"sleeps={there}"], **options)
        # A machine that is busy may not have come to the method.
        if (tmp_path / "pid").exists():
            break
    assert record.status == "timeout"
    pid = (tmp_path / "pid").read_text()
    state = Path(f"/proc/{pid}/stat")
    assert not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z"


def key(there: Path, **options: Any) -> str:
    given = {"profile": "smoke", "metrics": ["psnr"], "environments": [f"near={there}"], **options}
    (job,) = plan_run(RunOptions(["near"], ["phantom"], **given)).jobs()
    return job_key(job)


def test_the_key_holds_code_and_versions_of_there(there: Path, environment_with: Callable[..., Path]) -> None:
    first = key(there)
    assert key(there) == first
    file = there.parent / "site-there" / "there" / "methods.py"
    file.write_text(file.read_text() + "# edited\n")
    edited = key(there)
    newer = key(environment_with("there", HOOKS, METHODS.replace("\\\\n", "\\n"), version="2.0"))
    assert len({first, edited, newer}) == 3


def test_settings_are_checked_there(there: Path) -> None:
    for text, problem in (
        ("near.gain=3", "near.gain: got 3.0; give a value from 0 to 2"),
        ("near.gan=1", "unknown setting of near 'gan'; did you mean 'gain'?"),
    ):
        with pytest.raises(A2IBenchError) as caught:
            key(there, settings=[text])
        assert problem in str(caught.value)
    rows = {"half": {"method": "near", "gain": [0.5, 1]}}
    options: dict[str, Any] = {
        "variants": rows,
        "environments": {"old": {"python": there, "methods": ["near"]}},
    }
    jobs = plan_run(RunOptions("cubic", "phantom", profile="smoke", **options)).jobs()
    found = {
        job.method: (job.environment.name if job.environment else "", dict(job.settings)) for job in jobs
    }
    assert found == {
        "cubic": ("", {}),
        "half-0.5": ("old", {"gain": 0.5}),
        "half-1": ("old", {"gain": 1.0}),
        "near": ("old", {}),
    }


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_a_python_that_will_not_do_is_refused_in_one_line(
    other_python: Path, environment_with: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "old" / "a2ibench").mkdir(parents=True)
    (tmp_path / "old" / "a2ibench" / "__init__.py").touch()
    broken = environment_with("broken", "import nothing_of_that_name")
    pythons = {
        tmp_path / "gone": "no such Python; give the path of an interpreter, such as VENV/bin/python",
        script(
            tmp_path / "none", f'exec "{other_python}" -I -S "$@"'
        ): "has no a2ibench; install this one there",
        script(
            tmp_path / "stale", f'PYTHONPATH="{tmp_path}/old" exec "{other_python}" "$@"'
        ): "has an a2ibench "
        "that is older than this one; install this one there with pip, which needs none of its dependencies",
        script(tmp_path / "silent", "exit 3"): "does not run as a Python with a2ibench",
        other_python: "unknown method 'cubik'; did you mean 'cubic'?",
        broken: "plugin broken failed: ModuleNotFoundError: No module named 'nothing_of_that_name'",
    }
    for python, problem in pythons.items():
        with pytest.raises(InputError) as caught:
            plan_run(RunOptions("cubik", "phantom", profile="smoke", environments=[f"cubik={python}"]))
        assert problem in str(caught.value)
        assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"a": {"methods": ["cubic"]}}, "environments.a has no python"),
        ({"a": {"python": sys.executable, "method": "x"}}, "unknown key 'method'; give python and methods"),
        ({"a": {"python": sys.executable, "methods": [1]}}, r"environments.a.methods\[0\] is 1; give a text"),
        (
            {name: {"python": sys.executable, "methods": ["cubic"]} for name in "ab"},
            "environments: cubic is assigned to a and b; assign it to one",
        ),
        (["cubic"], "environments: got 'cubic'; give METHOD=PYTHON"),
    ],
)
def test_bad_assignments_are_refused(given: Any, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        plan_run(RunOptions("cubic", "phantom", profile="smoke", environments=given))


def test_files_and_the_command_line_assign(other_python: Path, tmp_path: Path) -> None:
    file = tmp_path / "bench.toml"
    link = tmp_path / "venv"
    link.symlink_to(other_python.parents[1])
    file.write_text(
        'methods = ["srmd"]\ndatasets = "phantom"\nprofile = "smoke"\n'
        '[environments.old]\npython = "venv"\nmethods = ["cubic"]\n'
    )

    def rows(**given: Any) -> dict[str, str]:
        jobs = plan_run(combined_options(read_run_file(file), given)).jobs()
        return {job.method: job.environment.name if job.environment else "" for job in jobs}

    assert rows() == {"srmd": "", "cubic": "old"}
    assert rows(methods="srmd") == {"srmd": ""}
    assert rows(methods="all")["cubic"] == "old"
    assert rows(methods="cubic") == {"cubic": "old"}
    assert rows(methods="cubic", environments=[f"cubic={link}"]) == {"cubic": str(link)}
    file.write_text(file.read_text().replace('methods = ["cubic"]\n', ""))
    assert rows() == {"srmd": ""}
    assert rows(methods="cubic", environments=["cubic=old"]) == {"cubic": "old"}
    assert rows(methods="srmd", environments=["cubic=old"]) == {"srmd": "", "cubic": "old"}
    file.write_text(
        file.read_text() + 'methods = ["cubic"]\n[variants.sharp]\nmethod = "cubic"\na = [-1, -0.75]\n'
    )
    there = {"sharp-minus-1": "old", "sharp-minus-0.75": "old"}
    assert rows() == {"srmd": "", "cubic": "old", **there}
    assert rows(methods="sharp") == there
    assert rows(methods="srmd,sharp-minus-1") == {"srmd": "", "sharp-minus-1": "old"}
    # The place where a Python lies is no part of what a run is; what is in it decides whether jobs run again.
    options = combined_options(read_run_file(file), {"environments": ["cubic=old"]})
    assert plan_run(options).identity()["environments"] == {"cubic": "old", **there}
    (job,) = (job for job in plan_run(options).jobs() if job.method == "cubic")
    assert job.environment is not None
    assert job.environment.told["a2ibench"] == a2ibench.__version__
