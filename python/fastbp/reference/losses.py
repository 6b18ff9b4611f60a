"""Losses: the loss of each row, and its slope with respect to the prediction (or to the logits)."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp.reference.activations import sigmoid_forward, softmax_forward

Array = npt.NDArray[Any]
ValueAndSlope = tuple[Array, Array]

MARGIN = 1e-7  # what is divided by or has its logarithm taken is kept this far from 0 (a probability also from 1)


def _mean(value: Array, slope: Array) -> ValueAndSlope:
    """The mean over the nodes of each row, from each node's value and slope."""
    return value.mean(axis=1), slope / value.shape[1]


def _clipped(y: Array, low: float, high: float) -> tuple[Array, Array]:
    """Y kept within its bounds, and the slope of that: 1, or 0 where it was beyond."""
    kept = np.clip(y, low, high)
    return kept, (kept == y) / 1


# ---- errors ----


def mean_squared_error(y: Array, t: Array) -> ValueAndSlope:
    """mean_c (y - t)²;  slope 2·(y - t) / columns."""
    error = y - t
    return _mean(error * error, 2 * error)


def mean_absolute_error(y: Array, t: Array) -> ValueAndSlope:
    """mean_c |y - t|;  slope ±1 / columns, or 0 where y = t."""
    error = y - t
    return _mean(np.abs(error), np.sign(error))


def mean_absolute_percentage_error(y: Array, t: Array) -> ValueAndSlope:
    """100·mean_c |y - t| / |t|, with |t| kept off 0."""
    percent = 100 / np.maximum(np.abs(t), MARGIN)
    return _mean(percent * np.abs(y - t), percent * np.sign(y - t))


def mean_squared_logarithmic_error(y: Array, t: Array) -> ValueAndSlope:
    """mean_c (log(1 + y) - log(1 + t))², with y and t kept above 0."""
    kept, moves = _clipped(y, MARGIN, np.inf)
    error = np.log1p(kept) - np.log1p(np.maximum(t, MARGIN))
    return _mean(error * error, moves * 2 * error / (1 + kept))


def huber(y: Array, t: Array, delta: float = 1.0) -> ValueAndSlope:
    """mean_c of ½·e² where |e| = |y - t| <= δ, else of δ·(|e| - ½·δ);  slope e, or ±δ."""
    error = y - t
    size = np.abs(error)
    value = np.where(size <= delta, error * error / 2, delta * (size - delta / 2))
    return _mean(value, np.clip(error, -delta, delta))


def log_cosh(y: Array, t: Array) -> ValueAndSlope:
    """mean_c log cosh(y - t);  slope tanh(y - t). Near 0 the logarithm is taken of 1 - tanh², to keep its digits."""
    error = y - t
    size, slope = np.abs(error), np.tanh(error)
    near = np.log1p(-np.minimum(slope * slope, 0.9)) / -2
    return _mean(np.where(size < 1, near, size + np.log1p(np.exp(-2 * size)) - np.log(2)), slope)


def quantile(y: Array, t: Array, quantile: float | Array = 0.5) -> ValueAndSlope:
    """mean_c max(q·(t - y), (q - 1)·(t - y)), with one q or one for each column;  slope -q where y < t, 1 - q above."""
    q = np.asarray(quantile)
    slope = np.where(y < t, -q, (1 - q) * np.sign(y - t))
    return _mean(slope * (y - t), slope)


# ---- probabilities ----


def poisson(y: Array, t: Array) -> ValueAndSlope:
    """mean_c y - t·log y."""
    return _mean(y - t * np.log(y + MARGIN), 1 - t / (y + MARGIN))


def kl_divergence(y: Array, t: Array) -> ValueAndSlope:
    """Σ_c t·log(t / y), with y and t kept above 0 and up to 1."""
    p, moves = _clipped(y, MARGIN, 1)
    t = np.clip(t, MARGIN, 1)
    return (t * np.log(t / p)).sum(axis=1), -moves * t / p


def smoothed(t: Array, label_smoothing: float, classes: int) -> Array:
    """Targets moved towards equal shares of all classes."""
    return t * (1 - label_smoothing) + label_smoothing / classes


def binary_entropy(y: Array, t: Array) -> ValueAndSlope:
    """-(t·log p + (1 - t)·log(1 - p)) of each node, with p = y kept off 0 and 1."""
    p, moves = _clipped(y, MARGIN, 1 - MARGIN)
    return -(t * np.log(p) + (1 - t) * np.log1p(-p)), moves * (p - t) / (p * (1 - p))


def binary_entropy_from_logits(z: Array, t: Array) -> ValueAndSlope:
    """The same with p = σ(z), in a form that is right for every z; the slope is just p - t."""
    return np.maximum(z, 0) - z * t + np.log1p(np.exp(-np.abs(z))), sigmoid_forward(z) - t


def focal(weight: Array | float, wrong: ValueAndSlope, entropy: ValueAndSlope, gamma: float) -> ValueAndSlope:
    """weight·|wrong|^γ·entropy by the product rule, where ``wrong`` is the probability given to what is wrong."""
    x, h = wrong[0], entropy[0]
    factor = np.abs(x) ** gamma
    slope = np.divide(gamma * factor, x, out=np.zeros_like(x), where=x != 0)
    return weight * factor * h, weight * (slope * wrong[1] * h + factor * entropy[1])


