"""What all initialisers are."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp._registry import Configurable
from fastbp._seeds import fresh_seed

Values = npt.NDArray[np.float64]
Shape = tuple[int, ...]


class Initializer(Configurable):
    """Called on a shape, gives initial values. ``seed`` fixes them; without it the model's seed does.

    One of your own defines ``__call__(shape, dtype)``, as in Keras, or for numbers that follow the model's seed
    ``sample``.

    >>> class Ramp(Initializer):
    ...     def __call__(self, shape, dtype=None):
    ...         return np.linspace(-0.1, 0.1, np.prod(shape)).reshape(shape)
    >>> Ramp().sample((3,), seed=0, index=0)
    array([-0.1,  0. ,  0.1])
    """

    name: str
    seed: int | None = None

    def sample(self, shape: Shape, seed: int, index: int) -> Values:
        """The values of variable number ``index`` under ``seed``."""
        if type(self).__call__ is Initializer.__call__:
            raise TypeError(f"{type(self).__name__} defines neither sample nor __call__")
        values = np.asarray(self(shape, dtype="float64"), np.float64)
        if values.shape != shape:
            raise ValueError(f"{self!r} gave values of shape {values.shape}; expected {shape}")
        return values

    def __call__(self, shape: Any, dtype: npt.DTypeLike | None = None) -> npt.NDArray[Any]:
        seed = fresh_seed() if self.seed is None else self.seed
        values = self.sample(tuple(np.atleast_1d(shape).tolist()), seed, 0)
        return values.astype("float32" if dtype is None else dtype)

    def __repr__(self) -> str:
        return f"<initializer {getattr(self, 'name', type(self).__name__)}>"


class Function(Initializer):
    """A function (shape, dtype) → array as an initialiser."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.name = getattr(function, "__name__", type(function).__name__)

    def __call__(self, shape: Any, dtype: npt.DTypeLike | None = None) -> npt.NDArray[Any]:
        return self.function(shape, dtype=dtype)

    def get_config(self) -> dict[str, Any]:
        raise TypeError(f"{self.function!r} has no config; a subclass of Initializer has one")

    def __repr__(self) -> str:
        return f"<initializer {self.function!r}>"
