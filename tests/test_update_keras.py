"""From gradients to weights as in Keras: the same model, the same batches, the same steps."""

import numpy as np
import pytest
from peer_keras import keras

import fastbp

EPS = np.finfo(np.float32).eps
N, BATCH, EPOCHS = 40, 10, 3  # 12 batches, of one shape, for Keras compiles anew for each
rng = np.random.default_rng(0)
X, Y = rng.normal(size=(N, 5)).astype("float32"), rng.normal(size=(N, 3)).astype("float32")
WEIGHTS = [
    rng.uniform(-1, 1, shape).astype("float32") / 2 for shape in ((5, 7), (7,), (7, 3), (3,))
]  # for both, biases as well


def sgd(**settings):
    return lambda m: m.optimizers.SGD(0.1, momentum=0.5, **settings)


def adam(**settings):
    return lambda m: m.optimizers.Adam(0.01, **settings)


def excluding(optimizer, **what):
    optimizer.exclude_from_weight_decay(**what)
    return optimizer


def no_settings(_):
    return {}


def made(m, optimizer, first=no_settings, second=no_settings, frozen=False, **compiled):
    """The model in library m, compiled."""
    layers = [m.layers.Dense(7, "tanh", **first(m)), m.layers.Dense(3, **second(m))]
    model = m.Sequential([m.layers.Input((5,)), *layers])
    model.set_weights(WEIGHTS)
    layers[0].trainable = not frozen
    model.compile(**({"optimizer": optimizer(m), "loss": "mse"} | compiled))
    return model


def arrays(model):
    return [np.asarray(getattr(weight, "value", weight)) for weight in model.weights]


def assert_close(ours, theirs, steps=EPOCHS * 4):
    """By 1e-5 of what changed most, and what rounding a weight in every step can add."""
    for our, their, start in zip(arrays(ours), arrays(theirs), WEIGHTS, strict=True):
        rounding = EPS * np.sqrt(steps) * np.abs(their).max()
        np.testing.assert_allclose(our, their, rtol=0, atol=1e-5 * np.abs(their - start).max() + rounding)


def assert_alike(optimizer, *parts, n=N, **compiled):
    ours, theirs = (made(m, optimizer, *parts, **compiled) for m in (fastbp, keras))
    histories = [
        model.fit(X[:n], Y[:n], BATCH, EPOCHS, verbose=0, shuffle=False, validation_data=(X[:BATCH], Y[:BATCH])).history
        for model in (ours, theirs)
    ]
    assert list(histories[0]) == list(histories[1])
    for name, values in histories[1].items():
        np.testing.assert_allclose(histories[0][name], values, rtol=1e-5, err_msg=name)
    assert_close(ours, theirs)
    assert ours.optimizer.iterations == int(theirs.optimizer.iterations)
    assert ours.optimizer.learning_rate == pytest.approx(float(theirs.optimizer.learning_rate), rel=1e-6)


