"""A run of a stack that is given as a file, without a catalogue."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter

import a2ibench
from a2ibench import Volume
from a2ibench.bench.input import dataset_name
from a2ibench.bench.options import RunOptions
from a2ibench.bench.plan import Plan, plan_run
from a2ibench.bench.run_file import combined_options, read_run_file
from a2ibench.data.checksums import content_sha256
from a2ibench.errors import InputError

HERE = {"methods": "cubic", "profile": "smoke", "executor": "inline"}


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """Write an isotropic stack."""
    noise = gaussian_filter(np.random.default_rng(3).random((30, 40, 44)), 1.5)
    grey = np.interp(noise, (noise.min(), noise.max()), (0, 255)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "FIB stack (2).ome.tif", grey, metadata={"axes": "ZYX"})
    return tmp_path / "FIB stack (2).ome.tif"


def planned(**options) -> Plan:
    return plan_run(RunOptions(**HERE | options))


def test_it_runs_is_recorded_and_goes_on(stack: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    given = HERE | {
        "input": "FIB stack (2).ome.tif",
        "voxel_size": "8nm,8nm,8nm",
        "simulate": 3,
        "out": "run",
    }
    (row,) = a2ibench.run(**given).to_dict("records")
    assert (row["dataset"], row["status"]) == ("fib-stack-2", "ok")
    assert row["psnr"] > 20
    run = json.loads((tmp_path / "run" / "run.json").read_text())
    (recorded,) = run["plan"]["datasets"]
    assert recorded["path"] == str(stack)
    assert recorded["voxel_size"] == [8.0, 8.0, 8.0]
    assert recorded["simulate"]["ratio"] == 3.0
    record = tmp_path / "run" / "jobs" / "fib-stack-2--cubic--s0" / "record.json"
    first = json.loads(record.read_text())
    assert first["provenance"]["used"]["dataset"] == content_sha256(stack)
    a2ibench.run(**given)
    assert json.loads(record.read_text()) == first
    changed = tifffile.imread(stack)
    changed[5] = 0
    tifffile.imwrite(stack, changed, metadata={"axes": "ZYX"})
    a2ibench.run(**given)
    assert json.loads(record.read_text())["provenance"]["key"] != first["provenance"]["key"]


def test_what_a_catalogue_says_options_say(stack: Path) -> None:
    (spec,) = planned(
        input=stack, voxel_size=(24, 8, 8), crop=np.s_[2:20, :, 4:], intensity=(0, 99), level=None
    ).datasets
    assert spec.crop == ((2, 20), (0, 40), (4, 44))
    assert spec.intensity == (0.0, 99.0)
    assert spec.simulate is None
    named = planned(input=stack, voxel_size=(24, 8, 8), datasets="phantom").datasets
    assert [one.name for one in named] == ["fib-stack-2", "phantom"]
    (averaged,) = planned(input=stack, voxel_size=(24, 8, 8.004)).datasets
    assert averaged.voxel_size == (24.0, 8.002, 8.002)


def test_metadata_tell_the_voxel_size(tmp_path: Path) -> None:
    sizes = {"spacing": 0.03, "unit": "um"}
    file = tmp_path / "s.tif"
    voxels = np.zeros((4, 8, 8), np.uint8)
    tifffile.imwrite(file, voxels, imagej=True, resolution=(100, 100), metadata={"axes": "ZYX", **sizes})
    assert planned(input=file).datasets[0].voxel_size == pytest.approx((30, 10, 10))
    sizes["spacing"], sizes["unit"] = 0.00003, "um"
    tifffile.imwrite(file, voxels, imagej=True, resolution=(1e5, 1e5), metadata={"axes": "ZYX", **sizes})
    with pytest.raises(InputError, match="its metadata tell a voxel size that in nm is finer"):
        planned(input=file)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"voxel_size": (8, 8, 8)}, "voxel size 8, 8, 8 nm is isotropic, .* give simulate=3"),
        ({"voxel_size": (24, 8, 8), "simulate": 3}, "simulate: .* is anisotropic, 24, 8, 8 nm"),
        ({"voxel_size": (8, 8, 24)}, "is the order z,y,x"),
        ({"voxel_size": (8, 24, 24)}, "is the order z,y,x"),
        ({"voxel_size": (8, 8, 8), "simulate": 1}, "simulate: got 1; give a ratio above 1"),
        ({}, r"tells no voxel size; give voxel_size=\(Z, Y, X\)"),
        ({"voxel_size": "0.024,0.008,0.008"}, "voxel_size: .* if it is in um give"),
        ({"voxel_size": (24, 8, 8), "crop": "1,2,3"}, "crop: got '1,2,3'; give"),
        ({"voxel_size": (24, 8, 8), "intensity": (9, 1)}, "intensity: got .* low below high"),
        ({"input": "gone.tif", "voxel_size": (24, 8, 8)}, "there is no such file or folder"),
        ({"input": "https://example.org/a.tif"}, "give a local file or folder"),
        ({"input": np.zeros((2, 3, 4))}, "got ndarray; save it to a file"),
    ],
)
def test_what_does_not_fit_says_what_to_give(stack: Path, options, message: str) -> None:
    with pytest.raises(InputError, match=message):
        planned(**{"input": stack, **options})


@pytest.mark.parametrize(
    "option", [{"voxel_size": (24, 8, 8)}, {"simulate": 3}, {"crop": "1:9,:,:"}, {"key": "raw"}, {"level": 0}]
)
def test_options_of_a_stack_need_one(option) -> None:
    with pytest.raises(InputError, match=f"{next(iter(option))}: is about a stack; give it with input"):
        planned(**option)


def test_a_dataset_of_the_same_name_is_an_error(stack: Path, tmp_path: Path) -> None:
    other = tmp_path / "phantom.tif"
    stack.rename(other)
    with pytest.raises(InputError, match="a dataset is called phantom, too"):
        planned(input=other, voxel_size=(24, 8, 8), datasets="phantom")


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_volume_in_memory_is_told_what_to_give(wrapped: bool) -> None:
    volume = Volume(np.zeros((3, 4, 5), np.uint8), (30, 10, 10), (0, 255))
    with pytest.raises(InputError, match=r"datasets: got <Volume .*>; .* give input=FILE"):
        planned(datasets=[volume] if wrapped else volume)


def test_a_run_file_may_name_it(stack: Path, tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text(f'input = "{stack.name}"\nvoxel_size = "24,8,8nm"\ncrop = "0:9,:,:"\nmethods = "cubic"\n')
    (spec,) = plan_run(combined_options(read_run_file(file), {})).datasets
    assert (spec.path, spec.voxel_size, spec.crop) == (stack, (24.0, 8.0, 8.0), ((0, 9), (0, 40), (0, 44)))


@pytest.mark.parametrize(
    ("file", "name"),
    [("a.tif", "a"), ("My Stack--3.ome.zarr", "my-stack-3"), ("ÅÄ.mrc", "input"), ("x" * 200, "x" * 60)],
)
def test_it_is_named_after_its_file(file: str, name: str) -> None:
    assert dataset_name(Path("/data") / file) == name


@pytest.mark.parametrize("given", ["cubic plain", "cubic,plain", " cubic ,  plain ", "cubic\nplain"])
def test_names_are_separated_by_blanks_or_commas(stack: Path, given: str) -> None:
    assert planned(methods=given, input=stack, voxel_size=(24, 8, 8)).methods == ("cubic", "plain")


@pytest.mark.parametrize("budget", [5, 5.0, True])
def test_a_budget_without_unit_says_what_to_give(stack: Path, budget: object) -> None:
    with pytest.raises(InputError, match=r"budget: got .*; give steps as '2000steps' or seconds as '300s'"):
        planned(budget=budget, input=stack, voxel_size=(24, 8, 8))
