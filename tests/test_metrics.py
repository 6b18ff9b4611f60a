"""Metrics against their formulas in NumPy, by themselves and as evaluate reports them."""

import numpy as np
import pytest

from fastbp import Dense, Input, Sequential, losses, metrics

EPS = np.finfo("float64").eps
MARGIN = 1e-7  # what Keras keeps probabilities away from 0 and 1

# ---- the formulas, row by row: y_true (n, m) or labels (n), y_pred (n, m) ----


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def mean_squared_error(t, y):
    return ((y - t) ** 2).mean(axis=1)


def binary_crossentropy(t, y):
    p = np.clip(y, MARGIN, 1 - MARGIN)
    return -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean(axis=1)


def categorical_crossentropy(t, y):
    p = np.clip(y / y.sum(axis=1, keepdims=True), MARGIN, 1 - MARGIN)
    return -(t * np.log(p)).sum(axis=1)


def sparse_categorical_crossentropy(labels, y):
    return categorical_crossentropy(np.eye(y.shape[1])[labels], y)


LOSSES = {
    "mean_squared_error": mean_squared_error,
    "binary_crossentropy": binary_crossentropy,
    "categorical_crossentropy": categorical_crossentropy,
    "sparse_categorical_crossentropy": sparse_categorical_crossentropy,
}

METRICS = {
    "binary_accuracy": lambda t, y: ((y > 0.5) == t).mean(axis=1),
    "categorical_accuracy": lambda t, y: (y.argmax(axis=1) == t.argmax(axis=1)) / 1,
    "sparse_categorical_accuracy": lambda labels, y: (y.argmax(axis=1) == labels) / 1,
    "mean_squared_error": mean_squared_error,
    "mean_absolute_error": lambda t, y: np.abs(y - t).mean(axis=1),
}


def data(name, rows=40, columns=5, seed=0):
    """Targets and predictions such as this loss or metric is used on."""
    rng = np.random.default_rng(seed)
    if name.startswith("mean"):
        return rng.standard_normal((rows, columns)), rng.standard_normal((rows, columns))
    if name.startswith("binary"):
        return rng.integers(0, 2, (rows, columns)) / 1, rng.random((rows, columns))
    labels, y_pred = rng.integers(0, columns, rows), softmax(3 * rng.standard_normal((rows, columns)))
    return (labels if "sparse" in name else np.eye(columns)[labels]), y_pred


def close(values, columns, eps=EPS):
    """Sums of `columns` terms, each right to a few roundings."""
    return pytest.approx(values, rel=8 * eps * np.sqrt(columns), abs=8 * eps * np.sqrt(columns))


def test_every_metric_has_its_formula_here():
    assert set(METRICS) == set(metrics.METRICS)


# ---- metrics ----


@pytest.mark.parametrize("columns", [1, 3, 17])
@pytest.mark.parametrize("name", METRICS)
def test_a_metric_is_the_mean_of_its_formula(name, columns):
    t, y = data(name, columns=columns)
    metric = metrics.get(name)
    assert metric(t, y) == metric.result() == close(METRICS[name](t, y).mean(), columns)


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_fed_in_batches_is_the_weighted_mean_of_all(name):
    t, y = data(name)
    weight = np.random.default_rng(3).random(40)
    metric = metrics.get(name)
    for rows in (slice(0, 7), slice(7, 8), slice(8, 40)):
        metric.update_state(t[rows], y[rows], sample_weight=weight[rows])
    expected = np.average(METRICS[name](t, y), weights=weight)
    assert metric.result() == close(expected, 40)
    metric.reset_state()
    assert metric.result() == 0.0
    metric.update_state(t[:3], y[:3])
    metric.update_state(t[3:4], y[3:4], sample_weight=[2])
    assert metric.result() == close(np.average(METRICS[name](t, y)[:4], weights=[1, 1, 1, 2]), 5)


def test_a_metric_called_gives_the_mean_so_far():
    metric = metrics.MeanAbsoluteError()
    assert metric([[0.0]], [[1.0]]) == 1.0
    assert metric([[0.0]], [[0.0]]) == 0.5


def test_a_metric_that_saw_only_weights_of_zero_is_zero():
    assert metrics.MeanAbsoluteError()([[0.0]], [[1.0]], sample_weight=[0]) == 0.0


def test_binary_accuracy_wants_more_than_one_half():
    assert metrics.BinaryAccuracy()([[1], [0], [1], [0]], [[0.5], [0.5], [0.50001], [0.49999]]) == 0.75


def test_ties_go_to_the_first_of_the_largest():
    tied = [[0.4, 0.4, 0.2]]
    assert metrics.SparseCategoricalAccuracy()([0], tied) == 1.0
    assert metrics.SparseCategoricalAccuracy()([1], tied) == 0.0
    assert metrics.CategoricalAccuracy()([[0, 1, 1]], [[0.1, 0.5, 0.5]]) == 1.0


