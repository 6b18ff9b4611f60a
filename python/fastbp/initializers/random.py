"""Random initialisers.

Every number is a pure function of (seed, variable, position), from the Philox stream of the core.
"""

import math
from collections.abc import Iterable

import numpy as np

from fastbp import _core, _data
from fastbp.initializers.base import Initializer, Shape, Values


def _uniform(seed: int, index: int, first: int, shape: Shape) -> Values:
    return _core.random_uniform(seed, index, first, math.prod(shape)).reshape(shape)


def _normal(seed: int, index: int, first: int, shape: Shape) -> Values:
    """Standard normal numbers by Box and Muller: number i comes from the uniform numbers 2·i and 2·i + 1."""
    u = _uniform(seed, index, 2 * first, (*shape, 2))
    return np.sqrt(-2.0 * np.log1p(-u[..., 0])) * np.cos(2.0 * np.pi * u[..., 1])


def _truncated_normal(seed: int, index: int, shape: Shape) -> Values:
    """Standard normal numbers within ±2: those outside are drawn again, from the next `size` positions."""
    result = _normal(seed, index, 0, shape)
    size, attempt = result.size, 0
    while (outside := np.abs(result) > 2.0).any():
        attempt += 1
        result[outside] = _normal(seed, index, attempt * size, shape)[outside]
    return result


class RandomInitializer(Initializer):
    """An initialiser with a seed of its own, or None."""

    def __init__(self, seed: int | None = None) -> None:
        self.seed = None if seed is None else _data.positive_int(seed, "seed", least=0)
        if self.seed is not None and self.seed >= 2**64:
            raise ValueError(f"seed must be from 0 to 2**64 - 1; got {seed}")


class RandomNormal(RandomInitializer):
    """Normal with the given mean and standard deviation.

    >>> RandomNormal(stddev=1.0, seed=1)((100, 100)).std().round(1)
    np.float32(1.0)
    """

    name = "random_normal"

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.mean, self.stddev = _data.real(mean, "mean"), _data.real(stddev, "stddev", least=0.0)

    def sample(self, shape: Shape, seed: int, index: int) -> Values:
        return self.mean + self.stddev * _normal(seed, index, 0, shape)


class TruncatedNormal(RandomNormal):
    """Normal within mean ± 2·stddev, where stddev is that before the cut: numbers outside are drawn again.

    >>> bool((np.abs(TruncatedNormal(stddev=1.0, seed=1)((1000,))) <= 2).all())
    True
    """

    name = "truncated_normal"

    def sample(self, shape: Shape, seed: int, index: int) -> Values:
        return self.mean + self.stddev * _truncated_normal(seed, index, shape)


class RandomUniform(RandomInitializer):
    """Uniform in [minval, maxval).

    >>> bool((np.abs(RandomUniform(-1, 1, seed=1)((100,))) <= 1).all())
    True
    """

    name = "random_uniform"

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.minval, self.maxval = _data.real(minval, "minval"), _data.real(maxval, "maxval")

    def sample(self, shape: Shape, seed: int, index: int) -> Values:
        return self.minval + (self.maxval - self.minval) * _uniform(seed, index, 0, shape)


class Orthogonal(RandomInitializer):
    """``gain`` times a matrix with orthonormal columns, or rows where those are fewer; all such are equally likely.

    The Q of the QR decomposition of normal numbers, its columns turned so that R has a positive diagonal. More than two
    dimensions are a matrix of (all but the last, the last). LAPACK computes it, so machines may differ by rounding.

    Source: Saxe and others, arXiv 1312.6120.

    >>> w = Orthogonal(seed=1)((4, 3), "float64")
    >>> bool(np.allclose(w.T @ w, np.eye(3)))
    True
    """

    name = "orthogonal"

    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None:
        super().__init__(seed)
        self.gain = _data.real(gain, "gain")

    def sample(self, shape: Shape, seed: int, index: int) -> Values:
        if len(shape) < 2:
            raise ValueError(f"orthogonal initialises matrices; got shape {shape}")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        q, r = np.linalg.qr(_normal(seed, index, 0, (max(rows, columns), min(rows, columns))))
        q *= np.where(np.diag(r) < 0.0, -1.0, 1.0)
        return self.gain * (q if rows >= columns else q.T).reshape(shape)


def fans(
    shape: Shape, input_axes: Iterable[int] | None = None, output_axes: Iterable[int] | None = None
) -> tuple[int, int]:
    """How many inputs a node with weights of that shape has, and how many nodes an input feeds.

    The last two axes are inputs and outputs, and those before them the places of a convolution's kernel, unless axes
    are given.

    >>> fans((4, 3)), fans((5, 5, 4, 3)), fans((4, 2, 8), [0], [1, 2])
    ((4, 3), (100, 75), (4, 16))
    """
    if input_axes is not None and output_axes is not None:
        return math.prod(shape[axis] for axis in input_axes), math.prod(shape[axis] for axis in output_axes)
    if len(shape) < 2:
        shape = 2 * (shape or (1,))
    places = math.prod(shape[:-2])
    return places * shape[-2], places * shape[-1]


