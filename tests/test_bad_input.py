"""Bad input: an error that names what was expected and what came, and a model that is as it was."""

import contextlib
import re

import numpy as np
import pytest

import fastbp
from fastbp import SGD, Adam, Dense, Input, Sequential, _core, initializers, losses, metrics

nan, inf = float("nan"), float("inf")
X = np.arange(30.0).reshape(10, 3) / 30
Y = np.arange(20.0).reshape(10, 2) / 20
LABELS = np.arange(10) % 2


def network(loss="mse", outputs=2, **compiled):
    """A model that has been trained, and so has weights, steps and a history."""
    model = Sequential([Input((3,)), Dense(4, "relu"), Dense(outputs, "softmax" if "cat" in loss else None)], seed=0)
    model.compile(**({"optimizer": Adam(), "loss": loss, "metrics": ["accuracy"]} | compiled))
    model.fit(X, LABELS if "sparse" in loss else Y[:, :outputs], epochs=2)
    return model


def state(model):
    trainer = model._trainer
    return {
        "weights": [w.tolist() for w in model.weights] if model.built else None,
        "iterations": trainer and trainer.core.iterations,
        "slots": trainer and [[s.tolist() for s in slot] for slot in trainer.core.slots()],
        "history": model.history and (model.history, dict(model.history.history)),
        "epochs_trained": model.epochs_trained,
        "compiled": (model.optimizer, model.loss, model._loss_weight, model._metrics),
        "layers": model.layers,
        "own weights": [[w.tolist() for w in layer.get_weights()] for layer in model.layers],
    }


@contextlib.contextmanager
def refused(model, error, message):
    """The body must raise this error, with a message that matches, and leave the model as it was."""
    before = state(model)
    with pytest.raises(error, match=message):
        yield
    assert state(model) == before


def changed(array, index, value):
    array = np.array(array)
    array[index] = value
    return array


# ---- data ----

METHODS = ["fit", "evaluate", "train_on_batch", "test_on_batch", "loss_and_gradients"]
RAGGED = [[1.0, 2.0, 3.0], [1.0, 2.0]]

BAD_X = {
    "too few columns": (X[:, :2], ValueError, "x has 2 columns; the network expects 3"),
    "too many columns": (np.ones((10, 4)), ValueError, "x has 4 columns; the network expects 3"),
    "one dimension": (X[0], ValueError, r"x has 1 dimensions; expected 2: \(samples, features\)"),
    "three dimensions": (X[None], ValueError, "x has 3 dimensions; expected 2"),
    "a number": (3.0, ValueError, "x has 0 dimensions; expected 2"),
    "complex": (X + 1j, TypeError, "x has dtype complex128; expected real numbers"),
    "strings": (X.astype(str), TypeError, "x has dtype <U.*; expected real numbers"),
    "objects": (X.astype(object), TypeError, "x has dtype object; expected real numbers"),
    "dates": (np.zeros((10, 3), "M8[s]"), TypeError, r"x has dtype datetime64\[s\]; expected real numbers"),
    "nothing": (None, TypeError, "x has dtype object; expected real numbers"),
    "ragged": (RAGGED, ValueError, "x is not an array: expected rows of equal length"),
}

# What predict lets through.
BAD_SAMPLES = {
    "NaN": (changed(X, (4, 1), nan), ValueError, "x must be finite; row 4, column 1 is nan"),
    "infinity": (changed(X, (9, 2), -inf), ValueError, "x must be finite; row 9, column 2 is -inf"),
    "too big": (changed(X, (3, 0), 1e39), ValueError, r"x must be finite; row 3, column 0 is inf \(as float32\)"),
    "no rows": (X[:0], ValueError, "x has no rows|x has 0 rows; y has 10 rows"),
    "too few rows": (X[:9], ValueError, "x has 9 rows; y has 10 rows"),
}

BAD_Y = {
    "too many rows": (np.ones((11, 2)), ValueError, "x has 10 rows; y has 11 rows"),
    "a number": (1.0, ValueError, "x has 10 rows; y has a single number"),
    "too few outputs": (Y[:, :1], ValueError, r"y has shape \(10, 1\); mean_squared_error expects \(10, 2\)"),
    "one dimension": (Y[:, 0], ValueError, r"y has shape \(10,\); mean_squared_error expects \(10, 2\)"),
    "three dimensions": (Y[..., None], ValueError, r"y has shape \(10, 2, 1\); mean_squared_error expects \(10, 2\)"),
    "NaN": (changed(Y, (4, 1), nan), ValueError, "y must be finite; row 4, column 1 is nan"),
    "infinity": (changed(Y, (0, 0), inf), ValueError, "y must be finite; row 0, column 0 is inf"),
    "too big": (changed(Y, (9, 1), -1e300), ValueError, r"y must be finite; row 9, column 1 is -inf \(as float32\)"),
    "complex": (Y + 0j, TypeError, "y has dtype complex128; expected real numbers"),
    "strings": ([["a", "b"]] * 10, TypeError, "y has dtype <U1; expected real numbers"),
    "nothing": (None, TypeError, "y has dtype object; expected real numbers"),
    "ragged": (RAGGED, ValueError, "y is not an array: expected rows of equal length"),
}

