"""Layers against the reference, their slopes against central differences, and how they behave in a model."""

import ctypes
import mmap
import sys

import numpy as np
import pytest
from layer_walk import EXAMPLES, WALKS, Walk, randomize
from test_gradients import BOUND, greatest_error, numeric_slopes

import fastbp
from fastbp import _core, layers
from fastbp.layers import (
    Activation,
    ActivityRegularization,
    BatchNormalization,
    Dense,
    Dropout,
    Flatten,
    GaussianNoise,
    Input,
    LayerNormalization,
    Normalization,
    Rescaling,
    Residual,
)

BATCHES = [1, 3, 11, 12, 33, 300]  # in rows, then in columns, then of several chunks
WIDTHS = [1, 3, 17, 33]
DTYPES = ["float32", "float64"]
each_example = pytest.mark.parametrize("example", EXAMPLES)


def model_of(*stack, inputs=None, dtype="float64", seed=5, isa="", random=True):
    model = fastbp.Sequential(dtype=dtype, seed=seed)
    model._isa = isa
    for layer in stack:
        model.add(layer)
    model.build(inputs)
    if random:
        randomize(model)
    return model


STEEPEST = 32  # 1 / √epsilon, by which a norm of nearly equal numbers enlarges errors


def close(ours, theirs, dtype, n, scale=1.0):
    """Sums of n products, after a few tens of operations, of numbers as large as the greatest result, or ``scale``."""
    theirs = np.asarray(theirs)
    greatest = max(scale, float(np.abs(theirs).max()))
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=32 * np.finfo(dtype).eps * np.sqrt(n) * greatest)


def inputs(n, width, dtype, seed=0):
    return np.random.default_rng([seed, n, width]).normal(size=(n, width)).astype(dtype)


def test_every_layer_has_an_example():
    assert set(WALKS) == set(layers.LAYERS) == {type(make(3)).__name__ for make in EXAMPLES.values()}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("isa", _core.available_isas())
@each_example
def test_forward_and_back_are_those_of_the_reference(example, isa, dtype):
    for width in WIDTHS:
        model = model_of(EXAMPLES[example](width), inputs=width, dtype=dtype, isa=isa)
        for n in BATCHES:
            x = inputs(n, width, dtype)
            weights = model.get_weights()
            y, _ = Walk(weights, False).through(model.layers, x.astype(float))
            for used in (model.predict(x, verbose=0), model(x), model.forward(x), model._network(x, 16)):
                close(used, y, dtype, width)
            model._network.draws = n  # several random numbers of batches
            walk = Walk(weights, True, seed=5, draws=n)
            y, back = walk.through(model.layers, x.astype(float))
            close(model.forward(x, training=True), y, dtype, width + n, STEEPEST)
            assert model._network.draws == n + 1
            for i, (before, now) in enumerate(zip(weights, model.get_weights(), strict=True)):
                close(now, walk.settled.get(i, before), dtype, n)
            # Back from these weights: running means have moved, which training does not read unless it is frozen.
            d = inputs(n, y.shape[1], dtype, seed=1)
            model.zero_gradients()
            dx, *slopes = back(d.astype(float))
            close(model.backward(d), dx, dtype, width + n, STEEPEST)
            for ours, theirs in zip(model.gradients, slopes, strict=True):
                close(ours, np.zeros(ours.shape) if theirs is None else theirs, dtype, width + n, STEEPEST)


STACKS = {
    "first": lambda make: [make(5), Dense(3)],
    "in the middle": lambda make: [Dense(5, "tanh"), make(5), Dense(4, "sigmoid"), make(4), Dense(3)],
    "last": lambda make: [Dense(5, "tanh"), make(5)],
}


@pytest.mark.parametrize("n", [5, 40])
@pytest.mark.parametrize("place", STACKS)
@each_example
def test_slopes_are_those_of_the_loss(example, place, n):
    model = model_of(*STACKS[place](EXAMPLES[example]), inputs=5)
    model.compile(loss="mse")
    rng = np.random.default_rng(3)
    x, y, weight = inputs(n, 5, "float64"), rng.normal(size=(n, model.output_shape[1])), rng.uniform(0.5, 2, n)
    loss, slopes = model.loss_and_gradients(x, y, weight)
    learns = [any(w is own or np.shares_memory(w, own) for own in model.trainable_weights) for w in model.weights]
    assert not any(s.any() for s, ours in zip(slopes, learns, strict=True) if not ours)
    slopes, weights = (
        [a for a, ours in zip(arrays, learns, strict=True) if ours] for arrays in (slopes, model.weights)
    )
    numeric = numeric_slopes(lambda: model.loss_and_gradients(x, y, weight)[0], weights)
    assert greatest_error(slopes, numeric, loss) < BOUND


