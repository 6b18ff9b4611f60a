"""From gradients to weights: clipping, decay, running means, accumulation, penalties and constraints, in all ways."""

import numpy as np
import pytest
from every_optimizer import RULES

import fastbp
from fastbp import SGD, Dense, Input, Sequential, _core, constraints, layers, regularizers
from fastbp.optimizers import AdamW
from fastbp.optimizers.schedules import ExponentialDecay

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(70, 5)), rng.normal(size=(70, 3))


def everything():
    return AdamW(
        ExponentialDecay(0.03, 2, 0.9),
        0.2,
        global_clipnorm=0.3,
        use_ema=True,
        ema_momentum=0.7,
        ema_overwrite_frequency=4,
        gradient_accumulation_steps=2,
    )


OPTIMIZERS = {
    "plain": lambda: SGD(0.1),
    "decay": lambda: SGD(0.1, momentum=0.9, weight_decay=0.1),
    "clipnorm": lambda: SGD(0.1, clipnorm=0.1),
    "clipvalue": lambda: SGD(0.1, clipvalue=0.01),
    "global_clipnorm": lambda: SGD(0.1, global_clipnorm=0.1),
    "means": lambda: SGD(0.1, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=3),
    "accumulation": lambda: SGD(0.1, gradient_accumulation_steps=3),
    "everything": everything,
}
by_optimizer = pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)


def made(optimizer, settings=None, units=7, dtype="float64", **compiled):
    first = Dense(units, "tanh", **(settings or {}))
    model = Sequential([Input((5,)), first, Dense(3)], dtype=dtype, seed=1)
    model.compile(**({"optimizer": optimizer(), "loss": "mse"} | compiled))
    return model


def with_all():
    return {
        "kernel_regularizer": regularizers.L1L2(0.01, 0.02),
        "bias_regularizer": regularizers.L2(0.05),
        "kernel_constraint": constraints.MinMaxNorm(0.8, 0.9, 0.5),
        "bias_constraint": constraints.NonNeg(),
    }


def with_all_per_sample():
    return with_all() | {"kernel_regularizer": regularizers.L1L2(0.3, 0.6, per_sample=True)}


def bits(model):
    return [w.tobytes() for w in model.get_weights()]


# ---- all ways are one ----


@by_optimizer
@pytest.mark.parametrize("settings", [dict, with_all, with_all_per_sample], ids=["bare", "all", "per sample"])
@pytest.mark.parametrize(("units", "batch"), [(7, 20), (7, 70), (3000, 20)])  # also groups; more than one piece
def test_any_number_of_threads_and_stored_gradients_give_the_same_bits(optimizer, settings, units, batch):
    found = set()
    for team in (1, 2, 4):
        for store in (False, True):
            model = made(optimizer, settings(), units, "float32")
            core = model._require_trainer().core
            core.store_gradients, core.force_team = store, True
            with fastbp.num_threads(team):
                history = model.fit(X, Y, batch_size=batch, epochs=2, verbose=0, validation_data=(X, Y)).history
                assert core.team_size == team
            found.add((str(history), *bits(model)))
    assert len(found) == 1


def penalised(rule, isa, dtype, **settings):
    """Epochs whose last batches are smaller, and one of single samples: losses and weights."""
    cls, options = RULES[rule]
    penalties = {"kernel_regularizer": regularizers.L1L2(0.01, 0.02), "bias_regularizer": regularizers.L1(0.01)}
    norms = {"gamma_regularizer": regularizers.L2(0.02), "beta_regularizer": regularizers.L2(0.05)}
    shrinking = {"kernel_regularizer": regularizers.L2(0.02)}
    model = Sequential([Input((5,))], dtype=dtype, seed=1)
    model._isa = isa
    for layer in (Dense(33, "tanh", **penalties), layers.LayerNormalization(**norms), Dense(3, **shrinking)):
        model.add(layer)
    model.compile(cls(0.01, **options, **settings), "mse")
    return [model.fit(X, Y, batch_size=batch, verbose=0).history for batch in (40, 6, 1)], bits(model)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("isa", _core.available_isas())
def test_slopes_of_penalties_have_the_same_bits_in_registers_and_in_memory(isa, rule, dtype):
    """A limit that is never met has the gradients in memory, and nothing else."""
    assert penalised(rule, isa, dtype) == penalised(rule, isa, dtype, clipvalue=1e30)


