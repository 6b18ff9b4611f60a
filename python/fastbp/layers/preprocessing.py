"""Layers that prepare data, and travel with the model."""

from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp import _data, initializers
from fastbp.layers.base import Array, Layer, Spec, Variable, Weight


class Normalization(Layer):
    """y = (x - mean) / √variance, feature by feature; ``invert``: the way back.

    ``adapt(data)`` takes mean and variance from data, or they are given. They are weights of the model, which training
    does not change. A feature that never varies becomes 0.

    >>> layer = Normalization()
    >>> layer.adapt([[1.0], [3.0]])
    >>> layer([[5.0]]).tolist()
    [[3.0]]
    """

    kind = "normalization"

    def __init__(
        self,
        axis: int = -1,
        mean: npt.ArrayLike | None = None,
        variance: npt.ArrayLike | None = None,
        invert: bool = False,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(name, trainable)
        if axis not in (-1, 1):
            raise ValueError(f"axis must be -1, the features of a sample; got {axis!r}")
        if (mean is None) != (variance is None):
            raise ValueError("give both mean and variance, or neither and adapt")
        self.axis, self.invert = axis, bool(invert)
        self._known: list[Array] | None = None
        if mean is not None:
            self._keep(mean, variance)

    mean = Weight()
    variance = Weight()

    def _keep(self, mean: Any, variance: Any) -> None:
        known = [
            np.atleast_1d(_data.as_numbers(v, n)).astype(float) for v, n in ((mean, "mean"), (variance, "variance"))
        ]
        for array, name in zip(known, ("mean", "variance"), strict=True):
            _data.require_finite(array.reshape(1, -1), name)
        if (known[1] < 0).any():
            raise ValueError(f"variance must be at least 0; got {known[1].min()}")
        self._known = [array.reshape(-1) for array in known]

    def adapt(self, data: npt.ArrayLike) -> None:
        """Takes mean and variance of each feature from data (n, features)."""
        array = _data.as_numbers(data, "data")
        if array.ndim == 0 or array.size == 0:
            raise ValueError(f"data has shape {array.shape}; expected (samples, features)")
        rows = array.reshape(len(array), -1)
        self._keep(rows.mean(axis=0, dtype=np.float64), rows.var(axis=0, dtype=np.float64))
        if self.built:
            self.set_weights(self._initial_weights(self._weights[0].size, 0, 0))

    def _specs(self, inputs: int) -> list[Spec]:
        return [{"kind": "normalization", "settings": [float(self.invert)]}]

    def _variables(self, inputs: int) -> list[Variable]:
        return [
            Variable("mean", (inputs,), initializers.Zeros(), trainable=False),
            Variable("variance", (inputs,), initializers.Ones(), trainable=False),
        ]

    def _initial_weights(self, inputs: int, seed: int, index: int) -> list[Array]:
        if self._known is None:
            return [np.zeros(inputs), np.ones(inputs)]
        if any(known.size not in (1, inputs) for known in self._known):
            raise ValueError(f"mean and variance have {self._known[0].size} features; x has {inputs}")
        return [np.broadcast_to(known, (inputs,)) for known in self._known]

    def get_config(self) -> dict[str, Any]:
        known = [None, None] if self._known is None else [known.tolist() for known in self._known]
        return {
            "axis": self.axis,
            "mean": known[0],
            "variance": known[1],
            "invert": self.invert,
            "name": self.name,
            "trainable": self.trainable,
        }


class Rescaling(Layer):
    """y = scale·x + offset; both are numbers, or one for each feature.

    >>> Rescaling(1 / 255)([[0.0, 255.0]])
    array([[0., 1.]], dtype=float32)
    """

    kind = "rescaling"

    def __init__(
        self,
        scale: npt.ArrayLike,
        offset: npt.ArrayLike = 0.0,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(name, trainable)
        for value, what in ((scale, "scale"), (offset, "offset")):
            array = _data.as_numbers(value, what)
            if array.size == 0:
                raise ValueError(f"{what} must be a number, or one for each feature; got none")
            _data.require_finite(array.astype(float).reshape(1, -1), what)
        self.scale, self.offset = scale, offset

    def _specs(self, inputs: int) -> list[Spec]:
        spread = []
        for value, what in ((self.scale, "scale"), (self.offset, "offset")):
            numbers = np.asarray(value, dtype=float).reshape(-1)
            if inputs % numbers.size:
                raise ValueError(f"{what} has {numbers.size} numbers; x has {inputs} features")
            spread.append(np.tile(numbers, inputs // numbers.size).tolist())  # the last axis runs fastest
        return [{"kind": "rescaling", "settings": spread[0], "offsets": spread[1]}]


class Flatten(Layer):
    """Samples of any shape as rows of features: (n, 28, 28) to (n, 784), the last axis running fastest.

    >>> Flatten()([[[1.0, 2.0], [3.0, 4.0]]])
    array([[1., 2., 3., 4.]], dtype=float32)
    """

    kind = "flatten"

    def _specs(self, inputs: int) -> list[Spec]:
        return []  # memory holds them so already

    def _shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (int(np.prod(shape)),)
