"""The core's norm of weights."""

import numpy as np
import pytest

from fastbp import _core

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_is_that_of_float64_over_all_arrays(dtype):
    wide = RNG.standard_normal((7, 48)).astype(dtype)
    arrays = [wide[:, :37], RNG.standard_normal(5).astype(dtype), np.zeros((3, 0), dtype)]
    others = [a + dtype_of(a, 0.1) for a in arrays]
    expected = np.sqrt(sum((a.astype(float) ** 2).sum() for a in arrays))
    difference = np.sqrt(sum(((a.astype(float) - b) ** 2).sum() for a, b in zip(arrays, others, strict=True)))
    rtol = 300 * np.finfo(float).eps  # as many terms, at most
    assert _core.norm(arrays) == pytest.approx(expected, rel=rtol)
    assert _core.norm(arrays, others) == pytest.approx(difference, rel=rtol)
    assert _core.norm([]) == 0.0


def dtype_of(array, value):
    return np.asarray(value, array.dtype)


def test_squares_beyond_float32_are_kept():
    assert _core.norm([np.array([3e30, 4e30], np.float32)]) == pytest.approx(5e30, rel=1e-6)
    assert _core.norm([np.array([3e-30, 4e-30], np.float32)]) == pytest.approx(5e-30, rel=1e-6)
    assert np.isnan(_core.norm([np.array([1.0, np.nan])]))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (([np.zeros(3)], [np.zeros(4)]), "different shapes"),
        (([np.zeros(3)], []), "as many arrays"),
        (([np.zeros(3)], [np.zeros(3, np.float32)]), "must have dtype float64; got float32"),
        (([np.zeros(3, int)],), "must have dtype float64; got int64"),
        (([np.zeros((4, 4)).T[:, :2]],), "contiguous rows"),
    ],
)
def test_what_does_not_fit_is_refused(arrays, message):
    with pytest.raises(ValueError, match=message):
        _core.norm(*arrays)
