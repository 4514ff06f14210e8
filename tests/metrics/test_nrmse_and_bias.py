from __future__ import annotations

import math

import numpy as np
import pytest
from skimage.metrics import normalized_root_mse

from a2ibench.errors import InputError
from a2ibench.metrics.bias import Bias
from a2ibench.metrics.nrmse import NRMSE


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_nrmse_is_that_of_scikit_image_around_the_mean_of_the_reference(dtype):
    rng = np.random.default_rng(1)
    reference, prediction = (rng.integers(0, 200, (5, 30, 20)).astype(dtype) for _ in range(2))
    mean = reference.mean(dtype=np.float64)
    centred = reference - mean, prediction - mean
    # Euclidean is over the root mean square, which without the mean is the standard deviation.
    expected = normalized_root_mse(*centred, normalization="euclidean")
    assert NRMSE()(prediction, reference, 255.0) == pytest.approx(expected, rel=1e-6)
    by_range = normalized_root_mse(reference, prediction, normalization="min-max")
    expected = by_range * np.ptp(reference) / reference.std(dtype=np.float64)
    assert NRMSE()(prediction, reference, 255.0) == pytest.approx(expected, rel=1e-6)


def test_nrmse_of_the_mean_of_the_reference_is_one():
    reference = np.random.default_rng(2).normal(1e4, 3, (6, 7, 8))
    assert NRMSE()(np.full(reference.shape, reference.mean()), reference, 1.0) == pytest.approx(1)
    assert NRMSE()(reference, reference, 1.0) == 0


def test_nrmse_against_a_flat_reference_is_not_defined():
    flat = np.full((3, 4, 5), 7, np.uint8)
    assert math.isnan(NRMSE()(flat + np.uint8(1), flat, 255.0))


def test_a_slice_too_bright_does_not_make_up_for_one_too_dark():
    reference = np.full((4, 6, 5), 100, np.uint8)
    prediction = reference.copy()
    prediction[0] += 8
    prediction[1] -= 8
    prediction[2, 0, 0] += 30
    np.testing.assert_allclose(Bias().per_slice(prediction, reference, 255.0)["xy"], [8, 8, 1, 0])
    assert Bias()(prediction, reference, 255.0) == pytest.approx(17 / 4)


@pytest.mark.parametrize("metric", [NRMSE(), Bias()])
def test_missing_reference_is_named(metric):
    with pytest.raises(InputError, match="reference is None"):
        metric(np.zeros((3, 3, 3)), None, 1.0)