@pytest.mark.parametrize("n", [3, 20])
@each_example
def test_slopes_of_x_are_those_of_the_output(example, n):
    model = model_of(EXAMPLES[example](4), inputs=4)
    x = inputs(n, 4, "float64")
    d = inputs(n, model.output_shape[1], "float64", seed=1)

    def total():
        """Σ d·y, and the penalty on values, which the way back adds the slope of."""
        model._network.draws = 2
        walk = Walk(model.get_weights(), True, seed=5, draws=2)
        walk.through(model.layers, x)
        return float((model.forward(x, training=True) * d).sum()) + walk.penalty

    (numeric,) = numeric_slopes(total, [x])
    total()
    assert greatest_error([model.backward(d)], [numeric]) < BOUND


# ---- what is trained ----


def regression(n=64, width=4, dtype="float64"):
    x = inputs(n, width, dtype)
    return x, np.tanh(x @ np.ones((width, 2)) / 2)


def test_a_layer_that_is_not_trained_keeps_its_weights_and_lets_slopes_through():
    for make in EXAMPLES.values():
        below, layer, above = Dense(5, "tanh"), make(5), Dense(2)
        model = model_of(below, layer, above, inputs=4)
        model.compile("adam", "mse")
        layer.trainable = False
        before = model.get_weights()
        model.fit(*regression(), epochs=1, batch_size=16, verbose=0)
        changed = [(a != b).any() for a, b in zip(before, model.get_weights(), strict=True)]
        assert changed == [True] * 2 + [False] * len(layer.weights) + [True] * 2
        assert layer.trainable_weights == []
        assert len(model.trainable_weights) == 4
        if layer.trainable_weights or not layer.weights:
            continue
        layer.trainable = True
        model.fit(*regression(), epochs=1, batch_size=16, verbose=0)
        changed = [(a != b).any() for a, b in zip(before, model.get_weights(), strict=True)]
        assert any(changed[2:-2]) == (not isinstance(layer, Normalization))


def test_a_frozen_batch_normalization_uses_its_running_means():
    frozen = BatchNormalization(trainable=False)
    x = inputs(20, 3, "float64")
    model = model_of(frozen, inputs=3)
    expected = model(x)
    np.testing.assert_array_equal(model.forward(x, training=True), expected)
    np.testing.assert_array_equal(frozen(x, training=True), expected)
    frozen.trainable = True
    assert (model.forward(x, training=True) != expected).any()
    moved = model(x)
    frozen.trainable = False
    np.testing.assert_array_equal(model.forward(x, training=True), moved)
    np.testing.assert_array_equal(
        Residual([BatchNormalization()], trainable=False)(x, training=True),
        Residual([BatchNormalization()])(x),
    )


@pytest.mark.parametrize("momentum", [0.0, 0.9, 1.0])
def test_running_means_after_an_epoch(momentum):
    model = model_of(BatchNormalization(momentum=momentum), Dense(2), inputs=4)
    model.compile("sgd", "mse")
    x, y = regression(50)
    *_, mean, variance = (w.copy() for w in model.layers[0].weights)
    model.loss_and_gradients(x, y)
    model.evaluate(x, y, verbose=0)
    model.predict(x, verbose=0)
    np.testing.assert_array_equal(model.layers[0].moving_mean, mean)
    model.fit(x, y, batch_size=16, shuffle=False, verbose=0)
    for first in range(0, 50, 16):
        batch = x[first : first + 16]
        mean = momentum * mean + (1 - momentum) * batch.mean(axis=0)
        variance = momentum * variance + (1 - momentum) * batch.var(axis=0)
    close(model.layers[0].moving_mean, mean, "float64", 16)
    close(model.layers[0].moving_variance, variance, "float64", 16)


