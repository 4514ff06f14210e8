"""What sizes are equal in: multiply-adds per output voxel."""

from __future__ import annotations

import pytest

from a2ibench import SliceNetwork
from a2ibench.protocol.profiles import MULTIPLY_ADDS, PROFILES
from a2ibench.registry import host

COMPARED = ["a2i-3dem", "pssr", "srmd", "swinir"]


def multiply_adds(name: str, size: str, **settings: int) -> float:
    method = host().build("method", name, **settings)
    assert isinstance(method, SliceNetwork)
    method._network = method.build(size)
    return method.macs_per_voxel()


def test_every_profile_has_a_size_of_known_work() -> None:
    assert {profile.size for profile in PROFILES.values()} == set(MULTIPLY_ADDS)


@pytest.mark.parametrize("size", MULTIPLY_ADDS)
def test_compared_methods_do_the_same_work_within_five_percent(size: str) -> None:
    work = {name: multiply_adds(name, size) for name in COMPARED}
    assert max(work.values()) / min(work.values()) < 1.05
    assert work == {name: pytest.approx(MULTIPLY_ADDS[size], rel=0.025) for name in COMPARED}


@pytest.mark.parametrize("size", MULTIPLY_ADDS)
def test_the_plain_network_does_less_work(size: str) -> None:
    assert 0 < multiply_adds("plain", size) < MULTIPLY_ADDS[size]


@pytest.mark.parametrize("size", MULTIPLY_ADDS)
def test_tall_rectangles_leave_the_plain_networks_work_as_it_is(size: str) -> None:
    tall = multiply_adds("plain", size, axial_stride=4)
    assert tall == multiply_adds("plain", size)
    assert tall < MULTIPLY_ADDS[size]


@pytest.mark.parametrize("name", ["pssr", "srmd", "swinir"])
def test_published_networks_are_larger_and_have_a_name_of_their_own(name: str) -> None:
    published = host().build("method", name, variant="published")
    published._network = published.build("full")
    assert published.parameters() > 0
    assert type(published).settings["variant"].default == "auto"
