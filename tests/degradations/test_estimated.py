"""The slice profile that is estimated from the spectra of a volume."""

from __future__ import annotations

import logging
import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from a2ibench import AxialGrid, Budget, Context, Volume, build_degradation
from a2ibench.degradations import models
from a2ibench.degradations.estimated import EstimatedPSF, estimate_profile, slab_and_gaussian
from a2ibench.degradations.spectra import line_spectra
from a2ibench.protocol.profiles import estimated_options
from a2ibench.registry import host

EPFL = Path(__file__).parents[3] / "shared" / "data" / "epfl_ca1_15nm_dev.tif"
PROFILES = [(1.0, 0.0), (1.0, 0.3), (1.6, 0.0), (0.0, 0.0)]
SPREAD = 0.06
"""Input slices: how far the standard deviation of an estimated profile may be off."""


def isotropic(side: int = 96, seed: int = 0) -> NDArray[np.float64]:
    """Return random tissue whose power falls with frequency alike in all directions, of grey levels."""
    # Periodic: all of it is like its middle.
    white = np.random.default_rng(seed).normal(size=(side,) * 3)
    tissue = sum(gaussian_filter(white, sigma, mode="wrap") * sigma**1.5 for sigma in (0.6, 1.2, 2.5, 5.0))
    return 120 + 30 * tissue / tissue.std()


def sampled(
    tissue: NDArray[np.float64], ratio: float, profile: tuple[float, float], noise: float = 0
) -> Volume:
    n_in = int(len(tissue) // ratio)
    grid = AxialGrid(n_in, ratio)
    data = np.tensordot(slab_and_gaussian(grid, *profile), tissue[: grid.n_out], 1)
    data += noise * np.random.default_rng(1).normal(size=data.shape)
    return Volume(data.round().clip(0, 255).astype(np.uint8), (10 * ratio, 10.0, 10.0), (0.0, 255.0), "v")


def spread(width: float, sigma: float, ratio: float) -> float:
    """Return the standard deviation of a profile in input slices."""
    return math.sqrt(max(width, 1 / ratio) ** 2 / 12 + sigma**2)


@pytest.fixture(scope="module")
def tissue() -> NDArray[np.float64]:
    return isotropic()


@pytest.mark.parametrize("ratio", [2.0, 3.0, 10 / 3, 8.0])
def test_its_family_holds_the_slab_average_and_thin_sections(ratio: float) -> None:
    grid = AxialGrid(7, ratio)
    np.testing.assert_allclose(slab_and_gaussian(grid, 1, 0), models.slab_average(grid), atol=1e-12)
    np.testing.assert_allclose(slab_and_gaussian(grid, 0, 0), models.subsample(grid), atol=1e-12)
    np.testing.assert_array_equal(EstimatedPSF().operator(grid), slab_and_gaussian(grid, 1, 0))


@pytest.mark.parametrize("profile", [(0.0, 0.2), (1.0, 0.3), (2.0, 0.1)])
def test_a_profile_is_symmetric_positive_and_of_the_spread_that_its_numbers_tell(profile) -> None:
    ratio = 8.0
    row = slab_and_gaussian(AxialGrid(21, ratio), *profile)[10]
    assert (row >= 0).all()
    assert row.sum() == pytest.approx(1)
    np.testing.assert_allclose(row, row[::-1], atol=1e-12)
    place = (np.arange(len(row)) + 0.5) / ratio - 10.5
    # Voxels add the variance of their own width.
    wanted = max(profile[0], 1 / ratio) ** 2 / 12 + profile[1] ** 2 + 1 / (12 * ratio**2)
    assert row @ place**2 == pytest.approx(wanted, rel=0.01)


@pytest.mark.parametrize("noise", [0, 4])
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("ratio", [3.0, 10 / 3, 8.0])
def test_planted_profiles_are_found(tissue, ratio: float, profile: tuple[float, float], noise: int) -> None:
    width, sigma = estimate_profile(sampled(tissue, ratio, profile, noise))
    assert spread(width, sigma, ratio) == pytest.approx(spread(*profile, ratio), abs=SPREAD)
    grid = AxialGrid(21, ratio)
    found, true = (slab_and_gaussian(grid, *given)[10] for given in ((width, sigma), profile))
    assert np.abs(found - true).sum() < 0.35


@pytest.mark.parametrize("ratio", [3.0, 10 / 3])
@pytest.mark.parametrize("profile", PROFILES)
def test_profiles_planted_in_a_micrograph_are_found(ratio: float, profile: tuple[float, float]) -> None:
    if not EPFL.exists():
        pytest.skip(f"{EPFL.name} is not here")
    import tifffile

    volume = sampled(tifffile.imread(EPFL).astype(float), ratio, profile)
    width, sigma = estimate_profile(volume)
    assert spread(width, sigma, ratio) == pytest.approx(spread(*profile, ratio), abs=SPREAD)
    if profile == (1.0, 0.0):
        assert (width, sigma) == profile


def test_the_spectra_agree_under_the_true_profile_alone(tissue) -> None:
    volume = sampled(tissue, 3.0, (1.0, 0.3))
    spectra = line_spectra(volume)
    assert not isinstance(spectra, str)
    grid = AxialGrid(spectra.n_in, 3.0, spectra.n_out)
    misfits = {given: spectra.misfit(slab_and_gaussian(grid, *given)) for given in PROFILES}
    assert min(misfits, key=misfits.__getitem__) == (1.0, 0.3)
    assert math.sqrt(misfits[1.0, 0.3]) < 0.1
    assert misfits[1.0, 0.0] > 4 * misfits[1.0, 0.3]


def _constant() -> NDArray[np.uint8]:
    return np.full((12, 40, 40), 90, np.uint8)


def _noise() -> NDArray[np.uint8]:
    return np.random.default_rng(0).normal(120, 20, (16, 64, 64)).round().astype(np.uint8)


def _striped() -> NDArray[np.uint8]:
    # Much along z that is not across.
    smooth = gaussian_filter(np.random.default_rng(0).normal(size=(20, 64, 64)), (0, 3, 3))
    return (120 + 400 * smooth).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (_constant(), "hardly more than noise"),
        (_noise(), "hardly more than noise"),
        (_noise()[:4], "fewer than 6 slices"),
        (_noise()[:, :12], "fewer than 6 slices"),
        (_striped(), "no profile makes"),
    ],
)
def test_what_does_not_tell_has_the_slab_average_and_one_line(data, why: str, caplog) -> None:
    volume = Volume(data, (30.0, 10.0, 10.0), (0.0, 255.0), "v")
    with caplog.at_level(logging.WARNING, logger="a2ibench"):
        assert estimate_profile(volume) == (1.0, 0.0)
    assert len(caplog.records) == 1
    assert why in caplog.text
    assert "\n" not in caplog.records[0].getMessage()


