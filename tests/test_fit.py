"""fit: what is trained on, in which order, with what weights, and what is reported."""

import re
import sys
import types

import numpy as np
import pytest

from fastbp import SGD, Adam, Callback, Dense, Input, Sequential, _core
from fastbp.callbacks import History, LambdaCallback
from fastbp.optimizers.schedules import ExponentialDecay

OPTIMIZERS = [SGD(0.05), SGD(0.05, momentum=0.9), SGD(0.05, momentum=0.9, nesterov=True), Adam(0.01)]
by_optimizer = pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda optimizer: optimizer.kernel)


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def network(widths=(3, 5, 2), optimizer=None, seed=0, dtype="float32", isa="", **compiled):
    """A compiled model of these widths, the input's first."""
    model = Sequential(dtype=dtype, seed=seed)
    model._isa = isa
    model.add(Input((widths[0],)))
    for width in widths[1:-1]:
        model.add(Dense(width, "tanh"))
    model.add(Dense(widths[-1]))
    model.compile(**({"optimizer": optimizer or SGD(0.05), "loss": "mse"} | compiled))
    return model


def assert_same(arrays, others):
    assert len(arrays) == len(others)
    for array, other in zip(arrays, others, strict=True):
        np.testing.assert_array_equal(array, other, strict=True)


# ---- history ----


def test_history_has_loss_metrics_and_their_validation_in_this_order():
    model = network(metrics=["mae", "mse"])
    x, y = numbers(10, 3), numbers(10, 2)
    history = model.fit(x, y, epochs=3, validation_split=0.2)
    assert isinstance(history, History)
    assert list(history.history) == ["loss", "mae", "mse", "val_loss", "val_mae", "val_mse"]
    assert {len(values) for values in history.history.values()} == {3}
    assert {type(value) for values in history.history.values() for value in values} == {float}
    assert history.epoch == [0, 1, 2]
    assert model.history is history
    assert history.model is model


def test_without_validation_the_history_has_no_validation():
    assert list(network(metrics=["mae"]).fit(numbers(10, 3), numbers(10, 2)).history) == ["loss", "mae"]


def test_fit_finds_a_line():
    model = Sequential([Dense(1)], seed=0)
    model.compile(optimizer=SGD(0.1), loss="mse")
    x = np.linspace(-1, 1, 50)
    model.fit(x, 3 * x - 2, epochs=100)
    np.testing.assert_allclose([model.layers[0].kernel.item(), model.layers[0].bias.item()], [3, -2], rtol=1e-5)


# ---- batches ----


@by_optimizer
def test_the_last_smaller_batch_is_trained_on(optimizer):
    x, y = numbers(10, 3), numbers(10, 2)
    model, by_hand = network(optimizer=optimizer), network(optimizer=optimizer)
    model.fit(x, y, batch_size=4, shuffle=False)
    for first in (0, 4, 8):
        by_hand.train_on_batch(x[first : first + 4], y[first : first + 4])
    assert_same(model.get_weights(), by_hand.get_weights())
    assert model._trainer.core.iterations == 3


def test_the_loss_of_an_epoch_is_the_mean_over_its_samples():
    x, y = numbers(10, 3), numbers(10, 2)
    model, by_hand = network(metrics=["mae"], dtype="float64"), network(metrics=["mae"], dtype="float64")
    history = model.fit(x, y, batch_size=4, shuffle=False).history
    batches = [(by_hand.train_on_batch(x[i : i + 4], y[i : i + 4]), len(x[i : i + 4])) for i in (0, 4, 8)]
    for i, name in enumerate(["loss", "mae"]):
        expected = sum(result[i] * rows for result, rows in batches) / 10
        assert history[name] == [pytest.approx(expected, rel=10 * np.finfo("float64").eps)]


def test_a_batch_has_32_samples_if_nothing_is_said():
    x, y = numbers(70, 3), numbers(70, 2)
    model, other = network(), network()
    model.fit(x, y)
    other.fit(x, y, batch_size=32)
    assert model._trainer.core.iterations == 3
    assert_same(model.get_weights(), other.get_weights())


