"""Callbacks: when each hook is called, those that end a fit, and what is left of a fit that is interrupted."""

import subprocess
import sys

import numpy as np
import pytest

from fastbp import SGD, Adam, Callback, Dense, EarlyStopping, History, Input, Sequential, trainer
from fastbp.callbacks import LambdaCallback, ProgbarLogger, TerminateOnNaN, TimeBudget, time_budget

HOOKS = [name for name in vars(Callback) if name.startswith("on_")]


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def network(**compiled):
    model = Sequential([Input((3,)), Dense(5, "tanh"), Dense(2)], seed=0)
    model.compile(**({"optimizer": SGD(0.05), "loss": "mse"} | compiled))
    return model


def assert_same(arrays, others):
    assert len(arrays) == len(others)
    for array, other in zip(arrays, others, strict=True):
        np.testing.assert_array_equal(array, other, strict=True)


def recorder(*hooks):
    """A callback that overrides these hooks (or all), and lists its calls: hook, arguments but logs, logs."""

    class Recorder(Callback):
        def __init__(self):
            self.calls = []

    def recording(hook):
        def method(self, *args, logs=None):
            *numbered, logs = args
            self.calls.append((hook, *numbered, None if logs is None else dict(logs)))

        return method

    for hook in hooks or [name for name in HOOKS if name not in ("on_batch_begin", "on_batch_end")]:
        setattr(Recorder, hook, recording(hook))
    return Recorder()


X, Y = numbers(10, 3), numbers(10, 2)


# ---- order and arguments ----


def test_fit_calls_the_hooks_in_the_order_of_keras():
    seen = recorder()
    network().fit(X, Y, batch_size=4, epochs=2, validation_data=(X, Y), callbacks=[seen])
    batches = [(f"on_train_batch_{when}", batch) for batch in range(3) for when in ("begin", "end")]
    validation = [("on_test_begin",), ("on_test_batch_begin", 0), ("on_test_batch_end", 0), ("on_test_end",)]
    epochs = [[("on_epoch_begin", i), *batches, *validation, ("on_epoch_end", i)] for i in range(2)]
    assert [call[:-1] for call in seen.calls] == [("on_train_begin",), *epochs[0], *epochs[1], ("on_train_end",)]


def test_evaluate_calls_the_hooks_of_tests():
    seen = recorder()
    results = network().evaluate(X, Y, batch_size=5, callbacks=[seen])
    batches = [(f"on_test_batch_{when}", batch) for batch in range(2) for when in ("begin", "end")]
    assert [call[:-1] for call in seen.calls] == [("on_test_begin",), *batches, ("on_test_end",)]
    assert seen.calls[-1][-1] == {"loss": results}


def test_predict_calls_the_hooks_of_predictions():
    seen = recorder()
    outputs = network().predict(X, batch_size=6, callbacks=[seen])
    batches = [(f"on_predict_batch_{when}", batch) for batch in range(2) for when in ("begin", "end")]
    assert [call[:-1] for call in seen.calls] == [("on_predict_begin",), *batches, ("on_predict_end",)]
    parts = [call[-1]["outputs"] for call in seen.calls if call[0] == "on_predict_batch_end"]
    np.testing.assert_array_equal(np.concatenate(parts), outputs)


def test_predicting_batch_by_batch_gives_the_same():
    model, x = network(), numbers(600, 3)
    hooked = recorder("on_predict_batch_end")
    for batch_size in (None, 1, 7, 600, 10**15):
        np.testing.assert_array_equal(model.predict(x, batch_size, callbacks=hooked), model.predict(x))
    assert model.predict(x[:0], callbacks=hooked).shape == (0, 2)


def test_logs_hold_means_so_far_then_the_epoch_then_validation():
    seen = recorder()
    model = network(metrics=["mae"], optimizer=SGD(0.0))
    history = model.fit(X, Y, batch_size=4, shuffle=False, validation_data=(X, Y), callbacks=seen)
    logs = {(hook, *args): logs for hook, *args, logs in seen.calls}
    for batch in range(3):
        upto = model.evaluate(X[: 4 * batch + 4], Y[: 4 * batch + 4], return_dict=True)
        assert logs["on_train_batch_end", batch] == pytest.approx(upto, rel=1e-6)
        assert logs["on_train_batch_begin", batch] == {}
    epoch = {name: values[0] for name, values in history.history.items()}
    assert list(epoch) == ["loss", "mae", "val_loss", "val_mae"]
    assert logs["on_epoch_end", 0] == logs[("on_train_end",)] == epoch
    assert {f"val_{name}": value for name, value in logs[("on_test_end",)].items()}.items() <= epoch.items()
    assert logs["on_epoch_begin", 0] == logs[("on_train_begin",)] == {}


