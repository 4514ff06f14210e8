from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

import a2ibench_srmd
from a2ibench import (
    AxialDegradation,
    AxialGrid,
    Budget,
    Context,
    DegradationSpec,
    Degraded,
    InputError,
    MethodSpec,
    Volume,
)
from a2ibench_srmd.degradation import (
    COMPONENTS,
    SRMDDegradation,
    axial_operators,
    centred_kernels,
    kernel_basis,
    slab_cdf,
)
from a2ibench_srmd.method import SIZES, SRMD
from a2ibench_srmd.network import SRMDNet

MAPS = COMPONENTS + 1


def test_registers_a_method_and_its_degradation() -> None:
    methods: list[MethodSpec] = []
    degradations: list[DegradationSpec] = []
    a2ibench_srmd.a2ibench_register_methods(methods.append)
    a2ibench_srmd.a2ibench_register_degradations(degradations.append)
    assert [(s.name, s.target) for s in methods] == [("srmd", "a2ibench_srmd.method:SRMD")]
    assert [(s.name, s.target) for s in degradations] == [
        ("srmd", "a2ibench_srmd.degradation:SRMDDegradation")
    ]
    assert SRMD().degradation == "srmd"


def test_listing_imports_nothing_heavy() -> None:
    code = "import sys, a2ibench_srmd; sys.exit(any(m in sys.modules for m in ('torch', 'timm', 'skimage')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def count(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_the_published_variant_has_the_published_number_of_parameters() -> None:
    network = SRMD(variant="published").build("full")
    assert count(network) == 1_496_705
    convolutions = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
    assert len(convolutions) == 12
    assert convolutions[0].in_channels == 17


@pytest.mark.parametrize("size", ["tiny", "small"])
@pytest.mark.parametrize("shape", [(47, 101), (9, 33), (1, 5)])
def test_keeps_any_size(size: str, shape: tuple[int, int]) -> None:
    network = SRMD().build(size)
    assert network(torch.rand(2, 1, *shape), torch.rand(2, MAPS, *shape)).shape == (2, 1, *shape)


@pytest.mark.parametrize("size", SIZES)
def test_halo_covers_the_receptive_field(size: str) -> None:
    assert SRMD().reach >= SIZES[size]["depth"]


@pytest.mark.parametrize("residual", [True, False])
def test_gradients_reach_every_parameter(residual: bool) -> None:
    network = SRMD(residual=residual).build("tiny")
    network(torch.rand(2, 1, 12, 13), torch.rand(2, MAPS, 12, 13)).square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_full_size_keeps_an_odd_size() -> None:
    with torch.inference_mode():
        network = SRMD().build("full")
        assert network(torch.rand(1, 1, 9, 33), torch.rand(1, MAPS, 9, 33)).shape == (1, 1, 9, 33)


def test_residual_network_starts_nearer_to_its_input_than_the_published_one() -> None:
    torch.manual_seed(0)
    image, maps = torch.rand(4, 1, 24, 24), torch.zeros(4, MAPS, 24, 24)
    errors = [
        float((SRMDNet(1 + MAPS, 16, 4, residual=r)(image, maps) - image).detach().abs().mean())
        for r in (True, False)
    ]
    assert errors[0] < 0.1
    assert errors[0] < errors[1] / 2


def test_a_degradation_that_draws_nothing_leaves_the_maps_at_zero() -> None:
    network, image = SRMDNet(1 + MAPS, 16, 4), torch.rand(2, 1, 12, 13)
    torch.nn.init.normal_(network.body[0].weight)
    restored = SRMD(degradation="slab-average").forward(network, Degraded(image, {}))
    assert torch.equal(restored, network(image, torch.zeros(2, MAPS, 12, 13)))


def test_a_degradation_that_draws_something_else_is_refused() -> None:
    degraded = Degraded(torch.rand(2, 1, 12, 13), {"tilt": torch.rand(2, 3)})
    with pytest.raises(InputError, match=r"srmd\.degradation: tilted draws 3 parameters; give one that"):
        SRMD(degradation="tilted").forward(SRMDNet(1 + MAPS, 16, 4), degraded)


