from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile

from a2ibench.bench.options import RunOptions
from a2ibench.bench.plan import plan_run
from a2ibench.bench.record import read_record
from a2ibench.bench.run_job import run_job
from a2ibench.bench.score import Score
from a2ibench.contracts import silent

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(probe: Path, catalogue: Path, tmp_path: Path) -> Run:
    """Run one method on one dataset in this process, in the folder ``job`` of the test's."""

    def run_one(method: str, dataset: str = "thin", progress: Any = silent, **options: Any) -> dict[str, Any]:
        given = {"metrics": ["spread"], "catalogue": catalogue, "profile": "smoke", "device": "cpu",
                 "controls": False} | options  # fmt: skip
        (job,) = plan_run(RunOptions([method], [dataset], **given)).jobs()
        (tmp_path / "job").mkdir()
        return run_job(job, tmp_path / "job", progress)

    return run_one


def test_a_job_is_recorded_in_full(run: Run, tmp_path: Path) -> None:
    record = run("nearest", settings=["nearest.gain=1.5"], precision="fp32")
    assert record == read_record(tmp_path / "job")
    assert (record.dataset, record.method, record.seed, record.status) == (
        "thin",
        "nearest",
        0,
        "ok",
    )
    assert record.error is None
    assert list(record.timings) == ["setup", "load", "fit", "reconstruct", "score", "write"]
    assert all(seconds >= 0 for seconds in record.timings.values())
    assert record.memory["process"] > 1e6
    voxels = 36 * 20 * 16
    assert record.model["voxels_per_second"] == pytest.approx(voxels / record.timings["reconstruct"])
    provenance = record.provenance
    assert provenance["configuration"] == {"gain": 1.5}
    assert (provenance["plugin"], provenance["distribution"], provenance["version"]) == (
        "probe",
        "probe",
        "1.0",
    )
    assert provenance["precision"] == "fp32"
    assert "precision_used" not in provenance
    assert provenance["budget"] == "10steps"
    assert provenance["environment"]["libraries"]["numpy"] == np.__version__
    assert provenance["started"] <= provenance["finished"]
    dataset = provenance["dataset"]
    assert dataset["shape"] == [36, 20, 16]
    assert dataset["voxel_size"] == [10, 10, 10]
    assert dataset["input_shape"] == [12, 20, 16]
    assert dataset["input_voxel_size"] == [30, 10, 10]
    assert dataset["intensity"] == [0, 255]
    assert dataset["ratio"] == 3
    assert (len(dataset["sha256"]), dataset["sha256_of"]) == (64, "file")


def test_scores_are_of_the_quantised_reconstruction(run: Run, tmp_path: Path) -> None:
    record = run("nearest")
    stored = tifffile.imread(tmp_path / "data" / "thin.tif")
    expected = np.repeat(stored, 3, axis=0)
    assert record.metrics == {"spread": Score(pytest.approx(expected.std() / 255), 3)}
    slices = np.load(tmp_path / "job" / "scores.npz")["spread.xy"]
    assert slices.dtype == np.float32
    np.testing.assert_allclose(slices, expected.std(axis=(1, 2)), rtol=1e-6)


def test_a_metric_with_a_score_is_told_what_is_known(run: Run, probe: Path, tmp_path: Path) -> None:
    catalogue = tmp_path / "data" / "datasets.toml"
    catalogue.write_text(catalogue.read_text().replace("{ratio = 3.0}", "{ratio = 3.0, gaussian = 0.01}"))
    record = run("nearest", "full", metrics=["told"])
    assert record.metrics == {"told": Score(255.0, 1)}
    told = json.loads((probe / "told.json").read_text())
    assert told == {
        "prediction": [24, 20, 16],
        "reference": [24, 20, 16],
        "input": [8, 20, 16],
        "inner": [30, 10, 10],
        "voxel_size": [10, 10, 10],
        "ratio": 3,
        "degradation": "slab-average:gaussian=0.01",
        "labels": None,
        "writeable": [False, False],
    }


def test_of_an_acquired_volume_it_is_told_no_reference(run: Run, probe: Path) -> None:
    run("nearest", metrics=["told"])
    told = json.loads((probe / "told.json").read_text())
    assert (told["reference"], told["degradation"], told["ratio"]) == (None, None, 3)


