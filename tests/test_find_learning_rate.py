"""The learning-rate finder: what it tries and suggests, and that the model is what it was."""

import numpy as np
import pytest

from fastbp import SGD, Adam, Dense, Input, Sequential
from fastbp.constraints import Constraint
from fastbp.layers import BatchNormalization, Dropout
from fastbp.optimizers import schedules

RNG = np.random.default_rng(0)
X = RNG.standard_normal((100, 4)).astype(np.float32)
Y = np.tanh(X @ RNG.standard_normal((4, 2))).astype(np.float32)


def network(optimizer=None, layers=None, loss="mse", **compiled):
    layers = [Dense(8, "tanh"), Dense(2)] if layers is None else layers()
    model = Sequential([Input((4,)), *layers], seed=0)
    model.compile(optimizer or SGD(0.01), loss, **compiled)
    return model


def noisy():
    return [Dense(8, "relu", kernel_constraint="non_neg"), BatchNormalization(), Dropout(0.2), Dense(2)]


class Own(Constraint):
    def __call__(self, w):
        return np.clip(w, -0.3, 0.3)


def constrained():
    return [Dense(8, "relu", kernel_constraint=Own()), Dense(2)]


OPTIMIZERS = {
    "sgd": lambda: SGD(0.01),
    "momentum": lambda: SGD(0.01, momentum=0.9),
    "adam": lambda: Adam(0.01),
    "schedule": lambda: SGD(schedules.ExponentialDecay(0.1, 3, 0.5)),
    "accumulating": lambda: Adam(0.01, gradient_accumulation_steps=3),
    "means": lambda: Adam(0.01, use_ema=True, ema_overwrite_frequency=4),
}


@pytest.mark.parametrize("trained", [0, 1], ids=["fresh", "trained"])
@pytest.mark.parametrize("layers", [None, noisy, constrained], ids=["plain", "noisy", "constrained"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_model_is_as_it_was_and_trains_as_it_would_have(optimizer, layers, trained):
    straight, tried = (network(OPTIMIZERS[optimizer](), layers, metrics=["mae"]) for _ in range(2))
    for model in (straight, tried):
        model.fit(X, Y, epochs=trained)
    history = tried.history
    tried.find_learning_rate(X, Y, steps=20)
    assert tried.optimizer.learning_rate == straight.optimizer.learning_rate
    assert tried.optimizer.iterations == straight.optimizer.iterations
    assert tried.history is history
    for a, b in zip(straight.get_weights(), tried.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    for model in (straight, tried):
        model.fit(X, Y, epochs=2)
    for a, b in zip(straight.get_weights(), tried.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert straight.history.history == tried.history.history


def test_the_model_is_as_it_was_after_an_error():
    calls = []

    def failing(y_true, y_pred):
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return ((y_pred - y_true) ** 2).mean(axis=1), (y_pred - y_true)

    model = network(loss=failing)
    before = model.get_weights()
    with pytest.raises(KeyboardInterrupt):
        model.find_learning_rate(X, Y)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert model.optimizer.iterations == 0


def test_the_losses_are_those_of_a_loop_by_hand():
    found = network().find_learning_rate(X, Y, batch_size=100, least=1e-4, most=0.1, steps=10, smoothing=0.5)
    np.testing.assert_allclose(found.rates, np.geomspace(1e-4, 0.1, 10))
    model, losses = network(), []
    for rate in found.rates:
        model.optimizer.learning_rate = rate
        losses.append(model.train_on_batch(X, Y))
    for k, smooth in enumerate(found.losses):
        weights = [0.5 ** abs(k - j) for j in range(10)]
        assert smooth == pytest.approx(np.average(losses, weights=weights), rel=1e-5)  # shuffled: other sums
    assert found.suggestion == found.rates[int(np.argmin(found.losses))] / 10


def test_the_suggestion_trains_and_a_hundredth_of_it_does_not():
    suggested = network().find_learning_rate(X, Y).suggestion
    reached = []
    for rate in (suggested, suggested / 100):
        model = network(SGD(rate))
        reached.append(model.fit(X, Y, epochs=10).history["loss"][-1])
    assert reached[0] < 0.25 * reached[1]


def test_it_ends_when_the_loss_has_grown():
    found = network().find_learning_rate(X, Y, batch_size=100, most=1e6, smoothing=0)
    assert found.rates[-1] < 1e3
    assert found.losses[-1] <= 4 * min(found.losses)  # what was beyond is left out
    assert np.isfinite(found.losses).all()
    assert found.suggestion < found.rates[int(np.argmin(found.losses))]


def test_a_loss_that_does_not_fall_has_no_suggestion():
    assert network().find_learning_rate(X, Y, least=10, most=100, smoothing=0).suggestion is None


def test_the_plot(monkeypatch):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    from matplotlib import pyplot

    found = network().find_learning_rate(X, Y)
    _, ax = pyplot.subplots()
    assert found.plot(ax) is ax
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), found.rates)
    assert found.plot().get_xscale() == "log"
    pyplot.close("all")


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"least": 0.0}, ValueError, "least must be greater than 0"),
        ({"least": 1.0, "most": 0.5}, ValueError, "most must be greater than least; got 0.5 and 1.0"),
        ({"steps": 2}, ValueError, "steps must be at least 3; got 2"),
        ({"smoothing": 1.0}, ValueError, "smoothing must be .*at most 0.999; got 1.0"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1"),
        ({"steps": "3"}, TypeError, "steps must be a whole number"),
    ],
)
def test_bad_settings(settings, error, message):
    with pytest.raises(error, match=message):
        network().find_learning_rate(X, Y, **settings)


def test_a_model_that_is_not_compiled():
    with pytest.raises(RuntimeError, match="not compiled"):
        Sequential([Dense(2)]).find_learning_rate(X, Y)
