"""What a method is trained on when the volume does not fit in memory."""

from __future__ import annotations

import numpy as np
import pytest

from a2ibench import Volume
from a2ibench.reconstruction.sampling import training_volume

# Every voxel tells where it is.
STACK = np.arange(60 * 40 * 50, dtype=np.float32).reshape(60, 40, 50)


def sample(part, reports, **options):
    like = Volume(part, (30.0, 10.0, 10.0), (0.0, 1e6), "stack")
    return training_volume(part, like, progress=reports[0], **{"seed": 0} | options)


def test_a_volume_that_fits_is_taken_whole(crop, reports) -> None:
    volume = sample(crop(STACK), reports)
    np.testing.assert_array_equal(volume.data, STACK)
    assert (volume.voxel_size, volume.intensity, volume.name) == ((30.0, 10.0, 10.0), (0.0, 1e6), "stack")


def test_a_sample_is_made_of_stacks_from_everywhere(crop, reports, monkeypatch) -> None:
    monkeypatch.setattr("a2ibench.reconstruction.sampling._SIDE", 20)
    most = 5 * 16 * 20 * 20 * 4
    data = sample(crop(STACK), reports, most=most).data
    assert data.nbytes == most
    assert data.flags.c_contiguous
    z, y, x = np.unravel_index(data.astype(int), STACK.shape)
    for first in range(0, 80, 16):
        for at, axis in ((z, 0), (y, 1), (x, 2)):
            steps = np.diff(at[first : first + 16], axis=axis)
            assert (steps == 1).all()
    starts = z[::16, 0, 0]
    assert (np.diff(starts) >= 0).all()
    assert starts[0] < 15
    assert starts[-1] > 30
    assert len({tuple(place) for place in zip(y[::16, 0, 0], x[::16, 0, 0], strict=True)}) == 5
    assert reports[1] == [("sample", n, 5) for n in range(1, 6)]


@pytest.mark.parametrize("most", [1, 100_000])
def test_the_same_seed_gives_the_same_sample(crop, reports, most) -> None:
    part = crop(STACK)
    first, again, other = (sample(part, reports, most=most, seed=seed).data for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    # One stack at least, however little is allowed.
    assert first.shape[0] >= 16