@pytest.mark.parametrize("form", [lambda c: c, lambda c: [c], lambda c: (c,), lambda c: iter([c])])
def test_callbacks_can_be_one_or_several(form):
    seen = recorder("on_epoch_end")
    network().fit(X, Y, callbacks=form(seen))
    assert len(seen.calls) == 1


def test_callbacks_are_called_in_their_order_and_before_the_history():
    order = []

    class Named(Callback):
        def __init__(self, name):
            self.name = name

        def on_epoch_end(self, epoch, logs=None):
            order.append(self.name)
            assert self.model.history.epoch == []
            logs["from_" + self.name] = 1.0

    history = network().fit(X, Y, callbacks=[Named("a"), Named("b")])
    assert order == ["a", "b"]
    assert list(history.history) == ["loss", "from_a", "from_b"]


def test_callbacks_know_model_and_params():
    model, seen = network(), Callback()
    model.fit(X, Y, batch_size=4, epochs=2, verbose=0, callbacks=seen)
    assert seen.model is model
    assert seen.params == {"verbose": 0, "epochs": 2, "steps": 3}
    model.evaluate(X, Y, batch_size=3, callbacks=seen)
    assert seen.params["steps"] == 4
    model.predict(X, batch_size=2, callbacks=seen)
    assert seen.params["steps"] == 5


@pytest.mark.parametrize("callbacks", [3, [3], EarlyStopping, [EarlyStopping], [None], ["EarlyStopping"]], ids=repr)
def test_what_is_no_callback_is_refused_before_training(callbacks):
    model = network()
    before = model.get_weights()
    with pytest.raises(TypeError, match=r"expected callbacks derived from fastbp\.callbacks\.Callback; got"):
        model.fit(X, Y, callbacks=callbacks)
    assert_same(model.get_weights(), before)
    assert model.history is None


# ---- hooks of batches cost nothing unless somebody has them ----


@pytest.fixture
def calls_of_the_core(monkeypatch):
    """The ranges of batches that the core is asked to train on."""
    calls = []
    train = trainer.Trainer.train

    def counting(self, samples, batch_size, shuffle_epoch, first, last, totals):
        calls.append((first, last))
        return train(self, samples, batch_size, shuffle_epoch, first, last, totals)

    monkeypatch.setattr(trainer.Trainer, "train", counting)
    return calls


def test_without_hooks_of_batches_an_epoch_is_one_call_of_the_core(calls_of_the_core):
    others = [hook for hook in HOOKS if "_batch_" not in hook]
    network().fit(X, Y, batch_size=4, epochs=2, validation_data=(X, Y), callbacks=recorder(*others))
    assert calls_of_the_core == [(0, 3), (0, 3)]


@pytest.mark.parametrize("hook", ["on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end"])
def test_a_hook_of_batches_is_called_for_every_batch(calls_of_the_core, hook):
    seen = recorder(hook)
    network().fit(X, Y, batch_size=4, epochs=2, callbacks=[Callback(), seen])
    assert [call[:-1] for call in seen.calls] == [(hook, batch) for _ in range(2) for batch in range(3)]
    assert calls_of_the_core == [(0, 1), (1, 2), (2, 3)] * 2


@pytest.mark.parametrize("hook", ["on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end"])
def test_a_hook_of_the_instance_alone_is_called_too(calls_of_the_core, hook):
    callback, seen = Callback(), []
    setattr(callback, hook, lambda batch, logs=None: seen.append(batch))
    network().fit(X, Y, batch_size=4, callbacks=callback)
    assert seen == [0, 1, 2]
    assert len(calls_of_the_core) == 3


