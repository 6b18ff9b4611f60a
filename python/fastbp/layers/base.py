"""What every layer is to the model that holds it."""

import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp import _core, _data, constraints, initializers, regularizers
from fastbp._registry import Configurable
from fastbp._seeds import fresh_seed

Array = npt.NDArray[Any]
Spec = dict[str, Any]  # what the core makes a layer from


@dataclass(frozen=True)
class Variable:
    """One array of weights: how it begins, and how it is treated in training."""

    name: str
    shape: tuple[int, ...]
    initializer: initializers.Initializer
    trainable: bool = True
    regularizer: regularizers.Regularizer | None = None
    constraint: constraints.Constraint | None = None


class Weight:
    """An attribute of a layer that is a view of one of its weights."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, layer: Any, owner: type) -> Any:
        if layer is None:
            return self
        if not layer._has(self.name):
            return None
        return layer._weight(self.name)

    def __set__(self, layer: Any, values: npt.ArrayLike) -> None:
        if not layer._has(self.name):
            raise AttributeError(f"layer {layer.name!r} has no {self.name}: it was made without")
        layer._weight(self.name)[...] = values


class Input(Configurable):
    """The shape of one sample: ``Input((64,))``. May be left out; the first data then tell it.

    Samples of more than one dimension, such as images, need a ``Flatten`` before the first ``Dense``.

    >>> Input((28, 28)).shape
    (28, 28)
    """

    def __init__(self, shape: int | Sequence[int]) -> None:
        sizes = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
        if not sizes:
            raise ValueError("Input takes the shape of one sample, as in Input((64,)); got ()")
        self.shape = tuple(_data.positive_int(size, "the width of the input") for size in sizes)


class Layer(Configurable):
    """What a layer is to the model that holds it: a name, and weights once it is built.

    Args:
        name: its name in the model; its kind and a number, if not given.
        trainable: whether training changes its weights. May be set later; the next training heeds it.
    """

    kind: str  # the stem of its name
    version = 0  # counts the changes of any layer's ``trainable``

    def __init__(self, name: str | None = None, trainable: bool = True) -> None:
        self.name = name
        self.trainable = trainable
        self._owner: weakref.ref[Any] | None = None  # the model it belongs to, while that lives
        self._inputs: int | None = None  # how many it was built for
        self._weights: list[Array] = []  # views of the model's parameters
        self._network: Any = None  # of its own, if it is called outside a model

    @property
    def trainable(self) -> bool:
        """Whether training changes its weights."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        Layer.version += 1

    # ---- what the model asks ----

    def _outputs(self, inputs: int) -> int:
        """The width of what comes out."""
        return inputs

    def _specs(self, inputs: int) -> list[Spec]:
        """What the core is to make; several layers of it, or none."""
        raise NotImplementedError(f"{type(self).__name__} is none of fastbp's layers, which the core computes")

    def _variables(self, inputs: int) -> list[Variable]:
        """The weights, in the order of the core."""
        return []

    def _numbers(self, inputs: int) -> int:
        """How many numbers of variables, which their seeds depend on, the layer takes."""
        return len(self._variables(inputs))

    def _flags(self, inputs: int) -> list[bool]:
        """Whether each of the core's layers learns, those within a layer after it."""
        return [self.trainable] * len(self._specs(inputs))

    def _initial_weights(self, inputs: int, seed: int, index: int) -> list[Array]:
        """Initial weights; the first of them is variable number ``index`` of the model."""

        def sample(variable: Variable, number: int) -> Array:
            initializer = variable.initializer
            return initializer.sample(variable.shape, seed if initializer.seed is None else initializer.seed, number)

        return [sample(variable, index + i) for i, variable in enumerate(self._variables(inputs))]

    def _take(self, views: Iterable[Array], inputs: int, seed: int, index: int) -> None:
        """Fills views of the core's memory, with the weights that the layer had if they fit, and keeps them."""
        shapes = [variable.shape for variable in self._variables(inputs)]
        initial = self.get_weights()
        if [w.shape for w in initial] != shapes:
            initial = self._initial_weights(inputs, seed, index)
        self._weights = list(views)
        self._inputs = inputs
        for view, values in zip(self._weights, initial, strict=True):
            view[...] = values

    def _let_go(self) -> None:
        """Leaves its model, and keeps its weights."""
        self._weights = self.get_weights()
        self._owner = None

    # ---- weights ----

    @property
    def built(self) -> bool:
        """Whether the layer knows its width, and so has its weights."""
        return self._inputs is not None

    @property
    def variables(self) -> list[Variable]:
        """What its weights are."""
        return [] if self._inputs is None else self._variables(self._inputs)

    @property
    def weights(self) -> list[Array]:
        """Views of the weights: what is written into them is in the model."""
        return list(self._weights)

    @property
    def weight_names(self) -> list[str]:
        """The names of ``weights``, as files have them."""
        return [variable.name for variable in self.variables]

    @property
    def trainable_weights(self) -> list[Array]:
        """Those of ``weights`` that training changes."""
        return [w for v, w in zip(self.variables, self._weights, strict=True) if v.trainable and self.trainable]

    @property
    def non_trainable_weights(self) -> list[Array]:
        """The others of ``weights``."""
        return [w for v, w in zip(self.variables, self._weights, strict=True) if not (v.trainable and self.trainable)]

    def get_weights(self) -> list[Array]:
        """Copies of the weights."""
        return [w.copy() for w in self._weights]

    def set_weights(self, weights: Sequence[npt.ArrayLike]) -> None:
        """Sets the weights, in the order of get_weights. Nothing is changed if one does not fit."""
        new = [_data.as_numbers(w, f"weights[{i}]") for i, w in enumerate(weights)]
        if [w.shape for w in new] != [w.shape for w in self._weights]:
            raise ValueError(
                f"layer {self.name!r} has weights of shapes {[w.shape for w in self._weights]}; "
                f"got {[w.shape for w in new]}"
            )
        for view, values in zip(self._weights, new, strict=True):
            view[...] = values

    def count_params(self) -> int:
        """How many numbers its weights are."""
        return sum(w.size for w in self._weights)

    def _has(self, name: str) -> bool:
        return True

    def _weight(self, name: str) -> Array:
        if not self._weights:
            raise AttributeError(
                f"layer {self.name or self.kind!r} has no weights yet: give the model an Input, or data first"
            )
        return self._weights[self.weight_names.index(name)]

    # ---- outside a model ----

    def __call__(self, x: npt.ArrayLike, training: bool = False) -> Array:
        """What comes out for x (n, in); outside a model with weights, and a seed, of its own.

        >>> from fastbp.layers import Rescaling
        >>> Rescaling(0.5)([[2.0, 4.0]])
        array([[1., 2.]], dtype=float32)
        """
        array = _data.as_numbers(x, "x")
        if array.ndim < 2:
            raise ValueError(f"x has {array.ndim} dimensions; expected at least 2: (samples, features)")
        dtype = np.dtype("float64") if array.dtype == np.float64 and isinstance(x, np.ndarray) else np.dtype("float32")
        rows = _data.aligned(array.reshape(len(array), -1), dtype)
        inputs = rows.shape[1]
        network = self._network
        if network is None or network.inputs != inputs or (network.weights and network.weights[0].dtype != dtype):
            core: Any = _core.Network32 if dtype == np.float32 else _core.Network64
            identity = {"kind": "activation", "name": "linear"}
            seed = fresh_seed()
            network = self._network = core(inputs, self._specs(inputs) or [identity], "", seed)
            if self._owner is None:
                self._take(network.weights, inputs, seed, 0)
        if self._owner is not None:
            for view, values in zip(network.weights, self._weights, strict=True):
                view[...] = values
        network.set_trainable(self._flags(inputs) or [True])
        out: Array = network.forward(rows, 1) if training else network(rows)
        if training and self._owner is not None:  # running means
            for view, values in zip(network.weights, self._weights, strict=True):
                values[...] = view
        return out.reshape(*array.shape[:1], *self._shape(array.shape[1:]))

    def _shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of a sample that comes out, from the one that goes in."""
        width = self._outputs(int(np.prod(shape)))
        return shape if width == np.prod(shape) else (width,)
