"""Every method of the zoo keeps to the contract, does its share of work, and has a page."""

from __future__ import annotations

from pathlib import Path

import pytest

from a2ibench import MULTIPLY_ADDS, Budget, Context, SliceNetwork
from a2ibench.registry import host
from a2ibench.testing import checks
from a2ibench.testing.volumes import scene

PAGES = Path(__file__).parents[3] / "docs" / "methods"
METHODS = sorted(name for name, found in host().methods.items() if found.distribution == "a2ibench-zoo")


def _checks() -> list[object]:
    return [pytest.param(check, id=f"{name}-{check}") for name in METHODS for check in checks("method", name)]


@pytest.mark.parametrize("check", _checks())
def test_conforms(check) -> None:
    check()


@pytest.mark.parametrize("name", METHODS)
def test_has_a_page(name: str) -> None:
    assert f"# {name}\n" in (PAGES / f"{name}.md").read_text()


@pytest.mark.parametrize("size", MULTIPLY_ADDS)
@pytest.mark.parametrize("name", METHODS)
def test_does_no_more_work_than_the_methods_it_is_compared_with(name: str, size: str) -> None:
    method = host().build("method", name)
    if isinstance(method, SliceNetwork):
        # The work of a network on the acquired slices depends on the ratio.
        method._ratio = 3.0
        method._network = method.build(size)
    elif hasattr(method, "macs_per_voxel"):
        ctx = Context(size=size, budget=Budget(steps=1), batch=1, patch=16)
        method.fit(scene(3.0, (4, 24, 24))[0], ctx)
    else:
        pytest.skip("it tells no work")
    assert 0 < method.macs_per_voxel() < 1.025 * MULTIPLY_ADDS[size]
