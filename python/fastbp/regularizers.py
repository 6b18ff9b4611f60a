"""Regularisers: what large weights add to the loss.

All are l1·Σ|x| + l2·Σx², with slope l1·sign(x) + 2·l2·x, and training needs no more of them than these two numbers,
and whether they are ``per_sample``: divided, in each batch, by what its losses are divided by. That is the number of
its samples; with a loss of the reduction "mean_with_sample_weight" the sum of their weights; with "sum" nothing. So the
loss is (Σ losses + l1·Σ|w| + l2·Σw²) / n, as scikit-learn's: its ``alpha`` is ``L2(alpha / 2, per_sample=True)`` on all
kernels. Where there are no batches, in ``Sequential.apply_gradients`` after ``backward``, they are not divided.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp import _data, _registry
from fastbp._registry import Configurable, Registry

__all__ = ["L1", "L1L2", "L2", "REGULARIZERS", "Regularizer", "deserialize", "get", "l1", "l1_l2", "l2", "serialize"]


class Regularizer(Configurable):
    """Called on weights of any shape, gives the penalty l1·Σ|x| + l2·Σx², which ``per_sample`` is yet to be divided.

    One of your own sets ``l1`` and ``l2``:

    >>> class Mixed(Regularizer):
    ...     def __init__(self, strength, share):
    ...         self.strength, self.share = strength, share
    ...         self.l1, self.l2 = strength * share, strength * (1 - share)
    >>> Mixed(0.5, 0.5)([1.0, -2.0])  # 0.25·3 + 0.25·5
    2.0
    """

    name: str
    l1: float = 0.0
    l2: float = 0.0
    per_sample: bool = False

    def _kept(self) -> dict[str, Any]:
        """Without ``per_sample`` where it is not set, for Keras knows no such argument."""
        return {name: value for name, value in super()._kept().items() if name != "per_sample" or value}

    def __call__(self, x: npt.ArrayLike) -> float:
        values = _data.as_numbers(x, "x").astype(np.float64)
        return float(self.l1 * np.abs(values).sum() + self.l2 * np.square(values).sum())

    def slope(self, x: npt.ArrayLike) -> npt.NDArray[Any]:
        """The slope of the penalty with respect to each weight: l1·sign(x) + 2·l2·x, which at 0 is 0.

        >>> L1L2(l1=0.5, l2=0.25).slope([-2.0, 0.0, 2.0])
        array([-1.5,  0. ,  1.5])
        """
        values = _data.as_floats(x, "x")
        return self.l1 * np.sign(values) + 2.0 * self.l2 * values


class L1(Regularizer):
    """Penalty l1·Σ|x|, which makes weights that help little exactly 0. Source: Tibshirani, J. R. Stat. Soc. B 58, 1996.

    Args:
        l1: its factor, at least 0.
        per_sample: whether a batch's penalty is divided as its losses are; of weights only.

    >>> L1(0.5)([1.0, -2.0])
    1.5
    """

    name = "l1"

    def __init__(self, l1: float = 0.01, *, per_sample: bool = False) -> None:
        self.l1 = _data.real(l1, "l1", least=0.0)
        self.per_sample = _data.truth(per_sample, "per_sample")


class L2(Regularizer):
    """Penalty l2·Σx², which makes all weights smaller. Source: Krogh and Hertz, NIPS 4, 1991.

    Args:
        l2: its factor, at least 0.
        per_sample: whether a batch's penalty is divided as its losses are; of weights only.

    >>> L2(0.5)([1.0, -2.0])
    2.5
    """

    name = "l2"

    def __init__(self, l2: float = 0.01, *, per_sample: bool = False) -> None:
        self.l2 = _data.real(l2, "l2", least=0.0)
        self.per_sample = _data.truth(per_sample, "per_sample")


class L1L2(Regularizer):
    """Penalty l1·Σ|x| + l2·Σx², none by default, as in Keras. Source: Zou and Hastie, J. R. Stat. Soc. B 67, 2005.

    Args:
        l1, l2: its factors, at least 0.
        per_sample: whether a batch's penalty is divided as its losses are; of weights only.

    >>> L1L2(l1=0.5, l2=0.25)([1.0, -2.0])
    2.75
    """

    name = "l1_l2"

    def __init__(self, l1: float = 0.0, l2: float = 0.0, *, per_sample: bool = False) -> None:
        self.l1, self.l2 = _data.real(l1, "l1", least=0.0), _data.real(l2, "l2", least=0.0)
        self.per_sample = _data.truth(per_sample, "per_sample")


l1 = L1
l2 = L2
l1_l2 = L1L2

REGULARIZERS: Registry[Regularizer] = Registry(
    "regularizer", Regularizer, {cls.name: cls for cls in (L1, L2, L1L2)}, aliases={"l1l2": "l1_l2"}
)


def get(identifier: Any) -> Regularizer | None:
    """The regulariser of that name, class or config, or the given one; None is none.

    >>> get("l2")
    L2(l2=0.01)
    """
    return None if identifier is None else _known(REGULARIZERS.get(identifier))


def serialize(regularizer: Regularizer | None) -> dict[str, Any] | None:
    """The regulariser as Keras writes it, of which JSON can be made.

    >>> serialize(L2(0.5))
    {'class_name': 'L2', 'config': {'l2': 0.5}}
    """
    return None if regularizer is None else _registry.serialize(regularizer)


def deserialize(
    config: Mapping[str, Any] | None, custom_objects: Mapping[str, Any] | None = None
) -> Regularizer | None:
    """The regulariser that ``serialize`` described; ``custom_objects`` are classes of your own by name.

    >>> deserialize({"class_name": "L2", "config": {"l2": 0.5}})
    L2(l2=0.5)
    """
    return None if config is None else _known(REGULARIZERS.deserialize(config, custom_objects))


def _known(regularizer: Regularizer) -> Regularizer:
    """Refuses a penalty of another form: training would leave it out without a word."""
    if type(regularizer).__call__ is not Regularizer.__call__:
        name = type(regularizer).__name__
        raise TypeError(f"{name} has a penalty of its own; training knows l1·Σ|x| + l2·Σx² alone: set l1 and l2")
    return regularizer