def test_hooks_of_test_and_predict_batches_on_the_instance():
    callback, seen = Callback(), []
    for hook in ("on_test_batch_end", "on_predict_batch_end"):
        setattr(callback, hook, lambda batch, logs=None, hook=hook: seen.append((hook, batch)))
    model = network()
    model.evaluate(X, Y, batch_size=5, callbacks=callback)
    model.predict(X, batch_size=5, callbacks=callback)
    assert seen == [(hook, batch) for hook in ("on_test_batch_end", "on_predict_batch_end") for batch in range(2)]


def test_a_history_of_the_users_own_starts_anew_with_every_fit():
    own, model = History(), network()
    for _ in range(2):
        history = model.fit(X, Y, epochs=2, callbacks=own)
        assert (own.epoch, own.history) == (history.epoch, history.history)
        assert own is not history


# ---- EarlyStopping ----


class FakeModel:
    """Weights are the number of the epoch."""

    def __init__(self):
        self.stop_training = False
        self.weights = None
        self.set_weights = lambda weights: setattr(self, "weights", weights)
        self.get_weights = lambda: self.weights


def run(callback, values, monitor=None):
    """Shows a callback the epochs' values until it stops; the model, and the number of epochs it saw."""
    model = FakeModel()
    callback.set_model(model)
    callback.on_train_begin()
    epochs = 0
    for epoch, value in enumerate(values):
        model.weights = [epoch]
        callback.on_epoch_end(epoch, {monitor or callback.monitor: value})
        epochs += 1
        if model.stop_training:
            break
    callback.on_train_end({})
    return model, epochs


nan = float("nan")


@pytest.mark.parametrize(
    ("settings", "values", "stops_at"),
    [
        ({}, [3, 2, 1, 1, 0], 3),
        ({}, [3, 2, 1, 2, 0], 3),
        ({}, [3, 2, 1, 0], None),
        ({}, [3], None),
        ({"patience": 1}, [3, 3], 1),
        ({"patience": 2}, [1, 2, 2, 2], 2),
        ({"patience": 2}, [1, 2, 0.5, 2, 0.4, 2, 2, 2], 6),
        ({"mode": "max"}, [1, 2, 3, 3, 4], 3),
        ({"mode": "max"}, [1, 2, 3, 4], None),
        ({"mode": "max", "patience": 2}, [3, 2, 1, 0], 2),
        ({"mode": "min", "monitor": "val_accuracy"}, [3, 2, 2.5], 2),
        ({"monitor": "val_accuracy"}, [0.1, 0.2, 0.3, 0.3], 3),
        ({"monitor": "accuracy"}, [0.1, 0.2, 0.3, 0.3], 3),
        ({"monitor": "val_acc"}, [0.1, 0.2, 0.3, 0.3], 3),
        ({"monitor": "binary_accuracy"}, [0.1, 0.2, 0.3, 0.3], 3),
        ({"monitor": "val_mae"}, [0.3, 0.2, 0.2], 2),
        ({"monitor": "val_f1_score"}, [0.1, 0.2, 0.3, 0.3], 3),
        ({"monitor": "auc"}, [0.1, 0.2, 0.3, 0.3], 3),
        ({"monitor": "val_recall"}, [0.1, 0.2, 0.3, 0.3], 3),
        ({"monitor": "r2_score"}, [0.1, 0.2, 0.3, 0.3], 3),
        ({"min_delta": 0.5}, [3, 2.25, 1.5, 1.25], 3),
        ({"min_delta": 0.5}, [3, 2.5], 1),  # not by more than 0.5
        ({"min_delta": -0.5}, [3, 2.75], 1),
        ({"min_delta": 0.5, "mode": "max"}, [1, 1.75, 2.25], 2),
        ({"min_delta": 1, "patience": 3}, [3, 2.5, 2, 1.5], None),  # measured from the best, not from the last
        ({"baseline": 1, "patience": 2}, [3, 2, 1.5, 1.5], 3),
        ({"baseline": 1, "patience": 2}, [3, 0.5, 2, 2], 3),
        ({"baseline": 1, "patience": 3, "mode": "max"}, [0.5, 0.6, 0.6], 2),
        ({"start_from_epoch": 2}, [1, 2, 3, 2, 2], 4),
        ({"start_from_epoch": 2, "patience": 1}, [1, 2, 3, 3], 3),
        ({"patience": 2}, [1, nan, nan], 2),
        ({"patience": 1}, [nan, nan], 1),
        ({"patience": 2}, [nan, nan, nan], 2),
        ({"patience": 2}, [nan, 3, 2, 2, 2], 4),  # any number is better than none
    ],
)
def test_early_stopping_stops_where_the_values_are_flat(settings, values, stops_at):
    callback = EarlyStopping(**settings)
    model, epochs = run(callback, values)
    assert model.stop_training == (stops_at is not None)
    assert epochs == (len(values) if stops_at is None else stops_at + 1)
    assert callback.stopped_epoch == (stops_at or 0)


