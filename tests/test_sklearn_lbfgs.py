"""L-BFGS: what scipy is given."""

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn")

from sklearn.datasets import load_iris  # noqa: E402
from threadpoolctl import threadpool_info  # noqa: E402

from fastbp.sklearn import MLPClassifier, lbfgs  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_flat():
    arrays = [np.arange(6.0).reshape(2, 3), np.float32([6, 7]), np.zeros((4, 8))[:, ::4]]
    flat = lbfgs.Flat(arrays)
    np.testing.assert_array_equal(flat.read(), [0, 1, 2, 3, 4, 5, 6, 7, *[0] * 8])
    flat.write(np.arange(16.0) + 1)
    assert (arrays[0][1, 2], arrays[1][1], arrays[2][3, 1]) == (6, 8, 16)
    assert flat.read() is not flat.read()  # scipy keeps what it gets


def test_slopes_are_of_the_weights_that_are_asked_for():
    weights, gradients = np.zeros(2), np.zeros(2)
    calls = []

    def evaluate():
        calls.append(weights.copy())
        gradients[...] = 2 * weights
        return float(weights @ weights)

    evaluations = lbfgs.Evaluations(lbfgs.Flat([weights]), lbfgs.Flat([gradients]), evaluate)
    here, there = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    assert evaluations.loss(here) == 5
    np.testing.assert_array_equal(evaluations.slopes(here.copy()), [2, 4])
    assert len(calls) == 1  # one evaluation gave both
    np.testing.assert_array_equal(evaluations.slopes(there), [6, 8])
    assert len(calls) == 2


def blas():
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


def test_scipys_vectors_are_not_shared(monkeypatch):
    before, within = blas(), []
    minimize = lbfgs.minimize
    monkeypatch.setattr(lbfgs, "minimize", lambda *a, **k: within.extend(blas()) or minimize(*a, **k))
    x, y = load_iris(return_X_y=True)
    MLPClassifier((5,), solver="lbfgs", max_iter=3, random_state=0).fit(x, y)
    assert within == [1] * len(before)
    assert blas() == before