def test_restoration_learns_to_depend_on_the_maps() -> None:
    network = SRMD().build("tiny")
    image, zeros, ones = torch.rand(1, 1, 16, 16), torch.zeros(1, MAPS, 16, 16), torch.ones(1, MAPS, 16, 16)
    assert torch.equal(network(image, zeros), network(image, ones))
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    (network(image, ones) - 2 * image).square().mean().backward()
    optimizer.step()
    assert not torch.allclose(network(image, zeros), network(image, ones))


@settings(deadline=None)
@given(
    n_in=st.integers(1, 12),
    ratio=st.floats(1, 9),
    sigma=st.lists(st.floats(0, 6), min_size=1, max_size=4),
)
def test_operator_rows_sum_to_one_and_are_not_negative(n_in: int, ratio: float, sigma: list[float]) -> None:
    n_out = AxialGrid(n_in, ratio).n_out
    operators = axial_operators(n_in, n_out, ratio, torch.tensor(sigma))
    assert operators.shape == (len(sigma), n_in, n_out)
    assert operators.min() >= 0
    assert torch.allclose(operators.sum(-1), torch.ones_like(operators.sum(-1)))


@settings(deadline=None)
@given(n_in=st.integers(2, 12), ratio=st.floats(1, 9))
def test_operator_without_blur_is_the_slab_average(n_in: int, ratio: float) -> None:
    grid = AxialGrid(n_in, ratio)
    operator = axial_operators(n_in, grid.n_out, ratio, torch.zeros(1))[0]
    np.testing.assert_allclose(operator.numpy(), AxialDegradation().operator(grid), atol=1e-9)


def test_slab_cdf_against_numerical_integration() -> None:
    ratio, sigma, at = 3.3, 0.8, 1.1

    def density(x: float) -> float:
        return (stats.norm.cdf((x + ratio / 2) / sigma) - stats.norm.cdf((x - ratio / 2) / sigma)) / ratio

    expected = integrate.quad(density, -20, at)[0]
    found = slab_cdf(torch.tensor(at).double(), ratio, torch.tensor(sigma).double())
    assert float(found) == pytest.approx(expected, abs=1e-7)


