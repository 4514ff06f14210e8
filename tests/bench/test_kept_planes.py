"""The planes that jobs keep to be looked at, and the place that they are around."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import a2ibench
from a2ibench.bench.cache_key import ingredients
from a2ibench.bench.job import Job
from a2ibench.bench.kept_planes import CELL, LONGEST, around, input_slices, save_planes, telling_place
from a2ibench.bench.options import RunOptions, check_option
from a2ibench.bench.plan import Plan
from a2ibench.contracts import AxialGrid, Budget, DatasetSpec, Volume
from a2ibench.contracts.planes import PLANES
from a2ibench.protocol.resample import interpolate


def volume(data: np.ndarray[Any, Any], ratio: float, **fields: Any) -> Volume:
    return Volume(data, (ratio * 8.0, 8.0, 8.0), (0, 255), **fields)


def kept(folder: Path) -> dict[str, Any]:
    return dict(np.load(folder / "planes.npz"))


def flat(shape: tuple[int, int, int], value: int = 100) -> np.ndarray[Any, Any]:
    return np.full(shape, value, np.uint8)


def test_a_planted_error_is_found() -> None:
    # Seen in the reference only: interpolation of a constant is that constant, so all of the error is there.
    reference = flat((48, 64, 72))
    reference[16:24, 40:48, 24:32] = 180
    assert telling_place(reference, volume(flat((16, 64, 72)), 3.0)) == (20, 44, 28)


def test_planted_detail_is_found_without_a_reference() -> None:
    # The same in every slice, so that no slice differs from its neighbours.
    data = flat((16, 64, 72))
    data[:, 40:48, 24:32] = np.where(np.indices((8, 8)).sum(axis=0) % 2, 40, 200)
    _, y, x = telling_place(None, volume(data, 10 / 3))
    assert (y, x) == (44, 28)


def test_a_slice_unlike_its_neighbours_is_found_without_a_reference() -> None:
    data = flat((24, 16, 16))
    data[18] = 160
    z, *_ = telling_place(None, volume(data, 10 / 3))
    covered = round(18 * 10 / 3), round(19 * 10 / 3)
    assert covered[0] - CELL <= z <= covered[1] + CELL


def test_of_two_places_alike_the_first_is_taken() -> None:
    reference = flat((48, 64, 128))
    for x in (24, 96):
        reference[16:24, 24:32, x : x + 8] = 180
    assert telling_place(reference, volume(flat((16, 64, 128)), 3.0)) == (20, 28, 28)


def test_where_nothing_is_telling_it_is_the_middle() -> None:
    assert telling_place(flat((48, 30, 20)), volume(flat((16, 30, 20)), 3.0)) == (24, 15, 10)


def test_a_hot_voxel_does_not_outweigh_tissue() -> None:
    reference = flat((48, 64, 72)).astype(np.uint16)
    reference[16:24, 40:48, 24:32] = 180
    reference[40, 8, 8] = 60000
    given = Volume(flat((16, 64, 72)).astype(np.uint16), (24.0, 8.0, 8.0), (0, 65535), contrast=(50.0, 200.0))
    assert telling_place(reference, given) == (20, 44, 28)


def test_strips_come_to_what_the_whole_does(monkeypatch: pytest.MonkeyPatch, rng: Any) -> None:
    data = rng.integers(0, 255, (9, 50, 41), np.uint8)
    whole = telling_place(None, volume(data, 10 / 3)), telling_place(None, volume(data, 3.0))
    monkeypatch.setattr("a2ibench.bench.kept_planes._STRIP", 1)
    assert (telling_place(None, volume(data, 10 / 3)), telling_place(None, volume(data, 3.0))) == whole


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


@pytest.mark.parametrize("ratio", [1.5, 3.0, 10 / 3])
def test_planes_are_those_of_the_volumes(tmp_path: Path, rng: Any, ratio: float) -> None:
    data = rng.integers(0, 255, (12, 30, 40), np.uint16)
    given = volume(data, ratio)
    n_out = AxialGrid(12, ratio).n_out
    prediction, reference = rng.integers(0, 255, (2, n_out, 30, 40), np.uint16)
    save_planes(tmp_path, 5, prediction, reference, given)
    found = kept(tmp_path)
    z, y, x = found["place"]
    at = [slice(start, stop) for start, stop in found["stack"]]
    assert [one.stop - one.start for one in at] == [5, 5, 5]
    assert all(one.start <= place < one.stop for one, place in zip(at, (z, y, x), strict=True))
    for name, expected in (("prediction", prediction), ("reference", reference)):
        np.testing.assert_array_equal(found[f"{name}_xy"], expected[at[0]])
        np.testing.assert_array_equal(found[f"{name}_xz"], expected[:, at[1]].transpose(1, 0, 2))
        np.testing.assert_array_equal(found[f"{name}_yz"], expected[:, :, at[2]].transpose(2, 0, 1))
        assert found[f"{name}_xz"].dtype == np.uint16
    np.testing.assert_array_equal(found["input_xz"], data[:, at[1]].transpose(1, 0, 2))
    # Every output slice lies within the input slice that is shown for it.
    first, stop = input_slices((at[0].start, at[0].stop), ratio, 12)
    np.testing.assert_array_equal(found["input_xy"], data[first:stop])
    for k in range(at[0].start, at[0].stop):
        slice_of = min(int((k + 0.5) / ratio), 11)
        assert first <= slice_of < stop
        assert slice_of * ratio <= k + 0.5 <= (slice_of + 1) * ratio


def test_all_methods_keep_the_same_planes(tmp_path: Path, rng: Any) -> None:
    given = volume(rng.integers(0, 255, (6, 40, 40), np.uint8), 3.0)
    reference = rng.integers(0, 255, (18, 40, 40), np.uint8)
    for name in "ab":
        (tmp_path / name).mkdir()
        save_planes(tmp_path / name, 4, rng.integers(0, 255, (18, 40, 40), np.uint8), reference, given)
    one, other = kept(tmp_path / "a"), kept(tmp_path / "b")
    same = [name for name in one if not name.startswith("prediction")]
    assert {"place", "window", "stack", "reference_xy", "input_xz"} <= set(same)
    for name in same:
        np.testing.assert_array_equal(one[name], other[name])


def test_the_file_is_the_same_whenever_it_is_written(tmp_path: Path, rng: Any) -> None:
    given = volume(rng.integers(0, 255, (6, 20, 20), np.uint8), 3.0)
    prediction = rng.integers(0, 255, (18, 20, 20), np.uint8)
    for name in "ab":
        (tmp_path / name).mkdir()
        save_planes(tmp_path / name, 3, prediction, None, given)
    assert (tmp_path / "a/planes.npz").read_bytes() == (tmp_path / "b/planes.npz").read_bytes()


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 5, 3), (2, 1, 9), (3, 17, 8)])
@pytest.mark.parametrize("ratio", [1.0, 3.0, 10 / 3])
def test_tiny_volumes_are_kept_whole(tmp_path: Path, shape: tuple[int, int, int], ratio: float) -> None:
    given = volume(flat(shape), ratio)
    prediction = flat((AxialGrid(shape[0], ratio).n_out, *shape[1:]))
    for reference in (None, prediction):
        save_planes(tmp_path, 20, prediction, reference, given)
        found = kept(tmp_path)
        for family, (along, *_) in PLANES.items():
            assert found[f"prediction_{family}"].size == prediction.size
            assert found[f"prediction_{family}"].shape[0] == prediction.shape[along]
            assert found[f"input_{family}"].size == given.data.size


def test_large_planes_are_cut_around_the_place(tmp_path: Path) -> None:
    reference = flat((6, 40, 900))
    reference[:, 16:24, 704:712] = 200
    save_planes(tmp_path, 3, reference, reference, volume(flat((2, 40, 900)), 3.0))
    found = kept(tmp_path)
    assert found["place"].tolist()[1:] == [20, 708]
    assert found["window"].tolist() == [[0, 6], [0, 40], [708 - LONGEST // 2, 900]]
    assert found["prediction_xy"].shape == (3, 40, LONGEST)


def test_disagreement_is_kept_where_there_is_no_reference(tmp_path: Path, rng: Any) -> None:
    given = volume(rng.integers(0, 255, (4, 20, 20), np.uint8), 3.0)
    prediction, apart = flat((12, 20, 20)), rng.random((12, 20, 20), np.float32)
    save_planes(tmp_path, 3, prediction, prediction, given, apart)
    assert not any(name.startswith("disagreement") for name in kept(tmp_path))
    save_planes(tmp_path, 3, prediction, None, given, apart)
    found = kept(tmp_path)
    at = slice(*found["stack"][0])
    np.testing.assert_allclose(found["disagreement_xy"], apart[at], atol=2**-11)


def test_no_planes_no_file(tmp_path: Path) -> None:
    save_planes(tmp_path, 0, flat((6, 4, 4)), None, volume(flat((2, 4, 4)), 3.0))
    assert not any(tmp_path.iterdir())


def test_planes_are_around_their_place() -> None:
    assert around(10, 100, 5) == (8, 13)
    assert around(1, 100, 5) == (0, 5)
    assert around(99, 100, 5) == (95, 100)
    assert around(2, 4, 9) == (0, 4)


def test_choosing_needs_little_memory(rng: Any) -> None:
    data = rng.integers(0, 255, (40, 640, 100), np.uint8)
    given, reference = volume(data, 3.0), interpolate(data, AxialGrid(40, 3.0)).astype(np.uint8)
    tracemalloc.start()
    telling_place(reference, given)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # In single precision the interpolated volume alone takes 4 bytes a voxel.
    assert most < 4 * reference.size


def test_how_many_are_kept_is_no_part_of_what_a_result_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("a2ibench.bench.cache_key.core_digest", lambda *_, **__: "core")
    monkeypatch.setattr("a2ibench.bench.cache_key.code_of", lambda *_: {})
    spec = DatasetSpec("d", "D", (3.0, 1.0, 1.0))
    job = Job(spec, "cubic", 0, "smoke", Budget(steps=1))
    assert ingredients(job) == ingredients(replace(job, report_planes=3))
    plan = Plan(("cubic",), (spec,), "smoke", report_planes=9)
    assert [Job.from_dict(one.to_dict()).report_planes for one in plan.jobs()] == [9]
    assert plan.fingerprint() == replace(plan, report_planes=3).fingerprint()
    assert plan.to_dict()["report_planes"] == 9


@pytest.mark.parametrize("count", [-1, 2.5, True, "9"])
def test_what_is_no_number_of_planes_is_refused(count: Any) -> None:
    with pytest.raises(a2ibench.InputError, match="whole number of at least 0"):
        check_option("report_planes", RunOptions(report_planes=count))