@pytest.mark.parametrize(
    ("settings", "values", "best"),
    [
        ({"patience": 2}, [3, 1, 2, 2], 1),
        ({"patience": 2, "mode": "max"}, [1, 3, 2, 2], 1),
        ({"patience": 9}, [3, 1, 2, 2], 1),  # it did not stop, but the best is restored as well
        ({"patience": 2, "start_from_epoch": 2}, [0, 0, 3, 2, 4, 4], 3),
        ({"patience": 1}, [nan, nan], 0),
        ({"patience": 1, "start_from_epoch": 1}, [1, nan, nan], 1),
        ({"patience": 2, "baseline": 0.5}, [3, 1, 2, 2], 1),
    ],
)
def test_early_stopping_restores_the_best_weights(settings, values, best):
    callback = EarlyStopping(restore_best_weights=True, **settings)
    assert run(callback, values)[0].weights == [best]
    assert callback.best_epoch == best


def test_early_stopping_leaves_the_last_weights_unless_asked():
    assert run(EarlyStopping(patience=2), [3, 1, 2, 2])[0].weights == [3]


def test_early_stopping_starts_anew_with_every_fit():
    callback = EarlyStopping(patience=2, restore_best_weights=True)
    run(callback, [0, 1, 1, 1])
    assert run(callback, [9, 8, 9, 9])[0].weights == [1]
    assert callback.best == 8


def test_early_stopping_does_not_restore_weights_of_an_earlier_fit():
    callback = EarlyStopping(restore_best_weights=True, start_from_epoch=2)
    run(callback, [3, 2, 1])
    assert run(callback, [3, 2])[0].weights == [1]


def test_early_stopping_warns_when_its_value_is_missing():
    with pytest.warns(UserWarning, match="watches 'val_loss', which is not in the logs; there are: loss"):
        model, seen = run(EarlyStopping(), [1], monitor="loss")
    assert (model.stop_training, seen) == (False, 1)


def test_early_stopping_says_what_it_does_if_asked(capsys):
    run(EarlyStopping(patience=1, restore_best_weights=True, verbose=1), [2, 1, 1])
    assert capsys.readouterr().out == "Epoch 3: early stopping\nRestoring the weights of epoch 2\n"
    run(EarlyStopping(patience=1, restore_best_weights=True), [2, 1, 1])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mode": "least"}, "mode must be 'auto', 'min' or 'max'; got 'least'"),
        ({"patience": -1}, "patience must be at least 0; got -1"),
    ],
)
def test_early_stopping_refuses_settings_it_does_not_know(settings, message):
    with pytest.raises(ValueError, match=message):
        EarlyStopping(**settings)


def test_early_stopping_ends_a_fit_with_the_weights_of_its_best_epoch():
    model, other = network(optimizer=SGD(0.0)), network()

    class Worse(Callback):
        """Training gets worse from the third epoch on."""

        def on_epoch_begin(self, epoch, logs=None):
            self.model.layers[1].bias[...] = [2, 1, 3, 4, 5, 6][epoch]

    history = model.fit(
        X, Y, epochs=6, callbacks=[Worse(), EarlyStopping("loss", patience=2, restore_best_weights=True)]
    )
    assert history.epoch == [0, 1, 2, 3]
    other.layers[1].bias[...] = 1
    assert_same(model.get_weights(), other.get_weights())


# ---- TerminateOnNaN, TimeBudget ----


class Poison(Callback):
    """A weight becomes infinite in the second batch of the second epoch, and so the loss of the next."""

    epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == (1, 1):
            self.model.layers[1].bias[0] = np.inf