def test_padding_is_left_out(tissue, caplog) -> None:
    volume = sampled(tissue, 3.0, (1.6, 0.0))
    data = volume.data.copy()
    data[:6, :, :] = 0
    padded = Volume(data, volume.voxel_size, volume.intensity, "v", padding=(0.0,))
    width, sigma = estimate_profile(padded)
    assert spread(width, sigma, 3.0) == pytest.approx(spread(1.6, 0, 3.0), abs=SPREAD)
    empty = Volume(np.zeros_like(data), volume.voxel_size, volume.intensity, "v", padding=(0.0,))
    with caplog.at_level(logging.WARNING, logger="a2ibench"):
        assert estimate_profile(empty) == (1.0, 0.0)
    assert "padding" in caplog.text


def test_only_what_is_not_given_is_estimated(tissue) -> None:
    volume = sampled(tissue, 3.0, (1.6, 0.0))
    assert set(estimated_options("estimated-psf", volume)) == {"width", "sigma"}
    assert set(estimated_options("estimated-psf:sigma=0", volume)) == {"width"}
    assert estimated_options("estimated-psf:sigma=0.1,width=1", volume) == {}
    assert estimated_options("slab-average", volume) == {}
    model = build_degradation("estimated-psf:gaussian=0.01", volume)
    assert isinstance(model, EstimatedPSF)
    assert model.width == pytest.approx(1.6, abs=0.3)
    assert model.gaussian == 0.01


def test_a_method_trains_with_it_tells_it_and_keeps_it(tissue, tmp_path: Path) -> None:
    volume = sampled(tissue[:, :48, :48], 3.0, (1.6, 0.0))
    ctx = Context(size="tiny", budget=Budget(steps=1), batch=2, patch=24, precision="fp32")
    method = host().build("method", "plain", degradation="estimated-psf")
    assert method.configuration()["degradation.width"] == -1
    method.fit(volume, ctx)
    told = method.configuration()
    assert told["degradation"] == "estimated-psf"
    assert told["degradation.width"] > 1.2
    assert told["degradation.sigma"] >= 0
    method.save(tmp_path)
    loaded = host().build("method", "plain")
    loaded.load(tmp_path)
    kept = loaded.configuration()
    assert {name: kept[name] for name in told if name.startswith("degradation")} == {
        name: value for name, value in told.items() if name.startswith("degradation")
    }
    other = sampled(tissue[:, :48, :48], 3.0, (0.0, 0.0))
    method.fit(other, ctx)
    assert method.configuration()["degradation.width"] < 0.8
