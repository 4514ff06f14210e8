"""Slices that flicker are brought to those around them; others, trends and padding stay as they are."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
import tifffile
import zarr
from scipy.ndimage import gaussian_filter

import a2ibench
from a2ibench.data.formats import open_lazy
from a2ibench.data.prepare import Crop
from a2ibench.reconstruction import matching
from a2ibench.reconstruction.matching import Matched, find_matching

NM = (40.0, 10.0, 10.0)
DEPTH = 60


def tissue(seed=0):
    """Texture whose mean follows a slow trend along the stack."""
    noise = np.random.default_rng(seed).normal(size=(DEPTH, 150, 170))
    texture = gaussian_filter(noise, (1.5, 2, 2), mode="wrap")
    trend = 10 * np.sin(np.arange(DEPTH) / DEPTH * 2 * np.pi)
    return texture / texture.std() * 25 + 120 + trend[:, None, None]


def flickering(voxels, seed=1):
    random = np.random.default_rng(seed)
    gains, offsets = random.uniform(0.85, 1.15, DEPTH), random.uniform(-12, 12, DEPTH)
    return (voxels - 120) * gains[:, None, None] + 120 + offsets[:, None, None]


def stored(voxels, dtype="uint8", gain=1.0):
    return (
        np.rint(voxels * gain).astype(dtype)
        if np.dtype(dtype).kind == "f"
        else np.rint(np.clip(voxels * gain, 0, np.iinfo(dtype).max)).astype(dtype)
    )


def matched(voxels):
    return Matched(voxels, find_matching(voxels))[:, :, :]


def apart(one, other, statistic):
    """Differences between slices' statistics."""
    return np.abs(statistic(one.astype(float), (1, 2)) - statistic(other.astype(float), (1, 2)))


@pytest.mark.parametrize(("dtype", "gain"), [("uint8", 1), ("uint16", 16), ("int16", 16), ("float32", 1)])
def test_known_gains_and_offsets_are_taken_back(dtype, gain):
    truth = tissue()
    given = stored(flickering(truth), dtype, gain)
    found, truth = matched(given), truth * gain
    assert found.dtype == dtype
    # In grey levels of 8 bits, of tissue with a deviation of 25.
    assert apart(given, truth, np.mean).mean() > 5 * gain
    assert apart(found, truth, np.mean).mean() < 2 * gain
    assert apart(given, truth, np.std).mean() > 1.5 * gain
    assert apart(found, truth, np.std).mean() < gain
    # What flickers is the step from one slice to the next.
    steps = [np.abs(np.diff(each.mean((1, 2), dtype=float))).mean() / gain for each in (given, found)]
    assert steps[0] > 6
    assert steps[1] < 1


def test_a_stack_without_flicker_hardly_changes():
    given = stored(tissue())
    found = matched(given)
    assert apart(found, given, np.mean).mean() < 1.2
    assert apart(found, given, np.mean).max() < 4
    assert np.abs(found.astype(int) - given).mean() < 1.5


def test_slices_of_one_level_stay_as_they_are():
    given = np.repeat(stored(tissue())[:1], 20, axis=0)
    np.testing.assert_array_equal(matched(given), given)


def test_a_trend_survives_to_the_ends():
    texture = np.repeat(np.random.default_rng(0).normal(100, 20, (1, 80, 90)), 40, axis=0)
    given = texture + 2.0 * np.arange(40)[:, None, None]
    np.testing.assert_allclose(matched(given), given, rtol=0, atol=1e-3)


@pytest.mark.parametrize("at", [0, 13, 39])
def test_one_slice_apart_is_the_only_one_that_moves(at):
    texture = np.repeat(np.random.default_rng(0).normal(100, 20, (1, 80, 90)), 40, axis=0)
    given = texture.copy()
    given[at] = given[at] * 1.5 - 90
    found = find_matching(given)
    np.testing.assert_allclose(Matched(given, found)[:, :, :], texture, rtol=0, atol=1e-3)
    assert found.summary() == {
        "slices": 40,
        "changed": 1,
        "changed_by_more_than": 0.05,
        "largest_shift": pytest.approx(abs(100 * 0.5 - 90) / (20 * 1.5 * 0.79), rel=0.1),
        "gains": [pytest.approx(2 / 3, abs=1e-3), 1.0],
        "left_as_they_are": [],
    }


def test_padding_and_slices_without_tissue_stay():
    given = stored(flickering(tissue()).clip(5, 250))
    y, x = np.mgrid[:150, :170]
    given[:, y + x < 60] = 0
    given[20] = 0
    found = find_matching(given)
    result = Matched(given, found)[:, :, :]
    assert (found.padding, found.left) == ((0.0,), (20,))
    np.testing.assert_array_equal(result[:, y + x < 60], 0)
    np.testing.assert_array_equal(result[20], 0)
    inside = y + x >= 60
    means = np.delete(result, 20, axis=0)[:, inside].mean(1)
    assert np.abs(np.diff(means)).mean() < 1.2


def test_a_damaged_slice_is_left_and_hot_voxels_do_not_count():
    given = stored(tissue())
    expected = find_matching(given)
    given[5] = 99 + (given[5] > 120)
    given[30, :5, :5] = 255
    found = find_matching(given)
    assert found.left == (5,)
    np.testing.assert_array_equal(Matched(given, found)[5:6, :, :], given[5:6])
    assert abs(found.gains[30] - expected.gains[30]) < 0.02


