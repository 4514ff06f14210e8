"""Bounds of a crop as people write them."""

from __future__ import annotations

import numpy as np
import pytest

from a2ibench.data.bounds import bounds_of
from a2ibench.errors import InputError


@pytest.mark.parametrize(
    "crop",
    [
        "2:9,:,:7",
        " 2 : 9 , : , : 7 ",
        np.s_[2:9, :, :7],
        (slice(2, 9), slice(None), slice(None, 7, 1)),
        [(2, 9), (None, None), (None, 7)],
        [[np.int64(2), 9], (None, None), slice(None, np.int32(7))],
        ("2:9", slice(None), (None, 7)),
    ],
    ids=str,
)
def test_the_same_crop_in_many_ways(crop: object) -> None:
    assert bounds_of(crop) == ((2, 9), (None, None), (None, 7))


@pytest.mark.parametrize(
    "crop",
    [
        "2:9,:",
        "2:9:1,:,:",
        "a:b,:,:",
        np.s_[2:9],
        np.s_[2:9, :],
        np.s_[2:9:2, :, :],
        np.s_[-2:, :, :],
        np.s_[2, :, :],
        np.s_[..., :7],
        [(2.0, 9), (0, 1), (0, 1)],
        7,
    ],
    ids=str,
)
def test_what_is_no_crop_says_what_to_give(crop: object) -> None:
    with pytest.raises(InputError, match="give Z0:Z1,Y0:Y1,X0:X1, such as 0:100,:,512:1024"):
        bounds_of(crop)
