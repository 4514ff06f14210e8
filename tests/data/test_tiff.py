"""TIFF stacks of every common kind, and one clear line for every unsuitable or damaged one."""

from __future__ import annotations

import logging
import re
import threading

import numpy as np
import pytest
import tifffile

from a2ibench.data.formats import open_lazy
from a2ibench.data.formats.tiff_images import without_log_lines
from a2ibench.data.opening import open_volume
from a2ibench.errors import InputError

RANDOM = np.random.default_rng(0)
STACK = RANDOM.integers(0, 255, (5, 21, 34)).astype(np.uint8)
NM = (45.0, 15.0, 15.0)
GREY = {"photometric": "minisblack"}


def stack(dtype: str) -> np.ndarray:
    if dtype == "float32":
        return RANDOM.normal(size=(4, 9, 11)).astype(np.float32)
    limits = np.iinfo(dtype)
    return RANDOM.integers(limits.min, limits.max, (4, 9, 11), dtype=dtype, endpoint=True)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib", "lzw", "zstd"])
@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "float32"])
def test_plain_stacks_come_back_exactly(tmp_path, dtype, compression, byteorder):
    data, path = stack(dtype), tmp_path / "a.tif"
    tifffile.imwrite(path, data, byteorder=byteorder, compression=compression, **GREY)
    volume = open_volume(path, voxel_size=NM)
    np.testing.assert_array_equal(volume.data, data)
    assert volume.data.dtype == np.dtype(dtype)
    assert volume.data.dtype.isnative
    assert volume.data.flags.c_contiguous
    assert (volume.name, volume.voxel_size) == ("a", NM)


KINDS = {
    "no metadata": GREY | {"metadata": None},
    "no metadata, predictor": GREY | {"metadata": None, "compression": "zlib", "predictor": True},
    "tiles": GREY | {"tile": (16, 16)},
    "compressed tiles": GREY | {"tile": (16, 16), "compression": "zstd"},
    "strips": GREY | {"rowsperstrip": 4},
    "BigTIFF": GREY | {"bigtiff": True, "compression": "zlib"},
    "one page for all": GREY | {"volumetric": True, "metadata": None},
    "ImageJ": {"imagej": True, "metadata": {"axes": "ZYX"}},
    "ImageJ, one page for all": {"imagej": True, "metadata": {"axes": "ZYX"}, "truncate": True},
    "OME": {"ome": True, "metadata": {"axes": "ZYX"}, "compression": "zlib"},
    "named axes": GREY | {"metadata": {"axes": "ZYX"}},
}


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("suffix", [".tif", ".TIFF", ""])
def test_kinds_of_stacks_come_back_exactly(tmp_path, options, suffix):
    path = tmp_path / f"a{suffix}"
    tifffile.imwrite(path, STACK, **options)
    np.testing.assert_array_equal(open_volume(path, voxel_size=NM).data, STACK)


@pytest.mark.parametrize("axes", ["XYZ", "YZX", "ZXY", "XQY", "CXYZ"])
def test_the_axis_order_of_the_metadata_is_honoured(tmp_path, axes):
    letters = axes.replace("Q", "Z").replace("C", "")
    data = STACK.transpose(["ZYX".index(letter) for letter in letters])
    data = data[np.newaxis] if "C" in axes else data
    tifffile.imwrite(tmp_path / "a.tif", data, metadata={"axes": axes}, **GREY)
    volume = open_volume(tmp_path / "a.tif", voxel_size=NM)
    np.testing.assert_array_equal(volume.data, STACK)
    assert volume.data.flags.c_contiguous


