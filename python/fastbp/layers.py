"""Layers: what a network is made of."""

import weakref
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp import _data, activations, initializers
from fastbp._registry import Configurable

__all__ = ["LAYERS", "Dense", "Input", "Layer"]


class Input(Configurable):
    """The width of what goes into a network: ``Input((64,))``. May be left out; the first data then tell it.

    >>> Input((64,)).shape
    (64,)
    """

    def __init__(self, shape: int | tuple[int, ...]) -> None:
        columns = shape if isinstance(shape, (tuple, list)) else (shape,)
        if len(columns) != 1:
            raise ValueError(f"Input takes the number of columns, as in Input((64,)); got {shape!r}")
        self.shape = (_data.positive_int(columns[0], "the width of the input"),)


class Layer(Configurable):
    """What a layer is to the model that holds it: a name, and parameters once it is built."""

    kind: str  # the stem of its name

    def __init__(self, name: str | None = None) -> None:
        self.name = name
        self._owner: weakref.ref[Any] | None = None  # the model it belongs to, while that lives
        self._weights: list[npt.NDArray[Any]] = []  # views of the model's parameters

    @property
    def built(self) -> bool:
        """Whether the layer knows its width, and so has parameters."""
        return bool(self._weights)

    @property
    def weights(self) -> list[npt.NDArray[Any]]:
        """Views of the parameters: what is written into them is in the model."""
        return list(self._weights)

    @property
    def weight_names(self) -> list[str]:
        """The names of ``weights``, as files have them."""
        return []

    def get_weights(self) -> list[npt.NDArray[Any]]:
        """Copies of the parameters."""
        return [w.copy() for w in self._weights]

    def count_params(self) -> int:
        """How many numbers the layer learns."""
        return sum(w.size for w in self._weights)


class Dense(Layer):
    """y = activation(x·kernel + bias): every input feeds every unit.

    x (batch, in), kernel (in, units), bias (units), y (batch, units).

    >>> Dense(32, activation="relu")
    <Dense 32 relu>
    """

    kind = "dense"

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        if not isinstance(units, (int, np.integer)) or isinstance(units, bool) or units < 1:
            raise ValueError(f"units must be a whole number of at least 1; got {units!r}")
        self.units = int(units)
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)

    @property
    def weight_names(self) -> list[str]:
        return ["kernel", "bias"][: len(self._weights)]

    @property
    def kernel(self) -> npt.NDArray[Any]:
        """A view of the kernel (in, units)."""
        return self._parameter(0)

    @kernel.setter
    def kernel(self, values: npt.ArrayLike) -> None:
        self._parameter(0)[...] = values

    @property
    def bias(self) -> npt.NDArray[Any] | None:
        """A view of the bias (units), or None."""
        return self._parameter(1) if self.use_bias else None

    @bias.setter
    def bias(self, values: npt.ArrayLike) -> None:
        if not self.use_bias:
            raise AttributeError(f"layer {self.name!r} has no bias: use_bias is False")
        self._parameter(1)[...] = values

    def _parameter(self, i: int) -> npt.NDArray[Any]:
        if not self._weights:
            raise AttributeError(
                f"layer {self.name or 'dense'!r} has no weights yet: give the model an Input, or data first"
            )
        return self._weights[i]

    def _initial_weights(self, inputs: int, seed: int, index: int) -> list[npt.NDArray[np.float64]]:
        """Initial kernel and bias; they are variables number ``index`` and ``index + 1`` of the model."""

        def sample(initializer: initializers.Initializer, shape: tuple[int, ...], i: int) -> npt.NDArray[np.float64]:
            return initializer.sample(shape, seed if initializer.seed is None else initializer.seed, i)

        kernel = sample(self.kernel_initializer, (inputs, self.units), index)
        if not self.use_bias:
            return [kernel]
        return [kernel, sample(self.bias_initializer, (self.units,), index + 1)]

    def __repr__(self) -> str:
        return f"<Dense {self.units} {self.activation.name}>"


LAYERS = {cls.__name__: cls for cls in (Dense,)}
