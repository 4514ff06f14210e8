"""A box of a volume that is not in memory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from a2ibench import InputError

STACK = np.arange(7 * 11 * 13, dtype=np.uint16).reshape(7, 11, 13)


@st.composite
def bounds(draw, shape=STACK.shape):
    found = []
    for size in shape:
        start = draw(st.integers(0, size - 1))
        found.append((draw(st.sampled_from([start, None])), draw(st.integers(start + 1, size) | st.none())))
    return tuple(found)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(bounds=bounds(), most=st.integers(1, 2000))
def test_boxes_cover_the_window_once(crop, bounds, most) -> None:
    wanted = STACK[tuple(slice(*bound) for bound in bounds)]
    part = crop(STACK, bounds)
    assert part.shape == wanted.shape
    np.testing.assert_array_equal(part[:, :, :], wanted)
    seen = np.zeros(part.shape, int)
    for box in part.boxes(most):
        seen[box] += 1
        np.testing.assert_array_equal(part[box], wanted[box])
        assert part[box].size <= max(most, 13)
    assert (seen == 1).all()


@pytest.mark.parametrize("bad", [(0, 8), (3, 3), (5, 4), (9, None)])
def test_bounds_beyond_the_volume_are_refused(crop, bad) -> None:
    with pytest.raises(InputError, match=r"crop is \d:\d along z, but the volume has 7 voxels"):
        crop(STACK, (bad, (None, None), (None, None)))


def test_floats_come_in_single_precision(crop) -> None:
    part = crop(STACK.astype(">f8"))
    assert part.dtype == part[:, :, :].dtype == np.float32
