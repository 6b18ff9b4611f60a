"""ModelCheckpoint and BackupAndRestore."""

import os

import numpy as np
import pytest

import fastbp
from fastbp import SGD, Adam, Dense, Input, Sequential, callbacks, saving, trainer
from fastbp.callbacks import BackupAndRestore, LambdaCallback, ModelCheckpoint
from fastbp.callbacks.batch_hooks import BatchHooks

X = np.random.default_rng(0).standard_normal((20, 3))
Y = np.random.default_rng(1).standard_normal((20, 2))


def network(optimizer="sgd", seed=None):
    model = Sequential([Input((3,)), Dense(5, "tanh"), Dense(2)], seed=seed)
    model.compile(optimizer, "mse", metrics=["mae"])
    return model


def assert_same(arrays, others):
    for array, other in zip(arrays, others, strict=True):
        np.testing.assert_array_equal(array, other, strict=True)


class Saves:
    """A model that only notes what it is told to save."""

    def __init__(self):
        self.saved = []
        self.save = lambda path, overwrite: self.saved.append(("model", path))
        self.save_weights = lambda path, overwrite: self.saved.append(("weights", path))


def run(callback, values, batches=0):
    """What is saved where the epochs have these values of what the callback watches."""
    model = Saves()
    hooks = BatchHooks([callback], "train")
    callback.set_model(model)
    callback.on_train_begin({})
    for epoch, value in enumerate(values):
        callback.on_epoch_begin(epoch, {})
        for batch in range(batches):
            hooks.end(batch, 1, lambda value=value: {callback.monitor: value})
        callback.on_epoch_end(epoch, {callback.monitor: value})
    return [path for _, path in model.saved]


# ---- ModelCheckpoint ----


@pytest.mark.parametrize(
    ("settings", "values", "epochs"),
    [
        ({}, [3, 4, 2], [1, 2, 3]),
        ({"save_best_only": True}, [3, 4, 2, 2, 1], [1, 3, 5]),
        ({"save_best_only": True, "mode": "max"}, [3, 4, 2, 5], [1, 2, 4]),
        ({"save_best_only": True, "monitor": "val_accuracy"}, [0.5, 0.75, 0.5], [1, 2]),
        ({"save_best_only": True, "initial_value_threshold": 2.5}, [3, 2.5, 2, 1], [3, 4]),
        ({"save_best_only": True}, [float("nan"), 3, float("nan"), 2], [1, 2, 4]),
    ],
)
def test_the_model_is_saved_after_the_epochs_that_count(settings, values, epochs):
    assert run(ModelCheckpoint("{epoch}.safetensors", **settings), values) == [f"{i}.safetensors" for i in epochs]


def test_the_best_of_all_fits_counts():
    callback = ModelCheckpoint("{epoch}.safetensors", save_best_only=True)
    assert run(callback, [3, 2]) == ["1.safetensors", "2.safetensors"]
    assert run(callback, [4, 1]) == ["2.safetensors"]


@pytest.mark.parametrize(("freq", "saved"), [(1, "11 12 13 21 22 23"), (2, "12 21 23"), (4, "21"), (6, "23"), (7, "")])
def test_the_model_is_saved_after_so_many_batches(freq, saved):
    callback = ModelCheckpoint("{epoch}{batch}.safetensors", save_freq=freq)
    assert run(callback, [3, 4], batches=3) == [f"{name}.safetensors" for name in saved.split()]


def test_the_best_batch_counts_too():
    callback = ModelCheckpoint("{epoch}{batch}.safetensors", save_freq=2, save_best_only=True)
    assert run(callback, [3, 4, 2], batches=2) == ["12.safetensors", "32.safetensors"]


