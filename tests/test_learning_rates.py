"""Callbacks that set the learning rate."""

import numpy as np
import pytest

from fastbp import SGD, Dense, Input, Sequential
from fastbp.callbacks import LambdaCallback, LearningRateScheduler, ReduceLROnPlateau

X = np.random.default_rng(0).standard_normal((8, 2))
nan = float("nan")


def network(rate=1.0):
    model = Sequential([Input((2,)), Dense(1)], seed=0)
    model.compile(SGD(rate), "mse")
    return model


def rates(callback, values, rate=1.0):
    """The learning rate of every epoch, where the epochs have these losses."""
    model = network(rate)
    callback.set_model(model)
    callback.on_train_begin({})
    found = []
    for epoch, value in enumerate(values):
        logs = {callback.monitor: value}
        callback.on_epoch_begin(epoch, {})
        callback.on_epoch_end(epoch, logs)
        found.append(logs["learning_rate"])
    return [*found, model.optimizer.learning_rate]


@pytest.mark.parametrize(
    ("settings", "values", "expected"),
    [
        ({}, [1.0] * 11, [1.0] * 11 + [0.1]),  # patience 10
        ({"patience": 1, "factor": 0.5}, [3, 2, 2, 2], [1, 1, 1, 0.5, 0.25]),
        ({"patience": 2, "factor": 0.5}, [3, 3, 3, 2, 2, 2], [1, 1, 1, 0.5, 0.5, 0.5, 0.25]),
        ({"patience": 1, "factor": 0.5, "mode": "max"}, [1, 2, 2, 3], [1, 1, 1, 0.5, 0.5]),
        ({"patience": 1, "factor": 0.5, "monitor": "val_accuracy"}, [1, 2, 2, 3], [1, 1, 1, 0.5, 0.5]),
        ({"patience": 1, "factor": 0.5, "min_delta": 0.5}, [3, 2.75, 2.25], [1, 1, 0.5, 0.5]),
        ({"patience": 1, "factor": 0.5, "cooldown": 2}, [1, 1, 1, 1, 1, 1], [1, 1, 0.5, 0.5, 0.25, 0.25, 0.125]),
        ({"patience": 1, "factor": 0.5, "min_lr": 0.375}, [1, 1, 1, 1], [1, 1, 0.5, 0.375, 0.375]),
        ({"patience": 1, "factor": 0.0}, [1, 1, 1], [1, 1, 0, 0]),
        ({"patience": 1, "factor": 0.5}, [nan, 3, 2, 2], [1, 1, 1, 1, 0.5]),
    ],
)
def test_the_learning_rate_falls_on_a_plateau(settings, values, expected):
    assert rates(ReduceLROnPlateau(**settings), values) == pytest.approx(expected, rel=1e-15)


def test_a_plateau_is_forgotten_with_every_fit():
    callback = ReduceLROnPlateau(patience=2, factor=0.5)
    for _ in range(2):
        assert rates(callback, [3, 3, 3]) == [1, 1, 1, 0.5]


def test_the_learning_rate_of_each_epoch_is_in_the_history():
    model = network(0.25)
    callback = ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=1e9)
    history = model.fit(X, X[:, :1], epochs=4, callbacks=callback).history
    assert history["learning_rate"] == [0.25, 0.25, 0.125, 0.0625]


def test_a_plateau_of_what_is_not_in_the_logs_is_a_warning():
    model = network()
    with pytest.warns(
        UserWarning, match="ReduceLROnPlateau watches 'val_loss', which is not in the logs; there are: l"
    ):
        model.fit(X, X[:, :1], callbacks=ReduceLROnPlateau())


@pytest.mark.parametrize("factor", [1.0, 2, -0.5, nan])
def test_a_factor_lowers_the_learning_rate(factor):
    with pytest.raises(ValueError, match=r"factor must be in \[0, 1\); got"):
        ReduceLROnPlateau(factor=factor)


def test_what_happens_is_printed_if_asked(capsys):
    rates(ReduceLROnPlateau(patience=1, verbose=1), [1, 1, 0])
    assert capsys.readouterr().out == "Epoch 2: reducing the learning rate to 0.1\n"
    network().fit(X, X[:, :1], epochs=2, verbose=0, callbacks=LearningRateScheduler(lambda e: 0.5**e, verbose=1))
    assert (
        capsys.readouterr().out
        == "Epoch 1: setting the learning rate to 1\nEpoch 2: setting the learning rate to 0.5\n"
    )


@pytest.mark.parametrize(
    "schedule",
    [
        lambda epoch, rate: rate / 2 if epoch else rate,
        lambda epoch, rate=None: rate / 2 if epoch else rate,
        lambda epoch: 0.5**epoch,
        lambda *args: 0.5 ** args[0],
        lambda epoch: np.float32(0.5**epoch),
    ],
)
def test_a_schedule_sets_the_learning_rate_of_every_epoch(schedule):
    model, used = network(), []
    look = LambdaCallback(on_train_batch_begin=lambda batch, logs: used.append(model.optimizer.learning_rate))
    history = model.fit(X, X[:, :1], epochs=4, callbacks=[LearningRateScheduler(schedule), look]).history
    assert used == history["learning_rate"] == [1.0, 0.5, 0.25, 0.125]


def test_a_schedule_that_fails_is_not_called_again():
    """With one argument, say: the mistake within would be hidden."""
    called = []

    def schedule(epoch, rate):
        called.append(epoch)
        return rate + "1"

    with pytest.raises(TypeError, match="unsupported operand"):
        network().fit(X, X[:, :1], callbacks=LearningRateScheduler(schedule))
    assert called == [0]


@pytest.mark.parametrize("rate", [1, "0.1", None, [0.1]], ids=repr)
def test_a_schedule_gives_floats(rate):
    with pytest.raises(ValueError, match="schedule must give the learning rate as a float; got"):
        network().fit(X, X[:, :1], callbacks=LearningRateScheduler(lambda epoch: rate))


@pytest.mark.parametrize("rate", [-0.5, nan])
def test_a_schedule_gives_learning_rates(rate):
    with pytest.raises(ValueError, match="learning_rate must be finite and at least 0"):
        network().fit(X, X[:, :1], callbacks=LearningRateScheduler(lambda epoch: rate))
