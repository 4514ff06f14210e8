"""Degradations that break one rule each, and the check that says so."""

from __future__ import annotations

import pytest

FAULTS = {
    "turned": (
        {"operator-shape"},
        "operator returned (24, 8) at ratio 3; wanted (8, 24)",
        """
    def operator(self, grid):
        return super().operator(grid).T

    def matrix(self, grid, like):
        return torch.from_numpy(super().operator(grid)).to(like)
""",
    ),
    "brighter": (
        {"operator-sums"},
        "row 0 at ratio 3 sums to 1.1",
        """
    def operator(self, grid):
        return super().operator(grid) * 1.1
""",
    ),
    "one voxel off": (
        {"operator-geometry", "call-geometry"},
        "output voxels off",
        """
    def operator(self, grid):
        return np.roll(super().operator(grid), 1, axis=1)
""",
    ),
    "half a voxel off, in the call alone": (
        {"call-geometry"},
        "show on average what lies -0.50 output voxels off",
        """
    def artefacts(self, images, generator):
        return (images + torch.cat([images[:, :, :1], images[:, :, :-1]], dim=2)) / 2
""",
    ),
    "whole ratios only": (
        {"non-integer-ratios"},
        "the plugin raised ValueError: whole ratios only",
        """
    def __call__(self, images, grid, generator):
        if grid.ratio % 1 and images.shape[-1] < 20:
            raise ValueError("whole ratios only")
        return super().__call__(images, grid, generator)
""",
    ),
    "single precision": (
        {"dtypes"},
        "images of torch.float64 became torch.float32",
        """
    def __call__(self, images, grid, generator):
        return super().__call__(images.float(), grid, generator)
""",
    ),
    "not a Degraded": (
        {"output", "dtypes", "non-integer-ratios"},
        "not a Degraded",
        """
    def __call__(self, images, grid, generator):
        return super().__call__(images, grid, generator).image
""",
    ),
    "other parameters": (
        {"parameters"},
        "nominal gave {'level': (1, 2)}; to fit what a call draws it gives {'level': (1, 1)}",
        """
    def nominal(self, volume):
        return {"level": torch.zeros(1, 2)}
""",
    ),
    "estimates what it has no setting for": (
        {"estimated"},
        "cannot be built with what it estimated",
        """
    def estimated(self, volume):
        return {"thickness": 2.0}
""",
    ),
    "estimates by chance": (
        {"estimated"},
        "two results for one volume",
        """
    level: float = setting(0.0, "a level", low=0)

    def estimated(self, volume):
        return {"level": np.random.default_rng().random()}
""",
    ),
    "no nominal parameters": (
        {"parameters"},
        "nominal gave nothing",
        """
    def nominal(self, volume):
        return {}
""",
    ),
    "input altered": (
        {"input-unchanged"},
        "the images were altered",
        """
    def artefacts(self, images, generator):
        return images.clamp_(0.4, 0.6)
""",
    ),
    "fresh entropy": (
        {"determinism", "images-apart"},
        "two calls with generators of one seed differ by",
        """
    def noise(self, images, generator):
        white = np.random.default_rng().normal(size=tuple(images.shape))
        degraded, drawn = super().noise(images, generator)
        return degraded + 0.01 * torch.from_numpy(white).to(images), drawn
""",
    ),
    "global generator": (
        {"global-generators-untouched"},
        "a call used the global generator of torch",
        """
    def noise(self, images, generator):
        torch.manual_seed(generator.initial_seed())
        degraded, drawn = super().noise(images, generator)
        return degraded + 0.01 * torch.randn_like(images), drawn
""",
    ),
    "normalised over the batch": (
        {"images-apart"},
        "another last image changes the others by",
        """
    def artefacts(self, images, generator):
        return images - images.mean() + 0.5
""",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_fails_its_check(fault, plant, failed) -> None:
    names, message, body = FAULTS[fault]
    outcomes = plant("degradation", body)
    assert failed(outcomes) == names
    assert all("\n" not in outcome.message for outcome in outcomes.values())
    assert any(message in outcomes[name].message for name in names)


def test_a_sound_degradation_passes(plant, failed) -> None:
    outcomes = plant("degradation")
    assert failed(outcomes) == set()
    assert {name for name, outcome in outcomes.items() if outcome.status == "skipped"} <= {"gpu", "estimated"}


def test_an_image_alone_is_what_it_is_in_a_batch(plant, failed) -> None:
    body = """
    def noise(self, images, generator):
        return images * (1 + 0.1 * (len(images) - 1)), {}

    def nominal(self, volume):
        return {}
"""
    outcomes = plant("degradation", body)
    assert "images-apart" in failed(outcomes)
    assert "alone differs" in outcomes["images-apart"].message


def test_draws_that_depend_on_the_images_are_not_compared(plant, failed) -> None:
    body = """
    def noise(self, images, generator):
        torch.rand(int(images.sum().abs()) % 7 + 1, generator=generator)
        return super().noise(images, generator)
"""
    outcomes = plant("degradation", body)
    assert failed(outcomes) == set()
    assert outcomes["images-apart"].message.startswith("how many numbers it draws depends on the images")
