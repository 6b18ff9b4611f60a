"""Callbacks between batches: called at those that they ask for, with what they would get at every batch."""

import numpy as np
import pytest

from fastbp import Adam, Dense, Input, Sequential, trainer
from fastbp.callbacks import Callback
from fastbp.constraints import Constraint
from fastbp.layers import Dropout

RNG = np.random.default_rng(0)
X = RNG.standard_normal((600, 3)).astype(np.float32)  # 7 batches of 90: of several chunks, and the last smaller
Y = np.tanh(X @ RNG.standard_normal((3, 2))).astype(np.float32)
BATCHES = 7


class Halved(Constraint):
    """One that the core does not know, which is called after every batch."""

    def __call__(self, w):
        return np.where(np.abs(w) > 1, w / 2, w)


def network(constraint=None):
    model = Sequential(
        [Input((3,)), Dense(8, "relu", kernel_regularizer="l2", kernel_constraint=constraint), Dropout(0.2), Dense(2)],
        seed=0,
    )
    model.compile(Adam(0.01), "mse", metrics=["mae", "r2_score"])
    return model


class Seen(Callback):
    """Keeps what it is called with after batches."""

    def __init__(self, interval):
        self.batch_interval = interval
        self.logs = []

    def on_train_batch_end(self, batch, logs=None):
        self.logs.append((batch, logs))


class Before(Seen):
    """Keeps what it is called with before batches as well, and the weights."""

    def on_train_batch_begin(self, batch, logs=None):
        self.logs.append((batch, [w.copy() for w in self.model.weights]))


@pytest.fixture
def stretches(monkeypatch):
    """How many batches the core is asked to train on at once."""
    calls = []
    train = trainer.Trainer.train

    def counting(self, samples, batch_size, shuffle_epoch, first, last, *rest):
        calls.append(last - first)
        return train(self, samples, batch_size, shuffle_epoch, first, last, *rest)

    monkeypatch.setattr(trainer.Trainer, "train", counting)
    return calls


def fitted(*callbacks, epochs=3, constraint=None, **settings):
    model = network(constraint)
    model.fit(X, Y, batch_size=90, epochs=epochs, callbacks=list(callbacks), **settings)
    return model


def assert_equal(a, b):
    for one, other in zip(a, b, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kind", [Seen, Before])
@pytest.mark.parametrize("interval", [2, 3, 5, BATCHES, 8, 100])
def test_what_comes_at_every_so_manieth_batch_is_what_comes_there_at_each(kind, interval):
    each, some = kind(1), kind(interval)
    models = [fitted(each), fitted(some)]
    assert_equal(*(model.get_weights() for model in models))
    assert models[0].history.history == models[1].history.history == fitted().history.history
    calls = 2 if kind is Before else 1  # for a batch
    expected = [each.logs[calls * n + i] for n in range(interval - 1, 3 * BATCHES, interval) for i in range(calls)]
    assert [batch for batch, _ in some.logs] == [batch for batch, _ in expected]
    for (_, came), (_, wanted) in zip(some.logs, expected, strict=True):
        assert_equal(came, wanted) if isinstance(came, list) else np.testing.assert_equal(came, wanted)


@pytest.mark.parametrize(
    ("callbacks", "expected"),
    [
        ([Seen(3)], [3, 3, 1, 2, 3, 2]),
        ([Before(3)], [2, 1, 2, 1, 1, 1, 1, 2, 1, 2]),
        ([Seen(2), Seen(3)], [2, 1, 1, 2, 1, 1, 1, 1, 2, 2]),
        ([Seen(100), Callback()], [7, 7]),
        ([Seen(100), Seen(1)], [1] * 14),
    ],
)
def test_the_core_is_asked_for_as_many_batches_as_there_are_until_somebody_is_called(stretches, callbacks, expected):
    fitted(*callbacks, epochs=2)
    assert stretches == expected


def test_several_callbacks_are_called_at_batches_of_their_own():
    two, three = Seen(2), Before(3)
    fitted(two, three, epochs=1)
    assert [batch for batch, _ in two.logs] == [1, 3, 5]
    assert [batch for batch, _ in three.logs] == [2, 2, 5, 5]


def test_the_count_goes_on_from_fit_to_fit():
    seen = Seen(5)
    for _ in range(3):
        fitted(seen, epochs=1)
    assert [batch for batch, _ in seen.logs] == [4, 2, 0, 5]


def test_steps_beyond_the_data():
    seen = Seen(4)
    fitted(seen, epochs=1, steps_per_epoch=10)
    assert [batch for batch, _ in seen.logs] == [3, 7]


def test_batches_that_something_else_makes():
    seen = Before(2)
    model = network()
    batches = ((X[i : i + 200], Y[i : i + 200]) for i in [0, 200, 400] * 2)
    model.fit(batches, epochs=2, steps_per_epoch=3, callbacks=seen)
    assert [batch for batch, _ in seen.logs] == [1, 1, 0, 0, 2, 2]


def test_a_fit_can_be_stopped_where_a_callback_is_called():
    class Stop(Seen):
        def on_train_batch_end(self, batch, logs=None):
            super().on_train_batch_end(batch, logs)
            self.model.stop_training = True

    stop, all_of_them = Stop(3), Seen(1)
    fitted(stop, all_of_them)
    assert [len(stop.logs), len(all_of_them.logs)] == [1, 3]


def test_constraints_of_ones_own_are_kept_to_after_every_batch():
    some, each = Seen(3), Seen(1)
    models = [fitted(callback, constraint=Halved()) for callback in (some, each)]
    assert_equal(*(model.get_weights() for model in models))
    assert some.logs == [each.logs[i] for i in range(2, 21, 3)]


def test_evaluation_calls_at_every_batch():
    batches = []

    class Tested(Callback):
        batch_interval = 3

        def on_test_batch_end(self, batch, logs=None):
            batches.append(batch)

    network().evaluate(X, Y, batch_size=300, callbacks=Tested())
    assert batches == [0, 1]


@pytest.mark.parametrize(("interval", "error"), [(0, ValueError), (2.0, TypeError)])
def test_bad_intervals(interval, error):
    with pytest.raises(error, match="batch_interval of Seen must be "):
        fitted(Seen(interval))


def test_the_core_adds_to_the_totals_that_it_is_given():
    model = network()
    train = model._require_trainer()
    samples = model._samples(X, Y, None)[0]
    whole = train.measure(samples, 90, 0, BATCHES)
    parts = train.no_totals()
    for first, last in ((0, 1), (1, 5), (5, BATCHES)):
        parts = train.measure(samples, 90, first, last, parts)
    np.testing.assert_array_equal(parts, whole)
    with pytest.raises(ValueError, match=f"there are {len(whole)} totals; got 1"):
        train.core.evaluate(samples, 90, 0, 1, [0.0])