def test_epochs_and_logs_are_filled_in_and_folders_made(tmp_path):
    path = tmp_path / "deep" / "er" / "{epoch:02d}-{val_mae:.3f}.weights.safetensors"
    model, epochs = network(), []
    history = model.fit(
        X,
        Y,
        epochs=2,
        validation_data=(X, Y),
        callbacks=[
            LambdaCallback(on_epoch_end=lambda epoch, logs: epochs.append(model.get_weights())),
            ModelCheckpoint(path, save_weights_only=True),
        ],
    ).history
    names = [f"{i + 1:02d}-{value:.3f}.weights.safetensors" for i, value in enumerate(history["val_mae"])]
    assert sorted(os.listdir(path.parent)) == sorted(names)
    for name, weights in zip(names, epochs, strict=True):
        other = network()
        other.load_weights(path.parent / name)
        assert_same(other.get_weights(), weights)


def test_a_whole_model_is_saved_unless_weights_are_asked_for(tmp_path):
    model = network()
    model.fit(X, Y, epochs=2, callbacks=ModelCheckpoint(tmp_path / "m.safetensors"))
    assert_same(fastbp.load_model(tmp_path / "m.safetensors").get_weights(), model.get_weights())


@pytest.mark.parametrize("weights", [True, False])
@pytest.mark.parametrize("path", ["model.keras", "model.weights.h5", "model", "m-{epoch}.h5"])
def test_keras_endings_are_refused_with_what_is_written(path, weights):
    with pytest.raises(ValueError, match=r"writes safetensors files: .* ends in '\.safetensors'; got 'm"):
        ModelCheckpoint(path, save_weights_only=weights)


def test_a_name_that_is_not_in_the_logs_is_an_error(tmp_path):
    with pytest.raises(KeyError, match=r"names 'val_loss', which is not known; there are: epoch, loss, mae"):
        network().fit(X, Y, callbacks=ModelCheckpoint(tmp_path / "{val_loss}.safetensors"))


def test_without_what_tells_the_best_every_epoch_is_saved(tmp_path):
    callback = ModelCheckpoint(tmp_path / "{epoch}.safetensors", save_best_only=True)
    with pytest.warns(UserWarning, match="ModelCheckpoint watches 'val_loss', which is not in the logs; there are: l"):
        network().fit(X, Y, epochs=2, callbacks=callback)
    assert sorted(os.listdir(tmp_path)) == ["1.safetensors", "2.safetensors"]


def test_what_is_saved_is_printed_if_asked(capsys):
    run(ModelCheckpoint("{epoch}.safetensors", verbose=1, save_best_only=True), [3, 4, 2])
    assert capsys.readouterr().out == (
        "Epoch 1: val_loss improved from None to 3.00000, saving the model to 1.safetensors\n"
        "Epoch 2: val_loss did not improve from 3.00000\n"
        "Epoch 3: val_loss improved from 3.00000 to 2.00000, saving the model to 3.safetensors\n"
    )
    run(ModelCheckpoint("{epoch}.safetensors", verbose=1), [3])
    assert capsys.readouterr().out == "Epoch 1: saving the model to 1.safetensors\n"


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (0, ValueError, "freq must be at least 1; got 0. Expected 'epoch' or a number of batches"),
        (-2, ValueError, "freq must be at least 1; got -2"),
        (
            "batches",
            TypeError,
            "freq must be a whole number; got str 'batches'. Expected 'epoch' or a number of batches",
        ),
        (1.5, TypeError, "freq must be a whole number; got float 1.5"),
        (False, TypeError, "freq must be a whole number; got bool False"),
        (None, TypeError, "freq must be a whole number; got NoneType None"),
    ],
)
def test_frequencies_are_epochs_or_numbers_of_batches(value, error, message):
    for make in (
        lambda: ModelCheckpoint("m.safetensors", save_freq=value),
        lambda: BackupAndRestore("folder", save_freq=value),
        lambda: callbacks.TensorBoard(update_freq=value, writer=object()),
    ):
        with pytest.raises(error, match=message):
            make()


