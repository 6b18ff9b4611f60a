"""Programs in the shape of Keras's guides and examples for dense networks: they run with the import swapped.

Each takes the module as ``keras``, asserts what its guide says, and returns histories and how well it has learned.
"""

import csv
from dataclasses import dataclass

import numpy as np
import pytest

import fastbp
from fastbp.datasets import load_digits


@dataclass
class Outcome:
    histories: list  # a fit's numbers by name, epoch by epoch
    score: float  # from 0 to 1
    samples: int  # that the score is of


def digits():
    """Images in random order, and the digits on them: 1,400 to train, 397 to test."""
    x, y = load_digits()
    order = np.random.default_rng(0).permutation(len(x))
    x, y = x[order].reshape(-1, 8, 8), y[order]
    return (x[:1400], y[:1400]), (x[1400:], y[1400:])


def flat_digits():
    (x_train, y_train), (x_test, y_test) = digits()
    return (x_train.reshape(-1, 64) / 16, y_train), (x_test.reshape(-1, 64) / 16, y_test)


def classifier(keras, **compiled):
    model = keras.Sequential(
        [
            keras.Input(shape=(64,)),
            keras.layers.Dense(64, activation="relu", name="dense_1"),
            keras.layers.Dense(64, activation="relu", name="dense_2"),
            keras.layers.Dense(10, activation="softmax", name="predictions"),
        ]
    )
    model.compile(**compiled)
    return model


def file_ending(keras):
    return ".safetensors" if keras is fastbp else ".keras"


# ---- the guide to Sequential ----


def layers_can_be_added_taken_off_and_looked_at(keras, folder):
    layers = keras.layers
    model = keras.Sequential(name="my_sequential")
    model.add(keras.Input(shape=(4,)))
    model.add(layers.Dense(2, activation="relu", name="layer1"))
    model.add(layers.Dense(3, activation="relu", name="layer2"))
    model.add(layers.Dense(4, name="layer3"))
    assert [layer.name for layer in model.layers] == ["layer1", "layer2", "layer3"]
    assert (len(model.weights), model.count_params()) == (6, 35)
    assert np.asarray(model(np.ones((3, 4), "float32"))).shape == (3, 4)
    lines = []
    model.summary(print_fn=lines.append)
    assert all(name in "\n".join(map(str, lines)) for name in ("my_sequential", "layer1", "layer2", "layer3"))
    model.pop()
    assert (len(model.layers), model.output_shape) == (2, (None, 3))
    for layer in model.layers[:-1]:
        layer.trainable = False
    assert (len(model.trainable_weights), len(model.non_trainable_weights)) == (2, 2)
    assert model.get_layer(name="layer2").units == model.get_layer(index=1).units == 3

    late = keras.Sequential([layers.Dense(2, activation="relu"), layers.Dense(3)])
    assert not late.built
    late(np.ones((1, 4), "float32"))
    assert [tuple(w.shape) for w in late.weights] == [(4, 2), (2,), (2, 3), (3,)]
    return Outcome([], 1.0, 1)


