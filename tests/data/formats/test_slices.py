"""Folders of slices: TIFF, PNG and JPEG, parts of several slices, patterns, and what is no stack."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from a2ibench.contracts import DatasetSpec
from a2ibench.data.checksums import content_sha256
from a2ibench.data.formats import open_lazy
from a2ibench.data.formats.source import find
from a2ibench.data.opening import open_dataset
from a2ibench.errors import InputError
from a2ibench.reconstruction.paths import files_of

RANDOM = np.random.default_rng(3)
STACK = RANDOM.integers(0, 256, (11, 23, 31)).astype(np.uint8)
DEEP = RANDOM.integers(0, 65536, (11, 23, 31)).astype(np.uint16)
GREY = {"photometric": "minisblack"}


def tiff(path: Path, plane: np.ndarray) -> None:
    tifffile.imwrite(path, plane, **GREY)


def pillow(path: Path, plane: np.ndarray) -> None:
    Image.fromarray(plane).save(path)


def folder_of(path: Path, write: Callable[[Path, np.ndarray], None], pattern: str, stack=STACK) -> Path:
    path.mkdir(exist_ok=True)
    for number, plane in enumerate(stack):
        write(path / pattern.format(number), plane)
    return path


def read(path) -> np.ndarray:
    with open_lazy(path) as volume:
        whole = volume[:, :, :]
        np.testing.assert_array_equal(volume[3:7, 5:20, 9:10], whole[3:7, 5:20, 9:10])
    return whole


def refusal(path) -> str:
    with pytest.raises(InputError) as caught, open_lazy(path) as volume:
        volume[:, :, :]
    assert str(caught.value).isprintable()
    return str(caught.value)


# --- PNG and JPEG


def quantised(path: Path, plane: np.ndarray) -> None:
    Image.fromarray(plane).quantize(256).save(path)


def reversed_palette(path: Path, plane: np.ndarray) -> None:
    image = Image.fromarray(255 - plane)
    image.putpalette(np.repeat(np.arange(256)[::-1], 3).astype(np.uint8).tobytes())
    image.save(path)


def with_channels(*names: str) -> Callable[[Path, np.ndarray], None]:
    def write(path: Path, plane: np.ndarray) -> None:
        opaque = np.full_like(plane, 255)
        pillow(path, np.stack([opaque if name == "A" else plane for name in names], -1))

    return write


PICTURES = {
    "PNG": (pillow, "s{}.png", STACK),
    "PNG, 16 bits": (pillow, "s{}.PNG", DEEP),
    "PNG, palette": (quantised, "s{}.png", STACK),
    "PNG, reversed palette": (reversed_palette, "s{}.png", STACK),
    "PNG, equal channels": (with_channels("R", "G", "B"), "s{}.png", STACK),
    "PNG, equal channels, opaque": (with_channels("R", "G", "B", "A"), "s{}.png", STACK),
    "PNG, grey and opaque": (with_channels("L", "A"), "s{}.png", STACK),
    "JPEG": (pillow, "s{}.jpg", STACK),
    "JPEG, equal channels": (with_channels("R", "G", "B"), "s{}.JPEG", STACK),
}


@pytest.mark.parametrize(("write", "pattern", "stack"), PICTURES.values(), ids=PICTURES)
def test_pictures_come_as_pillow_shows_them(tmp_path, write, pattern, stack):
    folder = folder_of(tmp_path / "a", write, pattern, stack)
    found = read(folder)
    assert found.dtype == stack.dtype
    files = [folder / pattern.format(number) for number in range(len(stack))]
    expected = [
        np.asarray(Image.open(file) if stack is DEEP else Image.open(file).convert("L")) for file in files
    ]
    np.testing.assert_array_equal(found, np.stack(expected))
    if "PNG" in pattern.upper():
        np.testing.assert_array_equal(found, stack)


def test_one_picture_is_decoded_at_a_time(tmp_path, monkeypatch):
    from PIL.PngImagePlugin import PngImageFile

    decoded = []
    load = PngImageFile.load

    def counted(self):
        decoded.append(self.fp.name if self.fp else None)
        return load(self)

    monkeypatch.setattr(PngImageFile, "load", counted)
    with open_lazy(folder_of(tmp_path / "a", pillow, "s{}.png")) as volume:
        assert decoded == []
        np.testing.assert_array_equal(volume[4:6, 2:3, 5:9], STACK[4:6, 2:3, 5:9])
    assert [Path(name).name for name in dict.fromkeys(decoded)] == ["s4.png", "s5.png"]


def coloured(path: Path, plane: np.ndarray) -> None:
    pillow(path, np.stack([plane, plane, plane // 2], -1))


def coloured_palette(path: Path, plane: np.ndarray) -> None:
    image = Image.fromarray(plane)
    image.putpalette(RANDOM.integers(0, 256, 768).astype(np.uint8).tobytes())
    image.save(path)


def transparent(path: Path, plane: np.ndarray) -> None:
    pillow(path, np.stack([plane] * 4, -1))


def turned(path: Path, plane: np.ndarray) -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    Image.fromarray(plane).save(path, exif=exif)


def mask(path: Path, plane: np.ndarray) -> None:
    pillow(path, plane > 99)


UNSUITABLE = {
    "colour in PNG": (coloured, "s{}.png", "s0.png: holds colour; give grey-scale slices"),
    "colour in JPEG": (coloured, "s{}.jpg", "s0.jpg: holds colour; give grey-scale slices"),
    "colours in a palette": (coloured_palette, "s{}.png", "s0.png: holds colour: a palette of colours"),
    "transparency": (transparent, "s{}.png", "s0.png: is transparent in parts"),
    "turned": (turned, "s{}.jpg", "s0.jpg: is to be shown turned (EXIF orientation 8); store it upright"),
    "mask": (mask, "s{}.png", "s0.png: mode 1; give grey-scale slices of 8 or 16 bits"),
    "colour in TIFF": (
        lambda path, plane: tifffile.imwrite(path, np.stack([plane] * 3, -1), photometric="rgb"),
        "s{}.tif",
        "s0.tif: holds colour: axes YXS of shape (23, 31, 3); give slices of one grey-scale image each",
    ),
    "planes of colour": (
        lambda path, plane: tifffile.imwrite(
            path, np.stack([plane] * 4), photometric="rgb", planarconfig="separate"
        ),
        "s{}.tif",
        "several slices of one file have to be pages, not planes of colour",
    ),
}


@pytest.mark.parametrize(("write", "pattern", "message"), UNSUITABLE.values(), ids=UNSUITABLE)
def test_unsuitable_slices_are_named(tmp_path, write, pattern, message):
    assert message in refusal(folder_of(tmp_path / "a", write, pattern))


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_pictures_cut_or_damaged_are_named(tmp_path, suffix):
    folder = folder_of(tmp_path / "a", pillow, f"s{{}}.{suffix}")
    file = folder / f"s6.{suffix}"
    content = file.read_bytes()
    for length in range(0, len(content) - 20, 41):
        file.write_bytes(content[:length])
        assert refusal(folder).startswith(f"{file}: ")
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + content[::-1])
    assert refusal(folder).startswith(f"{file}: not a readable {'PNG' if suffix == 'png' else 'JPEG'} file")


def test_a_header_that_claims_too_much_is_refused(tmp_path):
    folder = folder_of(tmp_path / "a", pillow, "s{}.png")
    content = bytearray((folder / "s0.png").read_bytes())
    content[16:24] = (60_000).to_bytes(4, "big") * 2
    import zlib

    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    (folder / "s0.png").write_bytes(content)
    assert "s0.png: damaged: too small for its shape (60000, 60000)" in refusal(folder)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.JPEG"])
def test_one_picture_is_no_volume(tmp_path, name):
    pillow(tmp_path / name, STACK[0])
    assert refusal(tmp_path / name) == f"{tmp_path / name}: is one image; give the folder of all slices"


# --- what lies in a folder


@pytest.mark.parametrize(
    "shape", [(23, 31, 1), (1, 23, 31), (1, 1, 23, 31)], ids=["y x 1", "1 y x", "1 1 y x"]
)
def test_slices_with_axes_of_length_1(tmp_path, shape):
    folder = folder_of(tmp_path / "a", tiff, "s{}.tif", STACK.reshape(-1, *shape))
    np.testing.assert_array_equal(read(folder), STACK)


@pytest.mark.parametrize("options", [{"imagej": True}, {"ome": True}, {"bitspersample": 12, **GREY}])
def test_slices_of_other_dialects(tmp_path, options):
    stack = DEEP[:, :, :30] >> 4
    folder = folder_of(
        tmp_path / "a", lambda path, plane: tifffile.imwrite(path, plane, **options), "{}.tif", stack
    )
    np.testing.assert_array_equal(read(folder), stack)


def test_what_is_no_image_does_no_harm(tmp_path):
    folder = folder_of(tmp_path / "a", tiff, "s{}.tif")
    for name in ("Thumbs.db", "._s3.tif", ".DS_Store", "notes.txt", "meta.xml", "tif"):
        (folder / name).write_bytes(b"nothing")
    (folder / "more").mkdir()
    np.testing.assert_array_equal(read(folder), STACK)


def test_formats_that_are_mixed_are_named(tmp_path):
    folder = folder_of(tmp_path / "a", tiff, "s{}.tif")
    pillow(folder / "preview.jpg", STACK[0])
    assert refusal(folder) == (
        f"{folder}: holds images of 2 formats: 11 TIFF (s0.tif), 1 JPEG (preview.jpg); "
        f"give a folder of one format, or a pattern, '{folder}/*.tif'"
    )
    np.testing.assert_array_equal(read(f"{folder}/*.tif"), STACK)


def test_a_pattern_takes_one_of_two_detectors(tmp_path):
    folder = folder_of(tmp_path / "a", tiff, "r{:02d}_SE.tif")
    folder_of(folder, tiff, "r{:02d}_BSE.tif", STACK[::-1])
    assert "11 like r*_BSE.tif, 11 like r*_SE.tif" in refusal(folder)
    np.testing.assert_array_equal(read(f"{folder}/r*_BSE.tif"), STACK[::-1])
    np.testing.assert_array_equal(read(folder / "r*_SE.tif"), STACK)
    assert refusal(folder / "x*.tif").startswith(f"{folder / 'x*.tif'}: holds no slices; give a folder of")


def test_a_pattern_of_the_working_folder(tmp_path, monkeypatch):
    folder_of(tmp_path, tiff, "s{}.tif")
    monkeypatch.chdir(tmp_path)
    np.testing.assert_array_equal(read("s*.tif"), STACK)


def test_the_files_of_a_pattern_are_those_that_are_read(tmp_path):
    folder = folder_of(tmp_path / "a", tiff, "s{:02d}.tif")
    with open_lazy(f"{folder}/s0*.tif") as volume:
        assert files_of(volume) == [folder / f"s{number:02d}.tif" for number in range(10)]


def test_a_pattern_counts_by_the_content_of_its_files(tmp_path):
    folder = folder_of(tmp_path / "a", tiff, "r{:02d}_SE.tif")
    folder_of(folder, tiff, "r{:02d}_BSE.tif", STACK[::-1])
    pattern = folder / "r*_SE.tif"
    spec = DatasetSpec("a", "slices", voxel_size=(40, 10, 10), path=pattern)
    np.testing.assert_array_equal(open_dataset(spec).data, STACK)
    before = content_sha256(pattern)
    tiff(folder / "r03_BSE.tif", STACK[5])
    assert content_sha256(pattern) == before
    tiff(folder / "r03_SE.tif", STACK[5])
    assert content_sha256(pattern) != before


def test_names_with_a_sign_of_a_pattern_are_names(tmp_path):
    folder = folder_of(tmp_path / "is it*", tiff, "s{}.tif")
    np.testing.assert_array_equal(read(folder), STACK)
    assert find(folder).path == folder


# --- parts of several slices


def cut(size: int) -> list[np.ndarray]:
    return [STACK[start : start + size] for start in range(0, len(STACK), size)]


@pytest.mark.parametrize("size", [4, 5, 11])
@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"imagej": True}])
def test_parts_are_one_stack(tmp_path, size, options):
    def write(path: Path, part: np.ndarray) -> None:
        given = options | ({"metadata": {"axes": "ZYX"}} if options.get("imagej") and part.ndim == 3 else {})
        tifffile.imwrite(path, part, **GREY, **given)

    assert len(cut(5)[-1]) == 1
    folder = folder_of(tmp_path / "a", write, "part{}.tif", cut(size))
    np.testing.assert_array_equal(read(folder), STACK)


def test_parts_tell_their_voxel_size(tmp_path):
    def write(path: Path, part: np.ndarray) -> None:
        metadata = {"axes": "ZYX", "spacing": 40, "unit": "nm"}
        tifffile.imwrite(path, part, imagej=True, metadata=metadata, resolution=(0.1, 0.1))

    with open_lazy(folder_of(tmp_path / "a", write, "{}.tif", cut(4))) as volume:
        assert volume.voxel_size == pytest.approx((40, 10, 10))


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([STACK[:4], STACK[4:6], STACK[6:10]], "p1.tif: holds 2 slices, but p0.tif 4; give slices of one"),
        ([STACK[0], STACK[1:5]], "p1.tif: holds 4 slices, but p0.tif 1; give slices"),
        ([STACK[:4], STACK[:4].astype("u2")], "p1.tif: slices of (23, 31) uint16"),
        ([STACK[:4], STACK[:4, :9]], "p1.tif: slices of (9, 31) uint8"),
    ],
)
def test_parts_that_do_not_go_together(tmp_path, parts, message):
    folder = folder_of(tmp_path / "a", tiff, "p{}.tif", parts)
    found = refusal(folder)
    assert message in found or re.search(r"p1\.tif: shape \(4, 23, 31\); give slices of one", found)
