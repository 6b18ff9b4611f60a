"""What fit, evaluate and predict may be given beside two arrays, and how much of it is used."""

import os
import signal
import threading

import numpy as np
import pytest

import fastbp
from fastbp import SGD, Adam, Dense, Input, Sequential, losses, metrics
from fastbp.layers import BatchNormalization
from fastbp.utils import PyDataset

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(40, 3)), rng.normal(size=(40, 2))
LABELS = rng.integers(0, 2, 40)
LAST = {"sparse_categorical_crossentropy": (2, "softmax"), "categorical_crossentropy": (2, "softmax")}


def made(loss="mse", optimizer=None, **compiled):
    units, activation = LAST.get(loss, (1, "sigmoid") if loss == "binary_crossentropy" else (2, None))
    model = Sequential([Input((3,)), Dense(4, "tanh"), Dense(units, activation)], dtype="float64", seed=1)
    model.compile(optimizer or SGD(0.1), loss, **compiled)
    return model


def bits(model):
    return [w.tobytes() for w in model.get_weights()]


def batches(size=10, n=40):
    return [(X[i : i + size], Y[i : i + size]) for i in range(0, n, size)]


def by_arrays(epochs=1, **settings):
    model = made()
    model.fit(X, Y, batch_size=10, epochs=epochs, verbose=0, shuffle=False, **settings)
    return model


# ---- class_weight ----


@pytest.mark.parametrize(
    ("loss", "targets"),
    [
        ("sparse_categorical_crossentropy", LABELS),
        ("categorical_crossentropy", np.eye(2)[LABELS]),
        ("binary_crossentropy", LABELS[:, None]),
        ("binary_crossentropy", LABELS.astype(float)),
    ],
)
@pytest.mark.parametrize("weights", [None, rng.uniform(0, 2, 40)], ids=["alone", "weighted"])
def test_class_weight_is_a_sample_weight(loss, targets, weights):
    model, other = made(loss), made(loss)
    expected = np.where(LABELS == 1, 3.0, 1.0) * (1.0 if weights is None else weights)
    history = model.fit(X, targets, sample_weight=weights, class_weight={1: 3.0}, epochs=2, verbose=0).history
    assert history == other.fit(X, targets, sample_weight=expected, epochs=2, verbose=0).history
    assert bits(model) == bits(other)
    stepped, other = made(loss), made(loss)
    one, two = (
        stepped.train_on_batch(X, targets, weights, class_weight={1: 3.0}),
        other.train_on_batch(X, targets, expected),
    )
    assert (one, bits(stepped)) == (two, bits(other))


# ---- how much of it is used ----


@pytest.mark.parametrize(("frequency", "times"), [(1, 5), (2, 2), ([1, 4], 2), ((9,), 0)])
def test_validation_freq(frequency, times):
    history = made().fit(
        X, Y, epochs=5, validation_data=(X, Y), validation_freq=frequency, validation_batch_size=7, verbose=0
    )
    assert len(history.history["loss"]) == 5
    assert len(history.history.get("val_loss", [])) == times


def test_validation_steps_take_the_first_batches():
    model = made(optimizer=SGD(0.0))
    history = model.fit(
        X, Y, epochs=2, validation_data=(X, Y), validation_steps=2, validation_batch_size=8, verbose=0
    ).history
    assert history["val_loss"] == pytest.approx([model.evaluate(X[:16], Y[:16], verbose=0)] * 2, rel=1e-13)


def test_steps_per_epoch_go_on_where_they_stopped():
    model, other = made(), by_arrays(2, steps_per_epoch=3)
    for i in range(6):
        model.train_on_batch(*batches()[i % 4])
    assert bits(model) == bits(other)


def test_more_steps_than_batches():
    model, other = made(), by_arrays(1, steps_per_epoch=6)
    for i in range(6):
        model.train_on_batch(*batches()[i % 4])
    assert bits(model) == bits(other)


def test_initial_epoch():
    assert by_arrays(5, initial_epoch=3).history.epoch == [3, 4]


# ---- batches from elsewhere ----


class Numbered(PyDataset):
    def __init__(self, **settings):
        super().__init__(**settings)
        self.calls = []

    def __len__(self):
        return 4

    def __getitem__(self, index):
        self.calls.append(index)
        return batches()[index]

    def on_epoch_begin(self):
        self.calls.append("begin")

    def on_epoch_end(self):
        self.calls.append("end")


def forever():
    while True:
        yield from batches()


