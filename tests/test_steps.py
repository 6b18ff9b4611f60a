"""Steps of the user's own: forward, backward, apply_gradients, zero_gradients."""

import numpy as np
import pytest

import fastbp
from fastbp import _core

DTYPES = ["float32", "float64"]
BATCHES = [1, 2, 7, 11, 12, 33, 200]  # both layouts, and more than a quick call takes


def network(widths=(5, 17, 9, 3), activation="tanh", head="linear", dtype="float64", isa=""):
    model = fastbp.Sequential([fastbp.Input((widths[0],))], dtype=dtype, seed=3)
    model._isa = isa
    for width in widths[1:-1]:
        model.add(fastbp.Dense(width, activation, bias_initializer="glorot_uniform"))
    model.add(fastbp.Dense(widths[-1], head, bias_initializer="glorot_uniform"))
    return model


def batch(n, columns, seed=0):
    return np.random.default_rng(seed).normal(size=(n, columns))


def bound(dtype, terms):
    """What sums of so many terms may be off by, relative to their size."""
    return 8 * float(np.finfo(dtype).eps) * terms**0.5


def assert_close(found, wanted, dtype, terms):
    scale = np.abs(wanted).max()
    np.testing.assert_allclose(found, wanted, rtol=0, atol=bound(dtype, terms) * max(scale, 1e-3))


@pytest.mark.parametrize("isa", _core.available_isas())
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", BATCHES)
def test_gradients_of_squared_error_are_those_of_the_loss(n, dtype, isa):
    model = network(dtype=dtype, isa=isa)
    model.compile("sgd", "mse")
    x, y = batch(n, 5).astype(dtype), batch(n, 3, seed=1).astype(dtype)
    _, wanted = model.loss_and_gradients(x, y)
    model.zero_gradients()
    out = model.forward(x, training=True)
    model.backward(2 * (out - y) / y.size)
    for found, slope in zip(model.gradients, wanted, strict=True):
        assert_close(found, slope, dtype, 100 * n)


@pytest.mark.parametrize("head", list(fastbp.activations.ACTIVATIONS))
@pytest.mark.parametrize("activation", list(fastbp.activations.ACTIVATIONS))
@pytest.mark.parametrize("n", [1, 9])
def test_dx_is_what_differences_say(n, activation, head):
    model = network(activation=activation, head=head)
    x, d = batch(n, 5), batch(n, 3, seed=1)
    out = model.forward(x, training=True)
    dx = model.backward(d)
    step = 1e-6
    rounding = 16 * np.finfo(float).eps * np.abs(d * out).sum() / step  # of what is subtracted
    for i in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[i] += step
        down[i] -= step
        slope = np.sum(d * (model(up) - model(down))) / (2 * step)
        assert dx[i] == pytest.approx(slope, rel=1e-7, abs=1e-7 + rounding)


@pytest.mark.parametrize("n", BATCHES)
def test_forward_is_the_call(n):
    model = network(dtype="float32")
    x = batch(n, 5).astype("float32")
    assert_close(model.forward(x, training=True), model(x), "float32", 40)
    assert model.forward(x).tobytes() == model(x).tobytes()


@pytest.mark.parametrize("isa", _core.available_isas())
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", ["linear", "relu"])
def test_one_sample_goes_forward_in_any_width(activation, dtype, isa):
    """Sums of short rows are made of four, of which the last may have fewer terms."""
    for inputs in (1, 2, 3, 4, 5, 9, 64):
        for outputs in (1, 7, 16, 17, 33, 48, 64, 65, 200):
            model = network((inputs, outputs), dtype=dtype, isa=isa, head=activation)
            x = batch(1, inputs).astype(dtype)
            w, b = model.get_weights()
            z = x.astype(float) @ w + b
            expected = z if activation == "linear" else np.maximum(z, 0)
            assert_close(model.forward(x, training=True), expected, dtype, inputs)


@pytest.mark.parametrize("columns", [1, 3])
def test_one_sample_has_one_dimension(columns):
    model = network(widths=(5, 4, columns))
    x, d = batch(1, 5)[0], batch(1, columns, seed=1)[0]
    out = model.forward(x, training=True)
    dx = model.backward(d)
    assert (out.shape, dx.shape) == ((columns,), (5,))
    assert model.forward(x[None, :], training=True).tobytes() == out.tobytes()
    assert model.backward(d[None, :]).tobytes() == dx.tobytes()
    assert model.backward(list(d)).tobytes() == dx.tobytes()