def test_terminate_on_nan_ends_the_fit_at_that_batch(capsys):
    seen = recorder("on_train_batch_end", "on_epoch_end", "on_train_end")
    history = network().fit(X, Y, batch_size=2, epochs=4, callbacks=[Poison(), TerminateOnNaN(), seen])
    assert history.epoch == [0, 1]
    assert [call[1] for call in seen.calls if call[0] == "on_train_batch_end"] == [0, 1, 2, 3, 4, 0, 1, 2]
    assert seen.calls[-1][0] == "on_train_end"
    assert np.isfinite(history.history["loss"]).tolist() == [True, False]
    assert capsys.readouterr().out == "Batch 2: the loss is inf, training ends\n"


def test_terminate_on_nan_can_raise():
    seen = recorder("on_train_end")
    with pytest.raises(RuntimeError, match="the loss is inf after batch 2; expected a finite number"):
        network().fit(X, Y, batch_size=2, epochs=4, callbacks=[Poison(), TerminateOnNaN(raise_error=True), seen])
    assert seen.calls == []


def test_terminate_on_nan_leaves_a_finite_loss_alone(capsys):
    assert network().fit(X, Y, epochs=3, callbacks=TerminateOnNaN()).epoch == [0, 1, 2]
    assert capsys.readouterr().out == ""


@pytest.fixture
def clock(monkeypatch):
    """A clock of TimeBudget's that only the test moves; monotonic() does not go on by itself."""

    class Clock:
        now = 1000.0

        def monotonic(self):
            return self.now

    fake = Clock()
    monkeypatch.setattr(time_budget, "time", fake)
    return fake


@pytest.mark.parametrize(
    ("seconds", "batches", "epochs"),
    [(0, 1, 1), (1, 1, 1), (1.5, 2, 1), (5, 5, 1), (5.5, 6, 2), (7, 7, 2), (99, 15, 3)],
)
def test_a_time_budget_ends_the_fit_at_the_first_batch_after_it(clock, seconds, batches, epochs):
    seen = []

    def tick(batch, logs):
        clock.now += 1.0
        seen.append(batch)

    budget = TimeBudget(seconds)
    for _ in range(2):  # it starts anew with every fit
        history = network().fit(X, Y, batch_size=2, epochs=3, callbacks=[LambdaCallback(on_batch_end=tick), budget])
        assert (len(seen), len(history.epoch)) == (batches, epochs)
        seen.clear()


def test_a_time_budget_counts_validation(clock):
    def tick(logs):
        clock.now += 1.0

    history = network().fit(
        X, Y, epochs=9, validation_data=(X, Y), callbacks=[LambdaCallback(on_test_end=tick), TimeBudget(3)]
    )
    assert history.epoch == [0, 1, 2]


@pytest.mark.parametrize("seconds", [-1, float("nan")])
def test_a_time_budget_is_no_less_than_nothing(seconds):
    with pytest.raises(ValueError, match="seconds must be at least 0; got"):
        TimeBudget(seconds)


# ---- LambdaCallback ----


@pytest.mark.parametrize("hook", HOOKS)
def test_a_function_is_called_as_its_hook(hook):
    own, function = recorder(hook), recorder(hook)
    model = network()
    for callback in (own, LambdaCallback(**{hook: getattr(function, hook)})):
        model.set_weights(network().get_weights())
        model.epochs_trained = 0
        model.fit(X, Y, batch_size=4, validation_data=(X, Y), callbacks=callback)
        model.predict(X, batch_size=4, callbacks=callback)
    assert repr(function.calls) == repr(own.calls)  # the repr, for outputs are arrays
    assert own.calls


def test_only_the_functions_that_are_given_cost_a_call_for_every_batch(calls_of_the_core):
    network().fit(X, Y, batch_size=4, callbacks=LambdaCallback(lambda epoch, logs: None, on_train_batch_end=None))
    assert calls_of_the_core == [(0, 3)]
    network().fit(X, Y, batch_size=4, callbacks=LambdaCallback(on_train_batch_end=lambda batch, logs: None))
    assert calls_of_the_core[1:] == [(0, 1), (1, 2), (2, 3)]