def test_thin_stacks_keep_their_axes(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", STACK[:, :1], imagej=True, metadata={"axes": "ZYX"})
    assert open_volume(tmp_path / "a.tif", voxel_size=NM).shape == (5, 1, 34)


# --- voxel sizes


@pytest.mark.parametrize(
    ("unit", "nanometres"),
    [("nm", 1), ("um", 1e3), ("micron", 1e3), ("\\u00B5m", 1e3), ("mm", 1e6), ("cm", 1e7), ("inch", 2.54e7)],
)
def test_the_voxel_size_of_imagej(tmp_path, unit, nanometres):
    metadata = {"axes": "ZYX", "spacing": 0.5, "unit": unit}
    tifffile.imwrite(tmp_path / "a.tif", STACK, imagej=True, metadata=metadata, resolution=(8, 4))
    expected = np.array([0.5, 1 / 4, 1 / 8]) * nanometres
    np.testing.assert_allclose(open_volume(tmp_path / "a.tif").voxel_size, expected)


IMAGEJ = {"axes": "ZYX", "spacing": 3.0, "unit": "um"}


@pytest.mark.parametrize(
    ("metadata", "unit", "expected"),
    [
        ({"zunit": "nm"}, "NONE", (3, 250, 125)),
        ({"yunit": "nm"}, "NONE", (3000, 0.25, 125)),
        ({"unit": "nm", "yunit": "\\u00B5m", "zunit": "mm"}, "NONE", (3e6, 250, 0.125)),
        ({"unit": "nm", "zunit": "nm"}, "NONE", (3, 0.25, 0.125)),
        ({"spacing": -3.0}, "NONE", (3000, 250, 125)),
        # As in ImageJ, the tag's centimetres count beside um.
        ({}, "CENTIMETER", (3000, 2.5e6, 1.25e6)),
        ({"unit": "cm"}, "CENTIMETER", (3e7, 2.5e6, 1.25e6)),
        ({"unit": "inch", "zunit": "um"}, "INCH", (3000, 6.35e6, 3.175e6)),
    ],
)
def test_imagej_has_a_unit_for_each_axis(tmp_path, metadata, unit, expected):
    tifffile.imwrite(
        tmp_path / "a.tif",
        STACK,
        imagej=True,
        metadata=IMAGEJ | metadata,
        resolution=(8, 4),
        resolutionunit=unit,
    )
    with open_lazy(tmp_path / "a.tif") as volume:
        np.testing.assert_allclose(volume.voxel_size, expected)


@pytest.mark.parametrize(
    ("metadata", "unit"),
    [
        ({"zunit": "pixel"}, "NONE"),
        ({"yunit": "furlong"}, "NONE"),
        ({"unit": "nm"}, "CENTIMETER"),
        ({"unit": "um"}, "INCH"),
        ({"unit": "cm", "yunit": "um"}, "CENTIMETER"),
    ],
)
def test_units_of_imagej_that_are_unknown_or_contradict_tell_nothing(tmp_path, metadata, unit):
    options = {"metadata": IMAGEJ | metadata, "resolution": (8, 4), "resolutionunit": unit}
    tifffile.imwrite(tmp_path / "a.tif", STACK, imagej=True, **options)
    with open_lazy(tmp_path / "a.tif") as volume:
        assert volume.voxel_size is None


def ome_sizes(z: object, y: object, x: object, unit: str | None) -> dict[str, object]:
    sizes = {"PhysicalSizeZ": z, "PhysicalSizeY": y, "PhysicalSizeX": x}
    return sizes | ({f"{name}Unit": unit for name in sizes} if unit else {})


@pytest.mark.parametrize(("unit", "nanometres"), [("nm", 1), ("µm", 1e3), (None, 1e3), ("Å", 0.1)])
def test_the_voxel_size_of_ome(tmp_path, unit, nanometres):
    metadata = {"axes": "ZYX"} | ome_sizes(50, 15, 16, unit)
    tifffile.imwrite(tmp_path / "a.ome.tif", STACK, ome=True, metadata=metadata)
    expected = np.array([50, 15, 16]) * nanometres
    np.testing.assert_allclose(open_volume(tmp_path / "a.ome.tif").voxel_size, expected)


@pytest.mark.parametrize(
    "options",
    [
        {"imagej": True, "metadata": {"axes": "ZYX", "spacing": 0.5}, "resolution": (8, 8)},
        {"imagej": True, "metadata": {"axes": "ZYX", "unit": "um"}, "resolution": (8, 8)},
        {"imagej": True, "metadata": {"axes": "ZYX", "spacing": 0, "unit": "um"}, "resolution": (8, 8)},
        {"imagej": True, "metadata": {"axes": "ZYX", "spacing": 1, "unit": "pixel"}, "resolution": (8, 8)},
        {"ome": True, "metadata": {"axes": "ZYX"} | ome_sizes(0, 1, 1, "nm")},
        {"ome": True, "metadata": {"axes": "ZYX"} | ome_sizes(1, 1, 1, "parsec")},
        {"ome": True, "metadata": {"axes": "ZYX", "PhysicalSizeX": 4}},
        GREY | {"resolution": (100, 100), "resolutionunit": "CENTIMETER"},
    ],
)
def test_an_incomplete_voxel_size_must_be_given(tmp_path, options):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK, **options)
    with pytest.raises(InputError, match=r"a\.tif: tells no voxel size; give voxel_size \(z, y, x\) in nm"):
        open_volume(path)
    assert open_volume(path, voxel_size=NM).voxel_size == NM