@by_optimizer
@pytest.mark.parametrize("settings", [dict, with_all], ids=["bare", "all"])
def test_steps_of_ones_own_do_the_same(optimizer, settings):
    """Except that the running means are not put into the weights, for nobody says when training ends."""
    trained, stepped, by_loss = (made(optimizer, settings()) for _ in range(3))
    for first in range(0, 70, 10):
        x, y = X[first : first + 10], Y[first : first + 10]
        trained.train_on_batch(x, y)
        stepped.zero_gradients()
        out = stepped.forward(x, training=True)
        stepped.backward(2 * (out - y) / y.size)
        before = [g.copy() for g in stepped.gradients]
        stepped.apply_gradients()
        for g, kept in zip(stepped.gradients, before, strict=True):
            np.testing.assert_array_equal(g, kept)
        by_loss.loss_and_gradients(x, y)
        by_loss.apply_gradients()
    for model in (stepped, by_loss):
        assert model.optimizer.iterations == trained.optimizer.iterations
        for w, v in zip(model.weights, trained.weights, strict=True):
            np.testing.assert_allclose(w, v, rtol=0, atol=1e-13)


# ---- single parts, by their formulas ----


def gradients_of(model, x, y):
    return model.loss_and_gradients(x, y)[1]


def test_global_clipnorm_over_many_pieces():
    model = made(lambda: SGD(1.0, global_clipnorm=1e-3), units=5000)
    start, slopes = model.get_weights(), gradients_of(model, X, Y)
    norm = np.sqrt(sum(np.square(g).sum() for g in slopes))
    model.train_on_batch(X, Y)
    for w, v, g in zip(model.weights, start, slopes, strict=True):
        np.testing.assert_allclose(w, v - g * 1e-3 / norm, rtol=0, atol=1e-15 * 100)


def test_the_loss_has_the_penalties_of_the_weights_before_the_step():
    model, bare = made(lambda: SGD(0.1), with_all()), made(lambda: SGD(0.1))
    kernel, bias = model.layers[0].get_weights()
    bias += 0.25
    for each in (model, bare):
        each.layers[0].set_weights([kernel, bias])
    penalty = regularizers.L1L2(0.01, 0.02)(kernel) + regularizers.L2(0.05)(bias)
    expected = bare.evaluate(X, Y, verbose=0) + penalty
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(expected, rel=1e-13)
    assert model.loss_and_gradients(X, Y)[0] == pytest.approx(expected, rel=1e-13)
    assert model.train_on_batch(X, Y) == pytest.approx(expected, rel=1e-13)


WEIGHT = rng.uniform(0.5, 1.5, 70)
REDUCTIONS = {  # what the losses of a batch are divided by
    "sum_over_batch_size": len,
    "mean": len,
    "mean_with_sample_weight": np.sum,
    "sum": lambda weight: 1.0,
}
PENALTY = regularizers.L1L2(0.3, 0.6, per_sample=True)


