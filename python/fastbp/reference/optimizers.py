"""Optimisers: how a slope becomes a step. Slots remember earlier steps and begin at 0; t counts steps from 1.

Formulas and defaults are those of Keras 3, down to where ε stands.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def approach(mean: Array, value: Array, factor: float) -> None:
    """mean = factor·mean + (1 - factor)·value, a running mean of values."""
    mean += (1 - factor) * (value - mean)


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
    """m and v are running means of dw and dw²; the step is η·m / (√v + ε), corrected for their start at 0.

    With a third slot (amsgrad) it divides by the root of the greatest v so far.
    """
    m, v, *greatest = slots
    approach(m, dw, beta_1)
    approach(v, dw**2, beta_2)
    for v_hat in greatest:
        v = np.maximum(v_hat, v, out=v_hat)
    w -= learning_rate * math.sqrt(1 - beta_2**t) / (1 - beta_1**t) * m / (np.sqrt(v) + epsilon)


def nadam(
    w: Array,
    dw: Array,
    slots: list[Array],
    t: int,
    learning_rate: float = 0.001,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
) -> None:
    """Adam, one step of momentum ahead: m is a mix of the next one's and dw, for u rises to β₁ as t grows."""

    def u(t: int) -> float:
        return beta_1 * (1 - 0.5 * 0.96**t)

    product = math.prod(u(i) for i in range(1, t + 1))
    m, v = slots
    approach(m, dw, beta_1)
    approach(v, dw**2, beta_2)
    m_hat = u(t + 1) * m / (1 - product * u(t + 1)) + (1 - u(t)) * dw / (1 - product)
    w -= learning_rate * m_hat / (np.sqrt(v / (1 - beta_2**t)) + epsilon)


def adamax(
    w: Array,
    dw: Array,
    slots: list[Array],
    t: int,
    learning_rate: float = 0.001,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
) -> None:
    """Adam with the greatest |dw|, fading by β₂ a step, for √v."""
    m, u = slots
    approach(m, dw, beta_1)
    u[...] = np.maximum(beta_2 * u, np.abs(dw))
    w -= learning_rate / (1 - beta_1**t) * m / (u + epsilon)


def adagrad(
    w: Array,
    dw: Array,
    slots: list[Array],
    t: int,
    learning_rate: float = 0.001,
    epsilon: float = 1e-7,
    initial_accumulator_value: float = 0.1,
) -> None:
    """w -= η·dw / √(a + ε), where a is a first value and all dw² so far."""
    (a,) = slots
    a += dw**2 + (initial_accumulator_value if t == 1 else 0)
    w -= learning_rate * dw / np.sqrt(a + epsilon)


def adadelta(
    w: Array,
    dw: Array,
    slots: list[Array],
    t: int,
    learning_rate: float = 0.001,
    rho: float = 0.95,
    epsilon: float = 1e-7,
) -> None:
    """w -= η·δ, where δ has the direction of dw and the size of earlier δ; g and d are running means of dw² and δ²."""
    g, d = slots
    approach(g, dw**2, rho)
    delta = np.sqrt(d + epsilon) / np.sqrt(g + epsilon) * dw
    approach(d, delta**2, rho)
    w -= learning_rate * delta


def rmsprop(
    w: Array,
    dw: Array,
    slots: list[Array],
    t: int,
    learning_rate: float = 0.001,
    rho: float = 0.9,
    epsilon: float = 1e-7,
    momentum: float = 0.0,
    centered: bool = False,
) -> None:
    """w -= η·dw / √(v + ε), where v is a running mean of dw²; with momentum m = μ·m + that step, and w -= m.

    Centred, with a running mean a of dw, the variance v - a² takes the place of v.
    """
    v, *others = slots
    approach(v, dw**2, rho)
    spread = v
    if centered:
        a = others[-1]
        approach(a, dw, rho)
        spread = np.maximum(v - a**2, 0)  # rounding may make it negative
    step = learning_rate * dw / np.sqrt(spread + epsilon)
    if momentum:
        m = others[0]
        m[...] = step = momentum * m + step
    w -= step


def lion(
    w: Array,
    dw: Array,
    slots: list[Array],
    t: int,
    learning_rate: float = 0.001,
    beta_1: float = 0.9,
    beta_2: float = 0.99,
) -> None:
    """w -= η·sign(β₁·m + (1 - β₁)·dw): every weight moves by η. m is a running mean of dw up to the step before."""
    (m,) = slots
    w -= learning_rate * np.sign(beta_1 * m + (1 - beta_1) * dw)
    approach(m, dw, beta_2)


OPTIMIZERS: dict[str, tuple[Callable[..., None], int]] = {  # and how many slots
    "sgd": (sgd, 0),
    "momentum": (momentum, 1),
    "nesterov": (nesterov, 1),
    "adam": (adam, 2),
    "amsgrad": (adam, 3),
    "nadam": (nadam, 2),
    "adamax": (adamax, 2),
    "adagrad": (adagrad, 1),
    "adadelta": (adadelta, 2),
    "rmsprop": (rmsprop, 1),
    "rmsprop_momentum": (rmsprop, 2),
    "rmsprop_centered": (partial(rmsprop, centered=True), 2),
    "rmsprop_momentum_centered": (partial(rmsprop, centered=True), 3),
    "lion": (lion, 1),
}