def test_a_given_voxel_size_wins(tmp_path):
    metadata = {"axes": "ZYX", "spacing": 0.5, "unit": "nm"}
    tifffile.imwrite(tmp_path / "a.tif", STACK, imagej=True, metadata=metadata, resolution=(8, 4))
    assert open_volume(tmp_path / "a.tif", voxel_size=NM).voxel_size == NM


# --- unsuitable files

UNSUITABLE = {
    "one image": (STACK[0], GREY, "holds 2D: axes YX of shape (21, 34)"),
    "one slice": (STACK[:1], GREY, "holds 2D: axes QYX of shape (1, 21, 34)"),
    "4D": (
        np.stack([STACK] * 2),
        GREY,
        "holds 4D: axes QQYX of shape (2, 5, 21, 34); give one grey-scale stack",
    ),
    "channels": (STACK, {"imagej": True}, "holds several channels: axes CYX of shape (5, 21, 34)"),
    "channels of stacks": (
        np.stack([STACK] * 2, axis=1),
        {"imagej": True, "metadata": {"axes": "ZCYX"}},
        "holds several channels: axes ZCYX",
    ),
    "OME channels": (STACK, {"ome": True, "metadata": {"axes": "CYX"}}, "holds several channels: axes CYX"),
    "time": (STACK, {"imagej": True, "metadata": {"axes": "TYX"}}, "holds a time series: axes TYX"),
    "time and channels": (
        np.stack([STACK] * 2),
        {"ome": True, "metadata": {"axes": "TCYX"}},
        "holds several channels and a time series: axes TCYX",
    ),
    "colour": (np.stack([STACK] * 3, axis=-1), {"photometric": "rgb"}, "holds colour: axes QYXS"),
    "bool": (STACK > 9, GREY, "dtype is bool; give 8- or 16-bit integers, or floats"),
    "complex": (STACK.astype(np.complex64), GREY, "dtype is complex64; give"),
    "labels": (STACK.astype(np.uint32), GREY, "dtype is uint32; give"),
}


@pytest.mark.parametrize(("data", "options", "message"), UNSUITABLE.values(), ids=UNSUITABLE)
def test_an_unsuitable_image_gives_one_line(tmp_path, data, options, message):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, data, **options)
    with pytest.raises(InputError) as caught:
        open_volume(path, voxel_size=NM)
    assert str(caught.value).startswith(f"{path}: {message}")
    assert str(caught.value).isprintable()


