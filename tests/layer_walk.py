"""Any stack of layers through the reference, forwards and back; and one or more examples of every layer."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fastbp import Input, Sequential, activations, layers, reference
from fastbp.activations import CustomActivation
from fastbp.exporting.operators import known
from fastbp.reference import layers as plain


@dataclass
class Walk:
    """Carries what layers need beside x: the weights in their order, and the state of the random layers."""

    weights: list[Any]
    training: bool
    seed: int = 0
    draws: int = 0
    noises: int = 0
    used: int = 0
    penalty: float = 0.0
    settled: dict[int, Any] = field(default_factory=dict)  # running means after the batch, by number of the weight

    def take(self, count=1):
        taken = [np.asarray(w, float) for w in self.weights[self.used : self.used + count]]
        self.used += count
        return taken if count > 1 else taken[0]

    def through(self, stack, x):
        """What comes out, and the way back: from dy to dx and the slopes of the weights (None: has none)."""
        backs = []
        for layer in stack:
            x, back = WALKS[type(layer).__name__](self, layer, x)
            backs.append(back)

        def all_back(d):
            slopes = []
            for back in reversed(backs):
                d, *own = back(d)
                slopes = [*own, *slopes]
            return d, *slopes

        return x, all_back


def _activation(walk, layer, x):
    f = layer.activation
    if f.kernel is None:
        return f.function(x), lambda d: (d * f.derivative(x),)
    forward, backward = reference.ACTIVATIONS[f.kernel]
    a = forward(x, *f.kernel_settings)
    return a, lambda d: (backward(d, a, x, *f.kernel_settings),)


def _dense(walk, layer, x):
    w = walk.take()
    b = walk.take() if layer.use_bias else np.zeros(layer.units)
    a, activation_back = _activation(walk, layer, reference.dense_forward(x, w, b))
    penalty = layer.activity_regularizer
    back_of_penalty = (lambda d: (d,)) if penalty is None else _activity(walk, penalty, a)[1]

    def back(d):
        dx, dw, db = reference.dense_backward(*activation_back(*back_of_penalty(d)), x, w)
        return (dx, dw, db) if layer.use_bias else (dx, dw)

    return a, back


def _noise(walk, layer, x):
    number, walk.noises = walk.noises, walk.noises + 1
    if not walk.training:
        return x, lambda d: (d,)
    seed = walk.seed if layer.seed is None else layer.seed
    factor, shift = plain.noise_draw(layer.kind, getattr(layer, layer.amount), x.shape, seed, number, walk.draws)
    return plain.noise_forward(x, factor, shift), lambda d: (plain.noise_backward(d, factor),)


def _activity(walk, layer, x):
    y, penalty = plain.activity_regularization_forward(x, layer.l1, layer.l2)
    walk.penalty += penalty
    return y, lambda d: (plain.activity_regularization_backward(d, x, layer.l1, layer.l2),)


def _gamma_beta(walk, layer, x):
    nodes = x.shape[1]
    gamma = walk.take() if layer.scale else np.ones(nodes)
    return gamma, walk.take() if layer.center else np.zeros(nodes)


def _own(layer, dx, dgamma, dbeta):
    return dx, *[dgamma] * layer.scale, *[dbeta] * layer.center


def _batch_normalization(walk, layer, x):
    gamma, beta = _gamma_beta(walk, layer, x)
    mean, variance = walk.take(2)
    if not (walk.training and layer.trainable):
        y = plain.frozen_batch_normalization_forward(x, gamma, beta, mean, variance, layer.epsilon)
        none = [None] * (2 + layer.scale + layer.center)
        return y, lambda d: (plain.frozen_batch_normalization_backward(d, gamma, variance, layer.epsilon), *none)
    y, *of_batch = plain.batch_normalization_forward(x, gamma, beta, layer.epsilon)
    for number, moving, new in zip((walk.used - 2, walk.used - 1), (mean, variance), of_batch, strict=True):
        walk.settled[number] = plain.moving_average(moving, new, layer.momentum)

    def back(d):
        return *_own(layer, *plain.batch_normalization_backward(d, x, gamma, layer.epsilon)), None, None

    return y, back


def _layer_normalization(walk, layer, x):
    gamma, beta = _gamma_beta(walk, layer, x)
    y = plain.layer_normalization_forward(x, gamma, beta, layer.epsilon)
    return y, lambda d: _own(layer, *plain.layer_normalization_backward(d, x, gamma, layer.epsilon))


def _rms_normalization(walk, layer, x):
    scale = walk.take()
    y = plain.rms_normalization_forward(x, scale, layer.epsilon)
    return y, lambda d: plain.rms_normalization_backward(d, x, scale, layer.epsilon)


def _normalization(walk, layer, x):
    mean, variance = walk.take(2)
    y = plain.normalization_forward(x, mean, variance, layer.invert)
    return y, lambda d: (plain.normalization_backward(d, variance, layer.invert), None, None)


def _rescaling(walk, layer, x):
    y = plain.rescaling_forward(x, np.asarray(layer.scale), np.asarray(layer.offset))
    return y, lambda d: (plain.rescaling_backward(d, np.asarray(layer.scale)),)


def _residual(walk, layer, x):
    f, f_back = walk.through(layer.layers, x)
    projection = walk.take() if f.shape != x.shape else None

    def back(d):
        df, *slopes = f_back(d)
        dx, dprojection = plain.residual_backward(d, df, x, projection)
        return dx, *slopes, *([] if projection is None else [dprojection])

    return plain.residual_forward(x, f, projection), back


WALKS = {
    "Dense": _dense,
    "Activation": _activation,
    "ReLU": _activation,
    "LeakyReLU": _activation,
    "ELU": _activation,
    "Softmax": _activation,
    "Dropout": _noise,
    "GaussianNoise": _noise,
    "GaussianDropout": _noise,
    "AlphaDropout": _noise,
    "ActivityRegularization": _activity,
    "BatchNormalization": _batch_normalization,
    "LayerNormalization": _layer_normalization,
    "RMSNormalization": _rms_normalization,
    "Normalization": _normalization,
    "Rescaling": _rescaling,
    "Flatten": lambda walk, layer, x: (x, lambda d: (d,)),
    "Residual": _residual,
}

SWISH = (lambda x: x / (1 + np.exp(-x)), lambda x: (1 + np.exp(-x) + x * np.exp(-x)) / (1 + np.exp(-x)) ** 2)

EXAMPLES = {  # id: from the width of x to a layer
    "Dense": lambda n: layers.Dense(n + 2, "tanh"),
    "Dense of own": lambda n: layers.Dense(n + 2, SWISH, use_bias=False, activity_regularizer="l1_l2"),
    "Activation": lambda n: layers.Activation("tanh"),
    "Activation that keeps slopes": lambda n: layers.Activation("gelu"),
    "Activation that grows": lambda n: layers.Activation("exponential"),
    "Activation of own": lambda n: layers.Activation(SWISH),
    "ReLU": lambda n: layers.ReLU(1.5, 0.25, 0.125),
    "LeakyReLU": lambda n: layers.LeakyReLU(),
    "ELU": lambda n: layers.ELU(0.5),
    "Softmax": lambda n: layers.Softmax(),
    "Dropout": lambda n: layers.Dropout(0.3),
    "Dropout of a seed": lambda n: layers.Dropout(0.5, seed=0),
    "Dropout of nothing": lambda n: layers.Dropout(0.0),
    "GaussianNoise": lambda n: layers.GaussianNoise(0.3),
    "GaussianDropout": lambda n: layers.GaussianDropout(0.3),
    "AlphaDropout": lambda n: layers.AlphaDropout(0.3, seed=2**64 - 1),
    "ActivityRegularization": lambda n: layers.ActivityRegularization(0.01, 0.02),
    "BatchNormalization": lambda n: layers.BatchNormalization(momentum=0.75),
    "BatchNormalization without gamma": lambda n: layers.BatchNormalization(scale=False, epsilon=0.1),
    "BatchNormalization alone": lambda n: layers.BatchNormalization(scale=False, center=False),
    "BatchNormalization frozen": lambda n: layers.BatchNormalization(trainable=False),
    "LayerNormalization": lambda n: layers.LayerNormalization(),
    "LayerNormalization without beta": lambda n: layers.LayerNormalization(center=False, epsilon=0.1),
    "LayerNormalization alone": lambda n: layers.LayerNormalization(scale=False, center=False),
    "RMSNormalization": lambda n: layers.RMSNormalization(epsilon=0.01),
    "Normalization": lambda n: layers.Normalization(),
    "Normalization back": lambda n: layers.Normalization(invert=True),
    "Rescaling": lambda n: layers.Rescaling(np.linspace(0.5, 2.0, n), 0.25),
    "Flatten": lambda n: layers.Flatten(),
    "Residual": lambda n: layers.Residual([layers.Dense(n, "tanh")]),
    "Residual with projection": lambda n: layers.Residual(
        [layers.BatchNormalization(), layers.Dense(n + 3, "gelu"), layers.Dropout(0.5), layers.Dense(n + 1)]
    ),
    "Residual of Dropout": lambda n: layers.Residual([layers.Dropout(0.25)]),
    "Residual in Residual": lambda n: layers.Residual(
        [
            layers.LayerNormalization(),
            layers.Residual([layers.GaussianNoise(0.1), layers.Dense(n + 2, "sigmoid")]),
            layers.ActivityRegularization(0.0, 0.1),
            layers.Residual([layers.Dense(n), layers.Activation("tanh")]),
            layers.Activation(SWISH),
        ]
    ),
}


def randomize(model, seed=7):
    """Weights of order 1, variances positive: none at its initial 0 or 1, where a mistake would hide."""
    rng = np.random.default_rng(seed)
    names = [v.name.rpartition("/")[2] for v in model._variables()]
    for name, view in zip(names, model.weights, strict=True):
        view[...] = rng.uniform(0.5, 1.5, view.shape)
        if view.ndim == 2:
            view[...] = rng.normal(size=view.shape) / np.sqrt(len(view))
        elif "variance" not in name:
            view *= rng.choice([-1, 1], view.shape)


def is_own(layer):
    """Whether there is a function of the user's own in it."""
    within = [layer, *getattr(layer, "layers", [])]
    return any(isinstance(getattr(inner, "activation", None), CustomActivation) for inner in within)


def one(layer, dtype="float32", inputs=5):
    """A model of one layer."""
    model = Sequential([Input((inputs,)), layer], dtype=dtype, seed=1)
    randomize(model)
    return model


SETTINGS = [  # every activation with its usual settings, and with others
    *known(),
    activations.relu.with_settings(max_value=4.0),
    activations.relu.with_settings(negative_slope=0.1),
    activations.relu.with_settings(0.25, 3.0, 1.0),
    activations.relu.with_settings(threshold=2.0),
    activations.threshold.with_settings(0.5, -3.0),
    *(
        a.with_settings(0.7)
        for name, a in activations.ACTIVATIONS.members.items()
        if name not in ("relu", "threshold", "gelu") and a.get_config()
    ),
]
