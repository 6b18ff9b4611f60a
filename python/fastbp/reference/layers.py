"""Layers, forwards and backwards."""

from typing import Any

import numpy.typing as npt

Array = npt.NDArray[Any]


def dense_forward(x: Array, w: Array, b: Array) -> Array:
    """z = x·w + b.  x (batch, in), w (in, out), b (out,), z (batch, out)."""
    return x @ w + b


def dense_backward(dz: Array, x: Array, w: Array) -> tuple[Array, Array, Array]:
    """dx = dz·wᵀ;  dw = xᵀ·dz;  db = Σ_rows dz."""
    return dz @ w.T, x.T @ dz, dz.sum(axis=0)
