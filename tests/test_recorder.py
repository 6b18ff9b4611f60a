"""The recorder: what it keeps is what there is, it leaves the fit as it is, and its findings are found."""

import numpy as np
import pytest

from fastbp import SGD, Adam, Dense, Input, Sequential
from fastbp.callbacks import BackupAndRestore, Recorder
from fastbp.callbacks.recorder import GRID
from fastbp.layers import BatchNormalization, Dropout, ReLU
from fastbp.metrics import MeanMetricWrapper
from fastbp.trainer import Trainer

RNG = np.random.default_rng(0)
X = RNG.standard_normal((100, 3)).astype(np.float32)
Y = np.tanh(X @ RNG.standard_normal((3, 2))).astype(np.float32)


def network(*layers, optimizer="adam", loss="mse", **compiled):
    model = Sequential([Input((3,)), *(layers or (Dense(8, "relu"), Dense(2)))], seed=0)
    model.compile(optimizer, loss, **compiled)
    return model


def fitted(model, recorder, x=X, y=Y, **settings):
    model.fit(x, y, callbacks=recorder, **({"epochs": 4, "batch_size": 20} | settings))
    return recorder


# ---- what is kept ----


def test_a_record_of_every_batch_is_that_of_steps_one_by_one():
    recorder = fitted(network(), Recorder(every=1), epochs=1, shuffle=False)
    assert [record.step for record in recorder.records] == list(range(6))
    assert [record.epoch for record in recorder.records] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    model = network()
    for step, record in enumerate(recorder.records):
        old = model.get_weights()
        if step:
            model.train_on_batch(X[20 * (step - 1) : 20 * step], Y[20 * (step - 1) : 20 * step])
        loss, gradients = model.loss_and_gradients(X, Y)
        assert record.loss == loss
        for i, layer in enumerate(record.layers):
            part = slice(2 * i, 2 * i + 2)
            weight, gradient, update = (
                np.sqrt(sum((a.astype(float) ** 2).sum() for a in arrays))
                for arrays in (
                    model.get_weights()[part],
                    gradients[part],
                    [a - b.astype(float) for a, b in zip(model.get_weights()[part], old[part], strict=True)],
                )
            )
            assert (layer.number, layer.name) == (i + 1, model.layers[i].name)
            assert layer.weight == pytest.approx(weight, rel=1e-12)
            assert layer.gradient == pytest.approx(gradient, rel=1e-12)
            if step:
                assert layer.update == pytest.approx(update, rel=1e-12)
                assert layer.ratio == pytest.approx(update / weight, rel=1e-12)
            else:
                assert np.isnan([layer.update, layer.ratio]).all()


@pytest.mark.parametrize(("every", "steps"), [("epoch", [0, 5, 10, 15, 20]), (3, [0, 3, 6, 9, 12, 15, 18])])
def test_when_records_are_taken(every, steps):
    recorder = fitted(network(), Recorder(every=every))
    assert [record.step for record in recorder.records] == steps


def test_the_core_runs_the_batches_between_records(monkeypatch):
    stretches = []
    train = Trainer.train

    def counting(self, samples, batch_size, shuffle_epoch, first, last, totals):
        stretches.append(last - first)
        return train(self, samples, batch_size, shuffle_epoch, first, last, totals)

    monkeypatch.setattr(Trainer, "train", counting)
    fitted(network(), Recorder(every=4), batch_size=10, epochs=1)
    assert stretches == [3, 1, 3, 1, 2]


def test_a_network_that_a_later_callback_made_anew_is_the_one_that_is_measured(tmp_path):
    def random():
        return network(Dense(8, "relu"), Dropout(0.3), Dense(2))

    fitted(random(), BackupAndRestore(tmp_path, delete_checkpoint=False), epochs=2)
    model, recorder = random(), Recorder()
    model.seed = 1
    model.fit(X, Y, epochs=3, batch_size=20, callbacks=[recorder, BackupAndRestore(tmp_path)])
    weight = np.sqrt(sum((w.astype(float) ** 2).sum() for w in model.layers[0].get_weights()))
    assert recorder.records[-1].layers[0].weight == pytest.approx(weight, rel=1e-12)


