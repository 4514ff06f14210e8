"""Missing chunks of a catalogue's dataset: an error that names the field, or filled where it is set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import zarr

from a2ibench.bench.job import dataset_from_dict, dataset_identity, dataset_to_dict
from a2ibench.contracts import DatasetSpec
from a2ibench.data.catalogue import load_catalogue
from a2ibench.data.fetch import fetch
from a2ibench.data.opening import dataset_size, open_dataset
from a2ibench.errors import CatalogueError, DownloadError, InputError

DATA = np.random.default_rng(7).integers(1, 255, (8, 40, 48)).astype(np.uint8)
DATA[:4, 16:32, 16:] = 0
ADVICE = r"if its writer left out empty chunks, open it with fill_missing = true in the catalogue$"


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """Write a stack of which the writer left out chunks of zeros."""
    array = zarr.create_array(tmp_path / "p.zarr", shape=DATA.shape, chunks=(4, 16, 16), dtype="u1")
    array[:] = DATA
    assert array.nchunks_initialized == 2 * 3 * 3 - 2
    return tmp_path / "p.zarr"


def catalogue(folder: Path, field: str) -> DatasetSpec:
    path = folder / "c.toml"
    path.write_text(f'[p]\npath = "p.zarr"\nvoxel_size = [40, 10, 10]\n{field}\n')
    return load_catalogue(path)["p"]


def test_it_is_an_error_that_names_the_field(tmp_path, stack):
    for field in ("", "fill_missing = false"):
        with pytest.raises(InputError, match=ADVICE):
            open_dataset(catalogue(tmp_path, field))


def test_it_is_filled_where_the_field_says_so(tmp_path, stack, caplog):
    spec = catalogue(tmp_path, "fill_missing = true")
    np.testing.assert_array_equal(open_dataset(spec).data, DATA)
    assert "2 of 18 chunks that were read are missing; filled" in caplog.text
    assert dataset_size(spec).given == DATA.shape


@pytest.mark.parametrize("value", ["1", '"yes"', "[]"])
def test_other_values_are_refused(tmp_path, value):
    with pytest.raises(CatalogueError, match=r"\[p\]: fill_missing is .*; give true or false"):
        catalogue(tmp_path, f"fill_missing = {value}")


def test_it_is_part_of_what_is_benchmarked(tmp_path, stack):
    plain, filled = (catalogue(tmp_path, field) for field in ("", "fill_missing = true"))
    assert dataset_identity(plain) != dataset_identity(filled)
    assert dataset_from_dict(dataset_to_dict(filled)) == filled


def test_a_crop_that_is_fetched(tmp_path, stack, web):
    stack.rename(web.folder / "p.zarr")

    def spec(fill: bool) -> DatasetSpec:
        url = f"zarr://http://127.0.0.1:{web.server_port}/p.zarr"
        crop = ((0, 8), (8, 40), (8, 48))
        return DatasetSpec("p", "P", (40.0, 10.0, 10.0), url=url, crop=crop, fill_missing=fill)

    with pytest.raises(DownloadError, match=ADVICE.removesuffix("$")):
        fetch(spec(False), cache=tmp_path / "cache")
    got = open_dataset(spec(True), cache=tmp_path / "cache")
    np.testing.assert_array_equal(got.data, DATA[:, 8:, 8:])
