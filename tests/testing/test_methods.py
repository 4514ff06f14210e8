"""Methods whose results break one rule each, and the check that says so."""

from __future__ import annotations

import pytest

FAULTS = {
    "float64": (
        "shape-and-dtype",
        "float64, not float32",
        """
    def reconstruct(self, volume, grid, ctx):
        return super().reconstruct(volume, grid, ctx).astype(np.float64)
""",
    ),
    "a tensor": (
        "shape-and-dtype",
        "a Tensor, not a numpy array",
        """
    def reconstruct(self, volume, grid, ctx):
        import torch
        return torch.from_numpy(super().reconstruct(volume, grid, ctx))
""",
    ),
    "whole ratios only": (
        "non-integer-ratios",
        "the plugin raised ValueError: ratio must be whole",
        """
    def fit(self, volume, ctx):
        if volume.ratio % 1:
            raise ValueError("ratio must be whole")
        super().fit(volume, ctx)
""",
    ),
    "small ratios only": (
        "integer-ratios",
        "the plugin raised IndexError",
        """
    def fit(self, volume, ctx):
        [0.1, 0.2, 0.3, 0.4][int(volume.ratio)]
        super().fit(volume, ctx)
""",
    ),
    "even sizes only": (
        "odd-sizes",
        "shape (15, 36, 41) for 5 x 37 x 41 voxels at ratio 3; (grid.n_out, y, x) is (15, 37, 41)",
        """
    def reconstruct(self, volume, grid, ctx):
        return super().reconstruct(volume, grid, ctx)[:, : volume.shape[1] // 2 * 2]
""",
    ),
    "eight bits only": (
        "intensity-range",
        "uint16 with intensity range (0.0, 65535.0)",
        """
    def interpolated(self, volume, grid):
        return interpolate(volume.data, grid) / 255
""",
    ),
    "grey levels": (
        "intensity-range",
        "not around [0, 1]",
        """
    def interpolated(self, volume, grid):
        return interpolate(volume.data, grid)
""",
    ),
    "upside down": (
        "axis-order",
        "the result is the volume with y reversed",
        """
    def reconstruct(self, volume, grid, ctx):
        return np.ascontiguousarray(super().reconstruct(volume, grid, ctx)[:, ::-1])
""",
    ),
    "half a voxel off": (
        "geometry",
        "output voxels off along z in the lower half",
        """
    def interpolated(self, volume, grid):
        return normalise(linear(volume.data, grid.positions + 0.5 / grid.ratio), volume)
""",
    ),
    "corners for centres": (
        "geometry",
        "output voxels off along z",
        """
    def interpolated(self, volume, grid):
        places = (grid.positions + 0.5) - 0.5 / grid.ratio
        return normalise(linear(volume.data, places), volume)
""",
    ),
    "half a voxel off in y": (
        "geometry",
        "along y",
        """
    def interpolated(self, volume, grid):
        data = super().interpolated(volume, grid)
        return (data + np.pad(data, ((0, 0), (1, 0), (0, 0)), "edge")[:, :-1]) / 2
""",
    ),
    "lateral halo too small": ("block-wise", "with halo (2, 0), blocks along x", "    halo = (2, 0)"),
    "axial halo too small": ("block-wise", "with halo (0, 1), blocks along z", "    halo = (0, 1)"),
    "planes that see their neighbours": (
        "planes-by-themselves",
        "planes in another order become other planes",
        """
    def reconstruct_planes(self, volume, grid, ctx):
        data = self.reconstruct(volume, grid, ctx)
        return (data + np.roll(data, 1, axis=1)) / 2
""",
    ),
    "another reconstruction beside its disagreement": (
        "disagreement",
        "it reconstructs something else",
        """
    def reconstruct_with_disagreement(self, volume, grid, ctx):
        data = self.reconstruct(volume, grid, ctx)
        return data + np.float32(0.1), np.zeros_like(data)
""",
    ),
    "signed differences": (
        "disagreement",
        "negative differences",
        """
    def reconstruct_with_disagreement(self, volume, grid, ctx):
        data = self.reconstruct(volume, grid, ctx)
        return data, data - data.mean()
""",
    ),
    "normalised by the block": (
        "block-wise",
        "grey levels (of 255) off the whole",
        """
    def interpolated(self, volume, grid):
        data = super().interpolated(volume, grid)
        return data - data.mean() + np.float32(0.5)
""",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_fails_its_check_and_no_other(fault, plant, failed) -> None:
    check, message, body = FAULTS[fault]
    outcomes = plant("method", body)
    assert failed(outcomes) == {check}
    assert message in outcomes[check].message
    assert "\n" not in outcomes[check].message


def test_a_sound_method_passes(plant, failed) -> None:
    outcomes = plant("method")
    assert failed(outcomes) == set()
    skipped = {name for name, outcome in outcomes.items() if outcome.status == "skipped"}
    assert skipped <= {"cpu-and-gpu", "resumed-training", "planes-by-themselves", "disagreement"}


@pytest.mark.parametrize(
    ("check", "options"),
    [
        ("listed-lightly", {"head": "import torch"}),
        ("summary", {"summary": " "}),
        ("summary", {"summary": "two\nlines"}),
        ("citation", {"citation": ""}),
        ("licence", {"licence": ""}),
        ("licence", {"licence": "UNKNOWN"}),
    ],
)
def test_what_is_told_of_a_plugin(check, options, plant, failed) -> None:
    outcomes = plant("method", **options)
    assert failed(outcomes) == {check}


def test_a_heavy_import_is_named(plant) -> None:
    message = plant("method", head="import scipy.ndimage")["listed-lightly"].message
    assert message == "listing plugin planted (distribution planted 1.0) imports scipy"


def test_exchanged_axes_are_told_by_shape_and_by_content(plant, failed) -> None:
    body = """
    def reconstruct(self, volume, grid, ctx):
        return super().reconstruct(volume, grid, ctx).transpose(0, 2, 1)
"""
    outcomes = plant("method", body)
    assert failed(outcomes) == {"axis-order", "odd-sizes", "block-wise"}
    assert "with y and x exchanged" in outcomes["axis-order"].message


def test_slices_from_end_to_end_are_a_stretch(plant, failed) -> None:
    body = """
    def interpolated(self, volume, grid):
        return normalise(linear(volume.data, np.linspace(0, grid.n_in - 1, grid.n_out)), volume)
"""
    assert failed(plant("method", body)) == {"geometry", "block-wise"}


def test_noise_is_unlike_the_volume(plant, failed) -> None:
    body = """
    def interpolated(self, volume, grid):
        data = super().interpolated(volume, grid)
        return np.random.default_rng(0).random(data.shape, np.float32)
"""
    outcomes = plant("method", body)
    assert failed(outcomes) == {"axis-order", "block-wise"}
    assert "unlike the volume in every orientation" in outcomes["axis-order"].message
    assert outcomes["geometry"].message == "the result is unlike the volume, see axis-order"


@pytest.mark.parametrize("statement", ["raise ValueError('no\\nluck')", "raise SystemExit('no luck')"])
def test_what_needs_a_training_that_crashes_is_skipped(statement, plant, failed) -> None:
    outcomes = plant("method", f"    def fit(self, volume, ctx):\n        {statement}")
    owners = {"shape-and-dtype", "integer-ratios", "non-integer-ratios", "odd-sizes"}
    assert failed(outcomes) == owners
    assert "no luck" in outcomes["shape-and-dtype"].message
    assert outcomes["determinism"].message == (
        "needs a reconstruction of 8 x 40 x 40 voxels at ratio 3, see shape-and-dtype"
    )
    assert outcomes["interface"].status == "ok"


def test_a_method_that_skips_everything_is_not_tried(plant, failed) -> None:
    outcomes = plant("method", "    def skip(self, volume):\n        return 'too thin'")
    assert failed(outcomes) == set()
    assert outcomes["shape-and-dtype"].message.endswith("at ratio 3: too thin")


NETWORK = """
    pass


from torch import nn
from a2ibench import SliceNetwork


class Network(SliceNetwork):
    reach = 6

    def build(self, size):
        return nn.Sequential(
            nn.Conv2d(1, 16, 5, padding=2), nn.GELU(), nn.Conv2d(16, 16, 5, padding=2), nn.GELU(),
            nn.Conv2d(16, 1, 5, padding=2),
        )


class Shifted(Network):
    def reconstruct(self, volume, grid, ctx):
        data = super().reconstruct(volume, grid, ctx)
        return (data + np.concatenate([data[:1], data[:-1]])) / 2
"""


def test_a_network_that_predicts_the_image_itself_passes(plant, failed) -> None:
    spec = 'MethodSpec("planted", "planted.deep:Network", summary="a network", citation="Nobody, 2024")'
    assert failed(plant("method", NETWORK, spec=spec)) == set()


def test_such_a_network_that_shifts_is_found_out(plant, failed) -> None:
    spec = 'MethodSpec("planted", "planted.deep:Shifted", summary="a network", citation="Nobody, 2024")'
    outcomes = plant("method", NETWORK, spec=spec)
    assert "geometry" in failed(outcomes)
    assert "along z" in outcomes["geometry"].message
    # The first slice of a block is repeated where that of the whole is not.
    assert failed(outcomes) <= {"geometry", "block-wise"}


def test_values_that_are_not_finite_leave_nothing_to_compare(plant, failed) -> None:
    body = """
    def interpolated(self, volume, grid):
        data = super().interpolated(volume, grid)
        data[0, 0, 0] = np.nan
        return data
"""
    outcomes = plant("method", body)
    assert failed(outcomes) == {"shape-and-dtype", "integer-ratios", "non-integer-ratios", "odd-sizes"}
    assert "values that are NaN or infinite" in outcomes["shape-and-dtype"].message
    assert outcomes["geometry"].status == outcomes["determinism"].status == "skipped"


def test_a_member_that_is_missing(plant, failed) -> None:
    outcomes = plant("method", "    save = None")
    assert "interface" in failed(outcomes)
    assert outcomes["interface"].message == "Planted has no save"


def test_a_target_that_cannot_be_imported(plant, failed) -> None:
    outcomes = plant("method", "    raise RuntimeError('driver too old')")
    assert outcomes["interface"].message.endswith("RuntimeError: driver too old")
    assert outcomes["summary"].status == "ok"
