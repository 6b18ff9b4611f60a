"""Initialisers: the random set of weights that training starts from.

Every number is a pure function of (seed, variable, position), from the Philox stream of the core, so the same seed
gives the same weights on every machine.
"""

import os
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp import _core
from fastbp._registry import Configured, Registry

__all__ = [
    "INITIALIZERS",
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "RandomNormal",
    "RandomUniform",
    "Zeros",
    "get",
]


def fresh_seed() -> int:
    """A seed from the operating system's randomness."""
    return int.from_bytes(os.urandom(8), "little")


def _uniform(seed: int, index: int, first: int, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    return _core.random_uniform(seed, index, first, int(np.prod(shape))).reshape(shape)


def _normal(seed: int, index: int, first: int, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """Standard normal numbers by Box and Muller: number i comes from the uniform numbers 2·i and 2·i + 1."""
    u = _uniform(seed, index, 2 * first, (*shape, 2))
    return np.sqrt(-2.0 * np.log1p(-u[..., 0])) * np.cos(2.0 * np.pi * u[..., 1])


def _truncated_normal(seed: int, index: int, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """Standard normal numbers within ±2: those outside are drawn again, from the next `size` positions."""
    result = _normal(seed, index, 0, shape)
    size, attempt = result.size, 0
    while (outside := np.abs(result) > 2.0).any():
        attempt += 1
        result[outside] = _normal(seed, index, attempt * size, shape)[outside]
    return result


class Initializer(Configured):
    """Called on a shape, gives initial values. ``seed`` fixes them; without it the model's seed does."""

    name: str

    def __init__(self, seed: int | None = None) -> None:
        if seed is not None and not 0 <= seed < 2**64:
            raise ValueError(f"seed must be from 0 to 2**64 - 1; got {seed}")
        self.seed = seed

    def sample(self, shape: tuple[int, ...], seed: int, index: int) -> npt.NDArray[np.float64]:
        """The values of variable number ``index`` under ``seed``."""
        raise TypeError("Initializer is the base class; use one of: " + ", ".join(INITIALIZERS))

    def __call__(self, shape: Any, dtype: npt.DTypeLike = "float32") -> npt.NDArray[Any]:
        seed = fresh_seed() if self.seed is None else self.seed
        return self.sample(tuple(np.atleast_1d(shape).tolist()), seed, 0).astype(dtype)

    def __repr__(self) -> str:
        return f"<initializer {self.name}>"


class Zeros(Initializer):
    """All 0.

    >>> Zeros()((2,))
    array([0., 0.], dtype=float32)
    """

    name = "zeros"

    def sample(self, shape: tuple[int, ...], seed: int, index: int) -> npt.NDArray[np.float64]:
        return np.zeros(shape)


class Ones(Initializer):
    """All 1.

    >>> Ones()((2,))
    array([1., 1.], dtype=float32)
    """

    name = "ones"

    def sample(self, shape: tuple[int, ...], seed: int, index: int) -> npt.NDArray[np.float64]:
        return np.ones(shape)


class Constant(Initializer):
    """All ``value``.

    >>> Constant(0.5)((2,))
    array([0.5, 0.5], dtype=float32)
    """

    name = "constant"

    def __init__(self, value: float = 0.0) -> None:
        super().__init__()
        self.value = float(value)

    def sample(self, shape: tuple[int, ...], seed: int, index: int) -> npt.NDArray[np.float64]:
        return np.full(shape, self.value)


class RandomNormal(Initializer):
    """Normal with the given mean and standard deviation.

    >>> RandomNormal(stddev=1.0, seed=1)((100, 100)).std().round(1)
    np.float32(1.0)
    """

    name = "random_normal"

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.mean, self.stddev = float(mean), float(stddev)

    def sample(self, shape: tuple[int, ...], seed: int, index: int) -> npt.NDArray[np.float64]:
        return self.mean + self.stddev * _normal(seed, index, 0, shape)


class RandomUniform(Initializer):
    """Uniform in [minval, maxval).

    >>> bool((np.abs(RandomUniform(-1, 1, seed=1)((100,))) <= 1).all())
    True
    """

    name = "random_uniform"

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.minval, self.maxval = float(minval), float(maxval)

    def sample(self, shape: tuple[int, ...], seed: int, index: int) -> npt.NDArray[np.float64]:
        return self.minval + (self.maxval - self.minval) * _uniform(seed, index, 0, shape)


class _Scaled(Initializer):
    """Values whose variance is scale / fan: fan is the inputs of a node, or the mean of inputs and outputs."""

    scale: float
    fan: str
    normal: bool

    def sample(self, shape: tuple[int, ...], seed: int, index: int) -> npt.NDArray[np.float64]:
        fan_in, fan_out = (shape[0], shape[-1]) if shape else (1, 1)
        variance = self.scale / (fan_in if self.fan == "in" else (fan_in + fan_out) / 2)
        if self.normal:  # within two standard deviations, which leaves 0.8796 of the deviation
            return np.sqrt(variance) / 0.87962566103423978 * _truncated_normal(seed, index, shape)
        return np.sqrt(3.0 * variance) * (2.0 * _uniform(seed, index, 0, shape) - 1.0)


class GlorotUniform(_Scaled):
    """Uniform in ±√(6 / (inputs + outputs)). Source: Glorot and Bengio, AISTATS 2010.

    >>> GlorotUniform(seed=1)((3, 3)).shape
    (3, 3)
    """

    name, scale, fan, normal = "glorot_uniform", 1.0, "mean", False


class GlorotNormal(_Scaled):
    """Normal, truncated at two deviations, of variance 2 / (inputs + outputs). Source: as GlorotUniform.

    >>> GlorotNormal(seed=1)((3, 3)).shape
    (3, 3)
    """

    name, scale, fan, normal = "glorot_normal", 1.0, "mean", True


class HeUniform(_Scaled):
    """Uniform in ±√(6 / inputs), for ReLU. Source: He and others, arXiv 1502.01852.

    >>> HeUniform(seed=1)((3, 3)).shape
    (3, 3)
    """

    name, scale, fan, normal = "he_uniform", 2.0, "in", False


class HeNormal(_Scaled):
    """Normal, truncated at two deviations, of variance 2 / inputs, for ReLU. Source: as HeUniform.

    >>> HeNormal(seed=1)((3, 3)).shape
    (3, 3)
    """

    name, scale, fan, normal = "he_normal", 2.0, "in", True


class LecunUniform(_Scaled):
    """Uniform in ±√(3 / inputs). Source: LeCun and others, Efficient BackProp, 1998.

    >>> LecunUniform(seed=1)((3, 3)).shape
    (3, 3)
    """

    name, scale, fan, normal = "lecun_uniform", 1.0, "in", False


class LecunNormal(_Scaled):
    """Normal, truncated at two deviations, of variance 1 / inputs. Source: as LecunUniform.

    >>> LecunNormal(seed=1)((3, 3)).shape
    (3, 3)
    """

    name, scale, fan, normal = "lecun_normal", 1.0, "in", True


INITIALIZERS: Registry[Initializer] = Registry(
    "initializer",
    Initializer,
    {
        cls.name: cls
        for cls in (
            Zeros,
            Ones,
            Constant,
            RandomNormal,
            RandomUniform,
            GlorotUniform,
            GlorotNormal,
            HeUniform,
            HeNormal,
            LecunUniform,
            LecunNormal,
        )
    },
)


def get(identifier: Any) -> Initializer:
    """The initialiser of that name, of that class, or the given one.

    >>> get("he_normal")
    <initializer he_normal>
    """
    return INITIALIZERS.get(identifier)