@pytest.mark.parametrize("batch_size", [11, 1000, 2**31, 10**30])
def test_a_batch_larger_than_the_data_is_all_of_it(batch_size):
    x, y = numbers(10, 3), numbers(10, 2)
    model, other = network(), network()
    model.fit(x, y, batch_size=batch_size)
    other.fit(x, y, batch_size=10)
    assert model._trainer.core.iterations == 1
    assert_same(model.get_weights(), other.get_weights())


# ---- epochs ----


@pytest.mark.parametrize("shuffle", [True, False])
@by_optimizer
def test_two_fits_of_two_epochs_are_one_of_four(optimizer, shuffle):
    x, y = numbers(10, 3), numbers(10, 2)
    model, other = network(optimizer=optimizer), network(optimizer=optimizer)
    whole = model.fit(x, y, batch_size=4, epochs=4, shuffle=shuffle).history["loss"]
    parts = [other.fit(x, y, batch_size=4, epochs=2, shuffle=shuffle).history["loss"] for _ in range(2)]
    assert parts[0] + parts[1] == whole
    assert_same(other.get_weights(), model.get_weights())


def test_initial_epoch_is_the_number_of_the_first():
    x, y = numbers(10, 3), numbers(10, 2)
    model, other = network(), network()
    history = model.fit(x, y, epochs=5, initial_epoch=3)
    other.fit(x, y, epochs=2)
    assert history.epoch == [3, 4]
    assert_same(model.get_weights(), other.get_weights())


@pytest.mark.parametrize(("initial_epoch", "epochs"), [(0, 0), (2, 2), (4, 1)])
@pytest.mark.parametrize("verbose", [0, 1, 2])
def test_no_epochs_train_nothing(initial_epoch, epochs, verbose):
    model = network()
    before = model.get_weights()
    history = model.fit(numbers(10, 3), numbers(10, 2), epochs=epochs, initial_epoch=initial_epoch, verbose=verbose)
    assert (history.epoch, history.history) == ([], {})
    assert_same(model.get_weights(), before)


@pytest.mark.parametrize("metrics", [[], ["mae"]])
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("batch_size", [1, 7, 50])
def test_who_looks_between_epochs_sees_what_training_without_them_does(batch_size, shuffle, metrics):
    """Without callbacks the core goes through several epochs at a time."""

    def trained(**arguments):
        model = network(seed=4)
        model.compile(Adam(ExponentialDecay(0.01, 10, 0.5)), "mse", metrics=metrics)
        history = model.fit(
            numbers(50, 3), numbers(50, 2), batch_size, 45, verbose=0, initial_epoch=3, shuffle=shuffle, **arguments
        )
        return history.epoch, history.history, model.epochs_trained, b"".join(w.tobytes() for w in model.get_weights())

    ahead = trained()
    assert ahead[0] == list(range(3, 45))
    assert ahead == trained(callbacks=[LambdaCallback()])


def test_functions_of_ones_own_are_asked_in_every_epoch():
    seen = []

    def largest_error(y_true, y_pred):
        seen.append(len(y_true))
        return np.abs(y_true - y_pred).max(axis=1)

    model = network()
    model.compile("sgd", "mse", metrics=[largest_error])
    history = model.fit(numbers(10, 3), numbers(10, 2), batch_size=5, epochs=3)
    assert seen == [5] * 6
    assert len(set(history.history["largest_error"])) == 3


# ---- the order of the samples ----


def test_a_shuffled_epoch_visits_every_sample_once_in_the_order_of_the_seed_and_the_epoch():
    x, y = numbers(10, 3), numbers(10, 2)
    model, by_hand = network(seed=4), network(seed=4)
    model.fit(x, y, batch_size=3, epochs=2)
    orders = [_core.shuffled_order(10, 4, epoch) for epoch in range(2)]
    for order in orders:
        assert sorted(order) == list(range(10))
        for first in range(0, 10, 3):
            rows = order[first : first + 3]
            by_hand.train_on_batch(x[rows], y[rows])
    assert (orders[0] != orders[1]).any()
    assert_same(model.get_weights(), by_hand.get_weights())


