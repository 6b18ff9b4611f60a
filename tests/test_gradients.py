"""Slopes by backpropagation against slopes by central differences, in float64: the reference, then the core."""

import itertools

import numpy as np
import pytest
from loss_cases import OUTPUTS, case_of

import fastbp
from fastbp import _core, reference

STEP = 1e-5  # truncation STEP² and rounding eps / STEP are then both near 1e-10 of the loss
BOUND = 1e-6

SHAPES = [  # (widths of inputs and hidden layers, batch): depths 1 to 4, odd widths, batches of 1 and more
    ((3,), 5),
    ((17, 33), 1),
    ((1, 3), 7),
    ((5, 17, 3), 32),
    ((33, 1, 9), 4),
    ((2, 9, 8, 7), 17),
]


def shapes_for(hidden):
    """Exponentials of exponentials leave every range."""
    return [shape for shape in SHAPES if hidden != "exponential" or len(shape[0]) < 3]


CASES = [
    (hidden, output, shapes_for(hidden)[i % len(shapes_for(hidden))])
    for i, (hidden, output) in enumerate(itertools.product(fastbp.activations.ACTIVATIONS, OUTPUTS))
]


def problem(loss, outputs, inputs, batch, seed):
    """Inputs, targets and sample weights for a loss."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(batch, inputs)), case_of(loss).targets(rng, batch, outputs), rng.uniform(0.5, 2.0, batch)


def numeric_slopes(loss_now, weights):
    """(loss(w + h) - loss(w - h)) / 2h for every weight."""
    slopes = []
    for w in weights:
        slope = np.empty(w.shape)
        for i in np.ndindex(w.shape):
            kept = w[i]
            w[i] = kept + STEP
            up = loss_now()
            w[i] = kept - STEP
            down = loss_now()
            w[i] = kept
            slope[i] = (up - down) / (2 * STEP)
        slopes.append(slope)
    return slopes


def greatest_error(analytic, numeric, loss=1.0):
    """The greatest difference of two sets of slopes, relative to the greatest slope of each array.

    Slopes far smaller than the loss are lost in its rounding.
    """
    return max(
        float(np.abs(a - n).max() / max(np.abs(a).max(), np.abs(n).max(), 1e-3 * max(1.0, abs(loss))))
        for a, n in zip(analytic, numeric, strict=True)
    )


def away_from_kinks(model):
    """Random biases: with biases of 0 a ReLU of all-zero inputs would stand on its kink."""
    rng = np.random.default_rng(7)
    model.set_weights([w if w.ndim == 2 else rng.uniform(0.2, 0.4, w.shape) for w in model.get_weights()])


def core_model(case, isa=""):
    hidden, (loss, from_logits, activation), (widths, batch) = case
    outputs = 3
    model = fastbp.Sequential(dtype="float64", seed=1)
    model._isa = isa
    for units in widths[1:]:
        model.add(fastbp.Dense(units, activation=hidden))
    model.add(fastbp.Dense(outputs, activation=activation))
    model.build(widths[0])
    away_from_kinks(model)
    found = fastbp.losses.get(loss)
    found.from_logits = from_logits
    model.compile(loss=found)
    return model, *problem(loss, outputs, widths[0], batch, seed=len(widths) * 100 + batch)


def core_error(case, isa=""):
    """The greatest relative error of the core's slopes for one case."""
    model, x, y, weight = core_model(case, isa)
    _, slopes = model.loss_and_gradients(x, y, weight)
    trainer, samples, n = model._prepare(x, y, weight)

    def loss_now():
        total, count, *_ = trainer.core.evaluate(samples, n, 0, 1)
        return total / count

    return greatest_error(slopes, numeric_slopes(loss_now, model.weights), loss_now())


@pytest.mark.parametrize("case", CASES, ids=str)
def test_core_slopes_are_those_of_the_loss(case):
    assert core_error(case) < BOUND


@pytest.mark.parametrize("isa", _core.available_isas())
@pytest.mark.parametrize("case", CASES[:: len(OUTPUTS) + 1], ids=str)
def test_slopes_of_every_instruction_set(case, isa):
    assert core_error(case, isa) < BOUND


@pytest.mark.parametrize("case", CASES[::2], ids=str)
def test_reference_slopes_are_those_of_the_loss(case):
    hidden, (loss, from_logits, activation), (widths, batch) = case
    network = reference.Network(
        [*widths, 3], [hidden] * (len(widths) - 1) + [activation], loss, from_logits=from_logits, seed=1
    )
    for b in network.weights[1::2]:
        b += np.linspace(0.2, 0.4, len(b))
    x, y, weight = problem(loss, 3, widths[0], batch, seed=batch)
    loss, slopes = network.loss_and_gradients(x, y, weight)
    numeric = numeric_slopes(lambda: network.loss_and_gradients(x, y, weight)[0], network.weights)
    assert greatest_error(slopes, numeric, loss) < BOUND


def test_layer_without_bias():
    model = fastbp.Sequential([fastbp.Dense(5, "tanh", use_bias=False), fastbp.Dense(2)], dtype="float64", seed=3)
    x, y, weight = problem("mean_squared_error", 2, 4, 6, seed=0)
    model.compile(loss="mse")
    _, slopes = model.loss_and_gradients(x, y, weight)
    assert [s.shape for s in slopes] == [(4, 5), (5, 2), (2,)]
    numeric = numeric_slopes(lambda: model.test_on_batch(x, y, weight), model.weights)
    assert greatest_error(slopes, numeric) < BOUND


def test_the_check_finds_a_wrong_slope():
    model, x, y, weight = core_model(CASES[1])
    _, slopes = model.loss_and_gradients(x, y, weight)
    numeric = numeric_slopes(lambda: model.test_on_batch(x, y, weight), model.weights)
    slopes[0][0, 0] *= 1.001
    assert greatest_error(slopes, numeric) > BOUND


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("loss", "activation"),
    [
        ("sparse_categorical_crossentropy", "softmax"),
        ("categorical_crossentropy", "softmax"),
        ("binary_crossentropy", "sigmoid"),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_huge_logits_give_finite_right_losses_and_slopes(dtype, loss, activation, sign):
    """Logits of ±10⁴: the fused forms neither overflow nor round to 0."""
    outputs = 1 if loss == "binary_crossentropy" else 2
    model = fastbp.Sequential([fastbp.Input((1,)), fastbp.Dense(outputs, activation)], dtype=dtype)
    kernel = np.array([[1e4, -1e4]])[:, :outputs] * sign
    model.set_weights([kernel, np.zeros(outputs)])
    model.compile(loss=loss)
    y = {"s": np.array([0]), "c": np.array([[1.0, 0.0]]), "b": np.array([[1.0]])}[loss[0]]
    value, (dw, db) = model.loss_and_gradients([[1.0]], y)
    margin = 1e4 if outputs == 1 else 2e4  # what the wrong answer costs
    assert value == (0.0 if sign > 0 else margin)
    assert db.tolist() == ([0.0] * outputs if sign > 0 else [-1.0, 1.0][:outputs])
    assert dw.tolist() == [db.tolist()]