@pytest.mark.parametrize(
    ("make", "settings"),
    [
        (batches, None),
        (lambda: (b for b in batches() * 2), {"steps_per_epoch": 4}),
        (forever, {"steps_per_epoch": 4}),
        (lambda: dict(enumerate(batches())).values(), {}),
        (Numbered, {}),
        (Numbered, {"steps_per_epoch": 4}),
        (lambda: [(x, y, np.ones(10)) for x, y in batches()], None),
    ],
)
def test_batches_train_as_arrays_do(make, settings):
    source = make()
    source, settings = (dict(enumerate(source)).values(), {}) if settings is None else (source, settings)
    model = made()
    history = model.fit(source, epochs=2, shuffle=False, verbose=0, **settings)
    other = by_arrays(2)
    assert bits(model) == bits(other)
    assert history.history == other.history.history


def test_sample_weights_of_batches():
    weights = rng.uniform(0, 2, 40)
    model = made()
    model.fit(((x, y, weights[10 * i : 10 * i + 10]) for i, (x, y) in enumerate(batches())), verbose=0)
    assert bits(model) == bits(by_arrays(sample_weight=weights))


def test_what_is_called_of_a_dataset():
    data, validation = Numbered(), Numbered()
    made().fit(data, epochs=2, shuffle=False, validation_data=validation, verbose=0)
    assert data.calls == [0, *["begin", 0, 1, 2, 3, "end"] * 2]
    assert validation.calls == data.calls


def test_a_dataset_is_shuffled_by_the_seed():
    orders = []
    for _ in range(2):
        data = Numbered()
        made().fit(data, epochs=3, verbose=0)
        orders.append(data.calls)
    assert orders[0] == orders[1]
    epochs = [tuple(orders[0][6 * e + 2 : 6 * e + 6]) for e in range(3)]
    assert all(sorted(epoch) == [0, 1, 2, 3] for epoch in epochs)
    assert len(set(epochs)) > 1


def test_threads_of_a_dataset_are_refused():
    for settings in ({"workers": 2}, {"use_multiprocessing": True}, {"max_queue_size": 5}):
        with pytest.raises(ValueError, match=f"{next(iter(settings))} must be .*; got"):
            Numbered(**settings)
    for index in (len, lambda data: data[0]):
        with pytest.raises(NotImplementedError, match="PyDataset needs a __"):
            index(PyDataset())


class Once:
    """Has batches in the first epoch alone."""

    def __init__(self):
        self.iterator = iter(batches())

    def __iter__(self):
        return (batch for batch in self.iterator)


@pytest.mark.parametrize(
    ("make", "settings"),
    [(lambda: iter(batches()), {}), (lambda: iter(batches()), {"steps_per_epoch": 4}), (Once, {}),
     (Once, {"steps_per_epoch": 3})],
)  # fmt: skip
def test_batches_that_run_out_are_an_error(make, settings):
    model = made()
    with pytest.raises(ValueError, match="x ran out of batches: expected some for each epoch"):
        model.fit(make(), epochs=3, verbose=0, **settings)
    assert model.fit(X, Y, verbose=0).history["loss"][0] > 0


@pytest.mark.parametrize("call", ["fit", "evaluate", "predict"])
def test_no_batches_are_an_error(call):
    with pytest.raises(ValueError, match="x has no batches"):
        getattr(made(), call)(iter([]), verbose=0)


def test_evaluate_and_predict_take_batches():
    model = made()
    expected, outputs = model.evaluate(X, Y, verbose=0), model.predict(X, verbose=0)
    for source in (iter(batches()), Numbered()):
        assert model.evaluate(source, verbose=0) == pytest.approx(expected, rel=1e-13)
    for source in (iter(batches()), Numbered(), (x for x, _ in batches())):
        np.testing.assert_allclose(model.predict(source, verbose=0), outputs, rtol=1e-13)
    assert model.evaluate(forever(), steps=2, verbose=0) == pytest.approx(model.evaluate(X[:20], Y[:20], verbose=0))
    assert model.evaluate(X, Y, 10, steps=2, verbose=0) == pytest.approx(model.evaluate(X[:20], Y[:20], verbose=0))
    np.testing.assert_allclose(model.predict(forever(), steps=2, verbose=0), outputs[:20], rtol=1e-13)


def test_y_beside_batches_is_refused():
    with pytest.raises(ValueError, match="y and sample_weight must be in them"):
        made().fit(iter(batches()), Y)
    with pytest.raises(ValueError, match="a batch must be"):
        made().fit(iter([(X, Y, None, None)]))


# ---- losses and metrics of one's own ----


class Largest(metrics.Metric):
    kernel = None

    def __init__(self, name="largest"):
        self.name = name
        self.reset_state()

    def reset_state(self):
        self.value, self.calls = 0.0, 0

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.calls += 1
        self.value = max(self.value, float(np.abs(y_true - y_pred).max()))

    def result(self):
        return self.value