@pytest.mark.parametrize("batch_size", [10, 11])
def test_one_batch_of_all_samples_is_not_shuffled(batch_size):
    x, y = numbers(10, 3), numbers(10, 2)
    one, other = network(seed=4), network(seed=4)
    one.fit(x, y, batch_size=batch_size, epochs=2)
    other.fit(x, y, batch_size=batch_size, epochs=2, shuffle=False)
    assert_same(one.get_weights(), other.get_weights())


def test_shuffles_repeat_with_the_seed():
    x, y = numbers(50, 3), numbers(50, 2)
    start = network().get_weights()

    def trained(seed, shuffle=True):
        model = network(seed=seed)
        model.set_weights(start)
        model.fit(x, y, batch_size=1, shuffle=shuffle)
        return model.get_weights()

    assert_same(trained(1), trained(1))
    assert (trained(1)[0] != trained(2)[0]).any()
    assert (trained(1)[0] != trained(1, shuffle=False)[0]).any()
    assert_same(trained(1, shuffle=False), trained(2, shuffle=False))


def test_shuffling_takes_targets_and_weights_along():
    x = np.arange(1, 21.0)
    model = Sequential([Input((1,)), Dense(1, use_bias=False, kernel_initializer="zeros")], seed=0)
    model.compile(optimizer=SGD(0.001), loss="mse")
    # Every sample says that the kernel is 2, apart from those that weigh nothing.
    y, weight = np.where(x % 2, 2 * x, -100), x % 2
    model.fit(x, y, sample_weight=weight, batch_size=1, epochs=50)
    assert model.layers[0].kernel.item() == pytest.approx(2, rel=1e-4)


# ---- validation ----


@pytest.mark.parametrize(
    ("rows", "share", "trained_on"),
    [(10, 0.25, 7), (10, 0.1, 9), (7, 0.5, 3), (3, 0.01, 2)],
)
def test_validation_split_keeps_the_last_part(rows, share, trained_on):
    x, y = numbers(rows, 3), numbers(rows, 2)
    weight = np.arange(1.0, rows + 1)
    split, by_hand = network(metrics=["mae"]), network(metrics=["mae"])
    history = split.fit(x, y, sample_weight=weight, validation_split=share, epochs=2)
    expected = by_hand.fit(
        x[:trained_on],
        y[:trained_on],
        sample_weight=weight[:trained_on],
        validation_data=(x[trained_on:], y[trained_on:], weight[trained_on:]),
        epochs=2,
    )
    assert history.history == expected.history
    assert_same(split.get_weights(), by_hand.get_weights())


@pytest.mark.parametrize("weight", [(), (None,), (np.arange(600.0),)], ids=["without", "None", "weights"])
@pytest.mark.parametrize("container", [tuple, list])
def test_validation_is_evaluation_after_the_epoch(weight, container):
    model = network(metrics=["mae"], weighted_metrics=["mse"])
    x, y = numbers(600, 3), numbers(600, 2)
    history = model.fit(x[:50], y[:50], epochs=2, validation_data=container((x, y, *weight)))
    after = model.evaluate(x, y, sample_weight=(*weight, None)[0], return_dict=True)
    assert {name: history.history[f"val_{name}"][-1] for name in after} == after


def test_validation_changes_no_weight():
    x, y = numbers(10, 3), numbers(10, 2)
    model, other = network(), network()
    model.fit(x, y, epochs=3, validation_data=(x[:4], y[:4]))
    other.fit(x, y, epochs=3)
    assert_same(model.get_weights(), other.get_weights())


def test_validation_data_go_before_validation_split():
    x, y = numbers(10, 3), numbers(10, 2)
    model, other = network(), network()
    model.fit(x, y, validation_data=(x, y), validation_split=0.5)
    other.fit(x, y)
    assert_same(model.get_weights(), other.get_weights())


# ---- sample weights ----