def test_slices_that_differ_give_one_line(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for image in (*STACK, STACK[0, :9]):
            writer.write(image, metadata=None, contiguous=False, **GREY)
    with pytest.raises(
        InputError, match=re.escape("holds 2 images that differ ((5, 21, 34), (9, 34)); give one")
    ):
        open_volume(tmp_path / "a.tif", voxel_size=NM)


def test_a_key_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", STACK, **GREY)
    with pytest.raises(InputError, match="key is 'raw', but a TIFF file holds no named datasets; remove it"):
        open_volume(tmp_path / "a.tif", voxel_size=NM, key="raw")


# --- damaged files

NOT_TIFF = {
    "empty": b"",
    "text": b"not an image at all\n",
    "header only": b"II*\0",
    "no pages": b"II*\0\0\0\0\0",
    "circular": b"II*\0\x08\0\0\0" + b"\0\0" + b"\x08\0\0\0",
    "png": b"\x89PNG\r\n\x1a\n" + bytes(50),
}


@pytest.mark.parametrize("content", NOT_TIFF.values(), ids=NOT_TIFF)
def test_what_is_no_tiff_gives_one_line(tmp_path, content, caplog):
    path = tmp_path / "a.tif"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        open_volume(path, voxel_size=NM)
    assert str(caught.value).startswith(f"{path}: ")
    assert str(caught.value).isprintable()
    assert not caplog.records


def outcome(path):
    """Return the voxels, or None after one clear line."""
    message = ""
    try:
        return open_volume(path, voxel_size=NM).data
    except InputError as error:
        message = str(error)
    assert message.startswith((f"{path}: ", "a: "))
    assert message.isprintable()
    assert not re.search(r"Error|Exception|<|0x", message)
    return None


LOSSY = {"JPEG": GREY | {"compression": "jpeg"}, "JPEG 2000": GREY | {"compression": "jpeg2000"}}


@pytest.mark.parametrize("step", [37, pytest.param(7, marks=pytest.mark.slow)])
@pytest.mark.parametrize("options", (KINDS | LOSSY).values(), ids=KINDS | LOSSY)
def test_a_file_cut_anywhere_never_passes_for_whole(tmp_path, options, caplog, step):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK[:3], **options)
    whole, content = outcome(path), path.read_bytes()
    assert whole.shape == (3, 21, 34)
    refused = 0
    for length in range(0, len(content), step):
        path.write_bytes(content[:length])
        data = outcome(path)
        refused += data is None
        # The last bytes may be padding or metadata; what is returned must be every voxel of the stack.
        assert data is None or np.array_equal(data, whole), length
    assert refused > 0.8 * len(content) / step
    assert not caplog.records


def test_planes_that_ome_promises_must_be_there(tmp_path):
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, STACK, ome=True, metadata={"axes": "ZYX"}, compression="zlib")
    path.write_bytes(path.read_bytes().replace(b'SizeZ="5"', b'SizeZ="7"'))
    with pytest.raises(InputError, match="cut short: page 5 is not all there; get the file again"):
        open_volume(path, voxel_size=NM)


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
def test_flipped_bytes_give_voxels_or_one_line(tmp_path, options, caplog):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK, **options)
    content = path.read_bytes()
    random = np.random.default_rng(1)
    for _ in range(60):
        damaged = bytearray(content)
        for at in random.integers(0, len(content), 3):
            damaged[at] = random.integers(256)
        path.write_bytes(damaged)
        outcome(path)
    # Voxels that have become constant may be told as padding; the reader's own lines are not shown.
    assert {record.name for record in caplog.records} <= {"a2ibench"}


def test_log_lines_of_the_reader_are_silent_only_while_reading(tmp_path, caplog):
    (tmp_path / "a.tif").write_bytes(b"II*\0\x08\0\0\0\x01\0" + bytes(30))
    assert outcome(tmp_path / "a.tif") is None
    assert not caplog.records
    logging.getLogger("tifffile").warning("heard again")
    assert [record.message for record in caplog.records] == ["heard again"]


def test_log_lines_of_other_threads_are_heard(caplog):
    log = logging.getLogger("tifffile")
    with without_log_lines():
        log.warning("dropped")
        other = threading.Thread(target=log.warning, args=("heard",))
        other.start()
        other.join()
    assert [record.message for record in caplog.records] == ["heard"]
    assert not log.filters