def test_a_function_for_an_unknown_hook_is_refused():
    with pytest.raises(TypeError, match="'on_epoch_start' is no hook; known: on_train_begin, "):
        LambdaCallback(on_epoch_start=print)


# ---- ProgbarLogger ----


def test_fit_shows_progress_by_a_progbar_logger_unless_it_is_given_one(capsys):
    class Short(ProgbarLogger):
        def on_epoch_end(self, epoch, logs=None):
            print(epoch, self.params["verbose"])

    network().fit(X, Y, epochs=2, verbose=2, callbacks=Short())
    assert capsys.readouterr().out == "0 2\n1 2\n"
    network().fit(X, Y, epochs=2, verbose=2)
    assert capsys.readouterr().out.count("Epoch") == 2


def test_a_progbar_logger_shows_a_line_for_each_epoch_evaluation_and_prediction(capsys):
    shown, model = ProgbarLogger(), network()
    model.fit(X, Y, epochs=5, initial_epoch=3, validation_data=(X, Y), verbose=2, callbacks=shown)
    model.evaluate(X, Y, verbose=2, callbacks=shown)
    model.predict(X, verbose=2, callbacks=shown)
    starts = [line.split(" - ")[0] for line in capsys.readouterr().out.splitlines()]
    assert starts == ["Epoch 4/5", "Epoch 5/5", "Evaluation 1/1", "Prediction 1/1"]


def test_an_evaluation_within_a_fit_is_silent_or_by_itself(capsys):
    def evaluate(epoch, logs):
        model.evaluate(X, Y, verbose=2)

    model = network()
    model.fit(X, Y, verbose=2, validation_data=(X, Y), callbacks=LambdaCallback(on_epoch_end=evaluate))
    starts = [line.split(" - ")[0] for line in capsys.readouterr().out.splitlines()]
    assert starts == ["Evaluation 1/1", "Epoch 1/1"]


# ---- callbacks that raise, and Ctrl-C ----


@pytest.mark.parametrize("error", [Exception, KeyboardInterrupt])
def test_what_is_open_is_closed_however_a_call_ends(error, monkeypatch):
    opened, closed = [], []
    monkeypatch.setattr(ProgbarLogger, "_release", lambda self: closed.append(self))
    monkeypatch.setattr(ProgbarLogger, "set_model", lambda self, model: opened.append(self))

    def boom(*args):
        raise error

    model = network()
    calls = {
        "on_train_begin": lambda c: model.fit(X, Y, callbacks=c, verbose=2),
        "on_epoch_end": lambda c: model.fit(X, Y, callbacks=c, verbose=2),
        "on_test_begin": lambda c: model.evaluate(X, Y, callbacks=c, verbose=2),
        "on_predict_begin": lambda c: model.predict(X, callbacks=c, verbose=2),
    }
    for hook, call in calls.items():
        with pytest.raises(error):
            call(LambdaCallback(**{hook: boom}))
        call(Callback())
    assert len(opened) == 8
    assert closed == opened


def test_the_bar_is_closed_when_a_fit_is_interrupted(capsys):
    def boom(epoch, logs):
        if epoch == 1:
            raise KeyboardInterrupt

    shown = ProgbarLogger()
    with pytest.raises(KeyboardInterrupt):
        network().fit(X, Y, epochs=3, verbose=1, callbacks=[shown, LambdaCallback(on_epoch_end=boom)])
    assert shown._progress is None
    assert "2/3" in capsys.readouterr().err


class BoomError(Exception):
    """Raised by the callbacks below."""


RAISING = [
    ("on_train_begin", 0),
    ("on_epoch_begin", 1),
    ("on_train_batch_begin", 1),
    ("on_train_batch_end", 1),
    ("on_test_begin", 1),
    ("on_test_batch_end", 1),
    ("on_test_end", 1),
    ("on_epoch_end", 1),
    ("on_train_end", 3),
]


