"""Class weights, reductions of losses and steps of an epoch, as in Keras."""

import numpy as np
import pytest
from peer_keras import keras

import fastbp

rng = np.random.default_rng(0)
X = rng.normal(size=(40, 5)).astype("float32")
LABELS = rng.integers(0, 3, 40)
WEIGHTS = [rng.uniform(-1, 1, shape).astype("float32") for shape in ((5, 3), (3,))]
SAMPLE_WEIGHT = rng.uniform(0, 2, 40).astype("float32")
SPARSE = "SparseCategoricalCrossentropy"
CASES = {
    "class_weight, labels": (SPARSE, {}, LABELS, {"class_weight": {0: 0.5, 2: 3.0}}),
    "class_weight, one-hot": ("CategoricalCrossentropy", {}, np.eye(3)[LABELS], {"class_weight": {0: 0.5, 2: 3.0}}),
    "sum": (SPARSE, {"reduction": "sum"}, LABELS, {"sample_weight": SAMPLE_WEIGHT}),
    "mean_with_sample_weight": (
        SPARSE, {"reduction": "mean_with_sample_weight"}, LABELS, {"sample_weight": SAMPLE_WEIGHT},
    ),
    "ignore_class": (SPARSE, {"ignore_class": 1}, LABELS, {}),
    "ignore_class, weighted": (SPARSE, {"ignore_class": 1}, LABELS, {"sample_weight": SAMPLE_WEIGHT}),
    "hinge of 0 and 1": ("Hinge", {}, np.eye(3)[LABELS], {}),
    "steps_per_epoch": (SPARSE, {}, LABELS, {"steps_per_epoch": 1}),  # Keras warns at the end of the data, and ends
}  # fmt: skip


@pytest.mark.parametrize(("loss", "settings", "targets", "arguments"), CASES.values(), ids=CASES)
def test_fit_is_that_of_keras(loss, settings, targets, arguments):
    models, histories = [], []
    for m in (fastbp, keras):
        model = m.Sequential([m.layers.Input((5,)), m.layers.Dense(3, "softmax")])
        model.set_weights(WEIGHTS)
        model.compile(m.optimizers.SGD(0.02), getattr(m.losses, loss)(**settings))
        y = targets.astype("float32") if targets.ndim > 1 else targets
        histories.append(model.fit(X, y, 10, 3, verbose=0, shuffle=False, **arguments).history)
        models.append([np.asarray(getattr(w, "value", w)) for w in model.weights])
    assert list(histories[0]) == list(histories[1])
    np.testing.assert_allclose(histories[0]["loss"], histories[1]["loss"], rtol=1e-5)
    for ours, theirs, start in zip(*models, WEIGHTS, strict=True):
        rounding = np.finfo(np.float32).eps * np.sqrt(12) * np.abs(theirs).max()
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 * np.abs(theirs - start).max() + rounding)
