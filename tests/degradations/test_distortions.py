"""The distortions of electron micrographs: each effect against its closed form, and all together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, stats
from torch.utils._python_dispatch import TorchDispatchMode

from a2ibench import AxialGrid, Degradation, InputError, Simulation, Volume
from a2ibench.degradations import distortions
from a2ibench.degradations.distortions import EMDistortions
from a2ibench.protocol.sampling import PatchSampler, training_grid
from a2ibench.protocol.simulate import simulate
from a2ibench.registry import host

ISOTROPIC = ("blur", "curtains", "charging")
SAMPLED = ("repeated", "jitter", "drift", "poisson", "gaussian", "missing")
NOTHING = dict.fromkeys(ISOTROPIC + SAMPLED, 0)
GRID = AxialGrid(8, 3.0)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def textured(batch: int, grid: AxialGrid = GRID, columns: int = 30, seed: int = 0) -> torch.Tensor:
    return torch.rand(batch, 1, grid.n_out, columns, generator=seeded(seed))


def distort(images: torch.Tensor, grid: AxialGrid = GRID, seed: int = 0, **options: float) -> torch.Tensor:
    return EMDistortions(**options)(images, grid, seeded(seed)).image


def slab(images: torch.Tensor, grid: AxialGrid = GRID) -> torch.Tensor:
    return host().build("degradation", "slab-average")(images, grid, seeded()).image


def amounts(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)[:, None, None, None]


def assert_profiles(profiles: np.ndarray, width: float) -> None:
    """Check stationary profiles (samples, length): mean 0, variance 1, correlation exp(-k^2 / 4 width^2)."""
    assert profiles.mean() == pytest.approx(0, abs=0.05)
    np.testing.assert_allclose(profiles.var(axis=0), 1, atol=0.2)
    for lag in (1, 3, 6):
        found = (profiles[:, lag:] * profiles[:, :-lag]).mean()
        assert found == pytest.approx(np.exp(-(lag**2) / (4 * width**2)), abs=0.05)


def test_it_is_registered_under_its_name() -> None:
    model = host().build("degradation", "em-distortions", jitter=2)
    assert isinstance(model, Degradation)
    assert isinstance(model, EMDistortions)
    assert model.configuration()["jitter"] == 2
    assert set(model.nominal(Volume(np.zeros((2, 8, 8)), (3, 1, 1), (0, 1)))) == set()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_without_any_strength_it_is_the_slab_average(dtype: torch.dtype) -> None:
    images = textured(3).to(dtype)
    assert torch.equal(distort(images, **NOTHING), slab(images))
    assert torch.equal(distort(images, chance=0, poisson=0, gaussian=0), slab(images))


@pytest.mark.parametrize("name", NOTHING)
def test_every_strength_alone_changes_some_images_and_leaves_others(name: str) -> None:
    images = textured(500)
    alone = NOTHING | {name: EMDistortions.settings[name].default}
    changed = (distort(images, **alone) != slab(images)).flatten(1).any(dim=1)
    assert changed.any()
    assert changed.all() == (name in ("poisson", "gaussian"))


@settings(deadline=None, max_examples=60)
@given(
    grid=st.builds(AxialGrid, st.integers(1, 12), st.floats(1, 9)),
    columns=st.integers(1, 24),
    batch=st.integers(1, 3),
    level=st.sampled_from([0.0, 0.4, 1.0]),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    seed=st.integers(0, 9),
)
def test_any_grid_and_constant_images(
    grid: AxialGrid, columns: int, batch: int, level: float, dtype: torch.dtype, seed: int
) -> None:
    images = torch.full((batch, 1, grid.n_out, columns), level, dtype=dtype)
    image = distort(images, grid, seed, chance=1)
    assert image.shape == (batch, 1, grid.n_in, columns)
    assert image.dtype == dtype
    assert image.isfinite().all()
    assert (images == level).all()


def test_draws_repeat_with_the_seed() -> None:
    images = textured(4)
    first, again, other = (distort(images, seed=seed, chance=1) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_images_share_neither_draws_nor_content() -> None:
    images = textured(1).expand(4, -1, -1, -1).clone()
    before = distort(images, chance=1)
    assert len({tuple(image.flatten().tolist()) for image in before}) == 4
    images[2] = 1 - images[2]
    after = distort(images, chance=1)
    same = (before == after).flatten(1).all(dim=1)
    assert same.tolist() == [True, True, False, True]


class Recorder(TorchDispatchMode):
    """Notes every operation that is carried out."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.append(operation.overloadpacket.__name__)
        return operation(*args, **(kwargs or {}))