@pytest.mark.parametrize("error", [BoomError, KeyboardInterrupt])
@pytest.mark.parametrize(("hook", "epochs"), RAISING)
@pytest.mark.parametrize("verbose", [0, 1])
def test_an_exception_in_a_callback_ends_the_fit_and_leaves_a_usable_model(hook, epochs, error, verbose):
    class Raises(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.epoch = epoch

    def method(self, *args):
        if epochs in (0, 3) or self.epoch == 1:
            raise error(hook)

    before = Raises.on_epoch_begin
    setattr(Raises, hook, method if hook != "on_epoch_begin" else lambda self, *a: (before(self, *a), method(self)))
    model = network(optimizer=Adam())
    with pytest.raises(error, match=hook):
        model.fit(X, Y, batch_size=4, epochs=3, validation_data=(X, Y), callbacks=[Raises()], verbose=verbose)
    assert model.history.epoch == list(range(epochs))
    assert all(np.isfinite(values).all() for values in (*model.get_weights(), model.predict(X)))
    assert model.fit(X, Y, epochs=2).epoch == [0, 1]


@pytest.mark.parametrize("error", [BoomError, KeyboardInterrupt])
def test_a_fit_can_be_resumed_after_an_exception(error):
    class Raises(Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                raise error

    model, other = network(optimizer=Adam()), network(optimizer=Adam())
    with pytest.raises(error):
        model.fit(X, Y, batch_size=4, epochs=4, callbacks=Raises())
    model.fit(X, Y, batch_size=4, epochs=4, initial_epoch=2)
    other.fit(X, Y, batch_size=4, epochs=4)
    assert_same(model.get_weights(), other.get_weights())


@pytest.mark.filterwarnings("error")
def test_a_warning_that_is_an_error_ends_the_fit_like_any_other():
    model = network()
    with pytest.raises(UserWarning, match="not in the logs"):
        model.fit(X, Y, epochs=2, callbacks=EarlyStopping())
    model.fit(X, Y)


INTERRUPTED = """
import os, signal, sys, threading, time
import numpy as np
import fastbp

signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever the parent does with it
sys.setswitchinterval(1000)  # the GIL changes hands only where it is released: the signal comes while the core works
ready, sent = threading.Event(), []


def press():
    ready.wait()
    sent.append(time.perf_counter())
    os.kill(os.getpid(), signal.SIGINT)


class Press(fastbp.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == {epoch}:
            ready.set()

    def on_test_begin(self, logs=None):
        ready.set()

    def on_predict_begin(self, logs=None):
        ready.set()


model = fastbp.Sequential([fastbp.Input((64,)), fastbp.Dense(32, "relu"), fastbp.Dense(1)], seed=0)
model.compile(optimizer="adam", loss="mse")
x = np.broadcast_to(np.linspace(0, 1, 64, dtype="float32"), ({rows}, 64))
y = np.broadcast_to(np.ones(1, dtype="float32"), ({rows}, 1))
before = model.get_weights()
fastbp.get_num_threads()  # reads a file the first time, which releases the GIL too
thread = threading.Thread(target=press, daemon=True)
thread.start()
try:
    {call}
except KeyboardInterrupt:
    arrived = time.perf_counter()
else:
    raise SystemExit("it was not interrupted")
thread.join()
assert all(np.isfinite(w).all() for w in model.weights)
changed = any((w != b).any() for w, b in zip(model.weights, before))
assert changed == {trains}
assert np.isfinite(model.predict(x[:5])).all()
assert np.isfinite(model.evaluate(x[:5], y[:5]))
assert len(model.fit(x[:5], y[:5], epochs=2).epoch) == 2
print(arrived - sent[0])
"""


@pytest.mark.parametrize(
    ("call", "rows", "epoch", "trains"),
    [
        ("model.fit(x, y, batch_size=1, epochs=10**9, callbacks=Press())", 100, 100, True),
        ("model.fit(x, y, batch_size=1, shuffle=False, callbacks=Press())", 10**7, 0, True),
        ("model.evaluate(x, y, callbacks=Press())", 10**7, 0, False),
        ("model.predict(x, callbacks=Press())", 10**7, 0, False),
    ],
    ids=["many epochs", "one long epoch", "evaluate", "predict"],
)
def test_ctrl_c_arrives_at_once_and_leaves_a_usable_model(call, rows, epoch, trains):
    code = INTERRUPTED.format(call=call, rows=rows, epoch=epoch, trains=trains)
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert child.returncode == 0, child.stderr
    seconds = float(child.stdout)
    print(f"{call}: KeyboardInterrupt {1000 * seconds:.1f} ms after the signal")
    assert seconds < 1