def pair(reduction, **compiled):
    """A model with penalties per sample, and one without any."""
    loss = fastbp.losses.MeanSquaredError(reduction)
    parts = {"kernel_regularizer": PENALTY, "bias_regularizer": regularizers.L2(0.05)}, {}
    models = [made(lambda: SGD(0.1), part, loss=loss, **compiled) for part in parts]
    kernel, bias = models[0].layers[0].get_weights()
    for model in models:
        model.layers[0].set_weights([kernel, bias + 0.25])
    return models


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_penalties_per_sample_are_divided_as_the_losses(reduction, weighted):
    for n in (64, 6):
        weight = WEIGHT[:n] if weighted else np.ones(n)
        data = X[:n], Y[:n], WEIGHT[:n] if weighted else None
        model, bare = pair(reduction)
        kernel, bias = model.layers[0].get_weights()
        divisor = REDUCTIONS[reduction](weight)
        (loss, slopes), (expected, bare_slopes) = (m.loss_and_gradients(*data) for m in (model, bare))
        expected += PENALTY(kernel) / divisor + 0.05 * (bias**2).sum()
        added = PENALTY.slope(kernel) / divisor, 2 * 0.05 * bias, 0, 0
        assert loss == pytest.approx(expected, rel=1e-13)
        for slope, without, penalty in zip(slopes, bare_slopes, added, strict=True):
            np.testing.assert_allclose(slope, without + penalty, rtol=0, atol=1e-13 * np.abs(slope).max())
        before = model.get_weights()
        assert model.train_on_batch(*data) == pytest.approx(expected, rel=1e-13)
        for w, v, slope in zip(model.weights, before, slopes, strict=True):
            np.testing.assert_allclose(w, v - 0.1 * slope, rtol=0, atol=1e-14 * max(1, np.abs(slope).max()))


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_evaluation_divides_penalties_per_sample_batch_by_batch(reduction):
    model, bare = pair(reduction)
    kernel, bias = model.layers[0].get_weights()
    batches = [slice(0, 30), slice(30, 60), slice(60, 70)]
    shares = [PENALTY(kernel) / REDUCTIONS[reduction](WEIGHT[b]) * len(WEIGHT[b]) for b in batches]
    expected = bare.evaluate(X, Y, 30, sample_weight=WEIGHT, verbose=0) + sum(shares) / 70 + 0.05 * (bias**2).sum()
    assert model.evaluate(X, Y, 30, sample_weight=WEIGHT, verbose=0) == pytest.approx(expected, rel=1e-13)
    found = model.evaluate(((X[b], Y[b], WEIGHT[b]) for b in batches), steps=3, verbose=0)
    assert found == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_slopes_of_penalties_per_sample_are_those_of_the_loss(reduction):
    model, h = pair(reduction, loss_weights=0.5)[0], 1e-5
    x, y, weight = X[:9], Y[:9], WEIGHT[:9]
    slopes = model.loss_and_gradients(x, y, weight)[1]
    size = model.test_on_batch(x, y, weight)
    for w, slope in zip(model.weights, slopes, strict=True):
        for at in np.ndindex(w.shape):
            kept, sides = w[at], []
            for step in (h, -h):
                w[at] = kept + step
                sides.append(model.test_on_batch(x, y, weight))
            w[at] = kept
            # The third derivative of these is of the order of the loss; a difference rounds by its eps / h.
            assert slope[at] == pytest.approx((sides[0] - sides[1]) / (2 * h), rel=0, abs=size * (1e-9 + 1e-15 / h))


def test_steps_of_ones_own_do_not_divide_penalties():
    model, bare = pair("mean")
    start = model.layers[0].kernel.copy()
    for each in (model, bare):
        each.backward(each.forward(X, training=True) - Y)
        each.apply_gradients()
    difference = bare.layers[0].kernel - model.layers[0].kernel
    np.testing.assert_allclose(difference, 0.1 * PENALTY.slope(start), rtol=0, atol=1e-13)


# ---- the weight of the loss ----


@pytest.mark.parametrize("given", [0.3, [0.3], (0.3,), {"dense_1": 0.3}, np.float64(0.3)], ids=repr)
def test_loss_weights_multiply_the_loss_but_no_penalty_and_no_metric(given):
    model, plain = (pair("mean", metrics=["mse"], **options)[0] for options in ({"loss_weights": given}, {}))
    kernel, bias = model.layers[0].get_weights()
    penalty = PENALTY(kernel) / 70 + 0.05 * (bias**2).sum()
    loss, mse = plain.test_on_batch(X, Y)
    expected = [0.3 * (loss - penalty) + penalty, mse]
    assert model.test_on_batch(X, Y) == pytest.approx(expected, rel=1e-13)
    (found, slopes), (_, others) = (m.loss_and_gradients(X, Y) for m in (model, plain))
    assert found == pytest.approx(expected[0], rel=1e-13)
    added = PENALTY.slope(kernel) / 70, 2 * 0.05 * bias, 0, 0
    for slope, other, penalty in zip(slopes, others, added, strict=True):
        np.testing.assert_allclose(slope, 0.3 * (other - penalty) + penalty, rtol=0, atol=1e-14)
    assert model.train_on_batch(X, Y) == pytest.approx(expected, rel=1e-13)