BAD_LABELS = {
    "too large": (changed(LABELS, 7, 2), ValueError, "expects labels from 0 to 1, one for each output; row 7 is 2"),
    "far too large": (changed(LABELS, 7, 2**40), ValueError, "labels from 0 to 1.*; row 7 is 1099511627776"),
    "negative": (changed(LABELS, 3, -1), ValueError, "labels from 0 to 1.*; row 3 is -1"),
    "fractional": (changed(LABELS / 1, 5, 0.5), ValueError, "labels from 0 to 1.*; row 5 is 0.5"),
    "NaN": (changed(LABELS / 1, 2, nan), ValueError, "y must be finite; row 2, column 0 is nan"),
    "one-hot": (np.eye(2)[LABELS], ValueError, r"y has shape \(10, 2\); .* expects labels of shape \(10,\)"),
    "too few": (LABELS[:9], ValueError, "x has 10 rows; y has 9 rows"),
    "strings": (LABELS.astype(str), TypeError, "y has dtype <U.*; expected real numbers"),
}

BAD_WEIGHTS = {
    "too few": (np.ones(9), ValueError, r"sample_weight has shape \(9,\); expected \(10,\)"),
    "too many columns": (np.ones((10, 2)), ValueError, r"sample_weight has shape \(10, 2\); expected \(10,\)"),
    "one row": (np.ones((1, 10)), ValueError, r"sample_weight has shape \(1, 10\); expected \(10,\)"),
    "a number": (2.0, ValueError, r"sample_weight has shape \(\); expected \(10,\)"),
    "NaN": (changed(np.ones(10), 6, nan), ValueError, "sample_weight must be finite; row 6, column 0 is nan"),
    "infinity": (changed(np.ones(10), 0, inf), ValueError, "sample_weight must be finite; row 0, column 0 is inf"),
    "too big": (changed(np.ones(10), 9, 1e39), ValueError, r"sample_weight must be finite; row 9.*\(as float32\)"),
    "strings": (["a"] * 10, TypeError, "sample_weight has dtype <U1; expected real numbers"),
}


def table(*tables):
    return pytest.mark.parametrize(
        ("bad", "error", "message"), [pytest.param(*row, id=name) for rows in tables for name, row in rows.items()]
    )


@pytest.mark.parametrize("method", METHODS)
@table(BAD_X, BAD_SAMPLES)
def test_bad_inputs(method, bad, error, message):
    model = network()
    with refused(model, error, message):
        getattr(model, method)(bad, Y)


@pytest.mark.parametrize("method", METHODS)
@table(BAD_Y)
def test_bad_targets(method, bad, error, message):
    model = network()
    with refused(model, error, message):
        getattr(model, method)(X, bad)


@pytest.mark.parametrize("method", METHODS)
@table(BAD_LABELS)
def test_bad_labels(method, bad, error, message):
    model = network("sparse_categorical_crossentropy")
    with refused(model, error, message):
        getattr(model, method)(X, bad)


@pytest.mark.parametrize("method", METHODS)
@table(BAD_WEIGHTS)
def test_bad_sample_weights(method, bad, error, message):
    model = network()
    with refused(model, error, message):
        getattr(model, method)(X, Y, sample_weight=bad)


@table(BAD_X)
def test_bad_inputs_of_a_prediction(bad, error, message):
    model = network()
    with refused(model, error, message):
        model.predict(bad)
    if message.startswith("x has 1 dim"):  # to the quick call these are the numbers of one sample
        bad, message = bad[:2], "x has 2 columns; the network expects 3"
    with refused(model, error, message):
        model(bad)


def test_labels_for_a_loss_that_wants_them_one_hot():
    model = network("categorical_crossentropy")
    with refused(model, ValueError, r"expects \(10, 2\); for labels use loss='sparse_categorical_crossentropy'"):
        model.fit(X, LABELS)


def test_the_first_of_several_bad_rows_is_named_however_far_down():
    model = network()
    x = np.zeros((10_000, 3), "float32")
    x[[5000, 7000], [2, 0]] = nan
    with refused(model, ValueError, "x must be finite; row 5000, column 2 is nan"):
        model.fit(x, np.zeros((10_000, 2)))


@pytest.mark.parametrize("columns", [1, 2, 17])
@pytest.mark.parametrize("layout", [lambda a: a, lambda a: np.asfortranarray(a), lambda a: np.hstack([a, a])])
def test_a_nan_is_found_wherever_it_is(columns, layout):
    for row in range(5):
        for column in range(columns):
            x = layout(changed(np.zeros((5, columns), "float32"), (row, column), nan))[:, :columns]
            model = Sequential([Dense(1)])
            model.compile(loss="mse")
            with pytest.raises(ValueError, match=f"x must be finite; row {row}, column {column} is nan"):
                model.fit(x, np.zeros(5))