def test_without_reference_metrics_that_need_one_are_absent(run: Run, tmp_path: Path) -> None:
    record = run("nearest", metrics=None)
    assert "spread" in record.metrics
    assert "psnr" not in record.metrics
    assert not any(name.startswith(("psnr", "ssim")) for name in record.metric_errors)
    assert "reference" not in np.load(tmp_path / "job" / "slices.npz")


def test_with_simulation_the_reference_is_scored_and_never_handed_over(
    run: Run, probe: Path, tmp_path: Path
) -> None:
    record = run("curious", "full", metrics=["psnr"])
    stored = tifffile.imread(tmp_path / "data" / "full.tif")
    seen = np.load(probe / "seen.npy")
    assert seen.shape == (8, 20, 16)
    np.testing.assert_allclose(seen, stored.reshape(8, 3, 20, 16).mean(axis=1), atol=0.51)
    assert (probe / "base.txt").read_text() == "None"
    assert (probe / "files.txt").read_text() == ""
    error = np.repeat(seen, 3, axis=0).astype(float) - stored
    expected = 10 * np.log10(255**2 / (error**2).mean())
    assert record.metrics["psnr"].value == pytest.approx(expected, abs=1e-9)
    assert "simulate" in record.timings
    dataset = record.provenance["dataset"]
    assert dataset["voxel_size"] == [10, 10, 10]
    assert dataset["input_voxel_size"] == [30, 10, 10]
    planes = np.load(tmp_path / "job" / "slices.npz")
    np.testing.assert_array_equal(planes["reference"], stored[:, 10])
    np.testing.assert_array_equal(planes["prediction"], np.repeat(seen, 3, axis=0)[:, 10])
    assert planes["interpolated"].shape == (24, 16)
    assert planes["interpolated"].dtype == np.uint8
    assert (float(planes["data_range"]), float(planes["lo"])) == (255, 0)


def test_the_interpolated_plane_is_what_cubic_reconstructs(run: Run, tmp_path: Path) -> None:
    run("cubic", report_planes=2)
    planes = np.load(tmp_path / "job" / "slices.npz")
    np.testing.assert_array_equal(planes["interpolated"], planes["prediction"])
    # As many as were asked for are kept to be looked at.
    assert np.load(tmp_path / "job" / "planes.npz")["prediction_xz"].shape == (2, 36, 16)


@pytest.mark.parametrize(
    ("method", "kind", "message", "status"),
    [
        ("wrong-shape", "PluginError", "WrongShape.reconstruct returned shape (35, 20, 16)", "error"),
        ("nan", "PluginError", "NaN", "error"),
        ("raises", "ValueError", "ValueError: no luck at all", "error"),
        ("quits", "SystemExit", "SystemExit: enough", "error"),
        ("unsaved", "OSError", "OSError: nowhere to write", "error"),
        ("memory", "MemoryError", "Unable to allocate", "oom"),
    ],
)
def test_a_failure_is_recorded_in_one_line(
    run: Run, method: str, kind: str, message: str, status: str
) -> None:
    record = run(method)
    assert record.status == status
    assert record.error.type == kind
    assert message in record.error.message
    assert "\n" not in record.error.message
    assert "Traceback" in record.error.traceback
    assert "load" in record.timings
    assert record.memory["process"] > 0


def test_a_skipped_job_gives_its_reason(run: Run, probe: Path) -> None:
    record = run("skips")
    assert (record.status, record.reason) == ("skipped", "not for volumes like this")
    assert record.metrics == {}
    assert not (probe / "fits.txt").exists()


def test_a_metric_that_fails_costs_only_its_own_score(run: Run) -> None:
    record = run("nearest", metrics=["broken", "undefined", "spread"])
    assert record.status == "ok"
    assert list(record.metrics) == ["spread"]
    assert list(record.metric_errors) == ["broken"]
    assert "read-only" in record.metric_errors["broken"]


def test_an_isotropic_volume_without_simulation_is_an_error(run: Run) -> None:
    record = run("nearest", "flat")
    assert record.status == "error"
    assert "flat: voxel_size (10.0, 10.0, 10.0) is isotropic" in record.error.message


def test_a_missing_file_is_an_error_of_the_job(run: Run, tmp_path: Path) -> None:
    (tmp_path / "data" / "thin.tif").unlink()
    record = run("nearest")
    assert record.status == "error"
    assert "thin.tif" in record.error.message


def test_a_method_without_optional_members_is_run(run: Run) -> None:
    record = run("bare", settings=["bare.gain=0.5"])
    assert record.status == "ok"
    assert record.provenance["configuration"] == {}
    assert record.provenance["settings"] == {"gain": 0.5}