@pytest.mark.parametrize(
    ("make", "batches"),
    [
        (lambda path: ModelCheckpoint(path / "m.safetensors"), 1),
        (lambda path: ModelCheckpoint(path / "m.safetensors", save_freq=100), 1),
        (lambda path: ModelCheckpoint(path / "m.safetensors", save_freq=2), 3),
        (lambda path: BackupAndRestore(path / "backup"), 1),
        (lambda path: BackupAndRestore(path / "backup", save_freq=100), 1),
        (lambda path: BackupAndRestore(path / "backup", save_freq=2), 3),
    ],
)
def test_the_core_runs_the_batches_between_saves(monkeypatch, tmp_path, make, batches):
    calls = []
    train = trainer.Trainer.train
    monkeypatch.setattr(trainer.Trainer, "train", lambda *args: (calls.append(args), train(*args))[1])
    network().fit(X, Y, batch_size=4, callbacks=make(tmp_path))
    assert len(calls) == batches


# ---- BackupAndRestore ----


def interrupt(epoch, batch=None):
    """Ends a fit at the beginning of this epoch, or after this batch of it."""
    epochs = []

    def begin(number, logs):
        epochs.append(number)
        if batch is None and number == epoch:
            raise KeyboardInterrupt

    def end(number, logs):
        if (epochs[-1], number) == (epoch, batch):
            raise KeyboardInterrupt

    return LambdaCallback(begin, on_train_batch_end=None if batch is None else end)


SETTINGS = {"batch_size": 4, "epochs": 6, "validation_data": (X, Y)}


@pytest.mark.parametrize("make", [lambda: SGD(0.05, momentum=0.9), lambda: Adam(0.01)], ids=["sgd", "adam"])
@pytest.mark.parametrize(
    ("at", "begins_at"),
    [((3,), 3), ((0,), 0), ((3, 2), 3)],  # in the last case three batches are forgotten
    ids=["between epochs", "before the first", "within an epoch"],
)
def test_a_fit_that_was_interrupted_goes_on_with_the_same_bits(tmp_path, make, at, begins_at):
    folder = tmp_path / "backup"
    straight, first = network(make(), seed=1), network(make(), seed=1)
    straight.fit(X, Y, **SETTINGS)
    with pytest.raises(KeyboardInterrupt):
        first.fit(X, Y, **SETTINGS, callbacks=[BackupAndRestore(folder), interrupt(*at)])
    second = network(make(), seed=None if begins_at else 1)  # another process, the same code
    history = second.fit(X, Y, **SETTINGS, callbacks=BackupAndRestore(folder))
    assert history.epoch == list(range(begins_at, 6))
    assert_same(second.get_weights(), straight.get_weights())
    assert not folder.exists()


def test_the_same_model_and_callback_can_go_on(tmp_path):
    model, straight = network(seed=1), network(seed=1)
    backup = BackupAndRestore(tmp_path / "backup")
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, **SETTINGS, callbacks=[backup, interrupt(3, 2)])
    assert model.fit(X, Y, **SETTINGS, callbacks=backup).epoch == [3, 4, 5]
    straight.fit(X, Y, **SETTINGS)
    assert_same(model.get_weights(), straight.get_weights())


def test_a_backup_in_batches_begins_the_epoch_anew(tmp_path):
    model, weights = network(), []
    look = LambdaCallback(on_train_batch_end=lambda batch, logs: weights.append(model.get_weights()))
    backup = BackupAndRestore(tmp_path / "backup", save_freq=2)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, **SETTINGS, callbacks=[look, backup, interrupt(1, 4)])
    assert len(weights) == 10
    begin = []
    history = model.fit(
        X,
        Y,
        **SETTINGS,
        callbacks=[backup, LambdaCallback(lambda epoch, logs: begin.append(model.get_weights()))],
    )
    assert history.epoch == [1, 2, 3, 4, 5]
    assert_same(begin[0], weights[9])