@pytest.mark.parametrize("method", METHODS)
def test_data_that_are_refused_do_not_build_a_model(method):
    model = Sequential([Dense(4), Dense(2)], seed=0)
    model.compile(loss="mse")
    with refused(model, ValueError, "x has 10 rows; y has 9 rows"):
        getattr(model, method)(np.ones((10, 7)), Y[:9])
    getattr(model, method)(X, Y)
    assert model.input_shape == (None, 3)


def test_data_that_are_refused_leave_a_layer_the_weights_it_brought_along():
    kernel = np.full((3, 4), 0.5, "float32")
    donor = Sequential([Input((3,)), Dense(4)])
    donor.layers[0].kernel[...] = kernel
    model = Sequential([donor.pop()])
    model.compile(loss="mse")
    with refused(model, ValueError, "y has 9 rows"):
        model.fit(X, np.zeros((9, 4)))
    model.predict(X)
    np.testing.assert_array_equal(model.layers[0].kernel, kernel)


def test_data_without_columns():
    model = Sequential([Dense(4)])
    with refused(model, ValueError, "x has no columns"):
        model.predict(np.zeros((3, 0)))


# ---- settings ----


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1; got 0"),
        ({"batch_size": -8}, ValueError, "batch_size must be at least 1; got -8"),
        ({"batch_size": 2.5}, TypeError, "batch_size must be a whole number; got float 2.5"),
        ({"batch_size": "8"}, TypeError, "batch_size must be a whole number; got str '8'"),
        ({"batch_size": True}, TypeError, "batch_size must be a whole number; got bool True"),
        ({"epochs": -1}, ValueError, "epochs must be at least 0; got -1"),
        ({"epochs": 1.5}, TypeError, "epochs must be a whole number; got float 1.5"),
        ({"epochs": None}, TypeError, "epochs must be a whole number; got NoneType None"),
        ({"initial_epoch": -1}, ValueError, "initial_epoch must be at least 0; got -1"),
        ({"initial_epoch": 0.5}, TypeError, "initial_epoch must be a whole number; got float 0.5"),
        ({"verbose": 7}, ValueError, "verbose must be 'auto'.* got 7"),
        ({"callbacks": [3]}, TypeError, r"expected callbacks derived from fastbp\.callbacks\.Callback; got 3"),
        ({"validation_split": 1.0}, ValueError, r"validation_split must be in \[0, 1\); got 1.0"),
        ({"validation_split": -0.1}, ValueError, r"validation_split must be in \[0, 1\); got -0.1"),
        ({"validation_split": nan}, ValueError, r"validation_split must be in \[0, 1\); got nan"),
        ({"validation_split": 0.95}, ValueError, "validation_split=0.95 of 10 samples leaves none to train"),
        ({"validation_split": 1e-20}, ValueError, "validation_split=1e-20 of 10 samples leaves none to validate"),
        ({"validation_data": X}, ValueError, r"validation_data must be \(x, y\) or \(x, y, sample_weight\)"),
        ({"validation_data": (X,)}, ValueError, r"validation_data must be \(x, y\) or \(x, y, sample_weight\)"),
        ({"validation_data": (X, Y, None, 1)}, ValueError, r"validation_data must be \(x, y\) or \(x, y, sample_w"),
        ({"validation_data": (X[:, :2], Y)}, ValueError, "x has 2 columns; the network expects 3"),
        ({"validation_data": (X, Y[:9])}, ValueError, "x has 10 rows; y has 9 rows"),
        ({"validation_data": (X[:0], Y[:0])}, ValueError, "x has no rows"),
        ({"validation_data": (X, Y[:, :1])}, ValueError, r"y has shape \(10, 1\); mean_squared_error expects"),
        ({"validation_data": (changed(X, (8, 0), nan), Y)}, ValueError, "x must be finite; row 8, column 0 is nan"),
        ({"validation_data": (X, Y, np.ones(9))}, ValueError, r"sample_weight has shape \(9,\); expected \(10,\)"),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
)
def test_bad_settings_of_fit(settings, error, message):
    model = network()
    with refused(model, error, message):
        model.fit(X, Y, **settings)


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        ((X, Y[:9], None), ValueError, "x has 10 rows; y has 9 rows"),
        ((X, 3.0, None), ValueError, "x has 10 rows; y has a single number"),
        ((X, Y, np.ones(9)), ValueError, r"sample_weight has shape \(9,\); expected \(10,\)"),
        ((X, Y, 1.0), ValueError, r"sample_weight has shape \(\); expected \(10,\)"),
        ((RAGGED, Y, None), ValueError, "x is not an array: expected rows of equal length"),
        ((None, Y, None), TypeError, "x has dtype object; expected real numbers"),
        ((X[:0], Y[:0], None), ValueError, "of 0 samples leaves none to train"),
    ],
)
def test_bad_data_to_split(data, error, message):
    model = network()
    x, y, weight = data
    with refused(model, error, message):
        model.fit(x, y, sample_weight=weight, validation_split=0.2)


