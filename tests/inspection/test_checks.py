"""What is wrong with a stack is told by its number, and nothing of a stack that is in order."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time

import numpy as np
import pytest
import tifffile
from scipy.ndimage import fourier_shift, gaussian_filter

from a2ibench import Volume
from a2ibench.data.formats import open_lazy
from a2ibench.data.intensity_range import noise_level
from a2ibench.data.prepare import Crop
from a2ibench.inspection import check_stack
from a2ibench.protocol.sampling import NOISY

NM = (40.0, 10.0, 10.0)
DEPTH = 32


def texture(depth: int = DEPTH, side: int = 320, seed: int = 0, along: float = 1.2):
    """Grey levels of a standard deviation of 25 about 128, periodic in y and x."""
    noise = np.random.default_rng(seed).normal(size=(depth, side, side))
    smooth = gaussian_filter(noise, (along, 3, 3), mode="wrap")
    return smooth / smooth.std() * 25 + 128


def stored(voxels):
    return np.rint(voxels.clip(0, 255)).astype(np.uint8)


def checked(voxels, **options):
    volume = Volume(voxels, options.pop("voxel_size", NM), options.pop("intensity", (0, 255)), "stack")
    return {finding.name: finding for finding in check_stack(volume, **options)}


def shifted(voxels, shifts):
    return np.stack(
        [np.fft.ifft2(fourier_shift(np.fft.fft2(z), s)).real for z, s in zip(voxels, shifts, strict=True)]
    )


@pytest.fixture(scope="module")
def sound():
    return stored(texture())


def test_a_sound_stack_passes_every_check(sound):
    found = checked(sound)
    assert [*found] == [
        "slice shifts",
        "brightness flicker",
        "contrast flicker",
        "blank slices",
        "repeated slices",
        "missing slices",
        "saturated voxels",
        "padding",
        "noise",
        "ratio",
        "slices",
        "lateral size",
    ]
    assert [name for name, finding in found.items() if not finding.passed or finding.remedy] == []
    assert found["slice shifts"].value < 0.5
    for finding in found.values():
        assert "\n" not in finding.text
        assert isinstance(finding.value, float)
        assert isinstance(finding.passed, bool)
        assert json.loads(json.dumps(finding.to_dict(), allow_nan=False))["value"] == finding.value


@pytest.mark.parametrize("size", [0.8, 3.0, 8.0])
def test_known_shifts_are_measured(size):
    steps = np.random.default_rng(3).normal(0, size, (DEPTH, 2))
    moved = shifted(texture(along=2), np.cumsum(steps, axis=0))[:, :256, :256]
    found = checked(stored(moved))["slice shifts"]
    np.testing.assert_allclose(found.details["shifts_yx"], steps[1:], rtol=0, atol=0.35)
    change = np.median(np.abs(np.diff(steps[1:], axis=0))) / np.sqrt(2)
    assert found.value == pytest.approx(min(np.median(np.abs(steps[1:])), change), rel=0.1)
    assert found.details["median_y"] == pytest.approx(np.median(np.abs(steps[1:, 0])), rel=0.1, abs=0.1)
    assert found.passed == (found.value <= 1)
    assert found.details["largest"] == pytest.approx(np.hypot(*steps[1:].T).max(), rel=0.1)


def test_tissue_at_a_slant_is_no_shift():
    moved = shifted(texture(along=2), np.arange(DEPTH)[:, None] * (3.0, -2.0))[:, :256, :256]
    found = checked(stored(moved))["slice shifts"]
    assert (found.details["median_y"], found.details["median_x"]) == pytest.approx((3, 2), abs=0.2)
    assert found.value < 0.3
    assert found.passed


def test_flicker_of_known_size_is_measured(sound):
    sigma = 6.0
    levels = np.random.default_rng(1).normal(0, sigma, DEPTH) + 20 * np.sin(np.arange(DEPTH) / 12)
    found = checked(stored(sound + levels[:, None, None]))
    assert found["brightness flicker"].value == pytest.approx(2 / np.sqrt(np.pi) * sigma, rel=0.2)
    assert not found["brightness flicker"].passed
    assert "--match-slices" in found["brightness flicker"].remedy
    assert found["contrast flicker"].passed


def test_a_slow_trend_is_no_flicker(sound):
    assert checked(stored(sound + np.linspace(-30, 30, DEPTH)[:, None, None]))["brightness flicker"].passed


def test_contrast_flicker_is_measured(sound):
    sigma = 0.1
    gains = np.exp(np.random.default_rng(1).normal(0, sigma, DEPTH))[:, None, None]
    found = checked(stored((sound - 128.0) * gains + 128))
    assert found["contrast flicker"].value == pytest.approx(2 / np.sqrt(np.pi) * sigma, rel=0.2)
    assert not found["contrast flicker"].passed
    assert found["brightness flicker"].passed


def test_blank_slices_are_told_and_filled(sound, tmp_path):
    given = sound.copy()
    given[[7, 8, 31]] = 0
    found = checked(given)["blank slices"]
    assert found.details["slices"] == [7, 8, 31]
    assert (found.value, found.passed) == (3, False)
    others = checked(given)
    assert all(others[name].passed for name in ("repeated slices", "missing slices", "brightness flicker"))
    filled = run(found.remedy, given, tmp_path, "filled.tif")
    assert checked(filled)["blank slices"].passed
    np.testing.assert_allclose(filled[8], (sound[6].astype(int) + sound[9]) / 2, atol=1)
    np.testing.assert_allclose(filled[31], sound[30], atol=1)


def run(remedy, given, folder, output):
    tifffile.imwrite(folder / "stack.tif", given)
    command = [sys.executable if part == "python" else part for part in shlex.split(remedy)]
    subprocess.run(command, cwd=folder, check=True, timeout=120)
    return tifffile.imread(folder / output)


@pytest.mark.parametrize("noise", [0, 1])
def test_repeated_slices_are_told(sound, noise):
    given = sound.astype(float)
    given[13] = given[12] + np.random.default_rng(0).normal(0, noise, given[0].shape)
    found = checked(stored(given))["repeated slices"]
    assert found.details["slices"] == [13]
    assert "filled.tif" in found.remedy


def test_missing_slices_are_told():
    given = stored(texture(44, along=2.5))
    found = checked(np.delete(given, range(15, 23), axis=0))["missing slices"]
    assert found.details["slices"] == [15]
    assert "--crop 15:36,:,:" in found.remedy
    assert checked(given)["missing slices"].passed


def test_saturated_voxels_are_counted(sound):
    given = stored((sound - 128.0) * 2.5 + 128)
    found = checked(given)["saturated voxels"]
    assert found.value == pytest.approx(np.mean((given == 0) | (given == 255)), rel=0.1)
    assert found.value > 0.02
    assert not found.passed
    clipped = sound.clip(90, 170)
    assert checked(clipped)["saturated voxels"].details["lowest"] == 90


def test_padding_is_no_tissue(sound):
    given = sound.clip(1, 255)
    y, x = np.mgrid[:320, :320]
    given[:, y + x < 300] = 0
    found = checked(given)
    assert found["padding"].value == pytest.approx(np.mean(y + x < 300), abs=0.03)
    assert not found["padding"].passed
    assert found["padding"].details["levels"].keys() == {"0"}
    assert all(found[name].passed for name in ("saturated voxels", "brightness flicker", "blank slices"))


@pytest.mark.parametrize("sigma", [3.0, 12.0])
def test_noise_is_measured(sound, sigma):
    noisy = stored(sound + np.random.default_rng(0).normal(0, sigma, sound.shape))
    found = checked(noisy)["noise"]
    assert found.details["grey_levels"] == pytest.approx(sigma, rel=0.1)
    assert found.value == pytest.approx(noise_level(Volume(noisy, NM, (0, 255))))
    assert (found.limit, found.passed) == (NOISY, sigma < NOISY * 255)
    wide = checked(noisy.astype(np.uint16), intensity=(0, 65535))["noise"]
    assert wide.details["grey_levels"] == pytest.approx(sigma, rel=0.1)
    assert wide.value > found.value


@pytest.mark.parametrize(
    ("voxel_size", "passed", "says", "remedy"),
    [
        ((50, 15, 15), True, "3.33 times", ""),
        ((200, 15, 15), False, "13.3 times", "binned.tif isotropic.tif --voxel-size 200,30,30"),
        ((15, 15, 15), False, "isotropic", "--simulate 4"),
        ((15, 15, 50), False, "order", "--voxel-size Z,Y,X"),
        ((5, 15, 15), False, "below", "--voxel-size Z,Y,X"),
    ],
)
def test_ratios(sound, voxel_size, passed, says, remedy):
    found = checked(sound[:4], voxel_size=voxel_size)["ratio"]
    assert (found.passed, found.details["voxel_size"]) == (passed, list(voxel_size))
    assert says in found.text
    assert remedy in found.remedy
    assert bool(found.remedy) != passed


def test_little_data_are_told(sound):
    found = checked(sound[:9, :100])
    assert (found["slices"].value, found["slices"].passed) == (9, False)
    assert (found["lateral size"].value, found["lateral size"].passed) == (100, False)
    assert "--checkpoint" in found["slices"].remedy


@pytest.mark.parametrize("shape", [(1, 320, 320), (2, 40, 40), (3, 5, 7), (5, 1, 1)])
def test_the_smallest_stacks_are_checked(sound, shape):
    found = checked(sound[tuple(slice(n) for n in shape)])
    assert not found["slices"].passed
    json.dumps([finding.to_dict() for finding in found.values()], allow_nan=False)


def test_a_stack_that_shows_nothing_is_blank():
    found = checked(np.full((12, 130, 130), 7, np.uint8))
    assert found["blank slices"].value == 12
    assert found["slice shifts"].to_dict()["value"] is None


def test_remedies_name_the_stack(sound):
    given = sound.copy()
    given[3] = 0
    remedy = checked(given, source="my stack's.tif")["blank slices"].remedy
    assert "my stack's.tif" in shlex.split(remedy)[2]


def test_a_volume_on_disk_gives_the_same(sound, tmp_path):
    given = stored(sound + np.random.default_rng(0).normal(0, 9, sound.shape))
    tifffile.imwrite(tmp_path / "stack.tif", given)
    with open_lazy(tmp_path / "stack.tif") as opened:
        lazy = checked(Crop(opened))
    assert [finding.to_dict() for finding in lazy.values()] == [
        finding.to_dict() for finding in checked(given).values()
    ]


class Endless:
    """A stack of terabytes, made as it is read."""

    shape = (20_000, 10_000, 12_000)
    dtype = np.dtype(np.uint8)

    def __init__(self, voxels):
        self.voxels, self.read = np.tile(voxels, (1, 4, 4)), 0

    def __getitem__(self, box):
        z, y, x = (range(*part.indices(n)) for part, n in zip(box, self.shape, strict=True))
        assert len(z) == 1
        self.read += len(y) * len(x)
        return self.voxels[z[0] % len(self.voxels)][None, : len(y), : len(x)]


def test_a_stack_of_terabytes_takes_seconds(sound):
    data = Endless(sound)
    start = time.process_time()
    found = checked(data)
    assert time.process_time() - start < 45
    assert data.read < 5e8
    assert found["blank slices"].details["looked_at"] == 256
    assert len(found["slice shifts"].details["first_slices"]) == 32