def _balance(t: Array, alpha: float, apply_class_balancing: bool) -> Array | float:
    return t * alpha + (1 - t) * (1 - alpha) if apply_class_balancing else 1.0


def binary_crossentropy(y: Array, t: Array, label_smoothing: float = 0.0) -> ValueAndSlope:
    """mean_c -(t·log p + (1 - t)·log(1 - p)), with p = y kept off 0 and 1."""
    return _mean(*binary_entropy(y, smoothed(t, label_smoothing, 2)))


def binary_crossentropy_from_logits(z: Array, t: Array, label_smoothing: float = 0.0) -> ValueAndSlope:
    """The same with p = σ(z)."""
    return _mean(*binary_entropy_from_logits(z, smoothed(t, label_smoothing, 2)))


def binary_focal_crossentropy(
    y: Array,
    t: Array,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    label_smoothing: float = 0.0,
) -> ValueAndSlope:
    """mean_c w·(1 - (t·y + (1 - t)·(1 - y)))^γ·entropy;  w = t·α + (1 - t)·(1 - α) if classes are balanced, else 1."""
    t = smoothed(t, label_smoothing, 2)
    wrong = t * (1 - y) + (1 - t) * y, 1 - 2 * t
    return _mean(*focal(_balance(t, alpha, apply_class_balancing), wrong, binary_entropy(y, t), gamma))


def binary_focal_crossentropy_from_logits(
    z: Array,
    t: Array,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    label_smoothing: float = 0.0,
) -> ValueAndSlope:
    """The same with y = σ(z)."""
    t = smoothed(t, label_smoothing, 2)
    p, q = sigmoid_forward(z), sigmoid_forward(-z)
    wrong = t * q + (1 - t) * p, (1 - 2 * t) * p * q
    return _mean(*focal(_balance(t, alpha, apply_class_balancing), wrong, binary_entropy_from_logits(z, t), gamma))


Terms = Callable[
    [Array, Array], ValueAndSlope
]  # of p and log p: each class's value, and its slope with respect to log p


def _over_classes(y: Array, terms: Terms) -> ValueAndSlope:
    """Σ_c of the terms of p = y / Σ y, kept off 0 and 1;  with h = ∂/∂log p:  dy = (h / p - Σ_c h) / Σ y."""
    total = y.sum(axis=1, keepdims=True)
    p, moves = _clipped(y / total, MARGIN, 1 - MARGIN)
    value, h = terms(p, np.log(p))
    h = h * moves
    return value.sum(axis=1), (h / p - h.sum(axis=1, keepdims=True)) / total