@pytest.mark.parametrize("batch_size", [0, -1, 2.5, "all"])
def test_bad_batch_sizes_of_evaluate_and_predict(batch_size):
    model = network()
    with refused(model, (ValueError, TypeError), "batch_size must be"):
        model.evaluate(X, Y, batch_size=batch_size)
    with refused(model, (ValueError, TypeError), "batch_size must be"):
        model.predict(X, batch_size=batch_size)


@pytest.mark.parametrize("rate", [-0.1, -1e-300, nan, inf, -inf])
@pytest.mark.parametrize("optimizer", [SGD, Adam])
def test_bad_learning_rates(rate, optimizer):
    message = f"learning_rate must be finite and at least 0; got {rate}"
    with pytest.raises(ValueError, match=message):
        optimizer(learning_rate=rate)
    model = network(optimizer=optimizer(0.5))
    with refused(model, ValueError, message):
        model.optimizer.learning_rate = rate
    assert model.optimizer.learning_rate == 0.5


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SGD(momentum=-0.1), r"momentum must be in \[0, 1\]; got -0.1"),
        (lambda: SGD(momentum=1.1), r"momentum must be in \[0, 1\]; got 1.1"),
        (lambda: SGD(momentum=nan), r"momentum must be in \[0, 1\]; got nan"),
        (lambda: Adam(beta_1=1.0), r"beta_1 must be in \[0, 1\); got 1.0"),
        (lambda: Adam(beta_2=-0.5), r"beta_2 must be in \[0, 1\); got -0.5"),
        (lambda: Adam(beta_2=nan), r"beta_2 must be in \[0, 1\); got nan"),
        (lambda: Adam(epsilon=0), "epsilon must be finite and at least 1.2e-38; got 0"),
        (lambda: Adam(epsilon=nan), "epsilon must be finite and at least 1.2e-38; got nan"),
    ],
)
def test_bad_settings_of_optimizers(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# ---- making and compiling a model ----


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Dense(0), ValueError, "units must be a whole number of at least 1; got 0"),
        (lambda: Dense(-3), ValueError, "units must be a whole number of at least 1; got -3"),
        (lambda: Dense(2.5), ValueError, "units must be a whole number of at least 1; got 2.5"),
        (lambda: Dense(True), ValueError, "units must be a whole number of at least 1; got True"),
        (lambda: Dense("many"), ValueError, "units must be a whole number of at least 1; got 'many'"),
        (lambda: Input((0,)), ValueError, "the width of the input must be at least 1; got 0"),
        (lambda: Input(-1), ValueError, "the width of the input must be at least 1; got -1"),
        (lambda: Input((2.7,)), TypeError, "the width of the input must be a whole number; got float 2.7"),
        (lambda: Input(None), TypeError, "the width of the input must be a whole number; got NoneType None"),
        (lambda: Sequential([Input((28, 28)), Dense(2)]).build(), ValueError, r"shape \(28, 28\) need a Flatten"),
        (lambda: Input(()), ValueError, r"Input takes the shape of one sample.*; got \(\)"),
        (lambda: Sequential(dtype="float16"), ValueError, "dtype must be float32 or float64; got float16"),
        (lambda: Sequential(dtype=int), ValueError, "dtype must be float32 or float64; got int64"),
        (lambda: Sequential(seed=-1), ValueError, "seed must be at least 0; got -1"),
        (lambda: Sequential(seed=2**64), ValueError, r"seed must be below 2\*\*64"),
        (lambda: Sequential(seed=0.5), TypeError, "seed must be a whole number; got float 0.5"),
        (lambda: Sequential([3]), TypeError, "expected a layer; got int 3"),
        (lambda: Sequential([Dense]), TypeError, "expected a layer; got type"),
        (lambda: initializers.Initializer()((2, 2)), TypeError, "Initializer defines neither sample nor __call__"),
    ],
)
def test_bad_parts_of_a_model(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("first", [Input((3,)), Dense(2)], ids=["a second one", "after a layer"])
def test_input_must_come_first_and_once(first):
    model = Sequential([first])
    with refused(model, ValueError, "Input must come first, and once"):
        model.add(Input((3,)))


@pytest.mark.parametrize("what", [3, None, "dense", Dense, Sequential()], ids=str)
def test_what_is_no_layer_cannot_be_added(what):
    model = network()
    with refused(model, TypeError, "expected a layer; got"):
        model.add(what)


@pytest.mark.parametrize("shape", [0, (None, -1), 1.5, (3, None)])
def test_bad_shapes_to_build(shape):
    model = Sequential([Dense(2)])
    with refused(model, (ValueError, TypeError), "the width of the input must be"):
        model.build(shape)


@pytest.mark.parametrize(
    ("use", "kind", "known"),
    [
        (lambda name: Dense(1, name), "activation", fastbp.activations.ACTIVATIONS),
        (lambda name: Dense(1, kernel_initializer=name), "initializer", initializers.INITIALIZERS),
        (lambda name: Dense(1, bias_initializer=name), "initializer", initializers.INITIALIZERS),
        (lambda name: network().compile(optimizer=name, loss="mse"), "optimizer", fastbp.optimizers.OPTIMIZERS),
        (lambda name: network().compile(loss=name), "loss", losses.LOSSES),
        (lambda name: network().compile(loss="mse", metrics=[name]), "metric", {*metrics.METRICS, *metrics.BY_LOSS}),
        (
            lambda name: network().compile(loss="mse", weighted_metrics=name),
            "metric",
            {*metrics.METRICS, *metrics.BY_LOSS},
        ),
    ],
)
def test_an_unknown_name_gets_the_known_ones_and_the_nearest(use, kind, known):
    for name in (name for name in known if len(name) > 3):  # shorter ones are as near to others
        with pytest.raises(ValueError, match=f"unknown {kind} .* did you mean {name!r}") as caught:
            use(name + "_")
        assert str(caught.value).endswith("Known: " + ", ".join(sorted(known)))
    with pytest.raises(ValueError, match=rf"unknown {kind} 'zzzzzz'\. Known: "):  # near to none
        use("zzzzzz")


@pytest.mark.parametrize("bad", [3, [], {1}, int], ids=repr)
@pytest.mark.parametrize(
    ("use", "expected"),
    [
        (lambda bad: Dense(1, bad), "the activation as a name or as a Activation"),
        (lambda bad: network().compile(optimizer=bad, loss="mse"), "the optimizer as a name or as a Optimizer"),
        (lambda bad: network().compile(loss=bad), "the loss as a name or as a Loss"),
        (lambda bad: network().compile(loss="mse", metrics=[bad]), "the metric as a name or as a Metric"),
    ],
    ids=["activation", "optimizer", "loss", "metric"],
)
def test_a_part_of_the_wrong_type(use, expected, bad):
    with pytest.raises(TypeError, match=f"expected {expected}; got {type(bad).__name__}"):
        use(bad)


@pytest.mark.parametrize("use", [lambda m: m.fit(X, Y), lambda m: m.evaluate(X, Y), lambda m: m.train_on_batch(X, Y)])
def test_a_model_without_a_loss_lists_the_losses(use):
    model = network()
    model.compile(optimizer="sgd")
    with refused(model, RuntimeError, "compiled without a loss; known: " + ", ".join(losses.LOSSES)):
        use(model)


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "sgdd", "loss": "mse"},
        {"optimizer": "sgd", "metrics": ["mae"]},
        {"optimizer": "sgd", "loss_weights": 0.5},
        {"optimizer": "sgd", "loss": "mse", "loss_weights": []},
        {"optimizer": "sgd", "loss": "mse", "loss_weights": {"a": 1.0, "b": 2.0}},
        {"optimizer": "sgd", "loss": "mse", "loss_weights": inf},
        {"optimizer": "sgd", "loss": "mme"},
        {"optimizer": "sgd", "loss": "mse", "metrics": ["mae", "mxe"]},
        {"optimizer": "sgd", "loss": "mse", "metrics": ["mae", "mae"]},
        {"optimizer": "sgd", "loss": "mse", "metrics": ["mae"], "weighted_metrics": ["mae"]},
        {"optimizer": "sgd", "loss": "mse", "metrics": [metrics.MeanSquaredError(name="loss")]},
        {"optimizer": "sgd", "loss": "sparse_categorical_crossentropy", "metrics": ["mae"]},
    ],
)
def test_a_compile_that_fails_changes_nothing(settings):
    model = network()
    with refused(model, ValueError, "unknown|need a loss|different names|takes|must be"):
        model.compile(**settings)
    model.fit(X, Y)


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        ([0.5, 2.0], ValueError, r"loss_weights must be one number, for the model has one loss; got \[0.5, 2.0\]"),
        ({}, ValueError, "loss_weights must be one number, for the model has one loss; got {}"),
        ("0.5", TypeError, "loss_weights must be a number; got str '0.5'"),
        ([None], TypeError, "loss_weights must be a number; got NoneType None"),
        (True, TypeError, "loss_weights must be a number; got bool True"),
        (nan, ValueError, "loss_weights must be finite; got nan"),
    ],
)
def test_loss_weights_are_one_number(bad, error, message):
    model = network()
    with refused(model, error, message):
        model.compile("sgd", "mse", loss_weights=bad)


