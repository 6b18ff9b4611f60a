"""Layers beside Keras's: arguments, weights, outputs, running means, training, and the noise of random layers."""

import inspect
import math

import numpy as np
import pytest
from peer_keras import keras

import fastbp
from fastbp import layers

pytestmark = [
    pytest.mark.filterwarnings("ignore:A JAX array:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

OURS_ALONE = {"Residual"}
NOT_HERE = {  # arguments of Keras's that mean nothing here
    "Dense": ["lora_rank", "lora_alpha", "quantization_config"],
    "BatchNormalization": ["renorm", "renorm_clipping", "renorm_momentum", "synchronized"],
    "Flatten": ["data_format"],
}
GIVEN = {  # settings, as many as there are ways to go
    "Dense": [{"units": 5}, {"units": 5, "activation": "gelu", "use_bias": False}],
    "Activation": [{"activation": name} for name in ("relu", "tanh", "softmax", "leaky_relu")],
    "ReLU": [{}, {"max_value": 1.0, "negative_slope": 0.25, "threshold": 0.5}],
    "LeakyReLU": [{}, {"negative_slope": 0.1}],
    "ELU": [{}, {"alpha": 0.5}],
    "Softmax": [{}],
    "Dropout": [{"rate": 0.25}],
    "GaussianNoise": [{"stddev": 0.5}],
    "GaussianDropout": [{"rate": 0.25}],
    "AlphaDropout": [{"rate": 0.25}],
    "ActivityRegularization": [{}, {"l1": 0.1, "l2": 0.2}],
    "BatchNormalization": [{}, {"scale": False}, {"center": False, "momentum": 0.5, "epsilon": 0.1}],
    "LayerNormalization": [{}, {"scale": False}, {"center": False, "epsilon": 0.1}],
    "RMSNormalization": [{}, {"epsilon": 0.1}],
    "Normalization": [{}, {"mean": [0.5] * 7, "variance": [2.0] * 7}, {"mean": 0.5, "variance": 4.0, "invert": True}],
    "Rescaling": [{"scale": 0.5}, {"scale": 2.0, "offset": -1.0}],
    "Flatten": [{}],
}
CASES = [(name, given) for name, each in GIVEN.items() for given in each]
DRAWN = {"Dropout", "GaussianNoise", "GaussianDropout", "AlphaDropout"}
X = np.random.default_rng(0).normal(size=(40, 7)).astype(np.float32)


def agree(ours, theirs, least=1e-6):
    """Within 1e-5 of the greatest number, or of the least that counts."""
    theirs = np.asarray(theirs)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 * max(least, float(np.abs(theirs).max())))


def pair(name, given):
    """The layer of both, with the same random weights."""
    ours, theirs = getattr(layers, name)(**given), getattr(keras.layers, name)(**given)
    model = fastbp.Sequential([fastbp.Input((7,)), ours])
    theirs.build((None, 7))
    if name != "Normalization":
        rng = np.random.default_rng(1)
        ours.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in ours.weights])
        theirs.set_weights(ours.get_weights())
    return model, ours, theirs


def test_all_layers_here_but_one_are_of_keras():
    assert set(GIVEN) | OURS_ALONE == set(layers.LAYERS)
    assert not any(hasattr(keras.layers, name) for name in OURS_ALONE)


@pytest.mark.parametrize("name", GIVEN)
def test_arguments_are_those_of_keras(name):
    def arguments(cls):
        return {p.name: p.default for p in inspect.signature(cls).parameters.values() if p.kind != p.VAR_KEYWORD}

    ours, theirs = arguments(getattr(layers, name)), arguments(getattr(keras.layers, name))
    assert ours.pop("name") is None
    assert ours.pop("trainable") is True
    expected = {key: value for key, value in theirs.items() if key not in NOT_HERE.get(name, [])}
    assert list(ours.items()) == list(expected.items())
    assert list(theirs)[: len(ours)] == list(ours)  # those left out come last


@pytest.mark.parametrize(("name", "given"), CASES, ids=str)
def test_weights_and_outputs_are_those_of_keras(name, given):
    model, ours, theirs = pair(name, given)
    if name != "Normalization":  # whose weights Keras counts only if it has adapted, with a count of samples
        assert ours.weight_names == [w.name for w in theirs.weights]
        assert [w.shape for w in ours.weights] == [w.shape for w in theirs.weights]
        for mine, other in (("trainable_weights",) * 2, ("non_trainable_weights",) * 2):
            assert [w.shape for w in getattr(ours, mine)] == [
                w.shape for w in getattr(theirs, other) if "seed" not in w.path
            ]
    expected = theirs(X, training=False)
    for out in (model(X), model.predict(X, verbose=0), ours(X)):
        agree(out, expected)
    assert ours(X).shape == expected.shape
    if name not in DRAWN:
        agree(model.forward(X, training=True), theirs(X, training=True))
    ours.trainable = theirs.trainable = False
    if name not in DRAWN:
        agree(model.forward(X, training=True), theirs(X, training=True))