def test_nothing_is_read_back_and_no_image_is_handled_on_its_own() -> None:
    model = EMDistortions(chance=1)
    recorded = []
    for batch in (2, 32):
        images = textured(batch)
        model(images, GRID, seeded())
        with Recorder() as recorder:
            model(images, GRID, seeded())
        recorded.append(recorder.names)
    assert recorded[0] == recorded[1]
    assert not {"_local_scalar_dense", "nonzero", "lift_fresh", "equal"} & set(recorded[0])


def test_the_mean_is_kept_by_default() -> None:
    images = textured(400)
    shift = (distort(images) - images.mean((1, 2, 3), keepdim=True)).mean((1, 2, 3))
    assert shift.mean().item() == pytest.approx(0, abs=1e-3)
    assert shift.abs().max().item() < 0.06


def test_chance_is_the_part_of_images_that_have_an_effect() -> None:
    images = textured(2000, AxialGrid(2, 2.0), 4)
    changed = distort(images, AxialGrid(2, 2.0), **NOTHING | {"drift": 0.1}, chance=0.2)
    part = (changed != slab(images, AxialGrid(2, 2.0))).flatten(1).any(dim=1).float().mean().item()
    assert part == pytest.approx(0.2, abs=4 * np.sqrt(0.2 * 0.8 / 2000))


def test_amounts_are_uniform_up_to_the_strength() -> None:
    images = torch.full((300, 1, 30, 200), 0.5)
    noisy = distort(images, AxialGrid(10, 3.0), **NOTHING | {"gaussian": 0.1})
    deviation = (noisy - 0.5).flatten(1).std(dim=1).numpy()
    assert stats.kstest(deviation / 0.1, "uniform").pvalue > 0.01


@pytest.mark.parametrize("level", [0.0, 0.1, 0.8])
def test_noise_has_its_variance(level: float) -> None:
    images = torch.full((2, 1, 400, 400), level, dtype=torch.float64)
    shot = distortions.shot_noise(images, amounts(0.001, 0.004), seeded()) - level
    read_out = distortions.read_out_noise(images, amounts(0.01, 0.03), seeded()) - level
    np.testing.assert_allclose(shot.var((1, 2, 3)), [0.001 * level, 0.004 * level], rtol=0.02)
    np.testing.assert_allclose(read_out.std((1, 2, 3)), [0.01, 0.03], rtol=0.01)
    assert shot.mean().item() == pytest.approx(0, abs=4 * np.sqrt(0.004 * level / 320000))


def test_blur_is_a_gaussian_filter_of_each_image() -> None:
    images, sigmas = textured(4).double(), (0.0, 0.4, 1.3, 2.0)
    blurred = distortions.blur(images, amounts(*sigmas), 2.0)
    assert torch.equal(blurred[0], images[0])
    for image, found, sigma in list(zip(images, blurred, sigmas, strict=True))[1:]:
        wanted = ndimage.gaussian_filter(image[0].numpy(), sigma, mode="nearest", radius=8)
        np.testing.assert_allclose(found[0], wanted, atol=1e-12)


def test_curtains_modulate_whole_columns_smoothly() -> None:
    images = textured(600).double() + 0.1
    striped = distortions.curtains(images, amounts(0.2), 2.5, seeded())
    profiles = (striped / images - 1)[:, 0] / 0.2
    assert (profiles - profiles[:, :1]).abs().max() < 1e-9
    assert_profiles(profiles[:, 0].numpy(), 2.5)


