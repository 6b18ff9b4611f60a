"""Backpropagation in plain NumPy: what the fast core computes, written to be read.

Open this file to see how a network learns. One step of training is

1. forward propagation: x → z = x·w + b → a = f(z), layer by layer, to a prediction;
2. the loss: how far the prediction is from the target;
3. backpropagation: the slope of the loss with respect to every weight, one layer at a time backwards. The slope of a
   weight is the product of three numbers: the value of the node that feeds into it (x), the slope of the activation at
   the node that it feeds into (f'(z)), and the slope of the loss with respect to that node's value (da);
4. the update: every weight moves against its slope, by slope times learning rate.

The same networks, losses, optimisers, shuffles and initial weights as in the core, in float64 unless asked otherwise. A
gradient is called d + its variable. This module imports nothing of the core, so the two can be compared.

>>> x, w, b = np.array([[1.0, 2.0]]), np.array([[0.5], [0.25]]), np.array([0.0])
>>> dense_forward(x, w, b)
array([[1.]])
>>> dx, dw, db = dense_backward(np.array([[6.0]]), x, w)
>>> dw.tolist()  # node value times slope: 1·6 and 2·6
[[6.0], [12.0]]
"""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [
    "ACTIVATIONS",
    "LOSSES",
    "OPTIMIZERS",
    "Network",
    "adam",
    "binary_crossentropy",
    "binary_crossentropy_from_logits",
    "categorical_crossentropy",
    "categorical_crossentropy_from_logits",
    "dense_backward",
    "dense_forward",
    "initial_kernel",
    "linear_backward",
    "linear_forward",
    "mean_squared_error",
    "momentum",
    "nesterov",
    "normal",
    "one_hot",
    "philox4x32",
    "random_bits",
    "relu_backward",
    "relu_forward",
    "sgd",
    "shuffled_order",
    "sigmoid_backward",
    "sigmoid_forward",
    "softmax_backward",
    "softmax_forward",
    "tanh_backward",
    "tanh_forward",
    "truncated_normal",
    "uniform",
]

Array = npt.NDArray[Any]

# ---- the dense layer ------------------------------------------------------------------------------------------------


def dense_forward(x: Array, w: Array, b: Array) -> Array:
    """z = x·w + b.  x (batch, in), w (in, out), b (out,), z (batch, out)."""
    return x @ w + b


def dense_backward(dz: Array, x: Array, w: Array) -> tuple[Array, Array, Array]:
    """dx = dz·wᵀ;  dw = xᵀ·dz;  db = Σ_rows dz."""
    return dz @ w.T, x.T @ dz, dz.sum(axis=0)


# ---- activations: a = f(z), and dz = da · f'(z), where the slope is written in terms of a ---------------------------


def linear_forward(z: Array) -> Array:
    """a = z."""
    return z


def linear_backward(da: Array, a: Array) -> Array:
    """The slope is 1."""
    return da


def relu_forward(z: Array) -> Array:
    """a = max(z, 0)."""
    return np.maximum(z, 0)


def relu_backward(da: Array, a: Array) -> Array:
    """The slope is 1 where z > 0, else 0."""
    return da * (a > 0)


def sigmoid_forward(z: Array) -> Array:
    """a = σ(z) = 1 / (1 + e⁻ᶻ), by the form whose exponential cannot overflow."""
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, e) / (1 + e)


def sigmoid_backward(da: Array, a: Array) -> Array:
    """The slope is σ·(1 - σ)."""
    return da * a * (1 - a)


def tanh_forward(z: Array) -> Array:
    """a = tanh z."""
    return np.tanh(z)


def tanh_backward(da: Array, a: Array) -> Array:
    """The slope is 1 - tanh²."""
    return da * (1 - a * a)


def softmax_forward(z: Array) -> Array:
    """aᵢ = e^zᵢ / Σⱼ e^zⱼ in every row; subtracting the greatest changes nothing and cannot overflow."""
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def softmax_backward(da: Array, a: Array) -> Array:
    """Each output depends on all inputs of its row: dzⱼ = Σᵢ daᵢ·aᵢ·([i = j] - aⱼ)."""
    return a * (da - (da * a).sum(axis=1, keepdims=True))


ACTIVATIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array, Array], Array]]] = {
    "linear": (linear_forward, linear_backward),
    "relu": (relu_forward, relu_backward),
    "sigmoid": (sigmoid_forward, sigmoid_backward),
    "softmax": (softmax_forward, softmax_backward),
    "tanh": (tanh_forward, tanh_backward),
}

# ---- losses: the loss of each row, and its slope with respect to the prediction (or to the logits) ------------------