@pytest.mark.parametrize("shape", [(6,), (6, 1)])
def test_the_loss_of_a_batch_is_its_weighted_losses_over_the_batch_size(shape):
    model = network(dtype="float64")
    x, y, weight = numbers(6, 3), numbers(6, 2, seed=1), np.array([0, 1, 2, 0.5, 3, 0])
    losses = ((model(x) - y) ** 2).mean(axis=1)
    expected = pytest.approx((weight * losses).sum() / 6, rel=20 * np.finfo("float64").eps)
    weight = weight.reshape(shape)
    assert model.test_on_batch(x, y, sample_weight=weight) == expected
    assert model.evaluate(x, y, sample_weight=weight, batch_size=4) == expected
    assert model.loss_and_gradients(x, y, sample_weight=weight)[0] == expected
    assert model.train_on_batch(x, y, sample_weight=weight) == expected


def test_whole_weights_are_like_repeated_samples():
    model = network(dtype="float64")
    x, y, weight = numbers(4, 3), numbers(4, 2, seed=1), np.array([2, 0, 1, 3])
    repeated = np.repeat(np.arange(4), weight)
    _, weighted = model.loss_and_gradients(x, y, sample_weight=weight)
    _, expected = model.loss_and_gradients(x[repeated], y[repeated])
    for gradient, other in zip(weighted, expected, strict=True):
        scale = np.abs(other).max()
        atol = 4 * np.finfo("float64").eps * np.sqrt(6) * 4 * scale  # sums of up to 6 terms, a few times as large
        np.testing.assert_allclose(4 * gradient, 6 * other, rtol=0, atol=atol)


def test_weights_of_one_are_no_weights():
    x, y = numbers(10, 3), numbers(10, 2)
    model, other = network(), network()
    assert model.fit(x, y, sample_weight=np.ones(10)).history == other.fit(x, y).history
    assert_same(model.get_weights(), other.get_weights())


def test_metrics_count_samples_once_and_weighted_metrics_by_their_weight():
    model = network(metrics=["mae"], weighted_metrics=["mse"], dtype="float64", optimizer=SGD(0.0))
    x, y, weight = numbers(6, 3), numbers(6, 2, seed=1), np.array([0, 0.1, 0.2, 0.05, 0.3, 0])
    errors = model(x) - y
    tight = 20 * np.finfo("float64").eps
    expected = {
        "loss": pytest.approx((weight * (errors**2).mean(axis=1)).sum() / 6, rel=tight),
        "mae": pytest.approx(np.abs(errors).mean(), rel=tight),
        "mse": pytest.approx(np.average((errors**2).mean(axis=1), weights=weight), rel=tight),
    }
    assert model.evaluate(x, y, sample_weight=weight, return_dict=True) == expected
    assert model.test_on_batch(x, y, sample_weight=weight, return_dict=True) == expected
    history = model.fit(x, y, sample_weight=weight, batch_size=4).history
    assert {name: values[0] for name, values in history.items()} == expected


def test_without_weights_metrics_and_weighted_metrics_agree():
    x, y = numbers(6, 3), numbers(6, 2, seed=1)
    plain, weighted = network(metrics=["mae"]), network(weighted_metrics=["mae"])
    assert plain.evaluate(x, y) == weighted.evaluate(x, y)


def test_weights_that_are_all_zero_train_nothing():
    model = network(weighted_metrics=["mae"])
    before = model.get_weights()
    history = model.fit(numbers(6, 3), numbers(6, 2), sample_weight=np.zeros(6))
    assert history.history == {"loss": [0.0], "mae": [0.0]}
    assert_same(model.get_weights(), before)


# ---- what is shown ----


def test_verbose_0_is_silent(capfd):
    model = network()
    x, y = numbers(10, 3), numbers(10, 2)
    model.fit(x, y, epochs=2, verbose=0)
    model.evaluate(x, y, verbose=0)
    model.predict(x, verbose=0)
    assert capfd.readouterr() == ("", "")