@pytest.mark.parametrize(
    ("loss", "metric", "message"),
    [
        (
            "sparse_categorical_crossentropy",
            "categorical_accuracy",
            "metric categorical_accuracy takes one value for each output as targets; loss .* takes labels",
        ),
        ("sparse_categorical_crossentropy", "mse", "metric mse takes one value for each output as targets"),
        (
            "mse",
            "sparse_categorical_accuracy",
            "metric sparse_categorical_accuracy takes labels as targets; loss mean_squared_error takes one value",
        ),
    ],
)
def test_metric_and_loss_must_take_the_same_kind_of_target(loss, metric, message):
    model = network()
    for where in ("metrics", "weighted_metrics"):
        with refused(model, ValueError, message):
            model.compile(loss=loss, **{where: [metric]})


@pytest.mark.parametrize("method", METHODS)
def test_training_before_compile(method):
    model = Sequential([Dense(2)])
    with refused(model, RuntimeError, r"not compiled: call compile\(optimizer=..., loss=...\) first"):
        getattr(model, method)(X, Y)
    assert model.predict(X).shape == (10, 2)


# ---- weights ----


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda ws: ws[:-1], ValueError, "the model has 4 weight arrays; got 3"),
        (lambda ws: [*ws, ws[0]], ValueError, "the model has 4 weight arrays; got 5"),
        (lambda ws: [], ValueError, "the model has 4 weight arrays; got 0"),
        (lambda ws: [ws[0].T, *ws[1:]], ValueError, r"weights\[0\] has shape \(4, 3\); the model expects \(3, 4\)"),
        (lambda ws: [*ws[:3], ws[3][:1]], ValueError, r"weights\[3\] has shape \(1,\); the model expects \(2,\)"),
        (lambda ws: [ws[0], 0.0, *ws[2:]], ValueError, r"weights\[1\] has shape \(\); the model expects \(4,\)"),
        (lambda ws: [*ws[:3], ws[3] + 1j], TypeError, r"weights\[3\] has dtype complex.*; expected real numbers"),
        (lambda ws: [*ws[:3], ["a", "b"]], TypeError, r"weights\[3\] has dtype <U1; expected real numbers"),
        (lambda ws: [*ws[:2], RAGGED, ws[3]], ValueError, r"weights\[2\] is not an array: expected rows of equal"),
    ],
)
def test_weights_that_do_not_fit(change, error, message):
    model = network()
    new = change([np.zeros_like(w) for w in model.weights])
    with refused(model, error, message):
        model.set_weights(new)