@pytest.mark.parametrize("n", [3, 40])
def test_gradients_add_up_until_they_are_zeroed(n):
    model = network()
    x, d = batch(n, 5), batch(n, 3, seed=1)
    model.forward(x, training=True)
    model.backward(d)
    once = [g.copy() for g in model.gradients]
    model.backward(d)
    for twice, g in zip(model.gradients, once, strict=True):
        assert_close(twice, 2 * g, "float64", 100)
    model.zero_gradients()
    assert not any(g.any() for g in model.gradients)


@pytest.mark.parametrize("n", [3, 40])
@pytest.mark.parametrize("optimizer", [lambda: fastbp.SGD(0.1), lambda: fastbp.SGD(0.1, 0.9), lambda: fastbp.Adam()])
def test_ten_steps_are_those_of_train_on_batch(optimizer, n):
    one, other = network(), network()
    one.compile(optimizer(), "mse")
    other.compile(optimizer())  # a loss of one's own needs none here
    x, y = batch(n, 5), batch(n, 3, seed=1)
    for _ in range(10):
        one.train_on_batch(x, y)
        other.zero_gradients()
        other.backward(2 * (other.forward(x, training=True) - y) / y.size)
        other.apply_gradients()
    for found, wanted in zip(other.get_weights(), one.get_weights(), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-10)
    assert other._trainer.core.iterations == 10


def test_gradients_are_views_that_a_user_may_change():
    model = network()
    model.compile(fastbp.SGD(1.0))
    before = model.get_weights()
    for g in model.gradients:
        g[...] = 0.5
    model.apply_gradients()
    for new, old in zip(model.get_weights(), before, strict=True):
        np.testing.assert_allclose(new, old - 0.5, rtol=0, atol=1e-15)


def test_the_way_back_is_that_of_the_last_way_forward():
    model = network()
    x = batch(40, 5)
    model.forward(x[:9], training=True)
    model.forward(x[:3], training=True)
    few = model.backward(np.ones((3, 3)))
    model.forward(x, training=True)
    model(x[:5])  # does not count
    assert_close(model.backward(np.ones((40, 3)))[:3], few, "float64", 100)


def test_x_may_change_after_forward():
    model = network()
    x = batch(4, 5)
    model.forward(x, training=True)
    model.backward(np.ones((4, 3)))
    wanted = [g.copy() for g in model.gradients]
    model.zero_gradients()
    model.forward(x, training=True)
    x[...] = 0
    model.backward(np.ones((4, 3)))
    for found, slope in zip(model.gradients, wanted, strict=True):
        assert found.tobytes() == slope.tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
def test_other_arrays_are_converted(dtype):
    model = network(dtype=dtype)
    x = np.arange(30).reshape(6, 5)
    wanted = model.forward(x.astype(dtype), training=True)
    dx = model.backward(np.ones((6, 3), dtype))
    assert model.forward(x.tolist(), training=True).tobytes() == wanted.tobytes()
    assert model.backward(np.ones((6, 3), int)).tobytes() == dx.tobytes()
    assert model.forward(np.asfortranarray(x.astype(dtype)), training=True).tobytes() == wanted.tobytes()


def test_a_model_is_built_by_forward():
    model = fastbp.Sequential([fastbp.Dense(2)], seed=0)
    assert model.forward(np.ones((3, 4)), training=True).shape == (3, 2)
    assert model.backward(np.ones((3, 2))).shape == (3, 4)


@pytest.mark.parametrize("n", [3, 200])
def test_any_number_of_threads_gives_the_same_bits(n):
    found = []
    for threads in (1, 2, 3):
        model = network(widths=(300, 400, 300, 20), dtype="float32")  # worth a team at 200 rows
        with fastbp.num_threads(threads):
            x = batch(n, 300).astype("float32")
            out = model.forward(x, training=True)
            dx = model.backward(out)
            found.append([a.tobytes() for a in (out, dx, *model.gradients)])
    assert found[0] == found[1] == found[2]


def test_backward_before_forward_is_refused():
    model = network()
    with pytest.raises(RuntimeError, match=r"call forward\(x, training=True\) first"):
        model.backward(np.ones((1, 3)))


@pytest.mark.parametrize("shape", [(3,), (4, 2), (3, 3), (5, 3), (4, 3, 1)])
def test_slopes_of_another_shape_are_refused(shape):
    model = network()
    model.forward(batch(4, 5), training=True)
    with pytest.raises(ValueError, match=r"d has shape .*; the outputs have \(4, 3\)"):
        model.backward(np.ones(shape))
    assert not any(g.any() for g in model.gradients)


def test_rows_that_are_none_are_refused():
    with pytest.raises(ValueError, match="x has no rows"):
        network().forward(np.ones((0, 5)), training=True)


def test_a_step_needs_an_optimizer():
    with pytest.raises(RuntimeError, match="not compiled"):
        network().apply_gradients()
