"""Dense layers, and the loop that trains them."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp.reference.activations import ACTIVATIONS
from fastbp.reference.layers import dense_backward, dense_forward
from fastbp.reference.losses import LOSSES, SPARSE
from fastbp.reference.optimizers import OPTIMIZERS
from fastbp.reference.random import initial_kernel, shuffled_order

Array = npt.NDArray[Any]


class Network:
    """Dense layers, and the loop that trains them.

    Args:
        widths: inputs, then the units of every layer.
        activations: one name a layer.
        loss: the name of a loss; ``from_logits`` if the network gives logits.
        loss_weight: what the losses are multiplied by.
        penalty: (l1, l2) of all kernels; ``per_sample`` if it is divided by the batch size, as the losses are.
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
        loss_weight: float = 1.0,
        penalty: tuple[float, float] = (0.0, 0.0),
        per_sample: bool = False,
        seed: int = 0,
        dtype: npt.DTypeLike = np.float64,
        **settings: float,
    ) -> None:
        self.activations = [ACTIVATIONS[name] for name in activations]
        self.dtype = np.dtype(dtype)
        self.seed = seed
        self.sparse = loss in SPARSE
        on_prediction, on_logits, activation = LOSSES[loss]
        # Where the last activation is the one the loss undoes, the two are one: the slope is prediction minus target.
        fused = activation == activations[-1] and not from_logits
        self.loss = on_logits if (fused or from_logits) and on_logits else on_prediction
        self.loss_takes_logits = fused
        self.loss_weight = loss_weight
        self.penalty = penalty
        self.per_sample = per_sample
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

    def forward(self, x: Array) -> tuple[list[Array], list[Array]]:
        """The node values of every layer, x first and the prediction last; and the weighted sums they come from."""
        values, sums = [x], []
        for (w, b), (activation, _) in zip(self.layers(), self.activations, strict=True):
            sums.append(dense_forward(values[-1], w, b))
            values.append(activation(sums[-1]))
        return values, sums

    def backward(self, values: list[Array], sums: list[Array], d: Array) -> list[Array]:
        """From the slope of the loss at the output to the slopes of all weights, one layer at a time backwards."""
        slopes: list[Array] = []
        for i in reversed(range(len(self.activations))):
            last = i == len(self.activations) - 1
            # The slope of the loss at z: what came back, times the slope of the activation.
            dz = d if last and self.loss_takes_logits else self.activations[i][1](d, values[i + 1], sums[i])
            d, dw, db = dense_backward(dz, values[i], self.weights[2 * i])
            slopes = [dw, db, *slopes]
        return slopes

    def targets(self, y: Array) -> Array:
        """Y as (n, out), or labels (n,)."""
        y = np.asarray(y)
        return y.reshape(-1) if self.sparse else y.reshape(-1, len(self.weights[-1])).astype(self.dtype)

    def loss_and_gradients(self, x: Array, y: Array, sample_weight: Array | None = None) -> tuple[float, list[Array]]:
        """The loss of a batch, Σ weight·loss / batch size + penalties, and its slope with respect to every weight."""
        values, sums = self.forward(np.asarray(x, self.dtype))
        loss, d = self.loss(sums[-1] if self.loss_takes_logits else values[-1], self.targets(y))
        scale = (np.ones(len(loss)) if sample_weight is None else np.asarray(sample_weight)) / len(loss)
        scale = (self.loss_weight * scale).astype(self.dtype)
        slopes = self.backward(values, sums, d * scale[:, None])
        total = float(scale @ loss)
        l1, l2 = np.array(self.penalty) / (len(loss) if self.per_sample else 1)
        for w, dw in zip(self.weights[::2], slopes[::2], strict=True):
            total += float(l1 * np.abs(w).sum() + l2 * np.square(w).sum())
            dw += (l1 * np.sign(w) + 2 * l2 * w).astype(self.dtype)
        return total, slopes

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
            order = shuffled_order(n, self.seed, epoch) if shuffle and batch_size < n else np.arange(n)
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