OPTIMIZERS = {
    "plain": sgd(),
    "weight decay": sgd(weight_decay=0.3),
    "weight decay, Adam": adam(weight_decay=0.3),
    "AdamW": lambda m: m.optimizers.AdamW(0.01, weight_decay=0.3),
    "Lion": lambda m: m.optimizers.Lion(0.01, weight_decay=0.3),
    "weight decay but of biases": lambda m: excluding(m.optimizers.AdamW(0.01, 0.3), var_names=["bias"]),
    "weight decay but of kernels": lambda m: excluding(m.optimizers.SGD(0.1, weight_decay=0.3), var_names=["kern"]),
    "clipnorm": sgd(clipnorm=0.1),
    "clipnorm that is rarely met": sgd(clipnorm=0.5),
    "clipvalue": sgd(clipvalue=0.03),
    "global_clipnorm": sgd(global_clipnorm=0.2),
    "global_clipnorm, Adam": adam(global_clipnorm=0.2),
    "EMA": sgd(use_ema=True, ema_momentum=0.8),
    "EMA, overwriting": sgd(use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=5),
    "EMA, overwriting in each step": adam(use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=1),
    "EMA of momentum 1": sgd(use_ema=True, ema_momentum=1.0),
    "accumulation": sgd(gradient_accumulation_steps=3),
    "accumulation that ends in the middle": adam(gradient_accumulation_steps=5),
    "accumulation, weight decay": sgd(gradient_accumulation_steps=3, weight_decay=0.3),
    "accumulation, clipnorm": sgd(gradient_accumulation_steps=3, clipnorm=0.1),
    "accumulation, global_clipnorm": sgd(gradient_accumulation_steps=2, global_clipnorm=0.1),
    "accumulation, clipvalue": sgd(gradient_accumulation_steps=2, clipvalue=0.02),
    "accumulation, EMA": sgd(gradient_accumulation_steps=3, use_ema=True, ema_momentum=0.8),
    "accumulation, EMA, overwriting": sgd(
        gradient_accumulation_steps=2, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=3
    ),
    "accumulation, schedule": lambda m: m.optimizers.SGD(
        m.optimizers.schedules.ExponentialDecay(0.3, 2, 0.7), gradient_accumulation_steps=3
    ),
    "accumulation, Nadam": lambda m: m.optimizers.Nadam(0.01, gradient_accumulation_steps=3),
    "Nadam": lambda m: m.optimizers.Nadam(0.01),
    "all": lambda m: m.optimizers.AdamW(
        m.optimizers.schedules.CosineDecay(0.03, 10), 0.2, amsgrad=True, global_clipnorm=0.3, use_ema=True,
        ema_momentum=0.7, ema_overwrite_frequency=4, gradient_accumulation_steps=2,
    ),
}  # fmt: skip
SCHEDULES = {
    "ExponentialDecay": lambda s: s.ExponentialDecay(0.3, 3, 0.7),
    "ExponentialDecay, staircase": lambda s: s.ExponentialDecay(0.3, 3, 0.7, staircase=True),
    "InverseTimeDecay": lambda s: s.InverseTimeDecay(0.3, 3, 0.7),
    "PiecewiseConstantDecay": lambda s: s.PiecewiseConstantDecay([2, 6], [0.3, 0.2, 0.05]),
    "PolynomialDecay": lambda s: s.PolynomialDecay(0.3, 8, 0.01, power=2.0),
    "PolynomialDecay, cycle": lambda s: s.PolynomialDecay(0.3, 5, 0.01, cycle=True),
    "CosineDecay": lambda s: s.CosineDecay(0.3, 9, alpha=0.1),
    "CosineDecay, warmup": lambda s: s.CosineDecay(0.0, 8, alpha=0.1, warmup_target=0.3, warmup_steps=4),
    "CosineDecayRestarts": lambda s: s.CosineDecayRestarts(0.3, 4, t_mul=1.5, m_mul=0.8),
}
REGULARIZERS = {
    "L1": lambda m: m.regularizers.L1(0.02),
    "L2": lambda m: m.regularizers.L2(0.05),
    "L1L2": lambda m: m.regularizers.L1L2(0.01, 0.03),
}
CONSTRAINTS = {
    "NonNeg": lambda m: m.constraints.NonNeg(),
    **{
        f"{name}, axis {axis}": lambda m, name=name, settings=settings, axis=axis: getattr(m.constraints, name)(
            **settings, axis=axis
        )
        for name, settings in (
            ("MaxNorm", {"max_value": 0.6}),
            ("UnitNorm", {}),
            ("MinMaxNorm", {"min_value": 0.7, "max_value": 0.9, "rate": 0.4}),
        )
        for axis in (0, 1, [0, 1])
    },
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_optimizers(optimizer):
    assert_alike(optimizer)


def test_a_last_batch_that_is_smaller():
    assert_alike(OPTIMIZERS["all"], lambda m: {"kernel_regularizer": m.regularizers.L2(0.05)}, n=37)


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
def test_schedules(schedule):
    assert_alike(lambda m: m.optimizers.SGD(schedule(m.optimizers.schedules)))


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
def test_schedules_batch_by_batch(schedule):
    """Callbacks of batches and train_on_batch see the rate of the next batch, and change nothing."""
    optimizer = lambda m: m.optimizers.SGD(schedule(m.optimizers.schedules))  # noqa: E731
    whole, called, stepped = (made(fastbp, optimizer) for _ in range(3))
    theirs = made(keras, optimizer)
    rates = []
    watch = fastbp.callbacks.LambdaCallback(
        on_train_batch_begin=lambda *_: rates.append(called.optimizer.learning_rate)
    )
    for model, callbacks in ((whole, None), (called, [watch])):
        model.fit(X, Y, BATCH, EPOCHS, verbose=0, shuffle=False, callbacks=callbacks)
    expected = []
    for first in [*range(0, N, BATCH)] * EPOCHS:
        expected.append(float(theirs.optimizer.learning_rate))
        for model in (stepped, theirs):
            model.train_on_batch(X[first : first + BATCH], Y[first : first + BATCH])
    np.testing.assert_allclose(rates, expected, rtol=1e-6, atol=1e-9)
    assert_close(stepped, theirs)
    for model in (called, stepped):
        assert all(np.array_equal(w, v) for w, v in zip(model.weights, whole.weights, strict=True))


@pytest.mark.parametrize("where", ["kernel_regularizer", "bias_regularizer", "activity_regularizer"])
@pytest.mark.parametrize("regularizer", REGULARIZERS.values(), ids=REGULARIZERS)
def test_regularizers(regularizer, where):
    assert_alike(sgd(), lambda m: {where: regularizer(m)}, lambda m: {where: regularizer(m)})


@pytest.mark.parametrize("weights", [0.3, [0.3], 0.0], ids=repr)
def test_loss_weights(weights):
    def penalised(m):
        return {"kernel_regularizer": m.regularizers.L2(0.05), "activity_regularizer": m.regularizers.L1(0.02)}

    assert_alike(sgd(), penalised, loss_weights=weights, metrics=["mae"])


@pytest.mark.parametrize("constraint", CONSTRAINTS.values(), ids=CONSTRAINTS)
def test_constraints_of_kernels(constraint):
    assert_alike(sgd(), lambda m: {"kernel_constraint": constraint(m)}, lambda m: {"kernel_constraint": constraint(m)})


@pytest.mark.parametrize("name", [name for name in CONSTRAINTS if not name.endswith(("1", "]"))])
def test_constraints_of_biases(name):
    assert_alike(sgd(), lambda m: {"bias_constraint": CONSTRAINTS[name](m)})


TOGETHER = ["plain", "AdamW", "clipnorm", "EMA, overwriting", "accumulation, EMA", "all"]


@pytest.mark.parametrize("optimizer", [OPTIMIZERS[name] for name in TOGETHER], ids=TOGETHER)
@pytest.mark.parametrize("frozen", [False, True])
def test_all_together(optimizer, frozen):
    def first(m):
        return {
            "kernel_regularizer": m.regularizers.L1L2(0.01, 0.02),
            "bias_regularizer": m.regularizers.L2(0.05),
            "kernel_constraint": m.constraints.MinMaxNorm(0.8, 0.9, 0.5),
            "bias_constraint": m.constraints.NonNeg(),
        }

    def second(m):
        return {
            "kernel_regularizer": m.regularizers.L2(0.03),
            "activity_regularizer": m.regularizers.L1(0.02),
            "kernel_constraint": m.constraints.MaxNorm(0.7, axis=1),
            "bias_constraint": m.constraints.UnitNorm(),
        }

    assert_alike(optimizer, first, second, frozen)
