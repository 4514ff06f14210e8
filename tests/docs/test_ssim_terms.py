"""The SSIM definitions of docs/studies/ssim_puzzle.py beside scikit-image's and the benchmark's."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from a2ibench.metrics.ssim import ssim, ssim_3d

PLANES = {"xy": (0,), "xz+yz": (1, 2)}


@pytest.fixture
def terms(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("studies/ssim_terms")


def _pair() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    rng = np.random.default_rng(0)
    reference = np.clip(rng.normal(120, 25, (14, 17, 20)), 0, 255).astype(np.uint8)
    prediction = np.clip(reference + rng.normal(3, 9, reference.shape), 0, 255).astype(np.uint8)
    return prediction, reference


def test_the_benchmarks_definition(terms: ModuleType) -> None:
    prediction, reference = _pair()
    found = terms.Similarity(prediction, reference)
    assert found.by_definition[terms.PINNED] == pytest.approx(ssim(prediction, reference, 255), abs=1e-6)
    whole = found.by_definition[terms.PINNED._replace(planes="3D")]
    assert whole == pytest.approx(ssim_3d(prediction, reference, 255), abs=1e-6)


@pytest.mark.parametrize(("name", "width"), [("1", 1.0), ("max-min", None), ("255", 255.0), ("510", 510.0)])
@pytest.mark.parametrize("planes", ["xy", "xz+yz", "3D"])
def test_the_uniform_window(terms: ModuleType, planes: str, name: str, width: float | None) -> None:
    prediction, reference = (volume.astype(np.float64) for volume in _pair())
    pairs = [(prediction, reference)]
    if planes != "3D":
        stacks = [[np.moveaxis(v, axis, 0) for v in (prediction, reference)] for axis in PLANES[planes]]
        pairs = [pair for stack in stacks for pair in zip(*stack, strict=True)]
    width = width or float(np.ptp(reference))
    expected = np.mean([structural_similarity(*pair, data_range=width) for pair in pairs])
    found = terms.Similarity(prediction, reference).by_definition[terms.Definition("uniform", planes, name)]
    assert found == pytest.approx(expected, abs=1e-9)


def test_a_change_of_contrast_and_of_structure_show_in_their_terms(terms: ModuleType) -> None:
    _, reference = _pair()
    mean = reference.mean()
    luminance, contrast, structure = terms.Similarity(mean + (reference - mean) / 2, reference).terms
    # Half the deviation: 2 * 0.5 / (1 + 0.25), with constants that forgive a little.
    assert contrast == pytest.approx(0.8, abs=0.03)
    assert luminance == pytest.approx(1, abs=0.01)
    assert structure == pytest.approx(1, abs=1e-6)
