"""Constraints: where weights are put back to after every step.

A norm is that of the weights into one unit: √Σw² along ``axis``, which for a kernel (in, units) is 0.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp import _data, _registry
from fastbp._registry import Configurable, Registry

__all__ = [
    "CONSTRAINTS",
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "max_norm",
    "min_max_norm",
    "non_neg",
    "serialize",
    "unit_norm",
]

EPSILON = 1e-7  # as in Keras, so a unit without weights stays as it is


class Constraint(Configurable):
    """Called on weights, gives those that are allowed instead; the base class allows all.

    >>> class AtMostOne(Constraint):
    ...     def __call__(self, w):
    ...         return np.minimum(w, 1.0)
    >>> AtMostOne()(np.array([0.5, 1.5]))
    array([0.5, 1. ])
    """

    name: str

    def __call__(self, w: npt.ArrayLike) -> npt.NDArray[Any]:
        return _data.as_floats(w, "w")


class NonNeg(Constraint):
    """max(w, 0).

    >>> NonNeg()([-1.0, 2.0])
    array([0., 2.])
    """

    name = "non_neg"

    def __call__(self, w: npt.ArrayLike) -> npt.NDArray[Any]:
        return np.maximum(_data.as_floats(w, "w"), 0.0)


class _Norm(Constraint):
    """w·d / (ε + ‖w‖) with ‖w‖ along ``axis``, d = rate·clip(‖w‖, min_value, max_value) + (1 - rate)·‖w‖, ε = 10⁻⁷."""

    min_value = 0.0
    max_value = 1.0
    rate = 1.0

    def __init__(self, axis: int | Sequence[int] = 0) -> None:
        self._axes = tuple(axis) if isinstance(axis, (list, tuple)) else (axis,)
        if any(isinstance(a, bool) or not isinstance(a, (int, np.integer)) for a in self._axes):
            raise TypeError(f"axis must be a whole number, or several; got {axis!r}")
        self.axis = axis

    def __call__(self, w: npt.ArrayLike) -> npt.NDArray[Any]:
        weights = _data.as_floats(w, "w")
        # In double, for the squares of large float32 numbers are infinite in their own type.
        norms = np.sqrt(np.square(weights, dtype=np.float64).sum(axis=self._axes, keepdims=True))
        wanted = self.rate * norms.clip(self.min_value, self.max_value) + (1.0 - self.rate) * norms
        return weights * (wanted / (EPSILON + norms)).astype(weights.dtype)


class MaxNorm(_Norm):
    """Scales the weights of units whose norm is larger than ``max_value`` down to it.

    Source: Srivastava and others, J. Mach. Learn. Res. 15, 2014.

    >>> MaxNorm(2)([[3.0, 0.6], [4.0, 0.8]]).round(3)
    array([[1.2, 0.6],
           [1.6, 0.8]])
    """

    name = "max_norm"

    def __init__(self, max_value: float = 2, axis: int | Sequence[int] = 0) -> None:
        super().__init__(axis)
        self.max_value = _data.real(max_value, "max_value", least=0.0)


class UnitNorm(_Norm):
    """Scales the weights of every unit to norm 1.

    >>> UnitNorm()([[3.0, 0.6], [4.0, 0.8]]).round(3)
    array([[0.6, 0.6],
           [0.8, 0.8]])
    """

    name = "unit_norm"
    min_value = 1.0


class MinMaxNorm(_Norm):
    """Scales the weights of units whose norm is not from ``min_value`` to ``max_value``, ``rate`` of the way to there.

    >>> MinMaxNorm(min_value=2, max_value=3)([[3.0, 0.6], [4.0, 0.8]]).round(3)
    array([[1.8, 1.2],
           [2.4, 1.6]])
    """

    name = "min_max_norm"

    def __init__(
        self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: int | Sequence[int] = 0
    ) -> None:
        super().__init__(axis)
        self.min_value = _data.real(min_value, "min_value", least=0.0)
        self.max_value = _data.real(max_value, "max_value", least=self.min_value)
        self.rate = _data.real(rate, "rate", least=0.0, most=1.0)


max_norm = MaxNorm
min_max_norm = MinMaxNorm
non_neg = NonNeg
unit_norm = UnitNorm

CONSTRAINTS: Registry[Constraint] = Registry(
    "constraint", Constraint, {cls.name: cls for cls in (MaxNorm, MinMaxNorm, NonNeg, UnitNorm)}
)


def get(identifier: Any) -> Constraint | None:
    """The constraint of that name, class or config, or the given one; None is none.

    >>> get("unit_norm")
    UnitNorm(axis=0)
    """
    return None if identifier is None else CONSTRAINTS.get(identifier)


def serialize(constraint: Constraint | None) -> dict[str, Any] | None:
    """The constraint as Keras writes it, of which JSON can be made.

    >>> serialize(UnitNorm())
    {'class_name': 'UnitNorm', 'config': {'axis': 0}}
    """
    return None if constraint is None else _registry.serialize(constraint)


def deserialize(config: Mapping[str, Any] | None, custom_objects: Mapping[str, Any] | None = None) -> Constraint | None:
    """The constraint that ``serialize`` described; ``custom_objects`` are classes of your own by name.

    >>> deserialize({"class_name": "UnitNorm", "config": {"axis": 0}})
    UnitNorm(axis=0)
    """
    return None if config is None else CONSTRAINTS.deserialize(config, custom_objects)
