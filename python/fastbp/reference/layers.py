"""Layers, forwards and backwards.

x and y are (batch, nodes). A forward function gives y first, and after it what else is of use; a backward function
takes dy and gives dx first, then the slopes of the weights.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp.reference.random import noise_normal, noise_uniform

Array = npt.NDArray[Any]


def dense_forward(x: Array, w: Array, b: Array) -> Array:
    """z = x·w + b.  x (batch, in), w (in, out), b (out,), z (batch, out)."""
    return x @ w + b


def dense_backward(dz: Array, x: Array, w: Array) -> tuple[Array, Array, Array]:
    """dx = dz·wᵀ;  dw = xᵀ·dz;  db = Σ_rows dz."""
    return dz @ w.T, x.T @ dz, dz.sum(axis=0)


# ---- normalisations: x̂ = (x - μ)·r with r = 1 / √(σ² + ε), and y = γ·x̂ + β ----


def _normalized(x: Array, epsilon: float, axis: int, rms: bool) -> tuple[Array, Array, Array, Array]:
    """x̂, μ, σ² and r, over the samples (axis 0) or the nodes (axis 1); with ``rms`` μ is 0."""
    mean = 0.0 * x.mean(axis, keepdims=True) if rms else x.mean(axis, keepdims=True)
    variance = ((x - mean) ** 2).mean(axis, keepdims=True)
    inverse = 1 / np.sqrt(variance + epsilon)
    return (x - mean) * inverse, mean, variance, inverse


def _normalized_backward(dy: Array, x: Array, gamma: Array, epsilon: float, axis: int, rms: bool) -> Array:
    """dx = r·(g - mean g - x̂·mean(g·x̂)) with g = γ·dy: the means are what x does to μ and to σ²."""
    xhat, _, _, inverse = _normalized(x, epsilon, axis, rms)
    g = gamma * dy
    by_mean = 0.0 if rms else g.mean(axis, keepdims=True)
    return inverse * (g - by_mean - xhat * (g * xhat).mean(axis, keepdims=True))


def batch_normalization_forward(
    x: Array, gamma: Array, beta: Array, epsilon: float = 1e-3
) -> tuple[Array, Array, Array]:
    """In training: y, and mean and variance (nodes,) of the batch."""
    xhat, mean, variance, _ = _normalized(x, epsilon, 0, False)
    return gamma * xhat + beta, mean[0], variance[0]


def batch_normalization_backward(
    dy: Array, x: Array, gamma: Array, epsilon: float = 1e-3
) -> tuple[Array, Array, Array]:
    """In training: dx;  dγ = Σ_rows dy·x̂;  dβ = Σ_rows dy."""
    xhat = _normalized(x, epsilon, 0, False)[0]
    return _normalized_backward(dy, x, gamma, epsilon, 0, False), (dy * xhat).sum(axis=0), dy.sum(axis=0)


def moving_average(moving: Array, of_batch: Array, momentum: float = 0.99) -> Array:
    """The running mean or variance after a batch."""
    return momentum * moving + (1 - momentum) * of_batch


def frozen_batch_normalization_forward(
    x: Array, gamma: Array, beta: Array, moving_mean: Array, moving_variance: Array, epsilon: float = 1e-3
) -> Array:
    """In use, and where the layer is not trained."""
    return gamma * (x - moving_mean) / np.sqrt(moving_variance + epsilon) + beta


def frozen_batch_normalization_backward(
    dy: Array, gamma: Array, moving_variance: Array, epsilon: float = 1e-3
) -> Array:
    """dx: mean and variance do not depend on x."""
    return dy * gamma / np.sqrt(moving_variance + epsilon)


def layer_normalization_forward(x: Array, gamma: Array, beta: Array, epsilon: float = 1e-3) -> Array:
    """y, with μ and σ² of each sample."""
    return gamma * _normalized(x, epsilon, 1, False)[0] + beta


def layer_normalization_backward(
    dy: Array, x: Array, gamma: Array, epsilon: float = 1e-3
) -> tuple[Array, Array, Array]:
    """dx;  dγ = Σ_rows dy·x̂;  dβ = Σ_rows dy."""
    xhat = _normalized(x, epsilon, 1, False)[0]
    return _normalized_backward(dy, x, gamma, epsilon, 1, False), (dy * xhat).sum(axis=0), dy.sum(axis=0)


def rms_normalization_forward(x: Array, scale: Array, epsilon: float = 1e-6) -> Array:
    """y = scale·x / √(mean x² + ε), with the mean of each sample."""
    return scale * _normalized(x, epsilon, 1, True)[0]


def rms_normalization_backward(dy: Array, x: Array, scale: Array, epsilon: float = 1e-6) -> tuple[Array, Array]:
    """dx;  dscale = Σ_rows dy·x̂."""
    xhat = _normalized(x, epsilon, 1, True)[0]
    return _normalized_backward(dy, x, scale, epsilon, 1, True), (dy * xhat).sum(axis=0)


# ---- layers that scale and shift ----


def normalization_forward(x: Array, mean: Array, variance: Array, invert: bool = False) -> Array:
    """y = (x - mean) / √variance, or the way back. The deviation is taken as at least 1e-7."""
    deviation = np.sqrt(variance)
    return x * deviation + mean if invert else (x - mean) / np.maximum(deviation, 1e-7)


def normalization_backward(dy: Array, variance: Array, invert: bool = False) -> Array:
    """dx."""
    deviation = np.sqrt(variance)
    return dy * deviation if invert else dy / np.maximum(deviation, 1e-7)


def rescaling_forward(x: Array, scale: Array, offset: Array) -> Array:
    """y = scale·x + offset."""
    return x * scale + offset


def rescaling_backward(dy: Array, scale: Array) -> Array:
    """dx."""
    return dy * scale


# ---- random layers: y = x·factor + shift, with factor and shift (batch, nodes) drawn anew for every batch ----


def noise_draw(
    kind: str, amount: float, shape: tuple[int, int], seed: int, number: int = 0, draws: int = 0
) -> tuple[Array, Array]:
    """Factor and shift of random layer ``number`` of a network that has drawn for so many batches before.

    Kind is "dropout", "gaussian_noise", "gaussian_dropout" or "alpha_dropout", amount its rate or deviation.
    """
    zeros, ones = np.zeros(shape), np.ones(shape)
    if kind.startswith("gaussian"):
        n = noise_normal(seed, number, draws, *shape)
        if kind == "gaussian_noise":
            return ones, amount * n
        return 1 + math.sqrt(amount / (1 - amount)) * n, zeros
    kept = noise_uniform(seed, number, draws, *shape) >= amount
    if kind == "dropout":
        return kept / (1 - amount), zeros
    lowest = -1.6732632423543772 * 1.0507009873554805  # of selu
    a = 1 / math.sqrt((1 - amount) * (1 + amount * lowest**2))
    return a * kept, np.where(kept, 0, a * lowest) - a * lowest * amount


def noise_forward(x: Array, factor: Array, shift: Array) -> Array:
    """y = x·factor + shift. In use a random layer is not there: y = x."""
    return x * factor + shift


def noise_backward(dy: Array, factor: Array) -> Array:
    """dx."""
    return dy * factor


# ---- the rest ----


def activity_regularization_forward(x: Array, l1: float, l2: float) -> tuple[Array, float]:
    """y = x, and what the loss grows by."""
    return x, float(l1 * np.abs(x).sum() + l2 * (x**2).sum()) / len(x)


def activity_regularization_backward(dy: Array, x: Array, l1: float, l2: float) -> Array:
    """dx, with the slope of the penalty."""
    return dy + (l1 * np.sign(x) + 2 * l2 * x) / len(x)


def residual_forward(x: Array, f: Array, projection: Array | None = None) -> Array:
    """y = x + f or x·projection + f, where f is what the block's layers make of x."""
    return (x if projection is None else x @ projection) + f


def residual_backward(dy: Array, df: Array, x: Array, projection: Array | None = None) -> tuple[Array, Array | None]:
    """dx, where df is the slope at x that comes back through the block's layers;  dprojection = xᵀ·dy."""
    return (dy + df, None) if projection is None else (dy @ projection.T + df, x.T @ dy)