MARGIN = 1e-7  # probabilities are kept this far from 0 and 1; where that moves them, the slope is 0


def mean_squared_error(y: Array, t: Array) -> tuple[Array, Array]:
    """mean_c (y - t)²;  slope 2·(y - t) / columns."""
    error = y - t
    return (error * error).mean(axis=1), 2 * error / y.shape[1]


def binary_crossentropy(y: Array, t: Array) -> tuple[Array, Array]:
    """mean_c -(t·log p + (1 - t)·log(1 - p)), with p = y kept off 0 and 1."""
    p = np.clip(y, MARGIN, 1 - MARGIN)
    value = -(t * np.log(p) + (1 - t) * np.log1p(-p)).mean(axis=1)
    return value, np.where(p == y, (p - t) / (p * (1 - p)), 0) / y.shape[1]


def binary_crossentropy_from_logits(z: Array, t: Array) -> tuple[Array, Array]:
    """The same with p = σ(z), in a form that is right for every z; the slope is just p - t."""
    value = (np.maximum(z, 0) - z * t + np.log1p(np.exp(-np.abs(z)))).mean(axis=1)
    return value, (sigmoid_forward(z) - t) / z.shape[1]


def categorical_crossentropy(y: Array, t: Array) -> tuple[Array, Array]:
    """-Σ_c t·log p, with p = y / Σ y kept off 0 and 1."""
    total = y.sum(axis=1, keepdims=True)
    raw = y / total
    p = np.clip(raw, MARGIN, 1 - MARGIN)
    dp = np.where(p == raw, -t / p, 0)
    return -(t * np.log(p)).sum(axis=1), (dp - (dp * raw).sum(axis=1, keepdims=True)) / total


def categorical_crossentropy_from_logits(z: Array, t: Array) -> tuple[Array, Array]:
    """The same with p = softmax(z), in a form that is right for every z; the slope is just p - t where Σ t = 1."""
    top = z.max(axis=1, keepdims=True)
    log_total = top + np.log(np.exp(z - top).sum(axis=1, keepdims=True))
    return (t * (log_total - z)).sum(axis=1), softmax_forward(z) * t.sum(axis=1, keepdims=True) - t


Loss = Callable[[Array, Array], tuple[Array, Array]]

# name: (on the prediction, on the logits, the activation that turns one into the other)
LOSSES: dict[str, tuple[Loss, Loss | None, str | None]] = {
    "mean_squared_error": (mean_squared_error, None, None),
    "binary_crossentropy": (binary_crossentropy, binary_crossentropy_from_logits, "sigmoid"),
    "categorical_crossentropy": (categorical_crossentropy, categorical_crossentropy_from_logits, "softmax"),
    "sparse_categorical_crossentropy": (categorical_crossentropy, categorical_crossentropy_from_logits, "softmax"),
}


def one_hot(labels: Array, columns: int) -> Array:
    """Labels (n,) as targets (n, columns): 1 at the label, else 0."""
    return np.eye(columns)[np.asarray(labels, dtype=int).reshape(-1)]


# ---- optimisers: how a slope becomes a step. slots remember earlier steps; t counts steps from 1 --------------------


def sgd(w: Array, dw: Array, slots: list[Array], t: int, learning_rate: float = 0.01) -> None:
    """w -= η·dw."""
    w -= learning_rate * dw


def momentum(w: Array, dw: Array, slots: list[Array], t: int, learning_rate: float, momentum: float) -> None:
    """v = μ·v - η·dw;  w += v."""
    (v,) = slots
    v[...] = momentum * v - learning_rate * dw
    w += v


def nesterov(w: Array, dw: Array, slots: list[Array], t: int, learning_rate: float, momentum: float) -> None:
    """v = μ·v - η·dw;  w += μ·v - η·dw."""
    (v,) = slots
    v[...] = momentum * v - learning_rate * dw
    w += momentum * v - learning_rate * dw


def adam(
    w: Array,
    dw: Array,
    slots: list[Array],
    t: int,
    learning_rate: float = 0.001,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
) -> None:
    """m and v are moving averages of dw and dw²; the step is η·m / (√v + ε), corrected for their start at 0."""
    m, v = slots
    m += (1 - beta_1) * (dw - m)
    v += (1 - beta_2) * (dw * dw - v)
    w -= learning_rate * math.sqrt(1 - beta_2**t) / (1 - beta_1**t) * m / (np.sqrt(v) + epsilon)


OPTIMIZERS: dict[str, tuple[Callable[..., None], int]] = {  # and how many slots
    "sgd": (sgd, 0),
    "momentum": (momentum, 1),
    "nesterov": (nesterov, 1),
    "adam": (adam, 2),
}