def test_a_fit_that_was_done_is_not_repeated_if_the_backup_is_kept(tmp_path):
    model = network()
    backup = BackupAndRestore(tmp_path / "backup", delete_checkpoint=False)
    model.fit(X, Y, **SETTINGS, callbacks=backup)
    weights = model.get_weights()
    assert os.listdir(tmp_path / "backup") == ["latest.safetensors"]
    other = network()
    assert other.fit(X, Y, **SETTINGS, callbacks=backup).epoch == []
    assert_same(other.get_weights(), weights)
    assert other.fit(X, Y, **(SETTINGS | {"epochs": 8}), callbacks=backup).epoch == [6, 7]


def test_only_the_backup_is_deleted(tmp_path):
    (tmp_path / "notes").touch()
    network().fit(X, Y, **SETTINGS, callbacks=BackupAndRestore(tmp_path, double_checkpoint=True))
    assert os.listdir(tmp_path) == ["notes"]


@pytest.mark.parametrize("broken", ["cut", "missing"])
def test_the_backup_before_the_last_serves_if_the_last_is_broken(tmp_path, broken):
    straight, model = network(seed=1), network(seed=1)
    backup = BackupAndRestore(tmp_path, double_checkpoint=True)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, **SETTINGS, callbacks=[backup, interrupt(3)])
    assert sorted(os.listdir(tmp_path)) == ["latest.safetensors", "previous.safetensors"]
    latest = tmp_path / "latest.safetensors"
    if broken == "cut":
        latest.write_bytes(latest.read_bytes()[:-1])
    else:
        latest.unlink()
    assert model.fit(X, Y, **SETTINGS, callbacks=backup).epoch == [2, 3, 4, 5]
    straight.fit(X, Y, **SETTINGS)
    assert_same(model.get_weights(), straight.get_weights())


def test_a_broken_backup_without_another_is_an_error(tmp_path):
    (tmp_path / "latest.safetensors").touch()
    model = network()
    weights = model.get_weights()
    with pytest.raises(ValueError, match=r"latest\.safetensors is not a whole safetensors file"):
        model.fit(X, Y, callbacks=BackupAndRestore(tmp_path))
    assert_same(model.get_weights(), weights)


def test_a_backup_of_another_network_is_an_error(tmp_path):
    saving.save_state(network(Adam()), tmp_path / "latest.safetensors")
    with pytest.raises(ValueError, match="of the optimiser Adam"):
        network("sgd").fit(X, Y, callbacks=BackupAndRestore(tmp_path))


@pytest.mark.parametrize("whole", [False, True])
def test_a_fit_that_ended_before_its_running_means_were_taken_is_ended(tmp_path, whole):
    straight, model = (network(Adam(use_ema=True), seed=1) for _ in range(2))
    straight.fit(X, Y, **SETTINGS)
    kept = BackupAndRestore(tmp_path, delete_checkpoint=False)
    model.fit(X, Y, **SETTINGS, callbacks=[kept, ModelCheckpoint(tmp_path / "m.safetensors")])
    second = fastbp.load_model(tmp_path / "m.safetensors") if whole else network(Adam(use_ema=True))
    history = second.fit(X, Y, **SETTINGS, initial_epoch=6 * whole, callbacks=[] if whole else [kept])
    assert history.epoch == []
    assert_same(second.get_weights(), straight.get_weights())


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path):
    left = ["latest.safetensors.0123abcd.tmp", "latest.safetensors.ffffffff.tmp"]
    others = ["latest.safetensors.tmp", "mine.0123abcd.tmp", "latest.safetensors.0123abcd.tmp.bak"]
    for name in left + others:
        (tmp_path / name).touch()
    network().fit(X, Y, **SETTINGS, callbacks=BackupAndRestore(tmp_path))
    assert sorted(os.listdir(tmp_path)) == sorted(others)


def test_a_backup_needs_a_folder():
    with pytest.raises(ValueError, match="backup_dir is empty; expected the path of a folder"):
        BackupAndRestore("")
