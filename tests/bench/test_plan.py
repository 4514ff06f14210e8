from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from a2ibench.bench import device
from a2ibench.bench.job import dataset_from_dict, dataset_to_dict
from a2ibench.bench.options import RunOptions
from a2ibench.bench.plan import Job, Plan, plan_run
from a2ibench.bench.specs import known_datasets
from a2ibench.contracts import Budget, DatasetSpec, Simulation
from a2ibench.errors import CatalogueError, InputError, UnknownNameError

pytestmark = pytest.mark.usefixtures("probe")


def planned(catalogue: Path, **options: Any) -> Plan:
    return plan_run(RunOptions(**{"methods": ["nearest"], "catalogue": catalogue, "device": "cpu"} | options))


def test_datasets_default_to_those_without_download(catalogue: Path) -> None:
    assert [spec.name for spec in planned(catalogue).datasets] == ["thin", "full", "flat"]
    assert [spec.name for spec in planned(catalogue, datasets="all").datasets][-1] == "remote"


def test_the_baseline_comes_first_of_all(catalogue: Path) -> None:
    methods = planned(catalogue, methods="all").methods
    assert methods[0] == "cubic"
    assert {"nearest", "raises"} <= set(methods)


def test_jobs_go_dataset_by_dataset_then_method_then_seed(catalogue: Path) -> None:
    plan = planned(catalogue, methods="nearest, bare", datasets=["full", "thin"], seeds=2)
    assert [job.name for job in plan.jobs()] == [
        "full--nearest--s0", "full--nearest--s1", "full--bare--s0", "full--bare--s1",
        "thin--nearest--s0", "thin--nearest--s1", "thin--bare--s0", "thin--bare--s1",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"methods": ["neares"]}, "unknown method 'neares'; did you mean 'nearest'"),
        ({"datasets": "thn"}, "unknown dataset 'thn'; did you mean 'thin'"),
        ({"profile": "fast"}, "unknown profile 'fast'"),
        ({"device": "tpu"}, "unknown device 'tpu'"),
        ({"precision": "fp16"}, "unknown precision 'fp16'"),
        ({"executor": "proces"}, "unknown executor 'proces'; did you mean 'process'"),
        ({"metrics": ["psnrr"]}, "unknown metric 'psnrr'; did you mean 'psnr'"),
        ({"settings": ["nearest.gian=1"]}, "unknown setting of nearest 'gian'; did you mean 'gain'"),
        ({"settings": ["nearst.gain=1"]}, "unknown method or metric 'nearst'; did you mean 'nearest'"),
        ({"methods": ["bare"], "settings": ["bare.stps=1"]}, "unknown setting of bare 'stps'"),
        (
            {"methods": ["srmd"], "settings": ["srmd.degradation=slab-averag"]},
            "unknown degradation 'slab-averag'; did you mean 'slab-average'",
        ),
        ({"methods": ["srmd"], "settings": ["srmd.degradation=slab-average:gausian=1"]}, "gausian"),
    ],
)
def test_an_unknown_name_is_named_with_the_nearest(
    catalogue: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UnknownNameError) as caught:
        planned(catalogue, **options)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"methods": " , "}, "methods: got ' , '"),
        ({"seeds": 0}, "seeds: got 0"),
        ({"seeds": [-1]}, "seeds: got"),
        ({"budget": "10 minutes"}, "budget: got '10 minutes'"),
        ({"timeout": 0}, "timeout: got 0"),
        ({"timeout": 5, "executor": "inline"}, "inline executor cannot stop"),
        ({"settings": ["nearest.gain"]}, "give METHOD.KEY=VALUE"),
        ({"settings": ["gain=1"]}, "give METHOD.KEY=VALUE"),
        ({"settings": ["nearest.gain=3"]}, "nearest.gain: got 3.0; give a value from 0 to 2"),
        ({"settings": ["bare.gain=1"]}, "bare, which is not run; add it to methods"),
        ({"methods": ["bare"], "settings": ["bare.gain=much"]}, "bare.gain: got 'much'; give a number"),
        ({"methods": ["bare"], "settings": ["bare.deep=3"]}, "bare.deep: got '3'; give a bool"),
        ({"methods": ["bare"], "settings": ["bare.steps=true"]}, "bare.steps: got 'true'; give a int"),
    ],
)
def test_an_unusable_option_is_one_line(catalogue: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        planned(catalogue, **options)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_settings_are_read_as_the_method_declares_them(catalogue: Path) -> None:
    texts = ["nearest.gain=1", "bare.gain=0.5", "bare.deep=false", "bare.mode=hard", "nearest.gain=1.5"]
    plan = planned(catalogue, methods=["nearest", "bare"], settings=texts)
    assert plan.settings == {"nearest": {"gain": 1.5}, "bare": {"gain": 0.5, "deep": False, "mode": "hard"}}
    assert [dict(job.settings) for job in plan.jobs()][:2] == [
        {"gain": 1.5},
        {"gain": 0.5, "deep": False, "mode": "hard"},
    ]


def test_a_catalogue_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"nowhere\.toml"):
        planned(tmp_path / "nowhere.toml")


