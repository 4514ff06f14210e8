"""The robust range and the padding of volumes, whatever a few voxels say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from a2ibench import InputError, Volume, open_volume
from a2ibench.data.formats import open_lazy
from a2ibench.data.intensity_range import find_levels, levelled, probe
from a2ibench.data.prepare import Crop

NM = (40.0, 10.0, 10.0)


def tissue(shape=(20, 96, 96), low=400.0, high=3000.0, seed=0):
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=shape), (0.5, 1, 1))
    return np.clip((noise / noise.std() / 8 + 0.5) * (high - low) + low, low, high)


TISSUE = tissue()
WIDTH = np.subtract(*find_levels(TISSUE.astype(np.float32), "a").contrast[::-1])


def moved(data):
    """Return how far the contrast is from that of the tissue alone, as a fraction of its width."""
    contrast = find_levels(data, "a").contrast
    return np.abs(np.subtract(contrast, find_levels(TISSUE.astype(np.float32), "a").contrast)).max() / WIDTH


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.floats(0, 0.005),
    st.sampled_from([65535.0, 3500.0, 1.0, -2e4, 1e6]),
    st.sampled_from(["float32", "uint16", "int16"]),
)
def test_hot_voxels_do_not_move_the_contrast(seed, part, level, dtype) -> None:
    random = np.random.default_rng(seed)
    data = TISSUE.copy()
    data[random.random(data.shape) < part] = level
    if dtype != "float32":
        data = np.clip(data, np.iinfo(dtype).min, np.iinfo(dtype).max)
    assert moved(data.astype(dtype)) < 0.13


@settings(max_examples=25, deadline=None)
@given(
    # Padding is seen from a width of 4 voxels on.
    st.integers(0, 15).map(lambda n: 4 * n),
    st.integers(0, 7).map(lambda n: 8 * n),
    st.integers(0, 9),
    st.sampled_from([0.0, 65535.0, -1e4, -3.4e38, 1200.0]),
)
def test_padding_does_not_move_the_contrast(rows, columns, slices, level) -> None:
    data = tissue((20, 96, 96)).astype(np.float32)
    data[:, :rows] = data[:, :, : columns // 2] = data[:, :, 96 - columns // 2 :] = level
    data[20 - slices :] = level
    found = find_levels(data, "a")
    share = np.mean(data == np.float32(level))
    if share > 0.02:
        assert found.padding == (np.float32(level),)
    assert moved(data) < 0.06
    # It would leave intensities of tissue no digits.
    assert abs(found.intensity[0]) < 1e30


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_a_turned_stack_has_padded_corners_and_is_said_to(dtype, caplog) -> None:
    data = (TISSUE / 16).astype(dtype)
    y, x = np.mgrid[:96, :96]
    data[:, y + 0.7 * x < 40] = 0
    data[:, y + 0.7 * x > 130] = 255
    found = find_levels(data, "turned")
    assert found.padding == (0, 255)
    assert "turned: about" in caplog.text
    assert "of value 0" in caplog.text
    assert "of value 255" in caplog.text
    if dtype == "uint8":
        assert found.contrast == found.intensity == (0, 255)


def test_a_hole_within_the_volume_is_padding_where_no_tissue_is_as_dark() -> None:
    data = TISSUE.astype(np.uint16)
    data[:, 32:64, 32:64] = 0
    assert find_levels(data, "a").padding == (0,)


def test_saturated_tissue_is_no_padding() -> None:
    data = np.clip(tissue(low=-200, high=500), 0, 255).astype(np.uint8)
    assert np.mean(data == 255) > 0.05
    assert find_levels(data, "a").padding == ()


def test_a_volume_of_two_values_is_not_all_padding() -> None:
    data = np.zeros((6, 40, 40), np.float32)
    data[:, 20:, 20:] = 1
    assert probe(data).padding == {}
    assert find_levels(data, "a").contrast == (0, 1)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
@pytest.mark.parametrize("padding", [False, True])
def test_a_file_read_piece_by_piece_has_the_levels_of_the_array(tmp_path, dtype, padding) -> None:
    data = tissue((40, 70, 1700) if padding else (40, 70, 90)).astype(np.float32)
    if padding:
        data[:, :20] = 0
    data = (data / 16 if dtype == "uint8" else data).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", data, compression="zlib")
    with open_lazy(tmp_path / "a.tif") as stored:
        streamed = find_levels(Crop(stored), "a")
    volume = open_volume(tmp_path / "a.tif", voxel_size=NM)
    assert (volume.intensity, volume.contrast, volume.padding) == tuple(streamed)
    assert streamed == find_levels(data, "a")
    assert streamed.padding == ((0,) if padding else ())


def test_a_declared_range_holds_the_contrast() -> None:
    data = TISSUE.astype(np.uint16)
    assert find_levels(data, "a", declared=(1500, 1600))[:2] == ((1500, 1600), (1500, 1600))
    assert find_levels(TISSUE / 16 // 1, "a", declared=(0, 99)).contrast[1] == 99
    assert find_levels((TISSUE / 16).astype(np.uint8), "a", declared=(9, 99))[:2] == ((9, 99), (9, 99))


def test_what_a_volume_tells_is_kept() -> None:
    volume = Volume(TISSUE.astype(np.float32), NM, (0.0, 5000.0), "a", (1000.0, 2000.0), (7.0,))
    assert levelled(volume) is volume
    part = volume.crop(slice(4), slice(9), slice(9))
    assert (part.contrast, part.padding) == ((1000, 2000), (7,))
    found = levelled(replace(volume, contrast=None))
    assert found.padding == (7,)
    assert 400 <= found.contrast[0] < 1200
    with pytest.raises(InputError, match=r"a: contrast is \(2, 1\); give two finite numbers"):
        replace(volume, contrast=(2, 1))


@pytest.mark.parametrize(("x", "fine"), [(4.0, True), (4.0399, True), (3.97, True), (4.05, False)])
def test_lateral_spacings_may_differ_by_one_percent(x, fine) -> None:
    volume = Volume(TISSUE, (40.0, 4.0, x), (0, 4095))
    if fine:
        assert volume.ratio == pytest.approx(2 * 40 / (4 + x))
    else:
        with pytest.raises(InputError, match="lateral spacings differ"):
            _ = volume.ratio


@pytest.mark.parametrize(("z", "ratio"), [(3.97, 1.0), (4.0, 1.0), (4.03, 1.0075), (3.95, None)])
def test_axial_spacings_a_little_below_the_lateral_ones_are_equal(z, ratio) -> None:
    volume = Volume(TISSUE, (z, 4.0, 4.0), (0, 4095))
    if ratio is not None:
        assert volume.ratio == pytest.approx(ratio)
    else:
        with pytest.raises(InputError, match=r"axial spacing 3.95 nm is below lateral 4.0 nm"):
            _ = volume.ratio