def test_the_update_of_an_epoch_is_per_step():
    for record in fitted(network(), Recorder()).records[1:]:
        for layer in record.layers:
            assert layer.ratio == pytest.approx(layer.update / layer.weight / 5)


def test_layers_keep_no_copy_of_their_weights():
    model = network()
    model.layers[1](np.zeros((1, 8)))
    fitted(model, Recorder())
    assert [layer._network is None for layer in model.layers] == [True, False]


def test_records_are_bounded_and_evenly_spread():
    recorder = fitted(network(), Recorder(limit=8), epochs=100)
    assert 4 <= len(recorder.records) < 8
    assert len(set(np.diff([record.step for record in recorder.records]))) == 1
    assert recorder.records[0].step == 0


def counting(y_true, y_pred):
    return np.ones(len(y_true))


@pytest.mark.parametrize("every", ["epoch", 1])
@pytest.mark.parametrize("optimizer", [{}, {"gradient_accumulation_steps": 3}, {"use_ema": True}], ids=str)
def test_the_fit_stays_the_same_bit_for_bit(every, optimizer):
    runs = []
    for recorder in (None, Recorder(every)):
        model = network(
            Dense(8, "relu", kernel_regularizer="l2"),
            BatchNormalization(),
            Dropout(0.3),
            Dense(2),
            optimizer=Adam(**optimizer),
            metrics=["mae", MeanMetricWrapper(counting, "counting")],
        )
        fitted(model, recorder)
        runs.append((model.get_weights(), model.history.history))
    for a, b in zip(runs[0][0], runs[1][0], strict=True):
        np.testing.assert_array_equal(a, b)
    assert runs[0][1] == runs[1][1]


def test_dead_and_saturated_units_are_counted():
    model = network(Dense(4, "relu"), Dense(4, "tanh"), Dense(4), ReLU(), Dense(2))
    weights = model.get_weights()
    weights[1][:] = [-100, 100, -100, 0]  # ReLUs: never, always, never, sometimes
    weights[3][:] = [100, -100, 0, 100]  # tanh: at an end but for the third
    weights[2][...] *= 0.01
    model.set_weights(weights)
    layers = fitted(model, Recorder(), epochs=0).records[0].layers
    assert layers[0].dead == 0.5
    assert np.isnan([layers[0].saturated, layers[1].dead, layers[2].dead]).all()
    assert layers[1].saturated == 0.75
    assert (layers[3].name, layers[3].number) == ("re_lu", 4)
    assert 0 <= layers[3].dead <= 1
    assert np.isnan(layers[3].weight)


def test_sample_and_data():
    recorder = fitted(network(), Recorder(samples=10), epochs=1)
    np.testing.assert_array_equal(recorder.sample[0], X[::11])
    recorder = fitted(network(), Recorder(data=(X[:7], Y[:7])), epochs=1)
    np.testing.assert_array_equal(recorder.sample[1], Y[:7])
    batches = [(X[:30], Y[:30]), (X[30:], Y[30:])]
    model = network()
    model.fit((batch for batch in batches * 3), steps_per_epoch=2, epochs=3, callbacks=(recorder := Recorder()))
    np.testing.assert_array_equal(recorder.sample[0], X[:30])
    assert [record.step for record in recorder.records] == [0, 2, 4, 6]


def test_sparse_data():
    scipy = pytest.importorskip("scipy.sparse")
    records = [fitted(network(), Recorder(samples=10), x=x).records for x in (X, scipy.csr_array(X))]
    for dense, sparse in zip(*records, strict=True):
        assert sparse.loss == pytest.approx(dense.loss, rel=1e-5)
        assert np.isnan(sparse.layers[0].dead)


