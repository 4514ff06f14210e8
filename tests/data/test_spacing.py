"""Voxel sizes and spacings as people write them."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import tifffile

from a2ibench.data.catalogue import load_catalogue
from a2ibench.data.opening import open_volume
from a2ibench.data.spacing import spacing_of, voxel_size_of
from a2ibench.errors import CatalogueError, InputError


@pytest.mark.parametrize(
    "given",
    [
        "45,7.5,7.5",
        " 45 , 7.5 , 7.5 ",
        "45nm,7.5nm,7.5nm",
        "45,7.5,7.5 nm",
        "0.045um, 0.0075 µm, 0.0075μm",
        "4.5e-8m,7.5e-9m,7.5e-9m",
        "450,75,75Å",
        "45000,7500,7500pm",
        "0.045,0.0075,0.0075 micrometer",
        (45, 7.5, 7.5),
        ["45nm", "7.5nm", "0.0075um"],
        np.array([45, 7.5, 7.5]),
        (np.float32(45), np.float64(7.5), 7.5),
    ],
    ids=str,
)
def test_the_same_voxel_size_in_many_ways(given: object) -> None:
    assert voxel_size_of(given) == (45.0, 7.5, 7.5)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("45,7.5", "give 3 positive numbers"),
        ("45 7.5 7.5", "give 3 positive numbers"),
        ((45, 0, 7.5), "give 3 positive numbers"),
        ((45, True, 7.5), "give 3 positive numbers"),
        ((45, float("nan"), 7.5), "give 3 positive numbers"),
        (45, "give 3 positive numbers"),
        ("45nm,7.5,7.5", "give a unit for each of the three, or one behind the last"),
        ("45,7.5,7.5 px", "whose unit 'px' is not known"),
        ("0.045,0.0075,0.0075", "if it is in um give 0.045um,0.0075um,0.0075um, if in nm give 0.045nm"),
        ((0.3, 0.12, 0.12), "if it is in um give 0.3um,0.12um,0.12um"),
        ((4.5e-5, 7.5e-6, 7.5e-6), "if it is in mm give 4.5e-05mm,7.5e-06mm,7.5e-06mm"),
        ((4.5e-8, 7.5e-9, 7.5e-9), "if it is in m give 4.5e-08m"),
    ],
)
def test_what_is_no_voxel_size_says_what_to_give(given: object, message: str) -> None:
    with pytest.raises(InputError) as caught:
        voxel_size_of(given)
    assert message in str(caught.value)


def test_a_unit_makes_any_size_possible() -> None:
    assert voxel_size_of("0.05nm,0.05nm,0.05nm") == (0.05, 0.05, 0.05)
    # Single particles and atoms are sampled as finely, in cubes.
    assert voxel_size_of((0.4, 0.4, 0.4)) == (0.4, 0.4, 0.4)


def test_one_spacing() -> None:
    assert spacing_of(12) == spacing_of("12") == spacing_of("12 nm") == spacing_of("0.012um") == 12
    for given in ("12,12", "", "-1", 0, None, True):
        with pytest.raises(InputError, match="give a positive number of nm"):
            spacing_of(given)
    with pytest.raises(InputError, match=r"if it is in um give 0\.012um"):
        spacing_of(0.012)


@pytest.mark.parametrize("text", ['"45nm,7.5nm,7.5nm"', '["45nm", "7.5 nm", "0.0075um"]', '"45,7.5,7.5"'])
def test_a_catalogue_may_have_units(tmp_path, text: str) -> None:
    file = tmp_path / "my.toml"
    file.write_text(f'[a]\npath = "a.tif"\nvoxel_size = {text}\n')
    assert load_catalogue(file)["a"].voxel_size == (45.0, 7.5, 7.5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[0.045, 0.0075, 0.0075]", r"\[a\]: voxel_size is in nm finer than any .* give 0.045um"),
        ('"45nm,7.5nm"', r"\[a\]: voxel_size is '45nm,7.5nm'; give 3 positive numbers"),
        ('["45 px", "7 px", "7 px"]', r"whose unit 'px' is not known"),
    ],
)
def test_what_a_catalogue_cannot_mean_is_refused(tmp_path, text: str, message: str) -> None:
    file = tmp_path / "my.toml"
    file.write_text(f'[a]\npath = "a.tif"\nvoxel_size = {text}\n')
    with pytest.raises(CatalogueError, match=message):
        load_catalogue(file)


def test_python_takes_units_and_averages(tmp_path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "v.tif"
    tifffile.imwrite(path, np.arange(5 * 6 * 7, dtype=np.uint8).reshape(5, 6, 7))
    with caplog.at_level(logging.INFO, "a2ibench"):
        volume = open_volume(path, voxel_size="0.03um,6nm,6.003nm")
    assert volume.voxel_size == (30.0, 6.0015, 6.0015)
    assert "v: lateral spacings y 6 nm and x 6.003 nm are averaged to 6.0015 nm" in caplog.messages


def test_metadata_that_nobody_can_mean_are_warned_of(tmp_path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "v.ome.tif"
    sizes = {f"PhysicalSize{axis}": size for axis, size in zip("ZYX", (0.03, 0.006, 0.006), strict=True)}
    units = {f"PhysicalSize{axis}Unit": "nm" for axis in "ZYX"}
    voxels = np.arange(5 * 6 * 7, dtype=np.uint8).reshape(5, 6, 7)
    tifffile.imwrite(path, voxels, metadata={"axes": "ZYX", **sizes, **units})
    assert open_volume(path).voxel_size == pytest.approx((0.03, 0.006, 0.006))
    assert "if it is in um give 0.03um,0.006um,0.006um" in caplog.text