def test_a_charging_spot_is_round_and_its_trail_takes_back_what_it_adds() -> None:
    change = distortions.charging(torch.zeros(400, 1, 32, 128).double(), amounts(0.5), 2.0, seeded())[:, 0]
    assert torch.linalg.matrix_rank(change, atol=1e-9).max() == 1
    peaks = change.amax((1, 2))
    assert peaks.max() <= 0.5
    assert peaks.max() > 0.4
    place = change.flatten(1).argmax(dim=1)
    inside = ((place // 128 - 16).abs() < 8) & ((place % 128 - 64).abs() < 12) & (peaks > 0.05)
    assert inside.sum() > 30
    added = change.clamp(min=0).sum((1, 2))
    assert (change.sum((1, 2)) / added)[inside].abs().max() < 0.01
    trail = change.flatten(1).argmin(dim=1)
    assert torch.equal((trail // 128)[inside], (place // 128)[inside])
    sides = ((trail - place)[inside] > 0).double()
    assert sides.mean().item() == pytest.approx(0.5, abs=0.25)


def test_a_wide_charging_spot_has_the_depth_of_its_closed_form() -> None:
    change = distortions.charging(torch.zeros(200, 1, 64, 64).double(), amounts(1.0), 4.0, seeded())[:, 0]
    place = change.flatten(1).argmax(dim=1)
    middle = ((place % 64 - 32).abs() < 12) & (change.amax((1, 2)) > 0.1)
    depth = (-change.amin((1, 2)) / change.amax((1, 2)))[middle]
    behind = np.linspace(0, 20, 100_000)
    profile = np.exp(-(behind**2) / 2) - np.sqrt(2 * np.pi) * behind * np.exp(-behind / 3) / 9
    np.testing.assert_allclose(depth, -profile.min() / profile.max(), rtol=0.05)


def test_charging_spots_grow_in_number_with_the_image() -> None:
    change = distortions.charging(torch.zeros(1, 1, 128, 192).double(), amounts(1.0), 2.0, seeded())[0, 0]
    assert torch.linalg.matrix_rank(change, atol=1e-9) == 6


def test_jitter_shifts_each_row_by_linear_interpolation() -> None:
    images = textured(50).double()
    ramp = torch.arange(30.0).double().expand_as(images)
    shifts = (distortions.jitter(ramp, amounts(1.6), seeded()) - ramp)[..., 2:-2]
    shift = shifts[..., :1]
    assert (shifts - shift).abs().max() < 1e-9
    assert stats.kstest(shift.flatten() / 3.2 + 0.5, "uniform").pvalue > 0.01
    shifted = distortions.jitter(images, amounts(1.6), seeded())
    columns = np.arange(30)
    for row, found, by in zip(images.view(-1, 30), shifted.view(-1, 30), shift.flatten(), strict=True):
        np.testing.assert_allclose(found, np.interp(columns + by.item(), columns, row), atol=1e-9)


def test_drift_gives_every_row_a_slowly_varying_gain_and_offset() -> None:
    images = torch.tensor([0.25, 0.75]).double().expand(600, 1, 40, 2)
    dark, light = distortions.drift(images, amounts(0.1), 3.0, seeded())[:, 0].unbind(-1)
    gain, offset = ((light - dark) / 0.5 - 1).numpy() / 0.1, ((light + dark) / 2 - 0.5).numpy() / 0.1
    assert_profiles(gain, 3.0)
    assert_profiles(offset, 3.0)
    assert np.corrcoef(gain.ravel(), offset.ravel())[0, 1] == pytest.approx(0, abs=0.05)


def test_drift_of_no_length_flickers() -> None:
    images = torch.full((50, 1, 40, 1), 0.5).double()
    offset = distortions.drift(images, amounts(0.1), 0.0, seeded())[:, 0, :, 0].numpy() / 0.1 - 5
    assert offset.std() == pytest.approx(1, abs=0.05)
    assert (offset[:, 1:] * offset[:, :-1]).mean() == pytest.approx(0, abs=0.08)


@pytest.mark.parametrize("part", [0.1, 0.6])
def test_lost_rows_are_copies_of_the_nearest_kept_one(part: float) -> None:
    here = torch.arange(25)
    images = here.double()[:, None].expand(300, 1, 25, 2)
    found = distortions.copies(images, amounts(part), seeded())
    assert torch.equal(found[..., 0], found[..., 1])
    source = found[:, 0, :, 0].long()
    kept = source == here
    assert kept.double().mean().item() == pytest.approx(1 - part, abs=0.03)
    forward = backward = 0
    for row, stays in zip(source, kept, strict=True):
        for lost in here[~stays]:
            before, after = here[stays & (here < lost)], here[stays & (here > lost)]
            assert row[lost] in [*before[-1:], *after[:1]]
            forward += int(row[lost] > lost)
            backward += int(row[lost] < lost)
    assert forward / (forward + backward) == pytest.approx(0.5, abs=0.1)


def test_where_all_rows_or_none_are_lost_the_image_stays() -> None:
    images = textured(3)
    for part in (0.0, 1.0):
        assert torch.equal(distortions.copies(images, amounts(part), seeded()), images)


def test_a_repeated_slice_has_noise_of_its_own_and_a_missing_one_a_copy() -> None:
    images = textured(40, AxialGrid(30, 2.0), 50)
    grid = AxialGrid(30, 2.0)

    def equal_neighbours(**options: float) -> float:
        image = distort(images, grid, **NOTHING | options, chance=1)
        return (image[:, :, 1:] - image[:, :, :-1]).abs().amax(-1).lt(1e-7).float().mean().item()

    assert equal_neighbours() == 0
    assert equal_neighbours(repeated=0.6) > 0.2
    assert equal_neighbours(repeated=0.6, gaussian=0.1) < 0.01
    assert equal_neighbours(missing=0.6, gaussian=0.1) > 0.2


def test_training_pairs_are_made_of_clean_targets_and_distorted_inputs() -> None:
    data = np.random.default_rng(0).integers(0, 255, (5, 60, 60), np.uint8)
    volume = Volume(data, (50, 15, 15), (0, 255))
    grid = training_grid(volume, 40)
    pairs = []
    for model in (EMDistortions(), host().build("degradation", "slab-average")):
        sampler = PatchSampler(volume, model, grid, batch=16, device="cpu", seed=0)
        pairs.append(sampler.pairs())
    (distorted, target), (clean, same) = pairs
    assert torch.equal(target, same)
    assert distorted.image.shape == target.shape
    assert distorted.image.dtype == torch.float32
    assert 0 < (distorted.image - clean.image).square().mean().sqrt().item() < 0.05


def test_volumes_are_simulated_with_options() -> None:
    data = np.random.default_rng(0).integers(0, 255, (24, 20, 20), np.uint8)
    volume = Volume(data, (15, 15, 15), (0, 255))
    plain, _ = simulate(volume, Simulation(3.0))
    nothing, _ = simulate(volume, Simulation(3.0, "em-distortions", NOTHING))
    first, again = (
        simulate(volume, Simulation(3.0, "em-distortions", {"chance": 1, "jitter": "2"}), 5)[0] for _ in "ab"
    )
    np.testing.assert_array_equal(nothing.data, plain.data)
    np.testing.assert_array_equal(first.data, again.data)
    assert first.data.dtype == np.uint8
    assert first.shape == plain.shape
    assert (first.data != plain.data).mean() > 0.5


@pytest.mark.parametrize(
    "options", [{"chance": 1.5}, {"jitter": -1}, {"missing": 2}, {"spot_size": 0}, {"gaussian": "much"}]
)
def test_options_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(options))):
        host().build("degradation", "em-distortions", **options)