@settings(deadline=None)
@given(ratio=st.floats(1, 10), widest=st.floats(0.05, 0.5), part=st.floats(0, 1))
def test_basis_reconstructs_the_kernels_of_its_family(ratio: float, widest: float, part: float) -> None:
    widest *= ratio
    basis = kernel_basis(ratio, widest)
    sigma = torch.tensor([part * widest], dtype=torch.float64)
    coefficients = basis.coefficients(sigma)
    assert coefficients.shape == (1, COMPONENTS)
    assert coefficients.abs().max() < 10
    kernel = centred_kernels(ratio, sigma, len(basis.mean) // 2)
    assert float(kernel.sum()) == pytest.approx(1, abs=1e-3)
    described = basis.mean + basis.scale * coefficients @ basis.components
    assert torch.allclose(described, kernel, atol=1e-4)


def test_basis_is_orthonormal_padded_and_of_unit_spread() -> None:
    basis = kernel_basis(3.0, 0.6)
    rank = int((basis.components.norm(dim=1) > 0).sum())
    assert 2 <= rank < COMPONENTS
    gram = basis.components @ basis.components.T
    assert torch.allclose(gram[:rank, :rank], torch.eye(rank, dtype=torch.float64), atol=1e-9)
    family = basis.coefficients(torch.linspace(0, 0.6, 500, dtype=torch.float64))
    assert float(family[:, 0].std()) == pytest.approx(1, abs=0.02)
    assert family[:, rank:].abs().max() == 0


def test_family_of_a_single_kernel_has_no_components() -> None:
    basis = kernel_basis(4.0, 0.0)
    assert basis.coefficients(torch.zeros(3, dtype=torch.float64)).abs().max() < 1e-9
    assert basis.components.abs().max() == 0


def draw(seed: int, **values: float) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    images = torch.linspace(0, 1, 30)[:, None].expand(6, 1, 30, 21)
    made = SRMDDegradation(**values)(images, AxialGrid(10, 3.0), torch.Generator().manual_seed(seed))
    return made.image, dict(made.parameters)


def test_degradation_is_determined_by_the_generator() -> None:
    first, again, other = draw(3), draw(3), draw(4)
    assert torch.equal(first[0], again[0])
    assert all(torch.equal(first[1][k], again[1][k]) for k in ("kernel", "noise"))
    assert not torch.equal(first[0], other[0])


def test_degradation_reports_what_it_drew() -> None:
    image, parameters = draw(0)
    assert image.shape == (6, 1, 10, 21)
    assert parameters["kernel"].shape == (6, COMPONENTS)
    assert parameters["noise"].shape == (6, 1)
    assert len(parameters["noise"].unique()) == 6
    assert (parameters["noise"] >= 0).all()
    assert (parameters["noise"] <= 1).all()


def test_noise_has_the_level_that_is_reported() -> None:
    images = torch.full((5, 1, 300, 200), 0.5)
    made = SRMDDegradation(noise_max=0.1)(images, AxialGrid(100, 3.0), torch.Generator().manual_seed(1))
    measured = (made.image - 0.5).flatten(1).std(dim=1)
    torch.testing.assert_close(measured, 0.1 * made.parameters["noise"][:, 0], rtol=0.03, atol=1e-4)


def test_without_blur_and_noise_it_is_the_slab_average() -> None:
    images = torch.rand(3, 1, 20, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    grid = AxialGrid(6, 10 / 3)
    made = SRMDDegradation(blur_max=0, noise_max=0)(images, grid, torch.Generator())
    expected = torch.from_numpy(AxialDegradation().operator(grid)) @ images
    torch.testing.assert_close(made.image, expected)


def noisy_volume(sigma: float, ratio: float = 4.0) -> Volume:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:96, :80] / 9
    data = 100 + 40 * np.sin(y) * np.cos(x) + rng.normal(0, sigma, (12, 96, 80))
    return Volume(data.astype(np.float32), (ratio * 5, 5, 5), (0, 255), "noisy")


def test_nominal_is_the_pure_slab_and_the_missing_noise() -> None:
    degrade = SRMDDegradation(noise_max=0.05)
    nominal = degrade.nominal(noisy_volume(6.0))
    expected = kernel_basis(4.0, degrade.blur_max * 4.0).coefficients(torch.zeros(1, dtype=torch.float64))
    torch.testing.assert_close(nominal["kernel"], expected.float())
    assert float(nominal["noise"]) == pytest.approx(6 / 255 * np.sqrt(3 / 4) / 0.05, rel=0.05)
    assert float(SRMDDegradation(noise_max=0.001).nominal(noisy_volume(6.0))["noise"]) == 1
    assert float(SRMDDegradation(noise_max=0).nominal(noisy_volume(6.0))["noise"]) == 0


def test_more_noise_than_is_trained_for_is_said(caplog: pytest.LogCaptureFixture) -> None:
    SRMDDegradation(noise_max=0.05).nominal(noisy_volume(6.0))
    assert caplog.text == ""
    SRMDDegradation(noise_max=0.01).nominal(noisy_volume(6.0))
    assert (
        "its noise, 0.020 of the contrast, is above what is trained for; give noise_max=0.03" in caplog.text
    )


def test_learns_and_survives_a_round_trip(tmp_path: Path) -> None:
    volume = Volume(noisy_volume(2.0, 3.0).data, (3, 1, 1), (0, 255), "wavy")
    losses: list[float] = []

    def progress(phase: str, done: float, total: float, **values: float) -> None:
        losses.extend(values.values())

    ctx = Context(
        size="tiny", budget=Budget(steps=12), batch=4, patch=24, progress=progress, precision="fp32"
    )
    method = SRMD()
    method.fit(volume, ctx)
    assert np.isfinite(losses).all()
    grid = AxialGrid(12, 3.0)
    restored = method.reconstruct(volume, grid, ctx)
    assert restored.shape == (36, 96, 80)
    method.save(tmp_path)
    copy = SRMD()
    copy.load(tmp_path)
    np.testing.assert_allclose(copy.reconstruct(volume, grid, ctx), restored, atol=1e-6)
