"""Every dialect of every format does what docs/formats.md says of it."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import dialects
import numpy as np
import pytest
from dialect import Dialect, Output

from a2ibench.data.formats import open_lazy
from a2ibench.data.writing import create
from a2ibench.errors import InputError

PAGE = Path(__file__).parents[3] / "docs" / "formats.md"
SHAPE, SIZE = (5, 20, 30), (12.5, 4.6, 4.7)
WRITES = [
    pytest.param(output, suffix, dtype, id=f"{output.name} {suffix} {dtype}")
    for output in dialects.WRITTEN
    for suffix in re.findall(r"`(\.\S+)`", output.suffix)
    for dtype in output.dtypes
]


@pytest.mark.parametrize("dialect", dialects.READ, ids=lambda one: f"{one.format} {one.name}")
def test_a_dialect_is_read_or_refused_as_the_page_says(tmp_path: Path, caplog, dialect: Dialect):
    pytest.importorskip(dialect.needs)
    place = dialect.make(tmp_path)
    if dialect.refused:
        with pytest.raises(InputError) as caught, open_lazy(place, **dialect.options) as volume:
            volume[:, :, :]
        assert str(caught.value).replace(f"{tmp_path}/", "") == dialect.refused
        return
    with open_lazy(place, **dialect.options) as volume:
        found, size = volume[:, :, :], volume.voxel_size
    np.testing.assert_array_equal(found, dialect.voxels)
    if dialect.size is None:
        assert size is None
    else:
        np.testing.assert_allclose(size, dialect.size, rtol=1e-6)
    said = [record.getMessage().replace(f"{tmp_path}/", "") for record in caplog.records]
    assert said == ([dialect.warned] if dialect.warned else [])


@pytest.mark.parametrize(("output", "suffix", "dtype"), WRITES)
def test_an_output_is_opened_by_the_readers_of_the_field(tmp_path, output: Output, suffix, dtype):
    voxels = np.random.default_rng(1).integers(0, 120, SHAPE).astype(dtype)
    path, options = tmp_path / f"a{suffix}", {"identity": {}, "ome_version": output.ome_version}
    with create(path, SHAPE, dtype, SIZE, **options) as writer:
        starts = (range(0, side, step) for side, step in zip(SHAPE, writer.block, strict=True))
        for start in itertools.product(*starts):
            block = tuple(slice(at, at + step) for at, step in zip(start, writer.block, strict=True))
            writer.write(start, voxels[block])
        writer.finish()
    for found, size in output.read(path):
        np.testing.assert_array_equal(found, voxels)
        np.testing.assert_allclose(size, SIZE, rtol=1e-6)


def test_the_page_says_what_the_lists_say():
    tables = [part for part in PAGE.read_text(encoding="utf-8").split("\n\n") if part.startswith("|")]
    wanted = [dialects.reading(), dialects.writing()]
    assert [table.strip() for table in tables] == wanted, "python tests/data/formats/dialects.py prints them"


def test_no_dialect_is_listed_twice():
    listed = [(one.format, one.name) for one in dialects.READ]
    assert len(listed) == len(set(listed))