def test_a_metric_of_ones_own_sees_every_batch():
    largest = Largest()
    model = made(optimizer=SGD(0.0), metrics=[largest, "mae"])
    history = model.fit(X, Y, batch_size=10, epochs=2, verbose=0, validation_data=(X, Y)).history
    expected = np.abs(Y - model.predict(X, verbose=0)).max()
    assert history["largest"] == history["val_largest"] == pytest.approx([expected] * 2, rel=1e-13)
    model.fit(X, Y, batch_size=10, verbose=0)
    assert largest.calls == 4
    assert list(history) == ["loss", "largest", "mae", "val_loss", "val_largest", "val_mae"]


def squares(y_true, y_pred):
    error = y_pred - y_true
    return np.square(error).mean(axis=1), 2 * error / error.shape[1]


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight"])
@pytest.mark.parametrize("weights", [None, rng.uniform(0, 2, 40)], ids=["bare", "weighted"])
def test_a_loss_of_ones_own_trains_as_that_of_the_core(reduction, weights):
    found = []
    for loss in (losses.CustomLoss(squares, reduction=reduction), losses.MeanSquaredError(reduction=reduction)):
        model = made(loss, SGD(0.01))
        history = model.fit(X, Y, batch_size=12, epochs=2, sample_weight=weights, verbose=0).history
        found.append(np.concatenate([history["loss"], *(w.ravel() for w in model.weights)]))
    np.testing.assert_allclose(*found, rtol=0, atol=1e-13 * np.abs(found[0]).max())


@pytest.mark.parametrize("team", [1, 2])
@pytest.mark.parametrize("at", ["loss", "metric"])
def test_an_error_leaves_the_model_as_before_the_batch(team, at):
    """Weights, slots, running statistics and steps are those of the three batches before."""
    calls = []

    def failing(y_true, y_pred):
        calls.append(0)
        if len(calls) == 4:
            raise ZeroDivisionError("the fourth")
        return squares(y_true, y_pred)

    class Failing(Largest):
        def update_state(self, y_true, y_pred, sample_weight=None):
            failing(y_true, y_pred)

    models = []
    for _ in range(2):
        model = Sequential([Input((3,)), Dense(4), BatchNormalization(), Dense(2)], dtype="float64", seed=1)
        model.compile(Adam(0.01), losses.CustomLoss(squares))
        models.append(model)
    failed, other = models
    if at == "loss":
        failed.compile(Adam(0.01), losses.CustomLoss(failing))
    else:
        failed.compile(Adam(0.01), losses.CustomLoss(squares), metrics=[Failing()])
    failed._require_trainer().core.force_team = True
    with fastbp.num_threads(team), pytest.raises(ZeroDivisionError, match="the fourth"):
        failed.fit(X, Y, batch_size=10, epochs=2, shuffle=False, verbose=0)
    for batch in batches()[:3]:
        other.train_on_batch(*batch)
    assert bits(failed) == bits(other)
    assert failed.optimizer.iterations == 3
    for slot, expected in zip(failed.optimizer.variables, other.optimizer.variables, strict=True):
        np.testing.assert_array_equal(slot, expected)
    for model in models:
        model.fit(X, Y, batch_size=10, shuffle=False, verbose=0)
    assert bits(failed) == bits(other)


# ---- ends ----


@pytest.mark.parametrize("use_ema", [False, True])
def test_terminate_on_nan_restores_finite_weights(use_ema, capsys):
    model = made(optimizer=SGD(1e30, use_ema=use_ema))
    before = bits(model)
    model.fit(X, Y, 4, epochs=5, verbose=0, callbacks=[fastbp.callbacks.TerminateOnNaN(restore_weights=True)])
    assert len(model.history.history["loss"]) == 1
    assert bits(model) == before
    assert "training ends" in capsys.readouterr().out


def test_hooks_of_batches_change_nothing():
    model, other = made(optimizer=Adam(0.01)), made(optimizer=Adam(0.01))
    hook = fastbp.callbacks.LambdaCallback(on_train_batch_end=lambda *_: None)
    histories = [m.fit(X, Y, 7, 3, verbose=0, callbacks=c).history for m, c in ((model, [hook]), (other, None))]
    assert bits(model) == bits(other)
    assert histories[0]["loss"] == pytest.approx(histories[1]["loss"], rel=1e-14)


def test_memory_maps(tmp_path):
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", Y)
    x, y = (np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in "xy")
    model = made()
    model.fit(x, y, batch_size=10, verbose=0, shuffle=False)
    assert bits(model) == bits(by_arrays())


@pytest.fixture
def heeds_sigint():
    """A shell's background jobs ignore the signal."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeds_sigint")
def test_ctrl_c_leaves_a_model_that_can_be_used():
    model = made(optimizer=Adam(0.01))
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, epochs=10**7, verbose=0)
    timer.join()
    assert model.fit(X, Y, verbose=0).history["loss"][0] > 0
