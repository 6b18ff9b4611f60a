"""The callbacks beside Keras's own, shown the same logs: what they decide, and when."""

import inspect

import numpy as np
import pytest
from peer_keras import keras

from fastbp import callbacks

# Values that float32 has exactly, for Keras compares in it.
SEQUENCES = [(np.random.default_rng(seed).integers(0, 24, 14) / 8 - 1).tolist() for seed in range(12)]
SEQUENCES += [[1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5], [1.0, float("nan"), 0.5, float("nan"), float("nan")], [2.0]]


def stem(path):
    """A path without either's ending."""
    for ending in (".safetensors", ".keras", ".weights.h5"):
        path = path.removesuffix(ending)
    return path


class Model:
    """What callbacks look at. Its weights are the number of the epoch."""

    def __init__(self, rate=1.0):
        self.stop_training = False
        self.optimizer = type("Optimizer", (), {"learning_rate": rate})()
        self.weights = None
        self.saved = []

    def get_weights(self):
        return self.weights

    def set_weights(self, weights):
        self.weights = weights

    def save(self, path, overwrite):
        self.saved.append(("model", stem(path)))

    def save_weights(self, path, overwrite):
        self.saved.append(("weights", stem(path)))


def run(callback, values, batches=0):
    """Shows a callback these values; the model, and what it looked like after every epoch."""
    model, seen = Model(), []
    callback.set_model(model)
    callback.on_train_begin({})
    for epoch, value in enumerate(values):
        model.weights = [epoch]
        callback.on_epoch_begin(epoch, {})
        for batch in range(batches):
            if (epoch * batches + batch + 1) % getattr(callback, "batch_interval", 1) == 0:  # Keras's have none
                callback.on_train_batch_end(batch, {"val_loss": value})
        logs = {"val_loss": value}
        callback.on_epoch_end(epoch, logs)
        seen.append((model.stop_training, float(model.optimizer.learning_rate), list(model.saved), logs))
        if model.stop_training:
            break
    callback.on_train_end({})
    return model, seen


def assert_same(ours, theirs):
    assert repr(ours[1]) == repr(theirs[1])  # the repr, for NaN is not itself
    assert ours[0].weights == theirs[0].weights


by_sequence = pytest.mark.parametrize("values", SEQUENCES, ids=range(len(SEQUENCES)))


@by_sequence
@pytest.mark.parametrize("mode", ["min", "max", "auto"])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"patience": 2},
        {"patience": 3, "min_delta": 0.25},
        {"patience": 2, "min_delta": -0.25, "restore_best_weights": True},
        {"patience": 2, "baseline": 0.5, "restore_best_weights": True},
        {"patience": 1, "start_from_epoch": 3, "restore_best_weights": True},
        {"patience": 20, "restore_best_weights": True},
    ],
    ids=repr,
)
def test_early_stopping_stops_and_restores_as_keras(settings, mode, values):
    ours, theirs = (module.EarlyStopping(mode=mode, **settings) for module in (callbacks, keras.callbacks))
    assert_same(run(ours, values), run(theirs, values))
    for name in ("wait", "stopped_epoch", "best_epoch", "best", "best_weights", "patience", "monitor", "mode"):
        assert repr(getattr(ours, name)) == repr(getattr(theirs, name))


@by_sequence
@pytest.mark.parametrize("mode", ["min", "max", "auto"])
@pytest.mark.parametrize(
    "settings",
    [
        {"patience": 1},
        {"patience": 2, "factor": 0.5},
        {"patience": 1, "factor": 0.5, "cooldown": 2},
        {"patience": 1, "factor": 0.25, "min_lr": 0.125},
        {"patience": 2, "factor": 0.5, "min_delta": 0.25, "cooldown": 1},
        {"patience": 0, "factor": 0.5},
    ],
    ids=repr,
)
def test_the_learning_rate_is_reduced_as_in_keras(settings, mode, values):
    ours, theirs = (module.ReduceLROnPlateau(mode=mode, **settings) for module in (callbacks, keras.callbacks))
    assert_same(run(ours, values), run(theirs, values))
    for name in ("wait", "cooldown_counter", "best"):
        assert repr(getattr(ours, name)) == repr(getattr(theirs, name))


@pytest.mark.parametrize("schedule", [lambda epoch, rate: rate * 0.9, lambda epoch: 0.5 / (1 + epoch)])
def test_a_schedule_is_followed_as_in_keras(schedule):
    ours, theirs = (module.LearningRateScheduler(schedule) for module in (callbacks, keras.callbacks))
    assert_same(run(ours, [1.0] * 6), run(theirs, [1.0] * 6))


@pytest.mark.parametrize("rate", [1, "0.1", None])
def test_a_schedule_that_gives_no_float_is_refused_as_in_keras(rate):
    for module in (callbacks, keras.callbacks):
        with pytest.raises(ValueError, match="float"):
            run(module.LearningRateScheduler(lambda epoch: rate), [1.0])


@by_sequence
@pytest.mark.parametrize("mode", ["min", "max", "auto"])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"save_best_only": True},
        {"save_best_only": True, "initial_value_threshold": 0.5, "save_weights_only": True},
        {"save_freq": 2},
        {"save_freq": 5, "save_weights_only": True},
    ],
    ids=repr,
)
def test_the_model_is_saved_as_in_keras(settings, mode, values):
    ours, theirs = (
        module.ModelCheckpoint("{epoch:02d}-{val_loss:.3f}" + ending, mode=mode, **settings)
        for module, ending in (
            (callbacks, ".safetensors"),
            (keras.callbacks, ".weights.h5" if settings.get("save_weights_only") else ".keras"),
        )
    )
    assert_same(run(ours, values, batches=3), run(theirs, values, batches=3))
    assert ours.best == theirs.best


@pytest.mark.parametrize("values", SEQUENCES[:3])
@pytest.mark.parametrize("append", [True, False])
@pytest.mark.parametrize("separator", [",", ";"])
def test_the_table_is_that_of_keras_byte_by_byte(tmp_path, separator, append, values):
    for module, name in ((callbacks, "ours"), (keras.callbacks, "theirs")):
        logger = module.CSVLogger(tmp_path / name, separator, append)
        for _ in range(2):
            run(logger, values)
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()


@pytest.mark.parametrize(
    "name",
    [
        "BackupAndRestore",
        "CSVLogger",
        "EarlyStopping",
        "LambdaCallback",
        "LearningRateScheduler",
        "ModelCheckpoint",
        "ReduceLROnPlateau",
        "TerminateOnNaN",
    ],
)
def test_arguments_and_defaults_are_those_of_keras(name):
    ours, theirs = (
        {key: value.default for key, value in inspect.signature(getattr(module, name)).parameters.items()}
        for module in (callbacks, keras.callbacks)
    )
    for arguments in (ours, theirs):
        arguments.pop("kwargs", None)
    if name == "TerminateOnNaN":
        assert ours.pop("restore_weights") is False  # our own, by name only
    assert list(ours.items()) == list(theirs.items())
