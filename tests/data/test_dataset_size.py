"""The size that is foretold is the size that is opened, and nothing is read or written for it."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from a2ibench.contracts import DatasetSpec, Simulation
from a2ibench.data.fetch import local_file
from a2ibench.data.opening import dataset_size, open_dataset
from a2ibench.errors import InputError
from a2ibench.protocol.simulate import simulate

SIZES = st.tuples(*[st.integers(2, 14)] * 3)


def stored(folder: Path, shape: tuple[int, int, int], kind: str) -> DatasetSpec:
    data = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
    if kind == "h5":
        path = folder / "volume.h5"
        with h5py.File(path, "w") as file:
            file["raw"] = data
        return DatasetSpec("d", "D", (1.0, 1.0, 1.0), path=path, key="raw")
    path = folder / "volume.tif"
    axes = {"axes": "ZYX"}
    tifffile.imwrite(path, data, imagej=kind == "imagej", photometric="minisblack", metadata=axes)
    return DatasetSpec("d", "D", (1.0, 1.0, 1.0), path=path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shape=SIZES,
    kind=st.sampled_from(["plain", "imagej", "h5"]),
    factor=st.integers(1, 3),
    cropped=st.booleans(),
    axial=st.sampled_from([1.0, 2.0, 10 / 3, 4.5]),
    simulated=st.booleans(),
)
def test_the_size_is_that_of_the_opened_dataset(
    shape: tuple[int, int, int],
    kind: str,
    factor: int,
    cropped: bool,
    axial: float,
    simulated: bool,
    tmp_path: Path,
) -> None:
    spec = stored(tmp_path, shape, kind)
    options = {
        "bin": factor,
        "voxel_size": (1.0, 1.0, 1.0) if simulated else (axial, 1.0, 1.0),
        "crop": ((1, shape[0]), (0, shape[1]), (1, shape[2])) if cropped else None,
        "simulate": Simulation(axial) if simulated else None,
    }
    spec = DatasetSpec(**vars(spec) | options)
    try:
        volume = open_dataset(spec)
        given_volume, reference = simulate(volume, Simulation(axial)) if simulated else (volume, None)
    except InputError:
        assume(False)
    found = dataset_size(spec)
    assert found is not None
    assert found.given == given_volume.shape
    if reference is not None:
        assert found.reconstructed == reference.shape
        assert found.voxels == reference.data.size
    assert found.reconstructed[0] == round(given_volume.shape[0] * given_volume.ratio)


def test_a_phantom_tells_its_size_without_being_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path / "cache"))
    cube = DatasetSpec("p", "P", (15.0,) * 3, phantom={"size": 40}, simulate=Simulation(3.0))
    assert dataset_size(cube) == ((13, 40, 40), (39, 40, 40))
    usual = dataset_size(DatasetSpec("p", "P", (15.0,) * 3, phantom={"seed": 1}))
    assert usual == ((160, 160, 160), (160, 160, 160))
    assert list(tmp_path.iterdir()) == []


def test_of_what_is_not_there_only_a_crop_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path / "cache"))
    remote = DatasetSpec("r", "R", (30.0, 10.0, 10.0), url="https://localhost/x.tif")
    assert dataset_size(remote) is None
    assert local_file(remote) is None
    assert dataset_size(DatasetSpec("g", "G", (30.0, 10.0, 10.0), instructions="ask")) is None
    assert dataset_size(DatasetSpec("m", "M", (30.0, 10.0, 10.0), path=tmp_path / "gone.tif")) is None
    cut = DatasetSpec(**vars(remote) | {"crop": ((0, 4), (0, 20), (5, 20))})
    assert dataset_size(cut) == ((4, 20, 15), (12, 20, 15))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"II*\0", b"not a volume at all"])
def test_a_damaged_file_has_no_known_size(content: bytes, tmp_path: Path) -> None:
    for name in ("volume.tif", "volume.h5", "volume.txt"):
        path = tmp_path / name
        path.write_bytes(content)
        assert dataset_size(DatasetSpec("d", "D", (1.0, 1.0, 1.0), path=path)) is None


def test_a_flat_image_has_no_known_size(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "flat.tif", np.zeros((8, 8), np.uint8))
    assert dataset_size(DatasetSpec("d", "D", (1.0, 1.0, 1.0), path=tmp_path / "flat.tif")) is None