_MODES = {
    "fan_in": lambda inputs, outputs: inputs,
    "fan_out": lambda inputs, outputs: outputs,
    "fan_avg": lambda inputs, outputs: (inputs + outputs) / 2,
}

_DISTRIBUTIONS = {  # values of that variance
    # Within two standard deviations, which leaves 0.8796 of the deviation.
    "truncated_normal": lambda variance, seed, index, shape: (
        math.sqrt(variance) / 0.87962566103423978 * _truncated_normal(seed, index, shape)
    ),
    "untruncated_normal": lambda variance, seed, index, shape: math.sqrt(variance) * _normal(seed, index, 0, shape),
    "uniform": lambda variance, seed, index, shape: (
        math.sqrt(3.0 * variance) * (2.0 * _uniform(seed, index, 0, shape) - 1.0)
    ),
}
_SYNONYMS = {"normal": "truncated_normal"}


class VarianceScaling(RandomInitializer):
    """Values of mean 0 and variance scale / n, so that signals keep their size from layer to layer.

    n is how many inputs a node has (mode "fan_in"), how many nodes an input feeds ("fan_out"), or their mean
    ("fan_avg"). The distribution is "truncated_normal" (at two deviations; "normal" is another name for it),
    "untruncated_normal" or "uniform", in ±√(3·scale / n). Weights of more than two dimensions are taken as a
    convolution's, unless ``input_axes`` and ``output_axes`` say which axes are inputs and outputs.

    >>> VarianceScaling(scale=2.0, mode="fan_out", seed=1)((50, 200), "float64").std().round(2)  # √(2 / 200)
    np.float64(0.1)
    """

    name = "variance_scaling"

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
        input_axes: Iterable[int] | None = None,
        output_axes: Iterable[int] | None = None,
    ) -> None:
        super().__init__(seed)
        self.scale = _data.positive(scale, "scale")
        self.mode = _data.one_of(mode, "mode", _MODES)
        word = str(distribution).lower()
        self.distribution = _data.one_of(_SYNONYMS.get(word, word), "distribution", _DISTRIBUTIONS)
        if (input_axes is None) != (output_axes is None):
            raise ValueError(f"input_axes and output_axes go together; got {input_axes} and {output_axes}")
        self.input_axes = None if input_axes is None else [int(axis) for axis in input_axes]
        self.output_axes = None if output_axes is None else [int(axis) for axis in output_axes]

    def sample(self, shape: Shape, seed: int, index: int) -> Values:
        n = _MODES[self.mode](*fans(shape, self.input_axes, self.output_axes))
        return _DISTRIBUTIONS[self.distribution](self.scale / max(1.0, n), seed, index, shape)


class _Preset(VarianceScaling):
    """VarianceScaling with its first three arguments settled."""

    preset: tuple[float, str, str]

    def __init__(
        self,
        seed: int | None = None,
        input_axes: Iterable[int] | None = None,
        output_axes: Iterable[int] | None = None,
    ) -> None:
        super().__init__(*self.preset, seed, input_axes, output_axes)


class GlorotUniform(_Preset):
    """Uniform in ±√(6 / (inputs + outputs)). Source: Glorot and Bengio, AISTATS 2010.

    >>> GlorotUniform(seed=1)((3, 3)).shape
    (3, 3)
    """

    name, preset = "glorot_uniform", (1.0, "fan_avg", "uniform")


class GlorotNormal(_Preset):
    """Normal, truncated at two deviations, of variance 2 / (inputs + outputs). Source: as GlorotUniform.

    >>> GlorotNormal(seed=1)((3, 3)).shape
    (3, 3)
    """

    name, preset = "glorot_normal", (1.0, "fan_avg", "truncated_normal")


class HeUniform(_Preset):
    """Uniform in ±√(6 / inputs), for ReLU. Source: He and others, arXiv 1502.01852.

    >>> HeUniform(seed=1)((3, 3)).shape
    (3, 3)
    """

    name, preset = "he_uniform", (2.0, "fan_in", "uniform")


class HeNormal(_Preset):
    """Normal, truncated at two deviations, of variance 2 / inputs, for ReLU. Source: as HeUniform.

    >>> HeNormal(seed=1)((3, 3)).shape
    (3, 3)
    """

    name, preset = "he_normal", (2.0, "fan_in", "truncated_normal")


class LecunUniform(_Preset):
    """Uniform in ±√(3 / inputs). Source: LeCun and others, Efficient BackProp, 1998.

    >>> LecunUniform(seed=1)((3, 3)).shape
    (3, 3)
    """

    name, preset = "lecun_uniform", (1.0, "fan_in", "uniform")


class LecunNormal(_Preset):
    """Normal, truncated at two deviations, of variance 1 / inputs. Source: as LecunUniform.

    >>> LecunNormal(seed=1)((3, 3)).shape
    (3, 3)
    """

    name, preset = "lecun_normal", (1.0, "fan_in", "truncated_normal")
