"""check_gradients finds wrong slopes, names them, and knows kinks."""

import re

import numpy as np
import pytest
from layer_walk import EXAMPLES, SWISH, randomize

import fastbp
from fastbp import check_gradients, layers


def small(hidden="tanh", loss="mse", dtype="float32", **dense):
    model = fastbp.Sequential(
        [fastbp.Input((3,)), fastbp.Dense(4, hidden, name="hidden", **dense), fastbp.Dense(2, name="output")],
        dtype=dtype,
        seed=3,
    )
    model.compile("sgd", loss)
    randomize(model)
    return model


def batch(n=5):
    rng = np.random.default_rng(1)
    return rng.normal(size=(n, 3)), rng.normal(size=(n, 2))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "activation", ["tanh", "relu", "gelu", "hard_shrink", SWISH], ids=["tanh", "relu", "gelu", "hard_shrink", "own"]
)
def test_right_slopes_agree(activation, dtype):
    model = small(activation, dtype=dtype, kernel_regularizer="l2", activity_regularizer="l1")
    before = model.get_weights()
    report = check_gradients(model, *batch(), [1, 2, 3, 4, 5])
    assert report.ok, str(report)
    assert report.checked == model.count_params()
    assert 0 < report.greatest_error <= report.tolerance
    assert re.fullmatch(r"26 slopes checked: all agree, the greatest relative difference is \S+", str(report))
    assert all((a == b).all() for a, b in zip(before, model.weights, strict=True))


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_layer(name):
    model = fastbp.Sequential([fastbp.Input((3,)), layers.Dense(4, "tanh"), EXAMPLES[name](4), layers.Dense(2)], seed=2)
    randomize(model)
    model.compile("sgd", "mse")
    report = check_gradients(model, *batch())
    assert report.ok, str(report)


def test_wrong_slopes_are_named_worst_first():
    def cube(y_true, y_pred):
        error = y_pred - y_true
        return np.abs(error**3).sum(axis=1), 3 * error * np.abs(error) * [1.0, 1.01]

    report = check_gradients(small(loss=cube), *batch())
    assert not report.ok
    first, second = report.offenders[:2]
    assert first.error >= second.error > report.tolerance
    wrong = {(o.weight, o.at) for o in report.offenders if o.layer == "output"}
    assert wrong == {("kernel", (i, 1)) for i in range(4)} | {("bias", (1,))}
    assert all(o.analytic == pytest.approx(1.01 * o.numeric, rel=1e-5) for o in report.offenders if o.layer == "output")
    text = str(report).splitlines()
    assert re.match(rf"26 slopes checked: {len(report.offenders)} differ by more than 1e-06", text[0])
    assert text[1] == f"  {first}"
    assert re.match(r"\w+/\w+\[[\d, ]+\]: backpropagation \S+, difference \S+ \(apart by \S+\)", str(first))
    assert text[-1] == f"  and {len(report.offenders) - 10} more"


def test_a_step_across_a_kink_is_retried_with_a_smaller_one():
    model = fastbp.Sequential([fastbp.Input((1,)), fastbp.Dense(1, "relu")], dtype="float64")
    model.set_weights([[[3e-6]], [0.0]])  # 1e-5 to the left is beyond the kink
    model.compile(loss="mse")
    report = check_gradients(model, [[1.0]], [[5.0]])
    assert report.ok
    assert (report.checked, report.kinks) == (2, 0)


def test_weights_on_a_kink_are_left_out():
    model = fastbp.Sequential([fastbp.Input((1,)), fastbp.Dense(1, "relu")], dtype="float64")
    model.set_weights([[[0.0]], [0.0]])
    model.compile(loss="mse")
    report = check_gradients(model, [[1.0]], [[5.0]])
    assert report.ok
    assert (report.checked, report.kinks) == (0, 2)
    assert str(report).startswith("0 slopes checked; 2 on kinks left out: all agree")


def test_a_wrong_slope_on_a_kink_is_still_wrong():
    ramp = (lambda x: np.maximum(x, 0), lambda x: np.full_like(x, 2.0))  # 0 and 1 would do, and all between
    model = fastbp.Sequential([fastbp.Input((1,)), fastbp.Dense(1, ramp)], dtype="float64")
    model.set_weights([[[0.0]], [0.0]])
    model.compile(loss="mse")
    assert len(check_gradients(model, [[1.0]], [[5.0]]).offenders) == 2


def test_part_of_the_weights_and_of_the_layers():
    model = small()
    model.layers[0].trainable = False
    assert check_gradients(model, *batch()).checked == 10
    model.layers[0].trainable = True
    report = check_gradients(model, *batch(), at_most=3)
    assert report.checked == 3 + 3 + 3 + 2
    assert check_gradients(model, *batch(), at_most=None).checked == 26


def test_what_it_cannot_check():
    model = small()
    for wrong in ({"tolerance": 0}, {"step": -1.0}, {"at_most": 0}):
        with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be"):
            check_gradients(model, *batch(), **wrong)
    model.compile("sgd")
    with pytest.raises(RuntimeError, match="without a loss"):
        check_gradients(model, *batch())
