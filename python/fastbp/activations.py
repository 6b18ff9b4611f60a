"""Activations: functions of a layer's weighted sums, each with its slope.

Every activation is an object that can be called on an array; a layer takes it, or its name. They are computed by the
same kernels that train.
"""

from typing import Any

import numpy.typing as npt

from fastbp import _core, _data
from fastbp._registry import Registry

__all__ = ["ACTIVATIONS", "Activation", "get", "linear", "relu", "sigmoid", "softmax", "tanh"]


class Activation:
    """An activation of the core, called on an array of any shape (softmax works along the last axis)."""

    def __init__(self, name: str, doc: str) -> None:
        self.name = name
        self.__doc__ = doc

    def __call__(self, x: npt.ArrayLike) -> npt.NDArray[Any]:
        a = _data.as_floats(x, "x")
        if a.size == 0:
            return a
        rows = _data.aligned(a.reshape(-1, a.shape[-1] if a.ndim else 1), a.dtype)
        return _core.activation(rows, self.name).reshape(a.shape)

    def __repr__(self) -> str:
        return f"<activation {self.name}>"


linear = Activation(
    "linear",
    """f(x) = x, with slope 1.

    >>> linear([-1.0, 2.0])
    array([-1.,  2.])
    """,
)

relu = Activation(
    "relu",
    """f(x) = max(x, 0). The slope is 1 where x > 0, else 0.

    >>> relu([-1.0, 2.0])
    array([0., 2.])
    """,
)

sigmoid = Activation(
    "sigmoid",
    """σ(x) = 1 / (1 + e⁻ˣ). The slope is σ(x)·(1 - σ(x)).

    >>> sigmoid([0.0, 1000.0])
    array([0.5, 1. ])
    """,
)

softmax = Activation(
    "softmax",
    """aᵢ = e^xᵢ / Σⱼ e^xⱼ along the last axis. The slope is ∂aᵢ/∂xⱼ = aᵢ·([i = j] - aⱼ).

    >>> softmax([0.0, 0.0, 1000.0])
    array([0., 0., 1.])
    """,
)

tanh = Activation(
    "tanh",
    """f(x) = tanh x. The slope is 1 - tanh² x.

    >>> tanh([0.0, 1000.0])
    array([0., 1.])
    """,
)

ACTIVATIONS = Registry("activation", Activation, {a.name: a for a in (linear, relu, sigmoid, softmax, tanh)})

__test__ = {name: a.__doc__ for name, a in ACTIVATIONS.members.items()}  # doctest finds no docstrings of instances


def get(identifier: Any) -> Activation:
    """The activation of that name, or the given one; None is linear.

    >>> get("relu")
    <activation relu>
    """
    return linear if identifier is None else ACTIVATIONS.get(identifier)
