from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from skimage.feature import hessian_matrix_eigvals
from skimage.metrics import adapted_rand_error, variation_of_information

from a2ibench.contracts import ScoreContext, Volume
from a2ibench.data.phantom import phantom, phantom_labels
from a2ibench.errors import InputError
from a2ibench.metrics import segmentation
from a2ibench.metrics.segmentation import (
    VOI,
    ARand,
    agreement,
    agreement_of,
    contrast_of,
    pieces,
)
from a2ibench.metrics.segmenter import merged, segment, sheets

SIDE, NM, SEED = 66, 15.0, 55


def context(prediction: NDArray[Any], reference: NDArray[Any], **more: Any) -> ScoreContext:
    acquired = Volume(reference[::3].copy(), (45.0, NM, NM), (0.0, 255.0), "tissue")
    return ScoreContext(prediction, reference, 255.0, (NM,) * 3, acquired, 3.0, **more)


@pytest.fixture(scope="module")
def tissue() -> NDArray[np.uint8]:
    return phantom(SIDE, SEED, NM)


@pytest.fixture(scope="module")
def labels() -> NDArray[np.uint32]:
    return phantom_labels(SIDE, SEED, NM)


@pytest.mark.parametrize("ids", [1, 1 << 40], ids=["small", "of 64 bits"])
def test_segmentations_compare_as_in_scikit_image(ids: int) -> None:
    rng = np.random.default_rng(0)
    truth, found = rng.integers(0, 5, (9, 8, 7)), rng.integers(1, 7, (9, 8, 7))
    expected = agreement_of(truth * ids, found * ids)
    assert expected.voi == pytest.approx(variation_of_information(truth, found, ignore_labels=[0]).sum())
    assert expected.arand == pytest.approx(adapted_rand_error(truth, found)[0])


def test_one_half_split_in_two_is_half_a_bit_off_and_background_does_not_count() -> None:
    truth = np.repeat([0, 1, 2, 2], 16).reshape(4, 4, 4)
    found = np.repeat([9, 1, 2, 3], 16).reshape(4, 4, 4)
    # Of 48 voxels that count 32 are told apart in two equal halves, which takes one bit each.
    assert agreement_of(truth, found).voi == pytest.approx(32 / 48)
    assert agreement_of(np.where(truth == 0, 7, truth), found).voi == pytest.approx(32 / 64)
    assert agreement_of(truth, truth + 4) == segmentation.Agreement(0.0, 0.0)
    assert math.isnan(agreement_of(np.zeros_like(truth), found).voi)


def test_a_cell_that_comes_back_counts_twice() -> None:
    volume = np.array([[[7, 7, 0, 7, 3]]], np.uint64) << np.uint64(40)
    assert pieces(volume).tolist() == [[[1, 1, 0, 2, 3]]]


def test_sheets_are_the_eigenvalues_of_the_hessian(tissue: NDArray[np.uint8]) -> None:
    volume, sigma = tissue[:20, :20, :20].astype(np.float32) / 255, 1.5
    orders = ((2, 0, 0), (1, 1, 0), (1, 0, 1), (0, 2, 0), (0, 1, 1), (0, 0, 2))
    hessian = [ndimage.gaussian_filter(volume, sigma, order=order, truncate=3.0) for order in orders]
    values = hessian_matrix_eigvals(hessian)
    expected = np.maximum(values[0] - np.abs(values[1]), 0) * sigma**2
    apart = np.abs(sheets(volume, sigma) - expected)
    # In single precision two eigenvalues that are nearly equal lose digits.
    assert apart.max() < 1e-3
    assert apart.mean() < 1e-5 < 1e-3 * expected.max()


def test_only_what_a_weak_boundary_divides_is_merged() -> None:
    segments = np.repeat(np.arange(1, 5, dtype=np.int32), 4)[None, None].repeat(3, axis=1)
    strength = np.zeros(segments.shape, np.float32)
    strength[..., 4], strength[..., 8], strength[..., 12] = 0.05, 0.3, 0.05
    left = merged(segments, strength, 0.1)[0, 0]
    assert len(np.unique(left)) == 2
    assert left[0] == left[7] != left[8] == left[15]
    assert len(np.unique(merged(segments, strength, 0.04))) == 4


def test_the_segmenter_finds_the_neurites(tissue: NDArray[np.uint8], labels: NDArray[np.uint32]) -> None:
    grey, contrast = tissue.astype(np.float32), contrast_of(tissue)
    averaged = grey.reshape(-1, 3, SIDE, SIDE).mean(axis=1)
    versions = [
        grey,
        ndimage.zoom(averaged, (3, 1, 1), order=3, mode="nearest", grid_mode=True),
        averaged.repeat(3, axis=0),
    ]
    found = [agreement_of(pieces(labels), segment(one, NM, contrast)) for one in versions]
    clean, cubic, nearest = found
    assert clean.arand < 0.2
    assert clean.voi < 0.8
    assert clean.arand < cubic.arand < nearest.arand
    assert clean.voi < cubic.voi < nearest.voi


def test_labels_are_the_truth_where_there_are_any(
    tissue: NDArray[np.uint8], labels: NDArray[np.uint32]
) -> None:
    assert agreement(context(tissue, tissue)) == segmentation.Agreement(0.0, 0.0)
    against = agreement(context(tissue, tissue, labels=labels))
    found = segment(tissue, NM, contrast_of(tissue))
    assert against == agreement_of(pieces(labels), found)
    assert against.voi > 0


def test_both_metrics_of_a_job_segment_once(
    tissue: NDArray[np.uint8], labels: NDArray[np.uint32], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    monkeypatch.setattr(segmentation, "segment", lambda volume, *_: calls.append(1) or labels + 1)
    one = context(tissue, tissue)
    assert (VOI().score(one), ARand().score(one)) == (0.0, 0.0)
    assert len(calls) == 2
    VOI().score(replace(one))
    assert len(calls) == 4


def test_no_more_than_the_middle_is_segmented(
    tissue: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes = []

    def recorded(volume: NDArray[Any], *_: float) -> NDArray[Any]:
        shapes.append(volume.shape)
        return np.ones(volume.shape, np.int32)

    monkeypatch.setattr(segmentation, "SIDE", 40)
    monkeypatch.setattr(segmentation, "segment", recorded)
    agreement(context(tissue[:30], tissue[:30]))
    assert shapes == [(30, 40, 40)] * 2


def test_it_is_not_defined_for_thin_and_for_flat_volumes(tissue: NDArray[np.uint8]) -> None:
    assert math.isnan(VOI().score(context(tissue[:15], tissue[:15])))
    assert math.isnan(ARand().score(context(tissue, np.full_like(tissue, 9))))
    assert math.isnan(VOI().score(context(tissue, tissue, labels=np.zeros(tissue.shape, np.uint8))))


def test_labels_of_another_shape_are_refused(tissue: NDArray[np.uint8]) -> None:
    with pytest.raises(InputError, match=r"labels are \(66, 66, 65\) and reference \(66, 66, 66\)"):
        agreement(context(tissue, tissue, labels=tissue[..., 1:]))
