"""Generated volumes: options, the cache, and caches that are damaged or cannot be written."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest

from a2ibench.contracts import DatasetSpec
from a2ibench.data.fetch import fetch
from a2ibench.data.generators import cached_path
from a2ibench.data.opening import dataset_size, open_dataset
from a2ibench.data.phantom import GENERATOR_VERSION
from a2ibench.errors import InputError, UnknownNameError

SPEC = DatasetSpec("phantom", "P", (15.0,) * 3, phantom={"size": 12, "seed": 3})


@pytest.fixture
def calls(monkeypatch):
    """Replace the slow generator by one with the same options that records how it was called."""
    made: list[dict[str, object]] = []

    def phantom(size=160, seed=0, voxel_size=15.0):
        made.append({"size": size, "seed": seed, "voxel_size": voxel_size})
        if size == 13:
            raise ValueError("size is 13; give another")
        random = np.random.default_rng(seed)
        return random.integers(0, 255, (size,) * 3).astype(np.uint8)

    module = ModuleType("phantom")
    module.phantom, module.GENERATOR_VERSION = phantom, 1
    monkeypatch.setitem(sys.modules, "a2ibench.data.phantom", module)
    return made


def entry(voxel_size: float = 15.0, **options: object) -> DatasetSpec:
    return DatasetSpec("phantom", "P", (voxel_size,) * 3, phantom={"size": 12} | options)


def test_the_generator_gets_the_options_and_the_voxel_size(calls, tmp_path):
    volume = open_dataset(entry(8.0, seed=3), cache=tmp_path)
    assert calls == [{"size": 12, "seed": 3, "voxel_size": 8.0}]
    assert (volume.shape, volume.voxel_size, volume.intensity) == ((12, 12, 12), (8, 8, 8), (0, 255))


def test_each_phantom_is_made_once(calls, tmp_path, monkeypatch):
    first = open_dataset(SPEC, cache=tmp_path)
    np.testing.assert_array_equal(open_dataset(SPEC, cache=tmp_path).data, first.data)
    assert len(calls) == 1
    for spec in (entry(seed=4), entry(seed=3, size=14), entry(8.0, seed=3)):
        open_dataset(spec, cache=tmp_path)
    assert len(calls) == 4
    monkeypatch.setattr(sys.modules["a2ibench.data.phantom"], "GENERATOR_VERSION", 2)
    open_dataset(SPEC, cache=tmp_path)
    assert len(calls) == 5
    assert len(list(tmp_path.rglob("*"))) == 1 + 5


def test_fetching_a_phantom_puts_it_into_the_cache(calls, tmp_path):
    path = fetch(SPEC, cache=tmp_path)
    np.testing.assert_array_equal(np.load(path), open_dataset(SPEC, cache=tmp_path).data)
    assert len(calls) == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:-1],
        lambda content: content[:60],
        lambda content: b"PK\x03\x04" + content,
        lambda content: content.replace(b"(12, 12, 12)", b"(12, 12, 99)"),
        lambda content: content.replace(b"(12, 12, 12)", b"(12, 12, ((("),
        lambda content: content.replace(b"|u1", b"|O "),
        lambda content: b"\x80\x04K\x01.",
    ],
)
def test_a_damaged_cache_file_is_made_anew(calls, tmp_path, damage):
    path = fetch(SPEC, cache=tmp_path)
    content = path.read_bytes()
    path.write_bytes(damage(content))
    assert open_dataset(SPEC, cache=tmp_path).shape == (12, 12, 12)
    assert len(calls) == 2
    assert path.read_bytes() == content


def test_another_array_in_its_place_is_made_anew(calls, tmp_path):
    path = fetch(SPEC, cache=tmp_path)
    np.save(path, np.zeros((12, 12)))
    assert open_dataset(SPEC, cache=tmp_path).shape == (12, 12, 12)
    assert len(calls) == 2


def test_a_cache_that_cannot_be_written_only_costs_time(calls, tmp_path):
    (tmp_path / "cache").write_bytes(b"")
    for _ in range(2):
        assert open_dataset(SPEC, cache=tmp_path / "cache").shape == (12, 12, 12)
    assert len(calls) == 2
    with pytest.raises(
        InputError, match=r"^\[phantom\]: .*generated is not writable; set A2IBENCH_CACHE elsewhere"
    ):
        fetch(SPEC, cache=tmp_path / "cache")


def test_a_failed_write_leaves_nothing(calls, tmp_path, monkeypatch):
    def full(file, array, **options):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    assert open_dataset(SPEC, cache=tmp_path).shape == (12, 12, 12)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_an_unknown_option_suggests_the_nearest(calls, tmp_path):
    with pytest.raises(
        UnknownNameError, match=r"unknown phantom option in \[phantom\] 'sede'; did you mean 'seed'"
    ):
        open_dataset(entry(sede=1), cache=tmp_path)


@pytest.mark.parametrize(("size", "message"), [(13, "size is 13; give another"), ("x", "")])
def test_a_value_the_generator_refuses_is_one_line(calls, tmp_path, size, message):
    with pytest.raises(InputError, match=rf"^\[phantom\]: phantom: {message}"):
        open_dataset(entry(size=size), cache=tmp_path)


def test_the_cached_file_is_named_as_ever(tmp_path):
    assert cached_path(SPEC, tmp_path) == tmp_path / "generated" / "phantom-v1-a69f8908f91a8d80.npy"
    named = entry(seed=3, target="a2ibench.data.phantom:phantom")
    assert cached_path(named, tmp_path) == cached_path(SPEC, tmp_path)


def test_a_plugin_names_its_own_generator(tmp_path, monkeypatch):
    def stripes(voxel_size, period):
        return np.tile((np.arange(16) // period % 2 * 200).astype(np.uint8), (16, 16, 1))

    module = ModuleType("a2ibench_stripes")
    module.stripes, module.GENERATOR_VERSION, module.nothing = stripes, 7, lambda voxel_size: None
    monkeypatch.setitem(sys.modules, "a2ibench_stripes", module)
    spec = DatasetSpec("s", "S", (9.0,) * 3, phantom={"target": "a2ibench_stripes:stripes", "period": 4})
    assert open_dataset(spec, cache=tmp_path).data[0, 0, :5].tolist() == [0, 0, 0, 0, 200]
    assert fetch(spec, cache=tmp_path).name.startswith("stripes-v7-")
    assert dataset_size(spec) is None
    with pytest.raises(UnknownNameError, match="did you mean 'period'"):
        open_dataset(replace(spec, phantom={**spec.phantom, "periode": 4}), cache=tmp_path)
    for target, message in (
        ("a2ibench_stripes:nothing", "gave no uint8 array"),
        ("a2ibench_stripes:gone", "cannot be imported"),
        ("a2ibench_stripes", "cannot be imported"),
        (5, "cannot be imported"),
    ):
        with pytest.raises(InputError, match=rf"^\[s\]: .*{message}") as caught:
            open_dataset(replace(spec, phantom={"target": target}), cache=tmp_path)
        assert str(caught.value).isprintable()


def test_the_real_generator_serves_the_catalogue(tmp_path):
    spec = entry(size=32, seed=1)
    volume = open_dataset(spec, cache=tmp_path)
    assert volume.shape == (32, 32, 32)
    assert volume.data.std() > 5
    assert f"-v{GENERATOR_VERSION}-" in fetch(spec, cache=tmp_path).name
    with pytest.raises(UnknownNameError, match="did you mean 'blur'"):
        open_dataset(entry(size=32, blurr=1), cache=tmp_path)
    with pytest.raises(InputError, match=r"^\[phantom\]: phantom: "):
        open_dataset(entry(size=2), cache=tmp_path)
