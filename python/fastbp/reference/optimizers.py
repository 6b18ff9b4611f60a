"""Optimisers: how a slope becomes a step. Slots remember earlier steps; t counts steps from 1."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


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