def test_what_cannot_be_matched_is_named(tmp_path, caplog):
    voxels = stored(tissue().clip(5, 250))
    voxels[7] = 0
    # Too little tissue to tell anything of the slice.
    voxels[30] = 0
    voxels[30, :16, :16] = 200
    volume = a2ibench.Volume(voxels, NM, (0.0, 255.0), "a stack")
    with caplog.at_level("INFO", "a2ibench"):
        found = matching.matched_volume(volume)
    np.testing.assert_array_equal(found.data[[7, 30]], voxels[[7, 30]])
    (line,) = [message for message in caplog.messages if "slices matched" in message]
    assert line.endswith("; without tissue or damaged, so left as they are: 7, 30")


def test_boxes_are_the_same_as_the_whole():
    given = stored(flickering(tissue()))
    y, x = np.mgrid[:150, :170]
    given[:, y + x < 61] = 0
    lazy = Matched(given, find_matching(given))
    whole = lazy[:, :, :]
    for box in [(slice(3, 9), slice(10, 47), slice(0, 33)), (slice(59, 60), slice(21, 22), slice(30, 60))]:
        np.testing.assert_array_equal(lazy[box], whole[box])


@pytest.mark.parametrize("chunks", [(1, 150, 170), (16, 32, 64), (60, 7, 170)])
def test_what_is_found_does_not_depend_on_how_it_is_stored(tmp_path, chunks, monkeypatch):
    # So few voxels that slices are looked at on a grid, and box by box.
    monkeypatch.setattr(matching, "_SAMPLE", 5000)
    monkeypatch.setattr(matching, "_VOXELS", 40_000)
    given = stored(flickering(tissue()).clip(5, 250))
    given[:, :40, :40] = 0
    expected = find_matching(given)
    zarr.create_array(tmp_path / "a.zarr", data=given, chunks=chunks)
    with open_lazy(tmp_path / "a.zarr") as volume:
        found = find_matching(Crop(volume))
    np.testing.assert_array_equal(found.gains, expected.gains)
    np.testing.assert_array_equal(found.offsets, expected.offsets)


QUICK = {"profile": "smoke", "budget": "2steps", "device": "cpu", "precision": "fp32"}


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("method", ["cubic", "srmd"])
def test_streamed_equals_in_memory(tmp_path, method, dtype):
    voxels = stored(flickering(tissue()), dtype, 1 if dtype == "uint8" else 16)[:12, :48, :56]
    tifffile.imwrite(tmp_path / "in.tif", voxels, photometric="minisblack")
    options = {"match_slices": True, **(QUICK if method == "srmd" else {})}
    volume = a2ibench.open_volume(tmp_path / "in.tif", voxel_size=NM)
    memory = a2ibench.reconstruct(volume, method, **options)
    target = a2ibench.reconstruct_file(
        tmp_path / "in.tif", tmp_path / "o.tif", method, voxel_size=NM, **options
    )
    streamed = tifffile.imread(target)
    np.testing.assert_array_equal(streamed, memory.data)
    plain = a2ibench.reconstruct(volume, method, **(options | {"match_slices": False}))
    assert not np.array_equal(plain.data, memory.data)
    # Its means are those of the slices that were matched.
    expected = matched(voxels).mean((1, 2), dtype=float)
    found = streamed.reshape(12, 4, -1).mean((1, 2), dtype=float)
    assert np.abs(found - expected)[1:-1].max() < 0.02 * expected.mean()


def test_it_is_off_by_default_and_another_output_when_on(tmp_path, monkeypatch, caplog):
    from a2ibench.data.writing import Writer

    voxels = stored(flickering(tissue()))
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["raw"] = voxels

    def call(**options):
        return a2ibench.reconstruct_file(
            tmp_path / "in.h5", tmp_path / "o.h5", "cubic", voxel_size=NM, **options
        )

    with monkeypatch.context() as broken:
        broken.setattr(Writer, "publish", lambda writer: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            call()
    with pytest.raises(a2ibench.InputError, match="match_slices was False, is True"):
        call(match_slices=True)
    with caplog.at_level("INFO", "a2ibench"):
        call(match_slices=True, overwrite=True)
    told = json.loads((tmp_path / "o.h5.json").read_text())
    assert told["match_slices"] is True
    assert told["matching"] == find_matching(voxels).summary()
    assert told["matching"]["changed"] > 40
    changed = told["matching"]["changed"]
    assert f"in.h5: {changed} of 60 slices matched by more than 5 % of their contrast" in caplog.messages
    with h5py.File(tmp_path / "o.h5") as file:
        assert json.loads(file["volume"].attrs["a2ibench"])["match_slices"] is True


def test_padding_is_told_once_in_memory(caplog):
    voxels = stored(flickering(tissue()), "uint16", 16)
    voxels[:, :, :40] = 0
    volume = a2ibench.Volume(voxels[:20], NM, (0.0, 4095.0), "stack")
    with caplog.at_level("INFO", "a2ibench"):
        a2ibench.reconstruct(volume, "cubic", match_slices=True)
    assert len([message for message in caplog.messages if "is padding" in message]) == 1
