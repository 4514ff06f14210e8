"""What the checksum in a record is of, and which fields of an entry the record repeats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from a2ibench.bench.provenance import describe_dataset
from a2ibench.contracts import DatasetSpec, Volume

NM = (30.0, 10.0, 10.0)
TOLD = "ab" * 32
CROP = ((0, 4), (0, 8), (0, 8))


def described(**fields: Any) -> dict[str, Any]:
    data = np.random.default_rng(0).integers(0, 255, (4, 8, 8)).astype(np.uint8)
    volume = Volume(data, NM, (0.0, 255.0), "d")
    return describe_dataset(DatasetSpec("d", "D", NM, **fields), volume, volume, 12)


@pytest.mark.parametrize(
    ("fields", "of"),
    [
        ({"url": "https://a.org/x.tif"}, "file"),
        ({"url": "https://a.org/x.zip", "member": "x/raw"}, "archive"),
        ({"url": "s3://bucket/x.n5", "crop": CROP}, "crop"),
        ({"path": Path(__file__).parent}, "folder"),
    ],
)
def test_a_told_checksum_is_recorded_with_what_it_is_of(fields: dict[str, Any], of: str) -> None:
    found = described(sha256=TOLD, **fields)
    assert (found["sha256"], found["sha256_of"]) == (TOLD, of)


def test_without_one_the_voxels_count() -> None:
    kinds = [{"url": "https://a.org/x.zip", "member": "x"}, {"url": "s3://b/x.n5", "crop": CROP}]
    found = [described(**fields) for fields in kinds]
    assert {one["sha256_of"] for one in found} == {"voxels"}
    assert found[0]["sha256"] == found[1]["sha256"] != TOLD


def test_level_and_member_are_recorded_where_they_are_given() -> None:
    usual = {"key", "bin", "crop", "phantom", "simulate"}
    assert set(described(url="https://a.org/x.tif")["definition"]) == usual
    deep = described(url="s3://b/x.zarr", crop=CROP, level=2)["definition"]
    assert set(deep) == usual | {"level"}
    assert deep["level"] == 2
    assert described(url="https://a.org/x.zip", member="x/raw")["definition"]["member"] == "x/raw"