@pytest.mark.parametrize("axis_of_samples", [X, X[:, :1], X[:5]], ids=["all", "one feature", "few"])
def test_adapted_normalizations_agree(axis_of_samples):
    ours, theirs = layers.Normalization(), keras.layers.Normalization()
    for layer in (ours, theirs):
        layer.adapt(axis_of_samples)
    agree(ours(axis_of_samples), theirs(axis_of_samples))


@pytest.mark.parametrize("name", ["Flatten", "Rescaling"])
def test_layers_of_any_shape(name):
    images = X.reshape(10, 4, 7)
    given = GIVEN[name][-1]
    agree(getattr(layers, name)(**given)(images), getattr(keras.layers, name)(**given)(images))


def networks():
    """A network with all that is deterministic, in both, with the same weights."""

    def stack(of):
        return [
            of.Rescaling(0.5, 0.1),
            of.Dense(16, kernel_regularizer="l2"),
            of.BatchNormalization(momentum=0.8),
            of.Activation("gelu"),
            of.Dense(12, activation="tanh"),
            of.LayerNormalization(),
            of.ActivityRegularization(0.01, 0.01),
            of.Dense(9, use_bias=False, activity_regularizer="l2"),
            of.RMSNormalization(),
            of.LeakyReLU(),
            of.Dense(6),
            of.ELU(),
            of.BatchNormalization(center=False),
            of.Dense(3),
            of.Softmax(),
        ]

    ours, theirs = (
        fastbp.Sequential([fastbp.Input((7,)), *stack(layers)], seed=1),
        keras.Sequential([keras.Input((7,)), *stack(keras.layers)]),
    )
    theirs.set_weights(ours.get_weights())
    for model, of in ((ours, fastbp), (theirs, keras)):
        model.compile(of.optimizers.SGD(0.05), "sparse_categorical_crossentropy")
    return ours, theirs


def test_five_steps_end_in_the_weights_of_keras():
    ours, theirs = networks()
    assert len(ours.trainable_weights) == len(theirs.trainable_variables)
    rng = np.random.default_rng(2)
    for _ in range(5):
        x, y = rng.normal(size=(32, 7)).astype(np.float32), rng.integers(0, 3, 32)
        agree(ours.train_on_batch(x, y), theirs.train_on_batch(x, y))
    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        agree(mine, other, least=0.05)  # a bias before a norm has slopes of rounding errors only
    agree(ours.predict(X, verbose=0), theirs.predict(X, verbose=0))
    labels = rng.integers(0, 3, 40)
    agree(ours.evaluate(X, labels, verbose=0), theirs.evaluate(X, labels, batch_size=40, verbose=0))


def test_running_means_after_three_batches_are_those_of_keras():
    ours, theirs = networks()
    y = np.arange(40) % 3
    for model in (ours, theirs):
        model.fit(X, y, batch_size=15, shuffle=False, verbose=0)  # 15, 15, 10
    for i in (2, 12):
        for name in ("moving_mean", "moving_variance"):
            agree(getattr(ours.layers[i], name), getattr(theirs.layers[i], name))


@pytest.mark.parametrize("value", [1.0, -2.0])
@pytest.mark.parametrize("name", sorted(DRAWN))
def test_noise_is_distributed_as_in_keras(name, value):
    """Means and variances of n draws, ours and Keras's: each within five deviations of what theory says."""
    n, given = 40_000, GIVEN[name][0]
    x = np.full((200, n // 200), value, np.float32)
    ours, theirs = (
        np.asarray(getattr(of, name)(**given, seed=3)(x, training=True), float) for of in (layers, keras.layers)
    )
    if name.startswith("Gaussian"):
        amount = given.get("stddev") or math.sqrt(given["rate"] / (1 - given["rate"])) * abs(value)
        mean, variance, fourth = value, amount**2, 3 * amount**4
    else:
        rate = given["rate"]
        low, high = sorted(set(np.unique(ours.round(5))), key=lambda v: -abs(v - value))
        agree([low, high], sorted(set(np.unique(theirs.round(5))), key=lambda v: -abs(v - value)))
        mean = rate * low + (1 - rate) * high
        variance = rate * (1 - rate) * (high - low) ** 2
        fourth = variance * (1 - 3 * rate * (1 - rate)) * (high - low) ** 2
    for drawn in (ours, theirs):
        assert abs(drawn.mean() - mean) < 5 * math.sqrt(variance / n)
        assert abs(drawn.var() - variance) < 5 * math.sqrt((fourth - variance**2) / n)
