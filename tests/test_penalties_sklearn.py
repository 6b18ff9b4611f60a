"""Penalties per sample are scikit-learn's alpha: the same steps from the same weights."""

import inspect

import numpy as np
import pytest

from fastbp import SGD, Dense, Input, Sequential, losses, regularizers

peer = pytest.importorskip("sklearn.neural_network", exc_type=ImportError)
WEIGHS = "sample_weight" in inspect.signature(peer.MLPRegressor.fit).parameters  # scikit-learn 1.7 and later
N, BATCH, EPOCHS, ALPHA = 100, 32, 5, 0.1  # the last batch has 4 samples
rng = np.random.default_rng(0)
X = rng.normal(size=(N, 6))
LABELS = (X @ rng.normal(size=(6, 4))).argmax(axis=1)
CASES = {  # the estimator, its targets, and ours: outputs, activation, loss and what it is multiplied by
    "regression": (peer.MLPRegressor, np.sin(X).sum(axis=1), 1, None, losses.MeanSquaredError, 0.5),
    "two classes": (peer.MLPClassifier, (LABELS > 1).astype(int), 1, "sigmoid", losses.BinaryCrossentropy, None),
    "four classes": (peer.MLPClassifier, LABELS, 4, "softmax", losses.SparseCategoricalCrossentropy, None),
}


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer. Maximum iterations")
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("weighted", [False, pytest.param(True, marks=pytest.mark.skipif(not WEIGHS, reason="older"))])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_same_losses_and_weights(case, weighted, momentum):
    estimator, y, outputs, activation, loss, loss_weight = case
    extra = {"sample_weight": rng.uniform(0.5, 2.0, N)} if weighted else {}
    penalty = {"kernel_regularizer": regularizers.L2(ALPHA / 2, per_sample=True)}
    hidden = [Dense(units, "tanh", bias_initializer="random_normal", **penalty) for units in (9, 7)]
    ours = Sequential([Input((6,)), *hidden, Dense(outputs, activation, **penalty)], dtype="float64", seed=1)
    reduction = "mean_with_sample_weight"
    ours.compile(SGD(0.05, momentum, nesterov=momentum > 0), loss(reduction=reduction), loss_weights=loss_weight)

    settings = {"solver": "sgd", "alpha": ALPHA, "batch_size": BATCH, "shuffle": False, "activation": "tanh"}
    rule = {"learning_rate_init": 0.05, "momentum": momentum, "tol": 0.0, "n_iter_no_change": EPOCHS + 1}
    theirs = estimator(hidden_layer_sizes=(9, 7), max_iter=1, warm_start=True, random_state=0, **settings, **rule)
    theirs.fit(X, y)  # makes the arrays
    theirs.coefs_, theirs.intercepts_ = ours.get_weights()[::2], ours.get_weights()[1::2]
    start = ours.get_weights()
    theirs.set_params(max_iter=EPOCHS).fit(X, y, **extra)

    found = ours.fit(X, y, BATCH, EPOCHS, verbose=0, shuffle=False, **extra).history["loss"]
    np.testing.assert_allclose(found, theirs.loss_curve_[1:], rtol=0, atol=1e-9)
    for found, expected in ((ours.weights[::2], theirs.coefs_), (ours.weights[1::2], theirs.intercepts_)):
        for w, v in zip(found, expected, strict=True):
            np.testing.assert_allclose(w, v, rtol=0, atol=1e-9)
    assert all(np.abs(w - v).max() > 1e-3 for w, v in zip(ours.weights, start, strict=True))
