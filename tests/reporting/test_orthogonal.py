"""The figure of three orthogonal planes."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib import image

from a2ibench.reporting.orthogonal import draw_planes, middle_planes


class Stack:
    """Voxels that tell where they are, and how many of them are read."""

    def __init__(self, shape) -> None:
        self.shape, self.read = shape, 0

    def __getitem__(self, box):
        z, y, x = (np.arange(*part.indices(n)) for part, n in zip(box, self.shape, strict=True))
        self.read += z.size * y.size * x.size
        return z[:, None, None] * 10**6 + y[None, :, None] * 10**3 + x[None, None, :]


@pytest.mark.parametrize(
    ("shape", "ratio"), [((300, 800, 900), 1.0), ((30, 800, 900), 10.0), ((2, 3, 4), 2.0)]
)
def test_planes_lie_in_the_middle(shape, ratio) -> None:
    stack = Stack(shape)
    xy, xz, yz = middle_planes(stack, ratio).images
    z, y, x = (size // 2 for size in shape)
    assert set((xy // 10**6).ravel()) == {z}
    assert set((xz // 10**3 % 10**3).ravel()) == {y}
    assert set((yz % 10**3).ravel()) == {x}
    for plane, at in ((xy, (y, x)), (xz, (z, x)), (yz, (z, y))):
        middle = tuple(n // 2 for n in plane.shape)
        assert plane[middle] % 10**9 in (z * 10**6 + y * 10**3 + x + off for off in (0, -1, -(10**3)))
        assert len(at) == plane.ndim
    assert max(xy.shape) <= 384
    assert xz.shape[0] == yz.shape[0] <= 384 / ratio + 1
    assert stack.read <= 3 * 384**2


def test_input_and_reconstruction_stand_above_each_other_at_one_scale(tmp_path) -> None:
    levels = np.random.default_rng(0).integers(90, 160, (40, 100, 120))
    before, after = middle_planes(levels[::4], 4.0), middle_planes(levels)
    path = draw_planes(before, after, (5.0, 5.0), name="stack", about="about", path=tmp_path / "o.png")
    grey = image.imread(path)[..., :3].mean(2)
    height, width = grey.shape
    # The upper and the lower half are alike but for the axial planes.
    assert 1.0 < width / height < 3.0
    assert grey.min() < 0.1
    rows = np.flatnonzero((grey < 0.98).mean(1) > 0.3)
    assert rows.size > height / 2


def test_the_uncertainty_is_a_third_row_of_its_own_scale(tmp_path) -> None:
    levels = np.random.default_rng(0).integers(90, 160, (40, 100, 120))
    planes, paths = middle_planes(levels), (tmp_path / "two.png", tmp_path / "three.png")
    for path, more in zip(paths, ({}, {"uncertainty": middle_planes(levels / 1000.0)}), strict=True):
        draw_planes(planes, planes, (5.0, 5.0), name="stack", about="about", path=path, **more)
    two, three = (image.imread(path)[..., :3] for path in paths)
    head, row = 0.4 * 200, len(three) - len(two)
    assert row == pytest.approx((len(two) - head) / 2, rel=0.1)
    # Values of a thousandth of the grey levels show, in colours.
    below = three[len(two) :]
    assert np.ptp(below, axis=2).max() > 0.5
    assert np.ptp(two, axis=2).max() < 0.01