def test_a_layer_called_in_training_moves_its_running_means_once():
    x = inputs(20, 3, "float64")
    for layer in (
        BatchNormalization(momentum=0.5),
        model_of(alone := BatchNormalization(momentum=0.5), inputs=3) and alone,
    ):
        layer(x)
        before = layer.moving_mean.copy()
        layer(x, training=True)
        close(layer.moving_mean, (before + x.mean(axis=0)) / 2, "float64", 20)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 5, 70])
@each_example
def test_all_ways_to_use_a_model_give_the_same(example, n, dtype):
    model = model_of(Dense(4), EXAMPLES[example](4), Dense(2), inputs=3, dtype=dtype)
    model.compile(loss="mae")
    x = inputs(n, 3, dtype)
    y = model.predict(x, verbose=0)
    scale = float(np.abs(y).max()) * 10
    close(model(x), y, dtype, 16, scale)
    close(model.forward(x), y, dtype, 16, scale)
    penalty = Walk(model.get_weights(), False)
    penalty.through(model.layers, x.astype(float))
    close(model.evaluate(x, y, verbose=0), penalty.penalty, dtype, 16, scale)
    close(model.test_on_batch(x, y), penalty.penalty, dtype, 16, scale)
    out = x
    for layer in model.layers:
        out = layer(out)
    close(out, y, dtype, 16, scale)


@pytest.mark.parametrize("batch_size", [4, 16, 40])
def test_the_penalty_on_values_is_a_mean_over_the_batch(batch_size):
    model = model_of(ActivityRegularization(0.5, 0.25), Residual([ActivityRegularization(l2=0.5)]), inputs=3)
    model.compile("sgd", "mse")
    x = inputs(40, 3, "float64")
    expected = (0.5 * np.abs(x).sum() + 0.75 * (x**2).sum()) / 40
    y = 2 * x
    losses = [
        model.evaluate(x, y, batch_size=batch_size, verbose=0),
        model.fit(x, y, batch_size=batch_size, verbose=0).history["loss"][0],
    ]
    close(losses, expected, "float64", 120)


# ---- functions of the user's own ----


class BrokenError(Exception):
    pass


def breaking(after=0):
    calls = []

    def function(x):
        calls.append(x.shape)
        if len(calls) > after:
            raise BrokenError
        return x * x

    return function, lambda x: 2 * x


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    "where", [lambda f: Dense(6, f), Activation, lambda f: Residual([Dense(9, "tanh"), Activation(f)])]
)
def test_an_error_of_ones_own_activation_reaches_the_caller(where, threads):
    x, y = regression(600)
    model = model_of(BatchNormalization(), Dense(8), where(breaking()), Dropout(0.5), Dense(2), inputs=4)
    model.compile("adam", "mse")
    core = model._require_trainer().core
    core.force_team = True
    before = model.get_weights()
    calls = [
        lambda: model.fit(x, y, batch_size=100, verbose=0),
        lambda: model.predict(x, verbose=0),
        lambda: model.evaluate(x, y, verbose=0),
        lambda: model.train_on_batch(x[:3], y[:3]),
        lambda: model.loss_and_gradients(x, y),
        lambda: model(x),
        lambda: model(x[:2]),
        lambda: model.forward(x),
        lambda: model.forward(x, training=True),
        lambda: model.forward(x[:5], training=True),
    ]
    with fastbp.num_threads(threads):
        for call in calls:
            with pytest.raises(BrokenError):
                call()
    with pytest.raises(RuntimeError, match="nothing to go back through"):
        model.backward(np.ones((5, 2)))
    assert model._network.draws == 0
    assert core.iterations == 0
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_batch_whose_activation_fails_changes_nothing(threads):
    x, y = regression(64)
    models = [
        model_of(Dense(8), Activation(f), BatchNormalization(), Dense(2), inputs=4) for f in (breaking(2), SQUARE)
    ]
    for model in models:
        model.compile("adam", "mse")
        model._require_trainer().core.force_team = True
    with fastbp.num_threads(threads):
        with pytest.raises(BrokenError):
            models[0].fit(x, y, batch_size=16, shuffle=False, verbose=0)
        models[1].fit(x[:32], y[:32], batch_size=16, shuffle=False, verbose=0)
    for a, b in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(a, b)


SQUARE = (lambda x: x * x, lambda x: 2 * x)