def test_loss_weights_of_a_loss_of_ones_own():
    loss = fastbp.losses.CustomLoss(lambda t, y: (((y - t) ** 2).mean(axis=1), 2 * (y - t) / t.shape[1]))
    own, built_in = (made(lambda: SGD(0.1), loss=each, loss_weights=2.5) for each in (loss, "mse"))
    losses = [model.fit(X, Y, 20, 2, verbose=0).history["loss"] for model in (own, built_in)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-13)
    for w, v in zip(own.weights, built_in.weights, strict=True):
        np.testing.assert_allclose(w, v, rtol=0, atol=1e-13)


def test_a_loss_weight_of_zero_leaves_the_penalties():
    model = pair("mean", loss_weights=0)[0]
    kernel, bias = model.layers[0].get_weights()
    assert model.train_on_batch(X, Y) == pytest.approx(PENALTY(kernel) / 70 + 0.05 * (bias**2).sum(), rel=1e-13)


# ---- running means and constraints ----


def test_the_mean_is_in_the_weights_after_fit_alone():
    model = made(lambda: SGD(0.1, use_ema=True, ema_momentum=0.6))
    after = []
    watch = fastbp.callbacks.LambdaCallback(on_train_batch_end=lambda *_: after.append(model.get_weights()))
    model.fit(X, Y, batch_size=10, epochs=2, verbose=0, callbacks=[watch])
    mean = after[0]
    for weights in after[1:]:
        mean = [0.6 * m + 0.4 * w for m, w in zip(mean, weights, strict=True)]
    for w, m in zip(model.weights, mean, strict=True):
        np.testing.assert_allclose(w, m, rtol=0, atol=1e-14)


def test_a_fit_of_no_epochs_changes_nothing():
    model = made(lambda: SGD(0.1, use_ema=True))
    model.fit(X, Y, verbose=0)
    model.set_weights([w + 1 for w in model.weights])
    before = bits(model)
    assert model.fit(X, Y, epochs=0, verbose=0).history == {}
    assert bits(model) == before


def test_what_is_trained_later_has_its_weights_as_means():
    model = made(lambda: SGD(0.0, use_ema=True, ema_momentum=0.9))
    model.layers[0].trainable = False
    model.fit(X, Y, verbose=0)
    before = model.get_weights()
    model.layers[0].trainable = True
    model.fit(X, Y, verbose=0)
    for w, v in zip(model.weights, before, strict=True):
        np.testing.assert_allclose(w, v, rtol=0, atol=1e-14)


class Rounded(constraints.Constraint):
    """Whole quarters."""

    def __call__(self, w):
        return np.round(np.asarray(w) * 4) / 4


def test_a_constraint_of_ones_own_holds_after_every_batch():
    model = made(lambda: SGD(0.5), {"kernel_constraint": Rounded()})
    seen = []
    watch = fastbp.callbacks.LambdaCallback(on_train_batch_end=lambda *_: seen.append(model.layers[0].kernel.copy()))
    model.fit(X, Y, batch_size=10, verbose=0, shuffle=False, callbacks=[watch])
    assert len(seen) == 7
    assert all(np.array_equal(kernel, Rounded()(kernel)) for kernel in seen)
    other, stepped = (made(lambda: SGD(0.5), {"kernel_constraint": Rounded()}) for _ in range(2))
    other.fit(X, Y, batch_size=10, verbose=0, shuffle=False)
    for first in range(0, 70, 10):
        stepped.loss_and_gradients(X[first : first + 10], Y[first : first + 10])
        stepped.apply_gradients()
    assert bits(other) == bits(model) == bits(stepped)


# ---- a look at the optimiser ----


def test_what_an_optimizer_shows_during_and_after_training():
    optimizer = SGD(ExponentialDecay(0.5, 1, 0.5), momentum=0.9, gradient_accumulation_steps=2)
    model = made(lambda: optimizer)
    seen = []
    watch = fastbp.callbacks.LambdaCallback(
        on_train_batch_end=lambda *_: seen.append((optimizer.iterations, optimizer.learning_rate))
    )
    model.fit(X, Y, batch_size=20, verbose=0, callbacks=[watch])
    assert seen == [(0, 0.25), (1, 0.125), (1, 0.0625), (2, 0.03125)]
    assert [v.shape for v in optimizer.variables] == [(), (5, 7), (7,), (7, 3), (3,)]
    assert all(v.any() for v in optimizer.variables)
    model.layers[0].trainable = False
    model.fit(X, Y, verbose=0)
    assert [v.shape for v in optimizer.variables] == [(), (7, 3), (3,)]
