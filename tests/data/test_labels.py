"""Labels of datasets: what the phantom was drawn from, and files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from scipy import ndimage

from a2ibench import load_catalogue
from a2ibench.contracts import DatasetSpec, Simulation
from a2ibench.data.opening import open_dataset, open_labels
from a2ibench.data.phantom import phantom, phantom_labels
from a2ibench.errors import CatalogueError, InputError

RANDOM = np.random.default_rng(0)
STACK = RANDOM.integers(0, 255, (9, 12, 15)).astype(np.uint8)
LABELS = RANDOM.integers(0, 1 << 40, STACK.shape)
NM = (15.0,) * 3


@pytest.fixture(scope="module")
def tissue() -> tuple[NDArray[np.uint8], NDArray[np.uint32]]:
    return phantom(64, 4), phantom_labels(64, 4)


def test_borders_of_labels_lie_in_dark_membranes(tissue: Any) -> None:
    grey, labels = tissue
    inside = labels > 0
    deep = ndimage.binary_erosion(inside, iterations=2)
    assert 0.1 < (labels == 0).mean() < 0.45
    assert grey[~inside].mean() < grey[inside].mean() - 30 < grey[deep].mean() - 30
    # No two cells touch: there is always membrane between them.
    for axis in range(3):
        one, other = labels.take(range(63), axis), labels.take(range(1, 64), axis)
        apart = (one != other) & (one > 0) & (other > 0)
        assert apart.mean() < 0.002


def test_most_of_a_label_is_connected(tissue: Any) -> None:
    _, labels = tissue
    sizes = np.bincount(labels.ravel())
    for label in np.argsort(sizes[1:])[-12:] + 1:
        parts, _ = ndimage.label(labels == label)
        assert np.bincount(parts.ravel())[1:].max() > 0.6 * sizes[label]


def test_labels_of_voxels_of_another_size_are_of_the_same_cells(tissue: Any) -> None:
    _, labels = tissue
    fine = phantom_labels(96, 4, 10.0)[1::3, 1::3, 1::3]
    coarse = labels[np.ix_(*[np.arange(32) * 2] * 3)]
    both = (fine > 0) & (coarse > 0)
    assert (fine == coarse)[both].mean() > 0.9


def test_the_same_cells_are_labelled_whatever_the_detector(tissue: Any) -> None:
    np.testing.assert_array_equal(phantom_labels(64, 4, 15.0, blur=0.0, shot_noise=9.0), tissue[1])


def file_of(path: Path, data: NDArray[Any], **more: NDArray[Any]) -> Path:
    with h5py.File(path, "w") as file:
        for key, values in {"raw": data, **more}.items():
            file[key] = values
    return path


def spec_of(tmp_path: Path, **fields: Any) -> DatasetSpec:
    path = file_of(tmp_path / "a.h5", STACK, cells=LABELS)
    return DatasetSpec("a", "A", NM, path=path, key="raw", simulate=Simulation(3.0), **fields)


@pytest.mark.parametrize("labels", [True, "b.h5"])
def test_labels_are_cropped_and_binned_as_the_volume(tmp_path: Path, labels: Any) -> None:
    if labels is not True:
        labels = file_of(tmp_path / labels, STACK, cells=LABELS)
    crop = ((1, 9), (0, 11), (3, 12))
    spec = spec_of(tmp_path, labels=labels, labels_key="cells", crop=crop, bin=3)
    found = open_labels(spec)
    assert found.shape == open_dataset(spec).shape == (2, 3, 3)
    np.testing.assert_array_equal(found, LABELS[1:9, 0:11, 3:12][1:6:3, 1:9:3, 1:9:3])


def test_labels_of_a_phantom_are_cropped(tissue: Any) -> None:
    spec = DatasetSpec("p", "P", NM, phantom={"size": 64, "seed": 4}, labels=True, crop=((8, 40),) * 3)
    np.testing.assert_array_equal(open_labels(spec), tissue[1][8:40, 8:40, 8:40])


def test_labels_that_cannot_be_used_are_told_in_one_line(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "short.tif", LABELS[1:].astype(np.uint16), photometric="minisblack")
    tifffile.imwrite(tmp_path / "real.tif", STACK.astype(np.float32), photometric="minisblack")
    for name, message in {
        "gone.tif": "labels is .*gone.tif, which is no file; correct it in the catalogue",
        "short.tif": r"labels of shape \(8, 12, 15\) in .*short.tif, but the volume has \(9, 12, 15\); give",
        "real.tif": "dtype is float32; labels are whole numbers, give integers",
    }.items():
        with pytest.raises(InputError, match=message):
            open_labels(spec_of(tmp_path, labels=tmp_path / name))
    # Volumes themselves are as strict as ever.
    with pytest.raises(InputError, match="dtype is int64; give 8- or 16-bit integers, or floats"):
        open_dataset(DatasetSpec("a", "A", NM, path=tmp_path / "a.h5", key="cells"))


def test_a_generator_without_labels_is_told() -> None:
    spec = DatasetSpec("p", "P", NM, phantom={"target": "colorsys:rgb_to_hsv"}, labels=True)
    with pytest.raises(InputError, match="labels is true, but colorsys has no rgb_to_hsv_labels; remove"):
        open_labels(spec)


BEGIN = '[a]\npath = "a.h5"\nvoxel_size = [15, 15, 15]\n'
SIMULATED = BEGIN + "simulate = {ratio = 3.0}\n"
GENERATED = "[a]\nphantom = {}\nvoxel_size = [15, 15, 15]\nsimulate = {ratio = 3.0}\n"


def test_the_catalogue_names_labels(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    for text, labels, key in (
        (SIMULATED + 'labels = "sub/b.tif"', tmp_path / "sub" / "b.tif", None),
        (SIMULATED + 'labels = true\nlabels_key = "cells"', True, "cells"),
        (GENERATED + "labels = true", True, None),
        (GENERATED, False, None),
    ):
        path.write_text(text)
        spec = load_catalogue(path)["a"]
        assert (spec.labels, spec.labels_key) == (labels, key)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BEGIN + 'labels = "b.tif"', "labels is given, but scores by them need a reference; add simulate"),
        (SIMULATED + "labels = 3", "labels is 3; give true, or the path of a file"),
        (SIMULATED + "labels = true", "labels is true, but no phantom knows them; give the path of a file"),
        (SIMULATED + 'labels_key = "cells"', "labels_key is given, but no labels; give them, or remove it"),
        (GENERATED + 'labels = "b.tif"', "labels of a phantom are generated; give labels = true"),
    ],
)
def test_labels_of_no_use_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "c.toml").write_text(text)
    with pytest.raises(CatalogueError, match=message):
        load_catalogue(tmp_path / "c.toml")