def a_frozen_base_is_trained_on(keras, folder):
    (x_train, y_train), (x_test, y_test) = flat_digits()
    base = classifier(keras, optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    first = base.fit(x_train, y_train, epochs=5, verbose=0)
    model = keras.Sequential([keras.Input(shape=(64,)), *(keras.layers.Dense(64, "relu") for _ in range(2))])
    for layer, trained in zip(model.layers, base.layers, strict=False):
        layer.set_weights(trained.get_weights())
        layer.trainable = False
    model.add(keras.layers.Dense(10, activation="softmax"))
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    second = model.fit(x_train, y_train, epochs=15, verbose=0)
    for layer, trained in zip(model.layers[:2], base.layers, strict=False):
        np.testing.assert_array_equal(layer.get_weights()[0], trained.get_weights()[0])
    return Outcome([first.history, second.history], model.evaluate(x_test, y_test, verbose=0)[1], len(x_test))


# ---- the guide to training with the built-in methods ----


def compiled_with_strings(keras, folder):
    (x_train, y_train), (x_test, y_test) = flat_digits()
    model = classifier(
        keras, optimizer="rmsprop", loss="sparse_categorical_crossentropy", metrics=["sparse_categorical_accuracy"]
    )
    x_val, y_val = x_train[-200:], y_train[-200:]
    history = model.fit(
        x_train[:-200], y_train[:-200], batch_size=64, epochs=8, validation_data=(x_val, y_val), verbose=0
    )
    results = model.evaluate(x_test, y_test, batch_size=128, verbose=0)
    predictions = model.predict(x_test[:3], verbose=0)
    assert predictions.shape == (3, 10)
    np.testing.assert_allclose(predictions.sum(axis=1), 1, atol=1e-5)
    return Outcome([history.history], results[1], len(x_test))


def compiled_with_objects(keras, folder):
    (x_train, y_train), (x_test, y_test) = flat_digits()
    model = classifier(
        keras,
        optimizer=keras.optimizers.RMSprop(learning_rate=1e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(),
        metrics=[keras.metrics.SparseCategoricalAccuracy()],
        weighted_metrics=[keras.metrics.SparseCategoricalAccuracy(name="weighted_accuracy")],
    )
    class_weight = {i: 2.0 if i == 5 else 1.0 for i in range(10)}
    by_class = model.fit(x_train, y_train, class_weight=class_weight, batch_size=64, epochs=6, verbose=0)
    sample_weight = np.where(y_train == 5, 2.0, 1.0)
    by_sample = model.fit(
        x_train, y_train, sample_weight=sample_weight, batch_size=64, epochs=2, validation_split=0.2, verbose=0
    )
    results = model.evaluate(x_test, y_test, verbose=0, return_dict=True)
    return Outcome([by_class.history, by_sample.history], results["sparse_categorical_accuracy"], len(x_test))


def trained_batch_by_batch(keras, folder):
    (x_train, y_train), (x_test, y_test) = flat_digits()
    model = classifier(keras, optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    for _ in range(5):
        for first in range(0, len(x_train), 32):
            logs = model.train_on_batch(x_train[first : first + 32], y_train[first : first + 32], return_dict=True)
    assert set(logs) == {"loss", "accuracy"}
    assert model.test_on_batch(x_test, y_test, return_dict=True).keys() == logs.keys()
    assert model.predict_on_batch(x_test[:3]).shape == (3, 10)
    return Outcome([], model.evaluate(x_test, y_test, verbose=0)[1], len(x_test))


def trained_from_a_generator(keras, folder):
    (x_train, y_train), (x_test, y_test) = flat_digits()

    def batches():
        while True:
            for first in range(0, len(x_train), 50):
                yield x_train[first : first + 50], y_train[first : first + 50]

    model = classifier(keras, optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(batches(), steps_per_epoch=28, epochs=6, shuffle=False, verbose=0)
    return Outcome([history.history], model.evaluate(x_test, y_test, verbose=0)[1], len(x_test))


def watched_by_callbacks(keras, folder):
    (x_train, y_train), (x_test, y_test) = flat_digits()
    rates, ends = [], []

    class Rates(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            assert self.params["epochs"] == 30

        def on_epoch_end(self, epoch, logs=None):
            rates.append(float(self.model.optimizer.learning_rate))
            if epoch == 19:
                self.model.optimizer.learning_rate = 1e-5

    best = str(folder / f"best{file_ending(keras)}")
    callbacks = [
        keras.callbacks.ModelCheckpoint(best, save_best_only=True, monitor="val_loss"),
        keras.callbacks.EarlyStopping(monitor="val_loss", patience=5, restore_best_weights=True),
        keras.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.5, patience=2),
        keras.callbacks.CSVLogger(str(folder / "log.csv")),
        keras.callbacks.LambdaCallback(on_train_end=lambda logs: ends.append(logs)),
        keras.callbacks.TerminateOnNaN(),
        Rates(),
    ]
    optimizer = keras.optimizers.Adam(learning_rate=0.01)
    model = classifier(keras, optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(
        x_train, y_train, epochs=30, batch_size=64, validation_split=0.2, callbacks=callbacks, verbose=0
    )
    with open(folder / "log.csv") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(rates) == len(history.epoch)
    assert rows[0].keys() == {"epoch", *history.history}
    assert len(ends) == 1
    saved = keras.models.load_model(best)
    np.testing.assert_allclose(saved.predict(x_test, verbose=0), model.predict(x_test, verbose=0), atol=1e-6)
    lengths = {name: values[:1] for name, values in history.history.items()}  # when it stops depends on the seed
    return Outcome([lengths], saved.evaluate(x_test, y_test, verbose=0)[1], len(x_test))


def with_learning_rates_by_step(keras, folder):
    (x_train, y_train), (x_test, y_test) = flat_digits()
    schedule = keras.optimizers.schedules.ExponentialDecay(
        initial_learning_rate=0.1, decay_steps=100, decay_rate=0.96, staircase=True
    )
    model = classifier(
        keras,
        optimizer=keras.optimizers.SGD(learning_rate=schedule, momentum=0.9),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    history = model.fit(x_train, y_train, epochs=8, verbose=0)
    steps = 8 * 44
    assert int(model.optimizer.iterations) == steps
    assert float(model.optimizer.learning_rate) == pytest.approx(float(schedule(steps)), rel=1e-6)

    def halved(epoch, lr):
        return lr if epoch < 2 else lr / 2

    model.compile(optimizer=keras.optimizers.SGD(0.1), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    scheduler = keras.callbacks.LearningRateScheduler(halved)
    by_epoch = model.fit(x_train, y_train, epochs=4, callbacks=[scheduler], verbose=0)
    np.testing.assert_allclose(by_epoch.history["learning_rate"], [0.1, 0.1, 0.05, 0.025], rtol=1e-6)
    return Outcome([history.history, by_epoch.history], model.evaluate(x_test, y_test, verbose=0)[1], len(x_test))


# ---- examples ----


def images_of_digits(keras, folder):
    """Of the kind of Keras's MLP for MNIST."""
    (x_train, y_train), (x_test, y_test) = digits()
    y_train, y_test = keras.utils.to_categorical(y_train, 10), keras.utils.to_categorical(y_test, 10)
    model = keras.Sequential(
        [
            keras.layers.Input(shape=(8, 8)),
            keras.layers.Rescaling(1.0 / 16),
            keras.layers.Flatten(),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(128),
            keras.layers.BatchNormalization(),
            keras.layers.Activation("relu"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    history = model.fit(x_train, y_train, batch_size=128, epochs=15, validation_split=0.1, verbose=0)
    path = str(folder / f"model{file_ending(keras)}")
    model.save(path)
    same = keras.models.load_model(path)
    assert same.evaluate(x_test, y_test, verbose=0) == pytest.approx(model.evaluate(x_test, y_test, verbose=0))
    return Outcome([history.history], same.evaluate(x_test, y_test, verbose=0)[1], len(x_test))


def rare_cases(keras, folder):
    """Of the kind of Keras's example of frauds: one case in twenty, found by weighting classes."""
    rng = np.random.default_rng(1)
    targets = (rng.random((3000, 1)) < 0.05).astype("uint8")
    features = rng.standard_normal((3000, 10)).astype("float32") + 1.5 * targets
    features = (features - features[:2000].mean(axis=0)) / features[:2000].std(axis=0)
    count = int(targets[:2000].sum())
    model = keras.Sequential(
        [
            keras.Input(shape=(10,)),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(1e-2),
        loss="binary_crossentropy",
        metrics=[
            keras.metrics.FalseNegatives(name="fn"),
            keras.metrics.TruePositives(name="tp"),
            keras.metrics.Precision(name="precision"),
            keras.metrics.Recall(name="recall"),
        ],
    )
    history = model.fit(
        features[:2000],
        targets[:2000],
        batch_size=256,
        epochs=20,
        verbose=0,
        validation_data=(features[2000:], targets[2000:]),
        class_weight={0: 1.0 / (2000 - count), 1: 1.0 / count},
    )
    return Outcome([history.history], history.history["val_recall"][-1], int(targets[2000:].sum()))


def prices(keras, folder):
    """Of the kind of Keras's regression on houses: features of all scales, normalised by a layer."""
    rng = np.random.default_rng(2)
    x = (rng.standard_normal((600, 13)) * 10.0 ** rng.integers(-2, 3, 13)).astype("float32")
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    y = 22 + 5 * z[:, 0] - 3 * z[:, 1] + 2 * z[:, 2] * z[:, 3] + rng.standard_normal(600)
    normalizer = keras.layers.Normalization(axis=-1)
    normalizer.adapt(x[:450])
    model = keras.Sequential(
        [
            normalizer,
            keras.layers.Dense(64, activation="relu", kernel_regularizer=keras.regularizers.L2(1e-4)),
            keras.layers.Dense(64, activation="relu", kernel_initializer="he_normal"),
            keras.layers.Dense(1),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(0.005), loss="mean_squared_error", metrics=["mae"])
    history = model.fit(x[:450], y[:450], validation_split=0.2, epochs=60, batch_size=16, verbose=0)
    predicted = model.predict(x[450:], verbose=0).flatten()
    unexplained = ((predicted - y[450:]) ** 2).mean() / y[450:].var()
    return Outcome([history.history], 1 - float(unexplained), 150)


def topics(keras, folder):
    """Of the kind of Keras's MLP for newswires: which words there are, and one topic of many."""
    rng = np.random.default_rng(3)
    y = rng.integers(0, 12, 1500)
    likely = rng.random((12, 200)) ** 4
    x = (rng.random((1500, 200)) < likely[y] * 0.4 + 0.02).astype("float32")
    labels = keras.utils.to_categorical(y, 12)
    model = keras.models.Sequential()
    model.add(keras.Input(shape=(200,)))
    model.add(keras.layers.Dense(128))
    model.add(keras.layers.Activation("relu"))
    model.add(keras.layers.Dropout(0.5))
    model.add(keras.layers.Dense(12))
    model.add(keras.layers.Activation("softmax"))
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    history = model.fit(x[:1000], labels[:1000], batch_size=32, epochs=5, verbose=0, validation_split=0.1)
    score = model.evaluate(x[1000:], labels[1000:], batch_size=32, verbose=0)
    return Outcome([history.history], score[1], 500)


PROGRAMS = [
    layers_can_be_added_taken_off_and_looked_at,
    a_frozen_base_is_trained_on,
    compiled_with_strings,
    compiled_with_objects,
    trained_batch_by_batch,
    trained_from_a_generator,
    watched_by_callbacks,
    with_learning_rates_by_step,
    images_of_digits,
    rare_cases,
    prices,
    topics,
]


def outcome(keras, program, folder):
    folder.mkdir()
    keras.utils.set_random_seed(1)
    return program(keras, folder)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_a_program_for_keras_runs_and_learns(program, tmp_path):
    assert outcome(fastbp, program, tmp_path / "fastbp").score > 0.8


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of Keras on JAX
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_it_does_what_it_does_with_keras(program, tmp_path):
    """The same names and numbers of epochs; as good as chance allows: 4 deviations of a difference of two shares."""
    from peer_keras import keras

    ours, theirs = (outcome(module, program, tmp_path / module.__name__) for module in (fastbp, keras))
    for history, other in zip(ours.histories, theirs.histories, strict=True):
        assert {name: len(values) for name, values in history.items()} == {n: len(v) for n, v in other.items()}
    n = ours.samples
    share = ((ours.score + theirs.score) / 2 * n + 2) / (n + 4)
    assert abs(ours.score - theirs.score) <= 4 * np.sqrt(2 * share * (1 - share) / n)