def test_metrics_take_float32_and_any_layout():
    t, y = data("mean_squared_error")
    expected = metrics.MeanSquaredError()(t, y)
    assert metrics.MeanSquaredError()(np.asfortranarray(t), np.repeat(y, 2, axis=1)[:, ::2]) == expected
    y32 = y.astype("float32")
    assert metrics.MeanSquaredError()(t.astype("float32"), y32) == pytest.approx(expected, rel=1e-6)


def test_metrics_say_what_they_are():
    assert repr(metrics.get("mae")) == "<metric mae>"
    assert metrics.MeanAbsoluteError().name == "mean_absolute_error"
    assert metrics.MeanAbsoluteError(name="error").name == "error"


# ---- accuracy picks one ----


@pytest.mark.parametrize("name", ["accuracy", "acc"])
@pytest.mark.parametrize(
    ("loss", "outputs", "kernel"),
    [
        ("sparse_categorical_crossentropy", 3, "sparse_categorical_accuracy"),
        ("categorical_crossentropy", 3, "categorical_accuracy"),
        ("binary_crossentropy", 1, "binary_accuracy"),
        ("binary_crossentropy", 3, "binary_accuracy"),
        ("mean_squared_error", 1, "binary_accuracy"),
        ("mean_squared_error", 3, "categorical_accuracy"),
    ],
)
def test_accuracy_is_the_one_that_fits_the_loss(name, loss, outputs, kernel):
    metric = metrics.get(name, losses.get(loss), outputs)
    assert (metric.kernel, metric.name) == (kernel, name)
    model = Sequential([Input((2,)), Dense(outputs, "sigmoid")], seed=0)
    model.compile(loss=loss, metrics=[name])
    x = np.random.default_rng(0).standard_normal((20, 2))
    t = np.arange(20) % outputs if "sparse" in loss else (np.arange(20 * outputs).reshape(20, outputs) % 2) / 1
    expected = METRICS[kernel](t, model.predict(x)).mean()
    assert model.evaluate(x, t, return_dict=True)[name] == pytest.approx(expected, rel=1e-6)


def test_accuracy_without_a_loss_names_the_choices():
    with pytest.raises(ValueError, match="'accuracy' depends on the loss; name binary_accuracy, categorical_accuracy"):
        metrics.get("accuracy")


# ---- as evaluate reports them ----

LAST = {"mean_squared_error": None, "binary_crossentropy": "sigmoid"}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_evaluate_gives_the_values_of_the_formulas(loss, weighted):
    model = Sequential([Input((3,)), Dense(5, LAST.get(loss, "softmax"))], dtype="float64", seed=0)
    fitting = [name for name in METRICS if ("sparse" in name) == ("sparse" in loss)]
    model.compile(loss=loss, **{"weighted_metrics" if weighted else "metrics": fitting})
    t, _ = data(loss, rows=600)
    rng = np.random.default_rng(5)
    x, weight = rng.standard_normal((600, 3)), rng.random(600)
    y = model.predict(x)
    weights = weight if weighted else np.ones(600)
    expected = {"loss": (weights * LOSSES[loss](t, y)).sum() / 600}
    expected |= {name: np.average(METRICS[name](t, y), weights=weights) for name in fitting}
    for batch_size in (None, 1, 7, 600):
        logs = model.evaluate(x, t, batch_size, sample_weight=weight if weighted else None, return_dict=True)
        assert list(logs) == ["loss", *fitting]
        assert logs == {name: close(value, 600) for name, value in expected.items()}


def test_evaluate_gives_a_number_a_list_or_a_dict():
    model = Sequential([Input((3,)), Dense(1)], seed=0)
    x, y = np.ones((4, 3)), np.ones(4)
    model.compile(loss="mse")
    loss = model.evaluate(x, y)
    assert type(loss) is float
    assert model.evaluate(x, y, return_dict=True) == {"loss": loss}
    model.compile(loss="mse", metrics=["mae", metrics.MeanSquaredError(name="again")])
    results = model.evaluate(x, y)
    assert (type(results), results[0], results[2]) == (list, loss, pytest.approx(loss, rel=1e-6))
    assert model.evaluate(x, y, return_dict=True) == dict(zip(["loss", "mae", "again"], results, strict=True))


def test_one_metric_needs_no_list():
    model = Sequential([Input((3,)), Dense(1)], seed=0)
    model.compile(loss="mse", metrics="mae", weighted_metrics=metrics.MeanSquaredError())
    assert model.metrics_names == ["loss", "mae", "mean_squared_error"]
