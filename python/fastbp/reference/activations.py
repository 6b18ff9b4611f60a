"""Activations a = f(z), and the slopes backwards: dz = da · f'(z), from a where it tells f', else from z.

At a kink the slope is 0 if the function is flat on one side, else that of the left side.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def linear_forward(z: Array) -> Array:
    """a = z."""
    return z


def linear_backward(da: Array, a: Array, z: Array) -> Array:
    """The slope is 1."""
    return da


# ---- lines with kinks ----


def relu_forward(z: Array) -> Array:
    """a = max(z, 0)."""
    return np.maximum(z, 0)


def relu_backward(da: Array, a: Array, z: Array) -> Array:
    """The slope is 1 where z > 0, else 0."""
    return da * (a > 0)


def leaky_relu_forward(z: Array, negative_slope: float = 0.2) -> Array:
    """a = z where z > 0, else negative_slope·z."""
    return np.where(z > 0, z, negative_slope * z)


def leaky_relu_backward(da: Array, a: Array, z: Array, negative_slope: float = 0.2) -> Array:
    """The slope is 1 where z > 0, else negative_slope."""
    return da * np.where(z > 0, 1, negative_slope)


def bounded_relu_forward(
    z: Array, negative_slope: float = 0.0, max_value: float = math.inf, threshold: float = 0.0
) -> Array:
    """a = min(z, max_value) where z > threshold, else negative_slope·(z - threshold)."""
    return np.where(z > threshold, np.minimum(z, max_value), negative_slope * (z - threshold))


def bounded_relu_backward(
    da: Array, a: Array, z: Array, negative_slope: float = 0.0, max_value: float = math.inf, threshold: float = 0.0
) -> Array:
    """The slope is 1 between threshold and max_value, 0 above, negative_slope below."""
    return da * np.where(z > threshold, z < max_value, negative_slope)


def relu6_forward(z: Array) -> Array:
    """a = min(max(z, 0), 6)."""
    return np.clip(z, 0, 6)


def relu6_backward(da: Array, a: Array, z: Array) -> Array:
    """The slope is 1 where 0 < z < 6, else 0."""
    return da * ((z > 0) & (z < 6))


def hard_tanh_forward(z: Array) -> Array:
    """a = z kept within [-1, 1]."""
    return np.clip(z, -1, 1)


def hard_tanh_backward(da: Array, a: Array, z: Array) -> Array:
    """The slope is 1 where -1 < z < 1, else 0."""
    return da * (np.abs(z) < 1)


def hard_sigmoid_forward(z: Array) -> Array:
    """a = (z + 3) / 6 kept within [0, 1]."""
    return np.clip(z + 3, 0, 6) / 6


def hard_sigmoid_backward(da: Array, a: Array, z: Array) -> Array:
    """The slope is 1/6 where -3 < z < 3, else 0."""
    return da * (np.abs(z) < 3) / 6


def sparse_sigmoid_forward(z: Array) -> Array:
    """a = (z + 1) / 2 kept within [0, 1]."""
    return np.clip(z + 1, 0, 2) / 2


def sparse_sigmoid_backward(da: Array, a: Array, z: Array) -> Array:
    """The slope is 1/2 where -1 < z < 1, else 0."""
    return da * (np.abs(z) < 1) / 2


def soft_shrink_forward(z: Array, threshold: float = 0.5) -> Array:
    """a = z moved towards 0 by at most threshold."""
    return z - np.clip(z, -threshold, threshold)


def soft_shrink_backward(da: Array, a: Array, z: Array, threshold: float = 0.5) -> Array:
    """The slope is 1 where |z| > threshold, else 0."""
    return da * (np.abs(z) > threshold)


def hard_shrink_forward(z: Array, threshold: float = 0.5) -> Array:
    """a = 0 where |z| <= threshold, else z."""
    return np.where(np.abs(z) <= threshold, 0, z)


def hard_shrink_backward(da: Array, a: Array, z: Array, threshold: float = 0.5) -> Array:
    """The slope is 1 where |z| > threshold, else 0."""
    return da * (np.abs(z) > threshold)


def threshold_forward(z: Array, threshold: float = 0.0, default_value: float = 0.0) -> Array:
    """a = default_value where z <= threshold, else z."""
    return np.where(z <= threshold, default_value, z)


def threshold_backward(da: Array, a: Array, z: Array, threshold: float = 0.0, default_value: float = 0.0) -> Array:
    """The slope is 1 where z > threshold, else 0."""
    return da * (z > threshold)


# ---- with exponentials below 0 ----


def elu_forward(z: Array, alpha: float = 1.0) -> Array:
    """a = z where z > 0, else α·(eᶻ - 1)."""
    return np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0)))


def elu_backward(da: Array, a: Array, z: Array, alpha: float = 1.0) -> Array:
    """The slope is 1 where z > 0, else α·eᶻ."""
    return da * np.where(z > 0, 1, alpha * np.exp(np.minimum(z, 0)))


SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772  # they keep mean 0 and variance 1


def selu_forward(z: Array) -> Array:
    """a = λ·elu(z, α)."""
    return SELU_SCALE * elu_forward(z, SELU_ALPHA)


def selu_backward(da: Array, a: Array, z: Array) -> Array:
    """The slope is λ where z > 0, else λ·α·eᶻ."""
    return SELU_SCALE * elu_backward(da, a, z, SELU_ALPHA)


def celu_forward(z: Array, alpha: float = 1.0) -> Array:
    """a = z where z > 0, else α·(e^{z/α} - 1)."""
    return np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0) / alpha))


def celu_backward(da: Array, a: Array, z: Array, alpha: float = 1.0) -> Array:
    """The slope is 1 where z > 0, else e^{z/α}."""
    return da * np.exp(np.minimum(z, 0) / alpha)


# ---- smooth ----


def exponential_forward(z: Array) -> Array:
    """a = eᶻ."""
    return np.exp(z)


def exponential_backward(da: Array, a: Array, z: Array) -> Array:
    """The slope is eᶻ."""
    return da * a


def sigmoid_forward(z: Array) -> Array:
    """a = σ(z) = 1 / (1 + e⁻ᶻ), by the form whose exponential cannot overflow."""
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, e) / (1 + e)


def sigmoid_backward(da: Array, a: Array, z: Array) -> Array:
    """The slope is σ·(1 - σ)."""
    return da * a * (1 - a)


def tanh_forward(z: Array) -> Array:
    """a = tanh z."""
    return np.tanh(z)


def tanh_backward(da: Array, a: Array, z: Array) -> Array:
    """The slope is 1 - tanh²."""
    return da * (1 - a * a)


def tanh_shrink_forward(z: Array) -> Array:
    """a = z - tanh z."""
    return z - np.tanh(z)


def tanh_shrink_backward(da: Array, a: Array, z: Array) -> Array:
    """The slope is tanh² z."""
    return da * np.tanh(z) ** 2


def softplus_forward(z: Array) -> Array:
    """a = log(1 + eᶻ), by the form whose exponential cannot overflow."""
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


def softplus_backward(da: Array, a: Array, z: Array) -> Array:
    """The slope is σ(z)."""
    return da * sigmoid_forward(z)


def log_sigmoid_forward(z: Array) -> Array:
    """a = log σ(z) = -log(1 + e⁻ᶻ)."""
    return -softplus_forward(-z)


def log_sigmoid_backward(da: Array, a: Array, z: Array) -> Array:
    """The slope is σ(-z)."""
    return da * sigmoid_forward(-z)


def softsign_forward(z: Array) -> Array:
    """a = z / (1 + |z|)."""
    return z / (1 + np.abs(z))


def softsign_backward(da: Array, a: Array, z: Array) -> Array:
    """The slope is 1 / (1 + |z|)²."""
    return da / (1 + np.abs(z)) ** 2


def squareplus_forward(z: Array, b: float = 4.0) -> Array:
    """a = (z + r) / 2 with r = √(z² + b); that is b / 2(r - z), where z + r would cancel."""
    r = np.hypot(z, math.sqrt(b))
    return np.where(z > 0, (z + r) / 2, b / (2 * (r - np.minimum(z, 0))))


def squareplus_backward(da: Array, a: Array, z: Array, b: float = 4.0) -> Array:
    """The slope is (1 + z/r) / 2 = a / r."""
    return da * a / np.hypot(z, math.sqrt(b))


def sparse_plus_forward(z: Array) -> Array:
    """a = 0 where z < -1, z where z > 1, (z + 1)² / 4 between."""
    return np.where(z > 1, z, np.clip((z + 1) / 2, 0, 1) ** 2)


def sparse_plus_backward(da: Array, a: Array, z: Array) -> Array:
    """The slope is (z + 1) / 2 kept within [0, 1]."""
    return da * np.clip((z + 1) / 2, 0, 1)


# ---- z times a gate g(z) ----


def silu_forward(z: Array) -> Array:
    """a = z·σ(z)."""
    return z * sigmoid_forward(z)


def silu_backward(da: Array, a: Array, z: Array) -> Array:
    """The slope is σ + z·σ·(1 - σ)."""
    return da * sigmoid_forward(z) * (1 + z * sigmoid_forward(-z))


_erfc = np.vectorize(math.erfc, otypes=[np.float64])


def gelu_forward(z: Array) -> Array:
    """a = z·Φ(z), with the normal distribution Φ(z) = erfc(-z/√2) / 2."""
    return z * _erfc(-z / math.sqrt(2)) / 2


def gelu_backward(da: Array, a: Array, z: Array) -> Array:
    """The slope is Φ(z) + z·φ(z), with φ(z) = e^{-z²/2} / √2π."""
    return da * (_erfc(-z / math.sqrt(2)) / 2 + z * np.exp(-z * z / 2) / math.sqrt(2 * math.pi))


def gelu_tanh_forward(z: Array) -> Array:
    """a = z·(1 + tanh y) / 2 = z·σ(2y), with y = √(2/π)·(z + 0.044715·z³): nearly z·Φ(z)."""
    return z * sigmoid_forward(2 * math.sqrt(2 / math.pi) * (z + 0.044715 * z**3))


def gelu_tanh_backward(da: Array, a: Array, z: Array) -> Array:
    """The slope is σ(2y) + z·σ'(2y)·2y'."""
    y = math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)
    dy = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * z**2)
    return da * sigmoid_forward(2 * y) * (1 + z * sigmoid_forward(-2 * y) * 2 * dy)


def mish_forward(z: Array) -> Array:
    """a = z·tanh(log(1 + eᶻ))."""
    return z * np.tanh(softplus_forward(z))


def mish_backward(da: Array, a: Array, z: Array) -> Array:
    """The slope is t + z·(1 - t²)·σ(z), with t = tanh(log(1 + eᶻ))."""
    t = np.tanh(softplus_forward(z))
    return da * (t + z * (1 - t * t) * sigmoid_forward(z))


def hard_silu_forward(z: Array) -> Array:
    """a = z·hard_sigmoid(z)."""
    return z * hard_sigmoid_forward(z)


def hard_silu_backward(da: Array, a: Array, z: Array) -> Array:
    """The slope is 0 where z <= -3, 1 where z > 3, (2z + 3) / 6 between."""
    return da * np.where(z > 3, 1, np.where(z > -3, (2 * z + 3) / 6, 0))


# ---- whole rows: each output depends on all inputs of its row ----


def softmax_forward(z: Array) -> Array:
    """aᵢ = e^zᵢ / Σⱼ e^zⱼ in every row; subtracting the greatest changes nothing and cannot overflow."""
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def softmax_backward(da: Array, a: Array, z: Array) -> Array:
    """dzⱼ = Σᵢ daᵢ·aᵢ·([i = j] - aⱼ)."""
    return a * (da - (da * a).sum(axis=1, keepdims=True))


def log_softmax_forward(z: Array) -> Array:
    """aᵢ = zᵢ - log Σⱼ e^zⱼ in every row."""
    shifted = z - z.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def log_softmax_backward(da: Array, a: Array, z: Array) -> Array:
    """dzⱼ = daⱼ - e^aⱼ·Σᵢ daᵢ."""
    return da - np.exp(a) * da.sum(axis=1, keepdims=True)


# name: (forward, backward); what else they take are the settings of the activation, as keyword arguments
ACTIVATIONS: dict[str, tuple[Callable[..., Array], Callable[..., Array]]] = {
    "bounded_relu": (bounded_relu_forward, bounded_relu_backward),
    "celu": (celu_forward, celu_backward),
    "elu": (elu_forward, elu_backward),
    "exponential": (exponential_forward, exponential_backward),
    "gelu": (gelu_forward, gelu_backward),
    "gelu_tanh": (gelu_tanh_forward, gelu_tanh_backward),
    "hard_shrink": (hard_shrink_forward, hard_shrink_backward),
    "hard_sigmoid": (hard_sigmoid_forward, hard_sigmoid_backward),
    "hard_silu": (hard_silu_forward, hard_silu_backward),
    "hard_tanh": (hard_tanh_forward, hard_tanh_backward),
    "leaky_relu": (leaky_relu_forward, leaky_relu_backward),
    "linear": (linear_forward, linear_backward),
    "log_sigmoid": (log_sigmoid_forward, log_sigmoid_backward),
    "log_softmax": (log_softmax_forward, log_softmax_backward),
    "mish": (mish_forward, mish_backward),
    "relu": (relu_forward, relu_backward),
    "relu6": (relu6_forward, relu6_backward),
    "selu": (selu_forward, selu_backward),
    "sigmoid": (sigmoid_forward, sigmoid_backward),
    "silu": (silu_forward, silu_backward),
    "soft_shrink": (soft_shrink_forward, soft_shrink_backward),
    "softmax": (softmax_forward, softmax_backward),
    "softplus": (softplus_forward, softplus_backward),
    "softsign": (softsign_forward, softsign_backward),
    "sparse_plus": (sparse_plus_forward, sparse_plus_backward),
    "sparse_sigmoid": (sparse_sigmoid_forward, sparse_sigmoid_backward),
    "squareplus": (squareplus_forward, squareplus_backward),
    "tanh": (tanh_forward, tanh_backward),
    "tanh_shrink": (tanh_shrink_forward, tanh_shrink_backward),
    "threshold": (threshold_forward, threshold_backward),
}