# ---- randomness: Philox 4x32-10, a pure function of (seed, stream, index, position) ---------------------------------

INITIALIZE, SHUFFLE = 0, 1  # streams


def philox4x32(counter: Array, key: Sequence[int]) -> Array:
    """Blocks of four 32-bit random words from counters (n, 4) and a key of two words.

    Source: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
    """
    c = [np.asarray(counter, dtype=np.uint64)[..., i] for i in range(4)]
    k = [int(word) for word in key]
    low, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    for _ in range(10):
        p, q = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [(q >> half) ^ c[1] ^ np.uint64(k[0]), q & low, (p >> half) ^ c[3] ^ np.uint64(k[1]), p & low]
        k = [(k[0] + 0x9E3779B9) % 2**32, (k[1] + 0xBB67AE85) % 2**32]
    return np.stack(c, axis=-1)


def random_bits(seed: int, stream: int, index: int, first: int, count: int) -> Array:
    """64-bit numbers first, first + 1, ... of a stream at an index. Two of them share a Philox block."""
    blocks = np.arange(first // 2, (first + count + 1) // 2, dtype=np.uint64)
    low = np.uint64(0xFFFFFFFF)
    ones = np.ones_like(blocks)
    counter = [blocks & low, blocks >> np.uint64(32), ones * np.uint64(index), ones * np.uint64(stream)]
    words = philox4x32(np.stack(counter, axis=-1), (seed % 2**32, seed >> 32)).reshape(-1, 2)
    numbers = words[:, 0] | words[:, 1] << np.uint64(32)
    return numbers[first % 2 :][:count]


def shuffled_order(n: int, seed: int, epoch: int) -> Array:
    """The order in which an epoch visits its n samples, by Fisher and Yates from the last place down."""
    order = np.arange(n)
    bits = random_bits(seed, SHUFFLE, epoch, 0, n)
    for i in range(n - 1, 0, -1):
        j = int(bits[i]) * (i + 1) >> 64
        order[i], order[j] = order[j], order[i]
    return order


def uniform(seed: int, index: int, first: int, count: int) -> Array:
    """Numbers in [0, 1) of the stream of initial weights."""
    return (random_bits(seed, INITIALIZE, index, first, count) >> np.uint64(11)) * 2.0**-53


def normal(seed: int, index: int, first: int, count: int) -> Array:
    """Standard normal numbers by Box and Muller."""
    u = uniform(seed, index, 2 * first, 2 * count).reshape(-1, 2)
    return np.sqrt(-2 * np.log1p(-u[:, 0])) * np.cos(2 * np.pi * u[:, 1])


def truncated_normal(seed: int, index: int, count: int) -> Array:
    """Standard normal numbers within ±2; those outside are drawn again, further on."""
    result, attempt = normal(seed, index, 0, count), 0
    while (outside := np.abs(result) > 2).any():
        attempt += 1
        result[outside] = normal(seed, index, attempt * count, count)[outside]
    return result


def initial_kernel(name: str, fan_in: int, fan_out: int, seed: int, index: int) -> Array:
    """Initial weights (fan_in, fan_out) of variable number ``index``: glorot_, he_ or lecun_, uniform or normal."""
    family, distribution = name.rsplit("_", 1)
    variance = {"glorot": 2 / (fan_in + fan_out), "he": 2 / fan_in, "lecun": 1 / fan_in}[family]
    count = fan_in * fan_out
    if distribution == "normal":  # cut at two deviations, which leaves 0.8796 of the deviation
        values = math.sqrt(variance) / 0.87962566103423978 * truncated_normal(seed, index, count)
    else:
        values = math.sqrt(3 * variance) * (2 * uniform(seed, index, 0, count) - 1)
    return values.reshape(fan_in, fan_out)


# ---- the network ----------------------------------------------------------------------------------------------------


class Network:
    """Dense layers, and the loop that trains them.

    Args:
        widths: inputs, then the units of every layer.
        activations: one name a layer.
        loss: the name of a loss; ``from_logits`` if the network gives logits.
        optimizer: the name of an optimiser, with its hyperparameters in ``settings``.
        seed: of the initial weights (Glorot's uniform ones, biases 0) and of the shuffles.

    >>> network = Network([2, 3, 1], ["tanh", "linear"], "mean_squared_error", "sgd", learning_rate=0.1)
    >>> x, t = np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([[1.0], [0.0]])
    >>> losses = network.fit(x, t, batch_size=2, epochs=50)
    >>> losses[-1] < losses[0]
    True
    """

    def __init__(
        self,
        widths: Sequence[int],
        activations: Sequence[str],
        loss: str,
        optimizer: str = "sgd",
        *,
        from_logits: bool = False,
        seed: int = 0,
        dtype: npt.DTypeLike = np.float64,
        **settings: float,
    ) -> None:
        self.activations = [ACTIVATIONS[name] for name in activations]
        self.dtype = np.dtype(dtype)
        self.seed = seed
        self.sparse = loss.startswith("sparse_")
        on_prediction, on_logits, activation = LOSSES[loss]
        # Where the last activation is the one the loss undoes, the two are one: the slope is prediction minus target.
        fused = activation == activations[-1] and not from_logits
        self.loss = on_logits if (fused or from_logits) and on_logits else on_prediction
        self.loss_takes_logits = fused
        self.update, slots = OPTIMIZERS[optimizer]
        self.settings = settings
        self.steps = 0
        self.weights: list[Array] = []  # w (in, out), b (out,), layer by layer
        for i, (fan_in, fan_out) in enumerate(pairwise(widths)):
            kernel = initial_kernel("glorot_uniform", fan_in, fan_out, seed, 2 * i)
            self.weights += [kernel.astype(self.dtype), np.zeros(fan_out, self.dtype)]
        self.slots = [[np.zeros_like(w) for _ in range(slots)] for w in self.weights]

    def layers(self) -> Iterator[tuple[Array, Array]]:
        """(w, b) of every layer."""
        return zip(self.weights[::2], self.weights[1::2], strict=True)

    def forward(self, x: Array) -> tuple[list[Array], Array]:
        """The node values of every layer, x first and the prediction last; and the last layer's logits."""
        values, z = [x], x
        for (w, b), (activation, _) in zip(self.layers(), self.activations, strict=True):
            z = dense_forward(values[-1], w, b)
            values.append(activation(z))
        return values, z

    def backward(self, values: list[Array], d: Array) -> list[Array]:
        """From the slope of the loss at the output to the slopes of all weights, one layer at a time backwards."""
        slopes: list[Array] = []
        for i in reversed(range(len(self.activations))):
            last = i == len(self.activations) - 1
            # The slope of the loss at z: what came back, times the slope of the activation.
            dz = d if last and self.loss_takes_logits else self.activations[i][1](d, values[i + 1])
            d, dw, db = dense_backward(dz, values[i], self.weights[2 * i])
            slopes = [dw, db, *slopes]
        return slopes

    def targets(self, y: Array) -> Array:
        """Y as (n, out)."""
        outputs = len(self.weights[-1])
        return (one_hot(y, outputs) if self.sparse else np.asarray(y).reshape(-1, outputs)).astype(self.dtype)

    def loss_and_gradients(self, x: Array, y: Array, sample_weight: Array | None = None) -> tuple[float, list[Array]]:
        """The loss of a batch, Σ weight·loss / batch size, and its slope with respect to every weight."""
        values, logits = self.forward(np.asarray(x, self.dtype))
        loss, d = self.loss(logits if self.loss_takes_logits else values[-1], self.targets(y))
        scale = (np.ones(len(loss)) if sample_weight is None else np.asarray(sample_weight)) / len(loss)
        scale = scale.astype(self.dtype)
        return float(scale @ loss), self.backward(values, d * scale[:, None])

    def train_on_batch(self, x: Array, y: Array, sample_weight: Array | None = None) -> float:
        """One step: forward, loss, backward, update. Returns the loss before the update."""
        loss, slopes = self.loss_and_gradients(x, y, sample_weight)
        self.steps += 1
        for w, dw, slots in zip(self.weights, slopes, self.slots, strict=True):
            self.update(w, dw, slots, self.steps, **self.settings)
        return loss

    def fit(
        self,
        x: Array,
        y: Array,
        batch_size: int = 32,
        epochs: int = 1,
        shuffle: bool = True,
        sample_weight: Array | None = None,
    ) -> list[float]:
        """Epochs of steps over batches; returns the mean loss of each. The last batch may be smaller."""
        n, losses = len(x), []
        for epoch in range(epochs):
            order = shuffled_order(n, self.seed, epoch) if shuffle else np.arange(n)
            total = 0.0
            for first in range(0, n, batch_size):
                rows = order[first : first + batch_size]
                weight = None if sample_weight is None else np.asarray(sample_weight)[rows]
                total += self.train_on_batch(x[rows], y[rows], weight) * len(rows)
            losses.append(total / n)
        return losses

    def predict(self, x: Array) -> Array:
        """The prediction for x (n, in): (n, out)."""
        return self.forward(np.asarray(x, self.dtype))[0][-1]