def test_checkpoints_are_kept_where_there_are_any(run: Run, tmp_path: Path) -> None:
    run("nearest")
    assert (tmp_path / "job" / "checkpoint" / "state.txt").read_text() == "nearest"


def test_a_method_with_nothing_to_keep_leaves_no_folder(run: Run, tmp_path: Path) -> None:
    run("cubic")
    assert not (tmp_path / "job" / "checkpoint").exists()


def test_progress_is_told_about_every_phase(run: Run) -> None:
    events: list[tuple[Any, ...]] = []
    run("nearest", progress=lambda phase, done, total, **values: events.append((phase, done, total, values)))
    phases = list(dict.fromkeys(event[0] for event in events))
    assert phases == ["setup", "load", "fit", "reconstruct", "score", "write"]
    assert ("fit", 1, 2, {"loss": 0.5}) in events
    assert events[-1] == ("write", 1, 1, {})


def test_the_phantom_has_a_checksum_of_its_voxels(run: Run, catalogue: Path) -> None:
    with catalogue.open("a") as file:
        file.write("[made]\nphantom = {size = 32}\nvoxel_size = [8, 8, 8]\nsimulate = {ratio = 4.0}\n")
    record = run("nearest", "made", metrics=["psnr"])
    assert record.status == "ok", record.error
    assert record.provenance["dataset"]["sha256_of"] == "voxels"
    assert record.metrics["psnr"].value > 5


def test_what_a_method_fails_to_tell_of_itself_costs_no_result(run: Run) -> None:
    record = run("secretive")
    assert record.status == "ok"
    assert record.model["params"] == 12
    assert "macs_per_voxel" not in record.model
    assert record.provenance["precision_used"] == "auto in spirit"
    assert record.provenance["configuration"] == {}
    assert record.metrics["spread"].value > 0


def test_on_a_gpu_phases_wait_for_the_device_and_start_warm(
    run: Run, probe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    class Cuda:
        def __getattr__(self, name: str) -> Any:
            answers = {"is_available": True, "get_device_name": "A GPU", "max_memory_allocated": 5}
            return lambda: calls.append(name) or answers.get(name)

    ones = SimpleNamespace(sum=lambda: SimpleNamespace(item=lambda: calls.append("first work")))
    torch = SimpleNamespace(
        cuda=Cuda(),
        ones=lambda *shape, device: ones,
        zeros=lambda *shape, requires_grad: None,
        optim=SimpleNamespace(SGD=lambda parameters, lr: calls.append("first optimizer")),
        manual_seed=lambda seed: None,
        get_num_threads=lambda: 1,
    )
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setattr("a2ibench.bench.device.cuda_present", lambda: True)
    record = run("curious", device="cuda")
    assert record.status == "ok", record.error
    assert record.memory["device"] == 5
    assert record.provenance["device_name"] == "A GPU"
    assert calls.index("first optimizer") < calls.index("first work") < calls.index("reset_peak_memory_stats")
    assert calls.count("synchronize") == 2 * len(record.timings)
    assert (probe / "shapes.txt").read_text().split("\n")[:-1] == ["(12, 20, 16)", "(12, 20, 16)"]


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_a_hot_voxel_changes_no_score(dtype, tmp_path) -> None:
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(np.random.default_rng(0).normal(size=(48, 40, 44)), 1.5, mode="wrap")
    clean = np.rint(2000 + 700 * smooth / smooth.std()).clip(0, 4095).astype(dtype)
    hot = clean.copy()
    hot[20, 21, 22] = 65535
    found = {}
    for name, voxels in (("clean", clean), ("hot", hot)):
        tifffile.imwrite(tmp_path / f"{name}.tif", voxels)
        (tmp_path / "d.toml").write_text(
            f'[{name}]\npath = "{name}.tif"\nvoxel_size = [5.0, 5.0, 5.0]\nsimulate = {{ratio = 3.0}}\n'
        )
        (job,) = plan_run(
            RunOptions(["cubic"], [name], catalogue=tmp_path / "d.toml", profile="smoke", device="cpu")
        ).jobs()
        folder = tmp_path / name
        folder.mkdir()
        found[name] = run_job(job, folder).metrics
    assert abs(found["clean"]["psnr"].value - found["hot"]["psnr"].value) < 0.1
    assert abs(found["clean"]["ssim"].value - found["hot"]["ssim"].value) < 0.005
    assert found["clean"]["psnr"].value > 10
