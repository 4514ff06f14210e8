"""What the description of the real volumes says of them is what the checks find."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.ndimage import shift
from skimage.registration import phase_cross_correlation

from a2ibench.data.catalogue import load_catalogue
from a2ibench.data.opening import open_dataset
from a2ibench.inspection import check_stack
from a2ibench.protocol.simulate import simulate


@pytest.fixture(scope="module")
def checked(shared_data):
    catalogue = load_catalogue(shared_data / "datasets.toml")

    def check(name):
        spec = catalogue[name]
        volume = open_dataset(spec)
        if spec.simulate is not None:
            volume, _ = simulate(volume, spec.simulate)
        return {finding.name: finding for finding in check_stack(volume)}

    return check


@pytest.mark.parametrize(("name", "least", "most"), [("vnc-sstem", 2, 3), ("isbi2012", 3, 4)])
def test_serial_sections_are_shifted_as_stated(checked, name, least, most):
    found = checked(name)["slice shifts"]
    assert 0.8 * least <= found.value <= 1.2 * most
    assert not found.passed
    assert "pystackreg" in found.remedy


def test_isbi_flickers_as_stated(checked):
    found = checked("isbi2012")["brightness flicker"]
    assert found.value == pytest.approx(9.7, rel=0.2)
    assert not found.passed


@pytest.mark.parametrize(
    "name", ["epfl-ca1-15nm", "fib25-val", "fib25-train2", "hemibrain-128", "tiny-epfl", "tiny-fib25"]
)
def test_simulated_inputs_are_aligned_and_whole(checked, name):
    found = checked(name)
    small = {"lateral size"} if name.startswith("tiny") else set()
    assert {each for each, finding in found.items() if not finding.passed} == small
    assert found["slice shifts"].value < 0.9


def test_few_aligned_slices_pass_though_their_median_exceeds_the_limit(shared_data):
    spec = load_catalogue(shared_data / "datasets.toml")["fib25-train2"]
    volume, _ = simulate(open_dataset(replace(spec, crop=((0, 160),) * 3)), spec.simulate)
    found = {finding.name: finding for finding in check_stack(volume)}["slice shifts"]
    assert found.details["median_low"] < 1 < found.value
    assert found.passed


def test_sections_that_another_program_aligned_pass(shared_data):
    volume = open_dataset(load_catalogue(shared_data / "datasets.toml")["isbi2012"])
    slices = volume.data.astype(float)
    steps = [
        phase_cross_correlation(first, second, normalization=None, upsample_factor=10)[0]
        for first, second in pairwise(slices)
    ]
    places = np.cumsum([[0, 0], *steps], axis=0)
    moved = np.stack([shift(each, place, order=1) for each, place in zip(slices, places, strict=True)])
    found = {
        finding.name: finding for finding in check_stack(replace(volume, data=moved.round().astype(np.uint8)))
    }
    assert found["slice shifts"].passed