@pytest.mark.parametrize("wrong", [lambda x: x[:1], lambda x: x.astype(np.float16), lambda x: x.sum()])
def test_an_activation_of_another_shape_or_dtype_is_refused(wrong):
    model = model_of(Dense(3, (wrong, lambda x: x)), inputs=2)
    with pytest.raises(ValueError, match="must keep the shape"):
        model.predict(np.ones((4, 2)), verbose=0)


def test_ones_own_activation_trains_as_the_core_s():
    x, y = regression()
    runs = []
    for f in ((np.tanh, lambda x: 1 - np.tanh(x) ** 2), "tanh"):
        model = model_of(Dense(7, f), Dense(7), Activation(f), Dense(2, f), inputs=4)
        model.compile("adam", "mse")
        model.fit(x, y, epochs=3, verbose=0)
        runs.append(model.get_weights())
    for a, b in zip(*runs, strict=True):
        close(a, b, "float64", 64, scale=6)


# ---- layers one by one ----


def test_flatten_takes_images():
    images = inputs(12, 16, "float32").reshape(12, 4, 4)
    model = fastbp.Sequential([Input((4, 4)), Rescaling(0.5), Flatten(), Dense(3)], seed=1)
    late = fastbp.Sequential([Rescaling(0.5), Flatten(), Dense(3)], seed=1)
    expected = (images.reshape(12, 16) * 0.5) @ model.layers[-1].kernel
    for built in (model, late):
        close(built.predict(images, verbose=0), expected, "float32", 16)
        close(built(images), expected, "float32", 16)
        close(built.forward(images, training=True), expected, "float32", 16)
        built.compile("sgd", "mse")
        assert built.fit(images, np.ones((12, 3)), verbose=0).history["loss"][0] > 0
    assert Flatten()(images).shape == (12, 16)
    assert Rescaling(2)(images).shape == (12, 4, 4)
    with pytest.raises(ValueError, match="Flatten"):
        fastbp.Sequential([Input((4, 4)), Dense(3)]).build()


def test_rescaling_by_the_last_axis():
    scale = [1.0, 2.0, 3.0, 4.0]
    images = np.ones((2, 3, 4))
    np.testing.assert_array_equal(Rescaling(scale, offset=scale)(images), images * scale + scale)
    with pytest.raises(ValueError, match="scale has 4 numbers; x has 6 features"):
        Rescaling(scale)(np.ones((2, 6)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_normalization_adapts_before_and_after_it_is_built(dtype):
    rng = np.random.default_rng(2)
    x = (rng.normal(size=(100, 3)) * [1, 10, 0.1] + [2000, -5, 0]).astype(dtype)
    expected = (x - x.mean(axis=0, dtype=float)) / x.std(axis=0, dtype=float)
    early, late, given = (
        Normalization(),
        Normalization(),
        Normalization(mean=x.mean(axis=0, dtype=float), variance=x.var(axis=0, dtype=float)),
    )
    early.adapt(x)
    models = [fastbp.Sequential([Input((3,)), layer], dtype=dtype) for layer in (early, late, given)]
    np.testing.assert_array_equal(models[1](x), x)
    late.adapt(x)
    back = fastbp.Sequential([Normalization(mean=late.mean, variance=late.variance, invert=True)], dtype=dtype)
    for model in models:
        # The mean is rounded once, to the dtype: an error of eps / 2 · 2000, over a deviation of 1.
        np.testing.assert_allclose(model(x), expected, rtol=0, atol=4 * np.finfo(dtype).eps * 2000)
        np.testing.assert_allclose(back(model(x)), x, rtol=8 * np.finfo(dtype).eps, atol=8 * np.finfo(dtype).eps)
    other = rng.normal(size=(50, 3))
    early.adapt(other)
    assert early.mean.dtype == dtype
    close(early.mean, other.mean(axis=0), dtype, 50)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1.7, 1e6 + 0.25, -1e-8])
def test_a_feature_that_never_varies_becomes_0(constant):
    x = np.full((50, 3), constant, np.float32)
    layer = Normalization()
    layer.adapt(x)
    np.testing.assert_array_equal(layer(x), np.zeros((50, 3)))