def test_auto_is_silent_where_nobody_watches(capfd):
    model = network()
    x, y = numbers(10, 3), numbers(10, 2)
    model.fit(x, y, epochs=2)
    model.evaluate(x, y)
    model.predict(x)
    assert capfd.readouterr() == ("", "")


def test_auto_shows_a_bar_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    network().fit(numbers(10, 3), numbers(10, 2), epochs=2)
    assert "2/2" in capsys.readouterr().err


def test_auto_shows_a_bar_in_a_notebook(monkeypatch):
    shown = []

    class See(Callback):
        def on_train_begin(self, logs=None):
            shown.append(self.params["verbose"])

    for modules in ({}, {"ipykernel": types.ModuleType("ipykernel")}):
        with monkeypatch.context() as patch:
            for name, module in modules.items():
                patch.setitem(sys.modules, name, module)
            network().fit(numbers(10, 3), numbers(10, 2), epochs=0, callbacks=See())
    assert shown == [0, 1]


@pytest.mark.parametrize("verbose", [1, True])
def test_verbose_1_is_a_bar_on_stderr_with_loss_and_metrics(capsys, verbose):
    model = network(metrics=["mae"])
    x, y = numbers(10, 3), numbers(10, 2)
    history = model.fit(x, y, epochs=3, validation_split=0.2, verbose=verbose).history
    out, err = capsys.readouterr()
    assert out == ""
    assert "3/3" in err
    assert " - ".join(f"{name}: {values[-1]:.4f}" for name, values in history.items()) in err
    model.evaluate(x, y, verbose=verbose)
    assert "loss: " in capsys.readouterr().err
    model.predict(x, verbose=verbose)
    assert "1/1" in capsys.readouterr().err


def test_verbose_2_is_a_line_for_every_epoch(capsys):
    history = network(metrics=["mae"]).fit(numbers(10, 3), numbers(10, 2), epochs=2, verbose=2).history
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.splitlines()
    for i, line in enumerate(lines):
        values = rf"loss: {history['loss'][i]:.4f} - mae: {history['mae'][i]:.4f}"
        assert re.fullmatch(rf"Epoch {i + 1}/2 - \d+\.\d\ds - {values}", line)
    assert len(lines) == 2


@pytest.mark.parametrize("verbose", [-1, 3, 1.5, "yes", None])
def test_other_values_of_verbose_are_refused_before_training(verbose):
    model = network()
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"verbose must be 'auto', 0 \(silent\), 1 \(a bar\) or 2"):
        model.fit(numbers(10, 3), numbers(10, 2), verbose=verbose)
    assert_same(model.get_weights(), before)
    assert model.history is None


# ---- gradients stored first, or applied as they are computed ----

# Products are computed in panels whose width depends on the batch and the instruction set: rows of 801 and 1601 outputs
# span several, and batches of 400 and 500 make them narrower than those of 7. Of single samples no product is made.
WIDTHS = [
    ((5, 3, 1), 7),
    ((9, 40, 130, 3), 1),
    ((5, 17, 33, 3), 7),
    ((3, 801, 2), 400),
    ((3, 1601, 2), 7),
    ((33, 251, 65, 5), 500),
]


@pytest.mark.parametrize("isa", _core.available_isas())
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("widths", "batch_size"), WIDTHS, ids=str)
@by_optimizer
def test_storing_gradients_first_gives_the_same_weights(optimizer, widths, batch_size, dtype, isa):
    x, y = numbers(2 * batch_size - 1, widths[0]), numbers(2 * batch_size - 1, widths[-1], seed=1)
    applied, stored = (network(widths, optimizer, dtype=dtype, isa=isa) for _ in range(2))
    stored._require_trainer().core.store_gradients = True
    losses = [model.fit(x, y, batch_size=batch_size).history["loss"] for model in (applied, stored)]
    assert np.isfinite(losses).all()
    assert_same(applied.get_weights(), stored.get_weights())
    for slot, other in zip(applied._trainer.core.slots(), stored._trainer.core.slots(), strict=True):
        assert_same(slot, other)
    assert losses[0] == losses[1]


# ---- changes on the way ----