def test_an_unknown_degradation_of_a_dataset_is_found_before_the_run(catalogue: Path) -> None:
    catalogue.write_text(catalogue.read_text().replace("ratio = 3.0", 'ratio = 3.0, degradation = "slab"'))
    with pytest.raises(UnknownNameError, match="slab"):
        planned(catalogue)


def test_a_catalogues_dataset_goes_before_a_plugins(catalogue: Path, install_plugin: Any) -> None:
    source = """
        from pathlib import Path
        from a2ibench import DatasetSpec, hookimpl

        @hookimpl
        def a2ibench_register_datasets(register):
            for name in ("thin", "extra"):
                register(DatasetSpec(name, "from a plugin", (30, 10, 10), path=Path("other.tif")))
    """
    install_plugin("more-data", source)
    known = known_datasets(catalogue)
    assert known["thin"].title != "from a plugin"
    (extra,) = planned(catalogue, datasets=["extra"]).datasets
    assert extra.path is not None
    assert extra.path.is_absolute()


def test_without_a_gpu_the_profile_is_quick_and_cuda_an_error(
    catalogue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "cuda_present", lambda: False)
    plan = planned(catalogue, device="auto")
    assert (plan.profile, plan.device) == ("quick", "cpu")
    with pytest.raises(InputError, match="device: got cuda"):
        planned(catalogue, device="cuda")


def test_with_a_gpu_the_profile_is_full(catalogue: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "cuda_present", lambda: True)
    plan = planned(catalogue, device="auto")
    assert (plan.profile, plan.device) == ("full", "cuda")


def test_a_driver_alone_makes_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: False))
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setattr(device.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert device.cuda_present.__wrapped__() is False


def test_planning_imports_no_torch(catalogue: Path) -> None:
    code = (
        "import sys; from pathlib import Path;"
        "from a2ibench.bench.options import RunOptions; from a2ibench.bench.plan import plan_run;"
        f"options = RunOptions(['nearest'], catalogue=Path({str(catalogue)!r}), device='cpu');"
        "plan_run(options).jobs();"
        "print(sorted({'torch', 'timm', 'pandas', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_budget_replaces_the_profiles_steps(catalogue: Path) -> None:
    (job,) = planned(catalogue, datasets="thin", profile="smoke").jobs()
    assert job.budget == Budget(steps=10)
    (job,) = planned(catalogue, datasets="thin", profile="smoke", budget="3s").jobs()
    assert job.budget == Budget(seconds=3)


@pytest.mark.parametrize(
    "options",
    [
        {"methods": ["nearest", "bare"]},
        {"datasets": ["full"]},
        {"profile": "smoke"},
        {"seeds": 2},
        {"precision": "fp32"},
        {"budget": "7steps"},
        {"settings": ["nearest.gain=2"]},
        {"metrics": ["spread"]},
    ],
)
def test_each_option_that_matters_changes_the_fingerprint(catalogue: Path, options: dict[str, Any]) -> None:
    base = planned(catalogue, datasets=["thin"], profile="quick")
    other = planned(catalogue, **{"datasets": ["thin"], "profile": "quick"} | options)
    assert base.fingerprint() != other.fingerprint()
    assert base.default_folder() != other.default_folder()


def test_order_and_limits_do_not_change_the_fingerprint(catalogue: Path) -> None:
    one = planned(catalogue, methods=["nearest", "bare"], datasets=["thin", "full"])
    two = planned(catalogue, methods=["bare", "nearest"], datasets=["full", "thin"], timeout=9)
    assert one.fingerprint() == two.fingerprint()


def test_the_device_changes_the_fingerprint(catalogue: Path) -> None:
    plan = planned(catalogue)
    assert plan.fingerprint() != replace(plan, device="cuda").fingerprint()


def test_the_default_folder_is_named_after_profile_and_fingerprint(catalogue: Path) -> None:
    plan = planned(catalogue, profile="smoke")
    assert plan.default_folder() == Path("reports") / f"smoke-{plan.fingerprint()[:8]}"


@pytest.mark.parametrize(
    "spec",
    [
        DatasetSpec("a", "A", (3.0, 1.0, 1.0), path=Path("/x/a.tif"), sha256="0" * 64, intensity=(0.0, 9.5)),
        DatasetSpec(
            "b", "B", (1.0, 1.0, 1.0), phantom={"size": 8}, simulate=Simulation(3.3, options={"s": 1})
        ),
        DatasetSpec("c", "C", (4.0, 1.0, 1.0), url="https://x/c.h5", key="raw", bin=2, crop=((0, 4),) * 3),
    ],
)
def test_a_job_comes_back_from_json(spec: DatasetSpec) -> None:
    assert dataset_from_dict(dataset_to_dict(spec)) == spec
    job = Job(spec, "m", 3, "smoke", Budget(seconds=2.5), settings={"a": True}, metrics=("psnr",), key="k")
    assert Job.from_dict(job.to_dict()) == job