def test_surfaces_are_there_for_two_inputs():
    x = X[:, :2]
    model = Sequential([Dense(4, "tanh"), Dense(2)], seed=0)
    model.compile("adam", "mse")
    recorder = fitted(model, Recorder(), x=x)
    surface = recorder.records[-1].surface
    assert surface.shape == (GRID, GRID, 2)
    (left, bottom), (right, top) = recorder.extent
    assert (recorder.extent[0] < x.min(axis=0)).all()
    np.testing.assert_allclose(surface[0, 0], model([left, top]), rtol=1e-5)
    np.testing.assert_allclose(surface[-1, -1], model([right, bottom]), rtol=1e-5)
    assert fitted(network(), Recorder()).records[0].surface is None


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"every": 0}, ValueError, "every must be at least 1; got 0.*'epoch' or a number of batches"),
        ({"every": "batch"}, TypeError, "every must be a whole number"),
        ({"samples": 0}, ValueError, "samples must be at least 1"),
        ({"limit": 2}, ValueError, "limit must be at least 4"),
    ],
)
def test_bad_settings(settings, error, message):
    with pytest.raises(error, match=message):
        Recorder(**settings)


# ---- findings: a run that provokes each, and one that provokes none ----


def diverging():
    return fitted(network(optimizer=SGD(1e20)), Recorder(), epochs=5)


def rising():
    return fitted(network(Dense(2), optimizer=SGD(2.2)), Recorder(), epochs=8, batch_size=100)


def dying():
    model = network(Dense(16, "relu"), Dense(2))
    model.layers[0].bias = np.where(np.arange(16) < 10, -50, 0)
    return fitted(model, Recorder())


def saturating():
    return fitted(network(Dense(8, "sigmoid"), Dense(2)), Recorder(), x=X * 1000)


def too_fast():
    return fitted(network(Dense(8, "tanh"), Dense(2), optimizer=Adam(1.0)), Recorder(every=1))


def too_slow():
    return fitted(network(optimizer=SGD(1e-7)), Recorder(every=1))


def overfitting():
    noise = np.random.default_rng(1).standard_normal((20, 2))
    return fitted(
        network(Dense(64, "relu"), Dense(2), optimizer=Adam(0.01)),
        Recorder(),
        x=X[:20],
        y=noise,
        epochs=60,
        validation_data=(X[20:], Y[20:]),
    )


def on_a_plateau():
    return fitted(network(Dense(2), optimizer=Adam(0.02)), Recorder(), epochs=120)


def standing_still():
    return fitted(network(optimizer=SGD(1e-7)), Recorder(), epochs=12)


PROVOKED = {
    diverging: "training diverged. Lower the learning rate (1e+20)",
    rising: "The loss is rising: ",
    dying: "Layer 1 (dense): 62% of its ReLUs fire for no sample",
    saturating: "Layer 1 (dense): 100% of its units are saturated",
    too_fast: "about 0.001 is usual. Lower the learning rate.",
    too_slow: "Raise the learning rate.",
    overfitting: "Overfitting: for ",
    on_a_plateau: "A plateau: in the last 40 epochs",
    standing_still: "The loss has hardly moved from ",
}


@pytest.mark.parametrize("run", PROVOKED, ids=lambda run: run.__name__)
def test_findings_of_a_run_that_provokes_them(run):
    found = run().findings()
    assert any(PROVOKED[run] in text for text in found), found


@pytest.mark.parametrize("every", ["epoch", 1])
def test_no_findings_of_a_good_run(every):
    model = network(Dense(32, "relu"), Dense(2), optimizer=Adam(0.005))
    recorder = fitted(model, Recorder(every), epochs=25, validation_data=(X[:50], Y[:50]))
    assert recorder.findings() == []
    assert recorder.history["loss"] == model.history.history["loss"]


def test_a_good_run_with_bounded_units_has_no_findings():
    assert fitted(network(Dense(16, "tanh"), Dense(2), optimizer=Adam(0.01)), Recorder(), epochs=10).findings() == []


def test_a_loss_that_falls_by_a_factor_is_on_no_plateau():
    """Late, each epoch's fall is small beside the first ones'."""
    y = X @ np.ones((3, 2))
    recorder = fitted(network(Dense(2), optimizer=SGD(0.02)), Recorder(), y=y, epochs=60)
    losses = recorder.history["loss"]
    assert losses[39] - losses[59] < 0.005 * losses[0]
    assert recorder.findings() == []


def test_before_any_fit_there_are_none():
    assert Recorder().findings() == []