@pytest.mark.parametrize("bad", [nan, inf, -inf])
@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize("kind", ["kernel", "bias"])
def test_weights_that_are_not_finite_are_not_trained_on(bad, layer, kind):
    model = network()
    getattr(model.layers[layer], kind)[..., -1] = bad
    name = ("dense", "dense_1")[layer]
    before = [w.copy() for w in model.weights]
    for method in ("fit", "train_on_batch"):
        with pytest.raises(
            RuntimeError, match=f"the weights of layer '{name}' are not finite.*expected finite weights"
        ):
            getattr(model, method)(X, Y)
    for weight, old in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight, old)
    assert model._trainer.core.iterations == 2
    assert len(model.history.epoch) == 2


# ---- losses and metrics called by themselves ----


@pytest.mark.parametrize("make", [losses.MeanSquaredError, losses.BinaryCrossentropy, metrics.MeanAbsoluteError])
@pytest.mark.parametrize("shape", [(3, 2), (6,), (2, 2), (2, 3, 1)])
def test_targets_of_another_shape_than_the_predictions(make, shape):
    with pytest.raises(ValueError, match=re.escape(f"y_true has shape {shape}; y_pred has (2, 3)")):
        make()(np.zeros(shape), np.zeros((2, 3)))


@pytest.mark.parametrize("make", [losses.SparseCategoricalCrossentropy, metrics.SparseCategoricalAccuracy])
@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 3], r"labels must be in \[0, 3\); got 0 to 3"),
        ([-1, 0], r"labels must be in \[0, 3\); got -1 to 0"),
        ([0], "y_true has 1 labels; y_pred has 2 rows"),
        ([[0, 1], [1, 0]], "y_true has 4 labels; y_pred has 2 rows"),
        ([0.5, 1], "labels must be whole numbers"),
        ([nan, 1], "labels must be whole numbers"),
        ([2**32, 1], "labels must be whole numbers|labels must be in"),
    ],
)
def test_labels_that_do_not_fit_the_predictions(make, labels, message):
    with pytest.raises(ValueError, match=message):
        make()(labels, np.full((2, 3), 1 / 3))


# ---- what the core checks once more ----


def core_network(dtype="float32"):
    return (_core.Network32 if dtype == "float32" else _core.Network64)(
        3, [{"kind": "dense", "units": 2, "name": "linear"}]
    )


def matrix(*shape, dtype="float32"):
    return np.zeros(shape, dtype)


WRONG_ROWS = [
    (matrix(4, 3, dtype="float64"), "x must have dtype float32; got float64"),
    (matrix(4, 3, dtype="int32"), "x must have dtype float32; got int32"),
    (matrix(4, 3, dtype=">f4"), "x must have dtype float32; got >f4"),
    (matrix(3), "x must have 2 dimensions"),
    (matrix(1, 4, 3), "x must have 2 dimensions"),
    (np.asfortranarray(matrix(4, 3)), "x must have contiguous rows"),
    (matrix(4, 6)[:, ::2], "x must have contiguous rows"),
    (matrix(4, 3)[:, ::-1], "x must have contiguous rows"),
    (matrix(4, 3)[::-1], "x must have contiguous rows"),
    (np.broadcast_to(matrix(4, 1), (4, 3)), "x must have contiguous rows"),
]


