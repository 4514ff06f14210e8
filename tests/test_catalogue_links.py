"""Links of the catalogue: files, archives and chunked volumes, and what each needs."""

from __future__ import annotations

import pytest

from a2ibench.contracts import DatasetSpec
from a2ibench.data.catalogue import load_catalogue
from a2ibench.errors import CatalogueError

HERE = "datasets.toml: [epfl]: "


@pytest.fixture
def write(tmp_path):
    def write(text):
        (tmp_path / "datasets.toml").write_text(text)
        return tmp_path / "datasets.toml"

    return write


def entry(**fields: str) -> str:
    given = {"path": '"a.tif"', "voxel_size": "[45, 15, 15]"} | fields
    return "[epfl]\n" + "".join(f"{name} = {value}\n" for name, value in given.items() if value)


MISTAKES = {
    "format of nothing": (
        entry(path="", url='"n5://bucket/x"'),
        HERE + "url is 'n5://bucket/x'; give a http",
    ),
    "format of a format": (entry(path="", url='"n5://n5://a/x"'), HERE + "url is 'n5://n5://a/x'; give a"),
    "bucket without crop": (
        entry(path="", url='"s3://bucket/x.n5"'),
        HERE + "crop is missing; url is a chunked volume, of which only a crop is downloaded: give 3 pairs",
    ),
    "precomputed without crop": (
        entry(path="", url='"precomputed://https://a.org/em"'),
        HERE + "crop is missing; url is a chunked volume",
    ),
    "member without link": (entry(member='"a.tif"'), HERE + "member is given, but url leads to no archive"),
    "member of a bucket": (
        entry(path="", url='"gs://b/x"', crop="[[0, 2], [0, 2], [0, 2]]", member='"a.tif"'),
        HERE + "member is given, but url leads to no archive; give a http or https link to one",
    ),
    "member of a phantom": (
        entry(path="", phantom="{}", member='"a"', voxel_size="[5, 5, 5]"),
        HERE + "member is given, but a phantom is generated",
    ),
    "member above": (
        entry(path="", url='"https://a.org/x.zip"', member='"a/../../b"'),
        HERE + "member is 'a/../../b'; give the path within the archive, such as 'data/stack.tif'",
    ),
    "member absolute": (
        entry(path="", url='"https://a.org/x.zip"', member='"/etc"'),
        HERE + "member is '/etc'; give the path within the archive",
    ),
    "member with backslash": (
        entry(path="", url='"https://a.org/x.zip"', member="'a\\b'"),
        HERE + "member is 'a\\\\b'; give the path within the archive",
    ),
    "level negative": (entry(level="-1"), HERE + "level is -1; give a whole number of at least 0"),
    "level of a phantom": (
        entry(path="", phantom="{}", level="1", voxel_size="[5, 5, 5]"),
        HERE + "level is given, but a phantom is generated",
    ),
}


@pytest.mark.parametrize(("text", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_gives_one_line_with_file_table_and_field(write, text, message):
    with pytest.raises(CatalogueError) as caught:
        load_catalogue(write(text))
    assert str(caught.value).startswith(message)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("fields", "chunked"),
    [
        ({"url": "s3://bucket/a.n5", "key": "em/s0", "level": 2}, True),
        ({"url": "gs://bucket/em"}, True),
        ({"url": "precomputed://gs://bucket/em"}, True),
        ({"url": "zarr://http://localhost:8000/a.zarr"}, True),
        ({"url": "https://example.org/a.zip", "member": "a/raw"}, False),
        ({"url": "https://example.org/a.zarr"}, False),
    ],
)
def test_the_link_tells_whether_only_a_crop_is_downloaded(write, fields, chunked):
    given = "".join(f"{name} = {value!r}\n" for name, value in fields.items())
    bounds = ((0, 5), (1, 6), (2, 9))
    text = f"[a]\nvoxel_size = [40, 8, 8]\ncrop = [[0, 5], [1, 6], [2, 9]]\n{given}"
    spec = load_catalogue(write(text))["a"]
    assert spec == DatasetSpec("a", "a", (40.0, 8.0, 8.0), crop=bounds, **fields)
    assert spec.chunked == chunked
    assert not spec.local