def _over_logits(z: Array, terms: Terms) -> ValueAndSlope:
    """Σ_c of the terms of p = softmax(z), in a form that is right for every z;  dz = h - p·Σ_c h.

    Where p is 0, log p is the least number instead of -∞, for a target of 0 times it is 0.
    """
    p, z = softmax_forward(z), z - z.max(axis=1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    value, h = terms(p, np.maximum(log_p, np.finfo(z.dtype).min))
    return value.sum(axis=1), h - p * h.sum(axis=1, keepdims=True)


def _entropy(t: Array) -> Terms:
    return lambda p, log_p: (-t * log_p, -t)


def categorical_crossentropy(y: Array, t: Array, label_smoothing: float = 0.0) -> ValueAndSlope:
    """-Σ_c t·log p, with p = y / Σ y kept off 0 and 1."""
    return _over_classes(y, _entropy(smoothed(t, label_smoothing, y.shape[1])))


def categorical_crossentropy_from_logits(z: Array, t: Array, label_smoothing: float = 0.0) -> ValueAndSlope:
    """The same with p = softmax(z); the slope is just p - t where Σ t = 1."""
    return _over_logits(z, _entropy(smoothed(t, label_smoothing, z.shape[1])))


def one_hot(labels: Array, columns: int) -> Array:
    """Labels (n,) as targets (n, columns): 1 at the label, else 0."""
    return (np.asarray(labels).reshape(-1, 1) == np.arange(columns)) / 1


def _counted(labels: Array, ignore_class: int | None, found: ValueAndSlope) -> ValueAndSlope:
    counts = np.asarray(labels).reshape(-1) != ignore_class
    return np.where(counts, found[0], 0), np.where(counts[:, None], found[1], 0)


def sparse_categorical_crossentropy(y: Array, labels: Array, ignore_class: int | None = None) -> ValueAndSlope:
    """-log p[label], with p = y / Σ y kept off 0 and 1; rows with the label ``ignore_class`` count nothing."""
    return _counted(labels, ignore_class, categorical_crossentropy(y, one_hot(labels, y.shape[1])))


def sparse_categorical_crossentropy_from_logits(
    z: Array, labels: Array, ignore_class: int | None = None
) -> ValueAndSlope:
    """The same with p = softmax(z)."""
    return _counted(labels, ignore_class, categorical_crossentropy_from_logits(z, one_hot(labels, z.shape[1])))


def _focal_entropy(t: Array, alpha: float | Array, gamma: float) -> Terms:
    return lambda p, log_p: focal(np.asarray(alpha), (1 - p, -p), (-t * log_p, -t), gamma)


def categorical_focal_crossentropy(
    y: Array, t: Array, alpha: float | Array = 0.25, gamma: float = 2.0, label_smoothing: float = 0.0
) -> ValueAndSlope:
    """-Σ_c α·(1 - p)^γ·t·log p, with p = y / Σ y kept off 0 and 1, and one α or one for each class."""
    return _over_classes(y, _focal_entropy(smoothed(t, label_smoothing, y.shape[1]), alpha, gamma))


def categorical_focal_crossentropy_from_logits(
    z: Array, t: Array, alpha: float | Array = 0.25, gamma: float = 2.0, label_smoothing: float = 0.0
) -> ValueAndSlope:
    """The same with p = softmax(z)."""
    return _over_logits(z, _focal_entropy(smoothed(t, label_smoothing, z.shape[1]), alpha, gamma))


def categorical_generalized_cross_entropy(y: Array, labels: Array, q: float = 0.5) -> ValueAndSlope:
    """(1 - y^q) / q of the y at the label;  slope -y^(q-1)."""
    t = one_hot(labels, y.shape[1])
    power = np.abs(y) ** q
    return (t * (1 - power) / q).sum(axis=1), -t * np.divide(power, y, out=np.zeros_like(y), where=y != 0)


# ---- hinges and directions ----


def hinge(y: Array, t: Array) -> ValueAndSlope:
    """mean_c max(1 - t·y, 0), with targets -1 and 1;  slope -t where that is not 0."""
    short = np.maximum(1 - t * y, 0)
    return _mean(short, -t * np.sign(short))


def squared_hinge(y: Array, t: Array) -> ValueAndSlope:
    """mean_c max(1 - t·y, 0)², with targets -1 and 1."""
    short = np.maximum(1 - t * y, 0)
    return _mean(short * short, -2 * t * short)


def categorical_hinge(y: Array, t: Array) -> ValueAndSlope:
    """max(1 + max_c (1 - t)·y - Σ_c t·y, 0); columns that share the greatest share its slope."""
    wrong = (1 - t) * y
    top = wrong.max(axis=1, keepdims=True)
    value = np.maximum(1 + top[:, 0] - (t * y).sum(axis=1), 0)
    greatest = (wrong == top) / (wrong == top).sum(axis=1, keepdims=True)
    return value, np.sign(value)[:, None] * (greatest * (1 - t) - t)


def cosine_similarity(y: Array, t: Array) -> ValueAndSlope:
    """-Σ_c t·y / (|t|·|y|), with 1 / |t| and 1 / |y| at most 1 / MARGIN."""
    with np.errstate(divide="ignore"):
        per_t = np.minimum(1 / np.linalg.norm(t, axis=1, keepdims=True), 1 / MARGIN)
        per_y, moves = _clipped(1 / np.linalg.norm(y, axis=1, keepdims=True), 0, 1 / MARGIN)
    cosine = (t * y).sum(axis=1, keepdims=True) * per_t * per_y
    return -cosine[:, 0], per_y * (moves * y * cosine * per_y - t * per_t)


Loss = Callable[..., ValueAndSlope]

# name: (on the prediction, on the logits, the activation that turns one into the other)
LOSSES: dict[str, tuple[Loss, Loss | None, str | None]] = {
    "mean_squared_error": (mean_squared_error, None, None),
    "mean_absolute_error": (mean_absolute_error, None, None),
    "mean_absolute_percentage_error": (mean_absolute_percentage_error, None, None),
    "mean_squared_logarithmic_error": (mean_squared_logarithmic_error, None, None),
    "huber": (huber, None, None),
    "log_cosh": (log_cosh, None, None),
    "quantile": (quantile, None, None),
    "poisson": (poisson, None, None),
    "kl_divergence": (kl_divergence, None, None),
    "hinge": (hinge, None, None),
    "squared_hinge": (squared_hinge, None, None),
    "categorical_hinge": (categorical_hinge, None, None),
    "cosine_similarity": (cosine_similarity, None, None),
    "binary_crossentropy": (binary_crossentropy, binary_crossentropy_from_logits, "sigmoid"),
    "binary_focal_crossentropy": (binary_focal_crossentropy, binary_focal_crossentropy_from_logits, "sigmoid"),
    "categorical_crossentropy": (categorical_crossentropy, categorical_crossentropy_from_logits, "softmax"),
    "sparse_categorical_crossentropy": (
        sparse_categorical_crossentropy,
        sparse_categorical_crossentropy_from_logits,
        "softmax",
    ),
    "categorical_focal_crossentropy": (
        categorical_focal_crossentropy,
        categorical_focal_crossentropy_from_logits,
        "softmax",
    ),
    "categorical_generalized_cross_entropy": (categorical_generalized_cross_entropy, None, None),
}
SPARSE = ("sparse_categorical_crossentropy", "categorical_generalized_cross_entropy")  # their targets are labels