@pytest.mark.parametrize(("x", "message"), [*WRONG_ROWS, (matrix(4, 2), "x has 2 columns; the network expects 3")])
def test_the_cores_network_checks_its_input(x, message):
    with pytest.raises(ValueError, match=message):
        core_network()(x)


@pytest.mark.parametrize(
    ("inputs", "layers", "isa", "message"),
    [
        (0, [(2, "linear")], "", "at least one input and one layer"),
        (3, [], "", "at least one input and one layer"),
        (3, [(0, "linear")], "", "units must be at least 1; got 0"),
        (3, [(2, "bent")], "", "unknown activation|bent"),
        (3, [(2, "linear")], "mmx", "mmx"),
    ],
)
def test_the_cores_network_checks_its_layers(inputs, layers, isa, message):
    with pytest.raises(ValueError, match=message):
        _core.Network32(inputs, [{"kind": "dense", "units": units, "name": name} for units, name in layers], isa)


@pytest.mark.parametrize(
    ("x", "y", "weight", "message"),
    [
        *[(x, matrix(4, 2), None, message) for x, message in WRONG_ROWS],
        (matrix(0, 3), matrix(0, 2), None, "between 1 and 2.31 - 1 rows; got 0"),
        (matrix(4, 3), matrix(3, 2), None, "x and y differ in length"),
        (matrix(4, 3), matrix(4, 2, dtype="float64"), None, "y must have dtype float32; got float64"),
        (matrix(4, 3), matrix(4, 4)[:, ::2], None, "y must have contiguous rows"),
        (matrix(4, 3), matrix(4, 2, 1), None, "y must have 2 dimensions"),
        (matrix(4, 3), matrix(4, dtype="int64"), None, "labels must have dtype int32; got int64"),
        (matrix(4, 3), matrix(3, dtype="int32"), None, "labels must be contiguous with 4 elements"),
        (matrix(4, 3), matrix(8, dtype="int32")[::2], None, "labels must be contiguous with 4 elements"),
        (matrix(4, 3), matrix(4, 2), matrix(3), "sample_weight must be contiguous with 4 elements"),
        (matrix(4, 3), matrix(4, 2), matrix(4, 1), "sample_weight must be contiguous with 4 elements"),
        (matrix(4, 3), matrix(4, 2), matrix(8)[::2], "sample_weight must be contiguous with 4 elements"),
        (matrix(4, 3), matrix(4, 2), matrix(4, dtype="float64"), "sample_weight must have dtype float32; got float64"),
    ],
)
def test_the_cores_samples_check_their_arrays(x, y, weight, message):
    with pytest.raises(ValueError, match=message):
        _core.Samples32(x, y, weight)


def core_trainer(loss="mean_squared_error", optimizer="sgd", metrics=(), from_logits=False):
    metrics = [(name, [], weighted) for name, weighted in metrics]
    numbers = fastbp.losses.get(loss).kernel_settings_for(2) if loss in fastbp.losses.LOSSES else []
    settings = {"loss": loss, "loss_settings": numbers, "from_logits": from_logits, "optimizer": optimizer}
    return _core.Trainer32(core_network(), settings | {"metrics": metrics, "seed": 0})


@pytest.mark.parametrize(
    ("loss", "samples", "batches", "message"),
    [
        ("mean_squared_error", (matrix(4, 2), matrix(4, 2)), (1, None, 0, 4), "x has 2 columns; the network expects 3"),
        ("mean_squared_error", (matrix(4, 3), matrix(4, 1)), (1, None, 0, 4), "y does not have the network's outputs"),
        ("mean_squared_error", (matrix(4, 3), matrix(4, dtype="int32")), (1, None, 0, 4), "another kind of y"),
        ("sparse_categorical_crossentropy", (matrix(4, 3), matrix(4, 2)), (1, None, 0, 4), "another kind of y"),
        ("sparse_categorical_crossentropy", (matrix(4, 3), np.int32([0, 1, 2, 0])), (1, None, 0, 4), "label 2 is out"),
        ("sparse_categorical_crossentropy", (matrix(4, 3), np.int32([0, 1, -1, 0])), (1, None, 0, 4), "label -1 is"),
        ("mean_squared_error", (matrix(4, 3), matrix(4, 2)), (0, None, 0, 1), "no such batches"),
        ("mean_squared_error", (matrix(4, 3), matrix(4, 2)), (-1, None, 0, 1), "no such batches"),
        ("mean_squared_error", (matrix(4, 3), matrix(4, 2)), (3, None, 0, 3), "no such batches"),
        ("mean_squared_error", (matrix(4, 3), matrix(4, 2)), (3, None, -1, 1), "no such batches"),
        ("mean_squared_error", (matrix(4, 3), matrix(4, 2)), (3, None, 2, 1), "no such batches"),
    ],
)
def test_the_cores_trainer_checks_samples_and_batches(loss, samples, batches, message):
    trainer = core_trainer(loss)
    with pytest.raises(ValueError, match=message):
        trainer.train(_core.Samples32(*samples), *batches)
    size, _, first, last = batches
    with pytest.raises(ValueError, match=message):
        trainer.evaluate(_core.Samples32(*samples), size, first, last)
    assert trainer.iterations == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss": "hinges"}, "hinges"),
        ({"optimizer": "ftrl"}, "ftrl"),
        ({"metrics": [("recall", False)]}, "recall"),
        ({"metrics": [("sparse_categorical_accuracy", False)]}, "do not take the same kind of targets"),
        ({"from_logits": True}, "mean_squared_error has no form on logits"),
    ],
)
def test_the_cores_trainer_checks_its_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        core_trainer(**settings)


