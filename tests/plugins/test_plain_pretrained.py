"""The weights that `plain` can start from: what they reach on tissue they never saw, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from a2ibench import AxialGrid, Budget, Context, InputError, Volume, build_degradation, interpolate
from a2ibench.bench.provenance import seen_before, trained_on
from a2ibench.data.checksums import sha256_of
from a2ibench.metrics.psnr import psnr
from a2ibench_plain import pretrained
from a2ibench_plain.method import FINE_TUNED, Plain

CTX = Context(size="small", budget=Budget(steps=2), batch=2, patch=32)


def drawn(ratio: float) -> Volume:
    data = np.random.default_rng(0).integers(0, 256, (8, 32, 40)).astype(np.uint8)
    return Volume(data, (10 * ratio, 10.0, 10.0), (0.0, 255.0), "v")


def test_the_card_tells_what_the_weights_have_seen() -> None:
    card = pretrained.card()
    assert card["ratios"] == sorted(card["ratios"])
    assert {"fib25_medulla_val_dev.tif", "fib25_medulla_train2_dev.tif"} <= card["volumes"].keys()
    assert all(len(checksum) == 64 for found in pretrained.trained_on().values() for checksum in found)
    for ratio in card["ratios"]:
        assert pretrained.weights(ratio).keys() == Plain().build("small").state_dict().keys()


def test_the_nearest_ratio_is_taken_where_one_is_near() -> None:
    assert pretrained.nearest(3.05) == 3
    assert pretrained.nearest(max(pretrained.card()["ratios"]) * 2) is None
    assert pretrained.nearest(1.2) is None


def test_weights_are_small() -> None:
    assert (Path(pretrained.__file__).parent / "pretrained.safetensors").stat().st_size < 4e6


def test_starts_at_the_weights_and_trains_nothing_where_it_is_told_to() -> None:
    method, volume = Plain(start="pretrained-only"), drawn(3.0)
    assert not method.trains
    method.fit(volume, CTX)
    for name, value in pretrained.weights(3.0).items():
        assert np.array_equal(method._fitted().state_dict()[name].numpy(), value.numpy())
    other = Plain(start="pretrained")
    assert other.trains
    other.fit(volume, CTX)
    assert other.learning_rate == FINE_TUNED
    moved = [
        not np.array_equal(v.numpy(), other._fitted().state_dict()[n])
        for n, v in pretrained.weights(3.0).items()
    ]
    assert any(moved)
    given = Plain(start="pretrained", learning_rate=0.002)
    given.fit(volume, CTX)
    assert given.learning_rate == 0.002


def test_a_checkpoint_keeps_what_it_began_with(tmp_path: Path) -> None:
    method, loaded, volume = Plain(start="pretrained-only"), Plain(), drawn(3.0)
    method.fit(volume, CTX)
    method.save(tmp_path)
    loaded.load(tmp_path)
    grid = AxialGrid(8, 3.0)
    assert loaded.trained_on == method.trained_on
    assert np.array_equal(loaded.reconstruct(volume, grid, CTX), method.reconstruct(volume, grid, CTX))


def test_a_ratio_without_weights_is_refused_by_name() -> None:
    reason = Plain(start="pretrained").skip(drawn(20.0))
    assert reason is not None
    assert "ratio of 20" in reason
    assert Plain().skip(drawn(20.0)) is None
    with pytest.raises(InputError, match="no weights come with it for a ratio of 20"):
        Plain(start="pretrained").fit(drawn(20.0), CTX)


def test_another_network_is_refused() -> None:
    with pytest.raises(InputError, match="give no channels and no axial_stride, or start=random"):
        Plain(start="pretrained", channels=64, axial_stride=4).fit(drawn(3.0), CTX)


def test_a_volume_that_the_weights_have_seen_is_known(shared_data: Path) -> None:
    seen = trained_on(Plain(start="pretrained"))
    checksum = sha256_of(shared_data / "fib25_medulla_val_dev.tif")
    reason = seen_before(seen, {"sha256": checksum})
    assert reason == "its weights were trained on this volume (fib25_medulla_val_dev.tif)"
    assert seen_before(seen, {"sha256": "0" * 64}) is None
    assert trained_on(Plain()) == {}


def test_restores_tissue_that_it_never_saw(shared_data: Path) -> None:
    truth = tifffile.imread(shared_data / "epfl_ca1_15nm_dev.tif")[:48, :128, :160]
    grid = AxialGrid(16, 3.0)
    low = np.rint(np.tensordot(build_degradation("slab-average").operator(grid), truth.astype(float), 1))
    volume = Volume(low.astype(np.uint8), (45.0, 15.0, 15.0), (0.0, 255.0), "epfl")
    method = Plain(start="pretrained-only")
    method.fit(volume, CTX)
    restored = np.rint(255 * method.reconstruct(volume, grid, CTX)).clip(0, 255)
    cubic = np.rint(interpolate(low.astype(np.float32), grid)).clip(0, 255)
    assert psnr(restored, truth, 255) - psnr(cubic, truth, 255) > 1.2