class AtEpochEnd(Callback):
    """Calls a function with the model and the epoch."""

    def __init__(self, change):
        self.change = change

    def on_epoch_end(self, epoch, logs=None):
        self.change(self.model, epoch)


def test_a_learning_rate_changed_between_epochs_takes_effect():
    x, y = numbers(10, 3), numbers(10, 2)
    rates = [0.1, 0.02, 0.0, 0.3]
    model, by_hand = network(optimizer=SGD(rates[0])), network(optimizer=SGD())

    def change(model, epoch):
        model.optimizer.learning_rate = rates[(epoch + 1) % 4]

    model.fit(x, y, batch_size=4, epochs=4, callbacks=AtEpochEnd(change))
    for rate in rates:
        by_hand.optimizer.learning_rate = rate
        before = by_hand.get_weights()
        by_hand.fit(x, y, batch_size=4)
        assert (by_hand.get_weights()[0] == before[0]).all() == (rate == 0)
    assert_same(model.get_weights(), by_hand.get_weights())


def test_a_learning_rate_changed_between_batches_takes_effect():
    class OnlyTheFirstBatch(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.optimizer.learning_rate = 0

    x, y = numbers(10, 3), numbers(10, 2)
    model, by_hand = network(), network()
    model.fit(x, y, batch_size=4, shuffle=False, callbacks=OnlyTheFirstBatch())
    by_hand.train_on_batch(x[:4], y[:4])
    assert_same(model.get_weights(), by_hand.get_weights())


def test_stop_training_ends_the_fit_after_the_epoch_and_is_forgotten_by_the_next():
    def stop(model, epoch):
        model.stop_training = epoch == 1

    model = network()
    x, y = numbers(10, 3), numbers(10, 2)
    assert model.fit(x, y, epochs=5, callbacks=AtEpochEnd(stop)).epoch == [0, 1]
    assert model.fit(x, y, epochs=3).epoch == [0, 1, 2]


def test_stop_training_ends_the_epoch_after_the_batch():
    class Stop(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 1

    model, by_hand = network(), network()
    x, y = numbers(10, 3), numbers(10, 2)
    assert model.fit(x, y, batch_size=2, epochs=5, shuffle=False, callbacks=Stop()).epoch == [0]
    by_hand.fit(x[:4], y[:4], batch_size=2, shuffle=False)
    assert_same(model.get_weights(), by_hand.get_weights())


@by_optimizer
def test_hooks_of_batches_change_no_weight_and_no_history(optimizer):
    class EveryBatch(Callback):
        def on_train_batch_begin(self, batch, logs=None):
            pass

        def on_test_batch_end(self, batch, logs=None):
            pass

    x, y = numbers(300, 3), numbers(300, 2)
    model, other = network(optimizer=optimizer, metrics=["mae"]), network(optimizer=optimizer, metrics=["mae"])
    histories = [
        each.fit(x, y, batch_size=7, epochs=3, validation_data=(x, y), callbacks=callbacks).history
        for each, callbacks in ((model, None), (other, EveryBatch()))
    ]
    assert_same(model.get_weights(), other.get_weights())
    assert list(histories[0]) == list(histories[1])
    for name, values in histories[0].items():  # added up batch by batch, in another order of roundings
        np.testing.assert_allclose(histories[1][name], values, rtol=300 * np.finfo("float64").eps)


# ---- a fit that goes wrong ----


def test_a_diverged_fit_reports_nan_and_the_next_one_is_refused():
    model = network(optimizer=SGD(1e30))
    x, y = numbers(10, 3), numbers(10, 2)
    history = model.fit(x, y, epochs=5, validation_split=0.2).history
    assert np.isnan(history["loss"][-1])
    assert np.isnan(history["val_loss"][-1])
    assert len(history["loss"]) == 5
    with pytest.raises(RuntimeError, match="weights of layer 'dense' are not finite"):
        model.fit(x, y)
    model.set_weights(network().get_weights())
    model.optimizer.learning_rate = 0.01
    assert np.isfinite(model.fit(x, y).history["loss"]).all()