@pytest.mark.parametrize("layer", [BatchNormalization, LayerNormalization])
def test_norms_keep_the_digits_of_values_far_from_0(layer):
    """The mean of 64 numbers near 4096 is a sum with a rounding error, and x itself is rounded."""
    x = 4096 + np.random.default_rng(0).normal(size=(64, 64))
    single, double = (layer()(x.astype(dtype), training=True) for dtype in DTYPES)
    assert np.abs(single - double).max() < np.finfo(np.float32).eps * 4096 * np.sqrt(64)


def test_residual_of_dropout_doubles_in_use():
    x = inputs(9, 5, "float32")
    model = model_of(Residual([Dropout(0.5)]), inputs=5, dtype="float32")
    np.testing.assert_array_equal(model(x), 2 * x)
    assert set(np.round(model.forward(x, training=True) / x).ravel()) == {1.0, 3.0}


# ---- x that is not as the core has it ----


ODD = [Dropout(0.5), Activation("relu"), Normalization(), GaussianNoise(0.1), Residual([Dropout(0.1)]), Dense(3)]


@pytest.mark.parametrize("kind", [type(layer).__name__ for layer in ODD])
@pytest.mark.parametrize("n", [3, 40])
def test_x_may_lie_anywhere(kind, n):
    def fresh():
        return {
            "Activation": lambda: Activation("relu"),
            "Dropout": lambda: Dropout(0.5),
            "Normalization": Normalization,
            "GaussianNoise": lambda: GaussianNoise(0.1),
            "Residual": lambda: Residual([Dropout(0.1)]),
            "Dense": lambda: Dense(3),
        }[kind]()

    wide = inputs(2 * n, 12, "float32")
    for x in (
        wide[:n, 2:5],
        wide[::2, :3],
        wide[:n, ::4],
        wide.T[:n, :3] if n < 12 else wide[:n, :3],
        wide[n::-1, 1:4][:n],
    ):
        runs = []
        for given in (x, np.ascontiguousarray(x)):
            model = model_of(fresh(), Dense(2), inputs=3, dtype="float32")
            model.compile("sgd", "mse")
            out = [model(given), model.predict(given, verbose=0), model.forward(given, training=True)]
            model.fit(given, np.ones((len(given), 2)), batch_size=5, shuffle=False, verbose=0)
            runs.append([a.tobytes() for a in [*out, *model.get_weights()]])
        assert runs[0] == runs[1]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="protects a page by mprotect")
@each_example
def test_nothing_beyond_the_end_of_x_is_read(example):
    page = mmap.PAGESIZE
    memory = mmap.mmap(-1, 2 * page)
    whole = np.frombuffer(memory, np.float32)
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.mprotect(ctypes.c_void_p(whole.ctypes.data + page), ctypes.c_size_t(page), 0) == 0
    try:
        for n in (1, 3, 8, 70):
            x = whole[page // 4 - 3 * n : page // 4].reshape(n, 3)
            x[...] = inputs(n, 3, "float32")
            model = model_of(EXAMPLES[example](3), inputs=3, dtype="float32")
            model.compile("sgd", "mse")
            outputs = model(x), model.predict(x, verbose=0), model.forward(x, training=True)
            assert all(np.isfinite(a).all() for a in outputs)
            model.fit(x, np.ones_like(outputs[0]), batch_size=4, shuffle=False, verbose=0)
            model.fit(x, np.ones_like(outputs[0]), batch_size=40, verbose=0)
            model.evaluate(x, np.ones_like(outputs[0]), verbose=0)
    finally:
        libc.mprotect(ctypes.c_void_p(whole.ctypes.data + page), ctypes.c_size_t(page), 3)


def test_settings_that_no_network_could_be_made_of():
    with pytest.raises(ValueError, match="scale must be a number, or one for each feature; got none"):
        Rescaling([])
    with pytest.raises(ValueError, match=r"seed must be below 2\*\*64"):
        layers.Dropout(0.5, seed=2**64)


def test_layers_in_blocks_within_blocks_have_views_of_their_weights():
    inner = Dense(3)
    model = model_of(Residual([Residual([inner]), Dropout(0.5)]), inputs=3)
    inner.kernel[...] = 5
    assert (model.weights[0] == 5).all()
    model.pop()
    inner.kernel[...] = 6
    assert (inner.kernel == 6).all()
