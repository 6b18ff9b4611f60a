"""Activations a = f(z), and the slopes backwards: dz = da · f'(z), from a where it tells f', else from z."""

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


def relu_forward(z: Array) -> Array:
    """a = max(z, 0)."""
    return np.maximum(z, 0)


def relu_backward(da: Array, a: Array, z: Array) -> Array:
    """The slope is 1 where z > 0, else 0."""
    return da * (a > 0)


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


def softmax_forward(z: Array) -> Array:
    """aᵢ = e^zᵢ / Σⱼ e^zⱼ in every row; subtracting the greatest changes nothing and cannot overflow."""
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def softmax_backward(da: Array, a: Array, z: Array) -> Array:
    """Each output depends on all inputs of its row: dzⱼ = Σᵢ daᵢ·aᵢ·([i = j] - aⱼ)."""
    return a * (da - (da * a).sum(axis=1, keepdims=True))


ACTIVATIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array, Array, Array], Array]]] = {
    "linear": (linear_forward, linear_backward),
    "relu": (relu_forward, relu_backward),
    "sigmoid": (sigmoid_forward, sigmoid_backward),
    "softmax": (softmax_forward, softmax_backward),
    "tanh": (tanh_forward, tanh_backward),
}