@pytest.mark.parametrize(
    "totals", [np.zeros((2, 3)), np.zeros((0, 2)), np.zeros(4), np.zeros((2, 4))[:, ::2], np.zeros((4, 4))[::2, :2]]
)
def test_the_cores_trainer_checks_where_totals_go(totals):
    trainer = core_trainer()
    samples = _core.Samples32(matrix(4, 3), matrix(4, 2))
    with pytest.raises(ValueError, match="totals must"):
        trainer.train_epochs(totals, samples, 2, None)
    with pytest.raises(TypeError):
        trainer.train_epochs(totals.astype(np.float32), samples, 2, None)
    constant = np.zeros((2, 2))
    constant.flags.writeable = False
    with pytest.raises(ValueError, match="not writeable"):
        trainer.train_epochs(constant, samples, 2, None)
    with pytest.raises(ValueError, match="no such batches"):
        trainer.train_epochs(np.zeros((2, 2)), samples, 0, None)
    assert trainer.iterations == 0


def test_the_cores_trainer_checks_hyperparameters():
    with pytest.raises(ValueError, match="sgd takes 1 hyperparameters; got 2"):
        core_trainer().set_hyperparameters([0.1, 0.9])


def test_the_cores_types_do_not_mix():
    samples = _core.Samples64(matrix(4, 3, dtype="float64"), matrix(4, 2, dtype="float64"))
    with pytest.raises(TypeError):
        core_trainer().train(samples, 1, None, 0, 4)
    with pytest.raises(TypeError):
        _core.Trainer32(core_network("float64"), "mean_squared_error", False, "sgd", [], 0)


# ---- what looks bad and is not ----


@pytest.mark.parametrize("dtype", ["float32", "float64", "int8"])
def test_arrays_that_cannot_be_written_to_are_fine(dtype, tmp_path):
    x, y = (10 * X).astype(dtype), (10 * Y).astype(dtype)
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", y)
    mapped = [np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in "xy"]
    frozen = [x.copy(), y.copy()]
    for array in frozen:
        array.setflags(write=False)
    expected = network()
    expected.fit(x, y)
    for a, b in (mapped, frozen):
        assert not a.flags.writeable
        model = network()
        model.fit(a, b, sample_weight=frozen[0][:, 0] * 0 + 1)
        for weight, other in zip(model.weights, expected.weights, strict=True):
            np.testing.assert_array_equal(weight, other)
        np.testing.assert_array_equal(model.predict(a), expected.predict(x))
        assert model.evaluate(a, b) == expected.evaluate(x, y)


def test_training_writes_into_no_array_of_the_user():
    x, y, weight = X.astype("float32"), Y.astype("float32"), np.ones(10, "float32")
    copies = x.copy(), y.copy(), weight.copy()
    network().fit(x, y, sample_weight=weight, epochs=3, batch_size=4)
    for array, copy in zip((x, y, weight), copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_an_optimiser_of_another_kind_since_compile():
    model = network()
    model.compile(SGD(0.1), "mse")
    model.fit(X, Y, verbose=0)
    model.optimizer.momentum = 0.5
    with refused(model, RuntimeError, "compiled as sgd and is momentum now: compile again"):
        model.fit(X, Y, verbose=0)


@pytest.mark.parametrize("part", ["optimizer", "loss", "metrics"])
def test_base_classes_are_no_parts(part):
    bases = {"optimizer": fastbp.optimizers.Optimizer(0.1), "loss": fastbp.losses.Loss()}
    settings = {"optimizer": "sgd", "loss": "mse"} | {part: bases.get(part, fastbp.metrics.Metric)}
    with pytest.raises(TypeError, match="expected the"):
        network().compile(**settings)


def test_weights_too_large_for_float32():
    model = network()
    weights = [np.full(w.shape, 1e300) for w in model.get_weights()]
    with refused(model, ValueError, r"weights\[0\] has values that are too large for float32"):
        model.set_weights(weights)


def test_validation_data_are_named_in_their_errors():
    model = network()
    with refused(model, ValueError, "validation data: x has 2 columns; the network expects 3"):
        model.fit(X, Y, validation_data=(X[:, :2], Y), verbose=0)


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_seeds_out_of_range(seed):
    with pytest.raises(ValueError, match="seed must be"):
        fastbp.initializers.GlorotUniform(seed=seed)
    with pytest.raises(ValueError, match="seed must be"):
        fastbp.Sequential(seed=seed)


def test_complex_numbers_have_no_activation():
    with pytest.raises(TypeError, match="expected real numbers"):
        fastbp.activations.relu(1j)
