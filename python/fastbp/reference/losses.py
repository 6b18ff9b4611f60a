"""Losses: the loss of each row, and its slope with respect to the prediction (or to the logits)."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp.reference.activations import sigmoid_forward, softmax_forward

Array = npt.NDArray[Any]

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
