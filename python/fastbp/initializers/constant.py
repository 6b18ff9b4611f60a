"""Initialisers without randomness."""

import numpy as np

from fastbp import _data
from fastbp.initializers.base import Initializer, Shape, Values


class Constant(Initializer):
    """All ``value``.

    >>> Constant(0.5)((2,))
    array([0.5, 0.5], dtype=float32)
    """

    name = "constant"

    def __init__(self, value: float = 0.0) -> None:
        self.value = _data.real(value, "value")

    def sample(self, shape: Shape, seed: int, index: int) -> Values:
        return np.full(shape, self.value)


class Zeros(Initializer):
    """All 0.

    >>> Zeros()((2,))
    array([0., 0.], dtype=float32)
    """

    name = "zeros"

    def sample(self, shape: Shape, seed: int, index: int) -> Values:
        return np.zeros(shape)


class Ones(Initializer):
    """All 1.

    >>> Ones()((2,))
    array([1., 1.], dtype=float32)
    """

    name = "ones"

    def sample(self, shape: Shape, seed: int, index: int) -> Values:
        return np.ones(shape)


class Identity(Initializer):
    """``gain`` where row and column have the same number, else 0; for matrices only.

    Source: for recurrent and deep ReLU networks, Le and others, arXiv 1504.00941.

    >>> Identity()((2, 3))
    array([[1., 0., 0.],
           [0., 1., 0.]], dtype=float32)
    """

    name = "identity"

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = _data.real(gain, "gain")

    def sample(self, shape: Shape, seed: int, index: int) -> Values:
        if len(shape) != 2:
            raise ValueError(f"identity initialises matrices; got shape {shape}")
        return self.gain * np.eye(*shape)
