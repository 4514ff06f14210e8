"""OME-TIFF images in several files: whole from any of them or their folder, or what is missing is named."""

from __future__ import annotations

import re

import numpy as np
import pytest
import tifffile
from ome_set_files import SCHEMA, SPACING, STACK, document, identifier, plane, write_file, write_set

from a2ibench.data.checksums import content_sha256
from a2ibench.data.formats import open_lazy
from a2ibench.errors import InputError
from a2ibench.reconstruction.paths import files_of


def check(path) -> None:
    with open_lazy(path) as volume:
        np.testing.assert_array_equal(volume[:, :, :], STACK)
        np.testing.assert_array_equal(volume[2:5, 3:9, 11:12], STACK[2:5, 3:9, 11:12])
        assert volume.voxel_size == pytest.approx(SPACING)


@pytest.mark.parametrize("blocks", [False, True])
@pytest.mark.parametrize("each", [1, 2, 3])
def test_any_file_and_the_folder_stand_for_the_image(tmp_path, each, blocks):
    files = write_set(tmp_path / "set", each, blocks=blocks)
    np.testing.assert_array_equal(tifffile.imread(files[0]), STACK)
    for path in (*files, tmp_path / "set"):
        check(path)


def test_planes_without_a_page_or_a_number(tmp_path):
    (tmp_path / "set").mkdir()
    names = [f"{z}.ome.tif" for z in (5, 3, 1, 0, 2, 4)]
    data = "".join(plane(name, z, None) for z, name in enumerate(names))
    for name, page in zip(names, STACK, strict=True):
        write_file(tmp_path / "set" / name, page[None], document(name, data))
    check(tmp_path / "set")


@pytest.mark.parametrize("companion", [False, True])
def test_metadata_in_one_of_the_files_alone(tmp_path, companion):
    files = write_set(tmp_path / "set", 2)
    holder = tmp_path / "set" / "image.companion.ome" if companion else files[0]
    if companion:
        holder.write_text(
            tifffile.TiffFile(files[0]).ome_metadata.replace(identifier(files[0].name), "urn:none", 1)
        )
    for at, file in enumerate(files):
        if file != holder:
            other = f'<BinaryOnly MetadataFile="{holder.name}" UUID="urn:uuid:other"/>'
            text = f'<OME {SCHEMA} UUID="{identifier(file.name)}">{other}</OME>'
            write_file(file, STACK[2 * at : 2 * at + 2], text)
    check(files[1])
    check(tmp_path / "set")
    holder.unlink()
    with pytest.raises(InputError, match=f"its OME metadata are in {holder.name}, which is missing; put it"):
        open_lazy(files[1])


def test_files_that_are_missing_are_named(tmp_path):
    files = write_set(tmp_path / "set", 1)
    files[2].unlink()
    files[4].unlink()
    for path in (files[0], tmp_path / "set"):
        with pytest.raises(
            InputError, match=re.escape("is one of 6 files of an image, which lacks x.ome.tif, f.")
        ):
            open_lazy(path)


def test_pages_that_are_missing_are_told(tmp_path):
    files = write_set(tmp_path / "set", 3)
    write_file(files[1], STACK[3:5], tifffile.TiffFile(files[1]).ome_metadata)
    with open_lazy(files[0]) as volume, pytest.raises(InputError) as caught:
        volume[:, :, :]
    assert str(caught.value) == (
        f"{files[1]}: holds 2 pages, but OME metadata name page 2; get the file again"
    )


def test_slices_that_no_file_holds_are_told(tmp_path):
    (tmp_path / "set").mkdir()
    data = plane("b.ome.tif", 0, 0) + plane("b.ome.tif", 2, 0)
    write_file(
        tmp_path / "set" / "a.ome.tif", STACK[:1], document("a.ome.tif", data + plane("a.ome.tif", 1, 0))
    )
    with pytest.raises(InputError, match="OME metadata name no file for slices 3, 4, 5 of 6; get the files"):
        open_lazy(tmp_path / "set" / "a.ome.tif")


@pytest.mark.parametrize(
    ("sizes", "message"),
    [({"channels": 2}, "holds several channels: 2 in its"), ({"times": 3}, "holds a time series: 3 in its")],
)
def test_channels_and_times_are_refused(tmp_path, sizes, message):
    with pytest.raises(InputError, match=message):
        open_lazy(write_set(tmp_path / "set", 1, **sizes)[0])


def test_other_files_in_the_folder_are_named(tmp_path):
    files = write_set(tmp_path / "set", 1)
    tifffile.imwrite(tmp_path / "set" / "overview.tif", STACK[0])
    with pytest.raises(
        InputError, match=r"6 files of an OME-TIFF image, but also overview\.tif; give one of"
    ):
        open_lazy(tmp_path / "set")
    check(files[3])


def test_a_file_that_was_renamed_is_whole(tmp_path):
    data = "".join(plane("old.ome.tif", z, z) for z in range(len(STACK)))
    write_file(tmp_path / "new.ome.tif", STACK, document("old.ome.tif", data))
    check(tmp_path / "new.ome.tif")


def test_every_file_is_shown_by_its_own_tags(tmp_path):
    files = write_set(tmp_path / "set", 1)
    write_file(files[3], 255 - STACK[3:4], tifffile.TiffFile(files[3]).ome_metadata, "miniswhite")
    check(files[0])


def test_the_files_that_are_read_are_known(tmp_path):
    files = write_set(tmp_path / "set", 2)
    with open_lazy(files[1]) as volume:
        assert files_of(volume)[0] == files[1]
        assert sorted(files_of(volume)) == sorted(files)


def test_the_checksum_of_one_file_is_that_of_the_image(tmp_path):
    files = write_set(tmp_path / "set", 2)
    before = content_sha256(files[0])
    assert content_sha256(files[1]) == before
    write_file(files[2], STACK[:2], tifffile.TiffFile(files[2]).ome_metadata)
    assert content_sha256(files[0]) != before


def test_files_on_a_server(tmp_path, web):
    files = write_set(tmp_path / "set", 2)
    check(f"http://127.0.0.1:{web.server_port}/set/{files[1].name}")
    files[0].unlink()
    with pytest.raises(InputError, match=rf"/set/{files[0].name}: no such file; check the address"):
        open_lazy(f"http://127.0.0.1:{web.server_port}/set/{files[1].name}")
