"""One stack gives the same voxels in memory and through files, whatever its grey levels are."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter

import a2ibench
from a2ibench import Context, InputError, Volume
from a2ibench.protocol.blocks import reconstruct_volume
from a2ibench.protocol.intensity import quantise
from a2ibench.reconstruction.checkpoint_method import INTENSITY
from a2ibench.registry import host

NM = (45.0, 15.0, 15.0)
QUICK = {"profile": "smoke", "budget": "2steps", "device": "cpu", "precision": "fp32"}


def tissue():
    noise = gaussian_filter(np.random.default_rng(0).normal(size=(9, 64, 72)), (0.5, 1, 1))
    return np.clip(noise / noise.std() * 25 + 120, 0, 255)


def hot(data, level):
    data[4, 30, 40] = level
    return data


def turned(data):
    """Return a stack with empty corners."""
    y, x = np.mgrid[:64, :72]
    data[:, y + x < 30] = 0
    return data


STACKS = {
    "8 bit": tissue().astype(np.uint8),
    "8 bit, turned": turned(tissue().astype(np.uint8)),
    "12 bit": (tissue() * 16).astype(np.uint16),
    "12 bit, hot": hot((tissue() * 16).astype(np.uint16), 65535),
    "12 bit, turned": turned((tissue() * 16).astype(np.uint16)),
    "signed": (tissue() * 16 - 2000).astype(np.int16),
    "float": tissue().astype(np.float32),
    "float, hot": hot(tissue().astype(np.float32), 1e4),
    "double, filled": turned(tissue() - 500),
}


@pytest.fixture(params=STACKS)
def source(request, tmp_path):
    path = tmp_path / "in.tif"
    tifffile.imwrite(path, STACKS[request.param], photometric="minisblack")
    return path


def both(source, method, **options):
    """Return what is reconstructed in memory, and from file to file."""
    volume = a2ibench.reconstruct(a2ibench.open_volume(source, voxel_size=NM), method, **options)
    target = a2ibench.reconstruct_file(
        source, source.with_name("o.tif"), method, voxel_size=NM, overwrite=True, **options
    )
    return np.asarray(volume.data), tifffile.imread(target)


def test_interpolation_gives_the_same_voxels(source) -> None:
    memory, file = both(source, "cubic", device="cpu")
    np.testing.assert_array_equal(memory, file)


@pytest.mark.parametrize(
    ("kind", "method"),
    [
        ("8 bit", "srmd"),
        ("12 bit, hot", "srmd"),
        ("float, hot", "srmd"),
        *(
            pytest.param(kind, method, marks=pytest.mark.slow)
            for kind in STACKS
            for method in ("srmd", "pssr")
        ),
    ],
)
def test_a_trained_network_gives_the_same_voxels(tmp_path, kind, method) -> None:
    # Of several blocks it would not: beyond its halo a network has a faint memory of what is farther off.
    tifffile.imwrite(tmp_path / "in.tif", STACKS[kind], photometric="minisblack")
    memory, file = both(tmp_path / "in.tif", method, **QUICK)
    np.testing.assert_array_equal(memory, file)


def test_two_grey_levels_beside_a_checkpoint_are_its_intensity_range(tmp_path) -> None:
    source, kept = tmp_path / "in.tif", tmp_path / "kept"
    tifffile.imwrite(source, STACKS["12 bit"], photometric="minisblack")
    first = a2ibench.reconstruct_file(
        source, tmp_path / "a.tif", "srmd", voxel_size=NM, save_checkpoint=kept, **QUICK
    )
    # Releases that knew no contrast kept no more than this; their networks saw the intensity range.
    (kept / INTENSITY).write_text("[0.0, 4095.0]")
    state = json.loads((kept / "method.json").read_text())
    assert 0 < state["contrast"][0] < state["contrast"][1] < 1
    (kept / "method.json").write_text(json.dumps({k: v for k, v in state.items() if k != "contrast"}))
    memory, file = both(source, "srmd", checkpoint=kept, **QUICK)
    np.testing.assert_array_equal(memory, file)
    assert not np.array_equal(file, tifffile.imread(first))
    method = host().build("method", "srmd")
    method.load(kept)
    volume = Volume(STACKS["12 bit"], NM, (0.0, 4095.0))
    seen = reconstruct_volume(method, volume, Context(precision="fp32"))
    np.testing.assert_array_equal(file, quantise(seen, volume))
    for text in ("[0.0]", "[0.0, 1.0, 2.0]", "[4000.0, 0.0]", '["a", "b"]', "{}", "[0.0, 1e999]", "[0, [1]]"):
        (kept / INTENSITY).write_text(text)
        with pytest.raises(
            InputError, match=r"intensity\.json: not two grey levels; give intensity=\(LO, HI\)"
        ):
            both(source, "srmd", checkpoint=kept, **QUICK)


@pytest.mark.parametrize("kind", ["12 bit", "float"])
def test_a_checkpoint_clips_nothing_that_another_stack_has(tmp_path, kind) -> None:
    kept, source = tmp_path / "kept", tmp_path / "in.tif"
    data = STACKS[kind]
    tifffile.imwrite(source, data, photometric="minisblack")
    target = a2ibench.reconstruct_file(
        source, tmp_path / "a.tif", "srmd", voxel_size=NM, save_checkpoint=kept, **QUICK
    )
    first = tifffile.imread(target)
    bright, spot = data.copy(), (slice(2, 6), slice(20, 32), slice(30, 42))
    bright[spot] = bright[spot] * 10
    narrow = data.clip(*np.percentile(data, (5, 95)).astype(data.dtype))
    for stack in (narrow, bright):
        tifffile.imwrite(source, stack, photometric="minisblack")
        memory, file = both(source, "srmd", checkpoint=kept, **QUICK)
        np.testing.assert_array_equal(memory, file)
        assert float(file[13, 26, 36]) == pytest.approx(float(stack[4, 26, 36]), rel=0.05)
    # Far away from the bright spot nothing has changed.
    apart = file[:, :, 66:].astype(float) - first[:, :, 66:]
    assert np.abs(apart).max() < 0.01 * data.max()
