"""Sums and means of values that are given, or that a function gives."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp import _data
from fastbp.metrics.metric import Array, Metric, ratio


def _by_sample(values: Any, sample_weight: Any, dtype: Any, reduce: Callable[..., Any]) -> tuple[Array, Array]:
    """Weighted values and their weights, each reduced to one for a sample."""
    found: Array = _data.as_numbers(values, "values").astype(dtype or np.float64)
    weight: Array = np.ones(found.shape[:1])
    if sample_weight is not None:
        weight = _data.as_numbers(sample_weight, "sample_weight").astype(found.dtype)
    if weight.ndim == found.ndim + 1 and weight.shape[-1] == 1:
        found = found[..., None]
    found = reduce(found, axis=tuple(range(weight.ndim, found.ndim)))
    try:
        weight = np.broadcast_to(weight, found.shape)
    except ValueError:
        raise ValueError(f"sample_weight has shape {weight.shape}; values have {found.shape}") from None
    others = tuple(range(1, found.ndim))
    return reduce(found * weight, axis=others), reduce(weight, axis=others)


class Sum(Metric):
    """Σ weight·value over all values given.

    >>> Sum()([1.0, 3.0, 5.0], sample_weight=[1, 1, 0])
    4.0
    """

    def __init__(self, name: str | None = "sum", dtype: npt.DTypeLike | None = None) -> None:
        super().__init__(dtype, name)
        self.reset_state()

    def reset_state(self) -> None:
        """Forgets what was seen."""
        self.total = 0.0

    def update_state(self, values: Any, sample_weight: npt.ArrayLike | None = None) -> None:
        """Takes in values, of any shape, and the weights of their rows."""
        found, _ = _by_sample(values, sample_weight, self.dtype, np.sum)
        self.total += float(found.sum())

    def result(self) -> float:
        """The sum so far."""
        return self.total


class Mean(Metric):
    """Σ weight·value / Σ weight over all values given; 0 if there were none.

    >>> Mean()([1.0, 3.0, 5.0], sample_weight=[1, 1, 0])
    2.0
    """

    def __init__(self, name: str | None = "mean", dtype: npt.DTypeLike | None = None) -> None:
        super().__init__(dtype, name)
        Mean.reset_state(self)

    def reset_state(self) -> None:
        """Forgets what was seen."""
        self.total = self.count = 0.0

    def update_state(self, values: Any, sample_weight: npt.ArrayLike | None = None) -> None:
        """Takes in values, of any shape, and the weights of their rows."""
        found, weights = _by_sample(values, sample_weight, self.dtype, np.mean)
        self.total += float(found.sum())
        self.count += float(weights.sum())

    def result(self) -> float:
        """The mean so far."""
        return float(ratio(self.total, self.count))


class MeanMetricWrapper(Mean):
    """The mean of fn(y_true, y_pred, **kwargs), which gives a value for each sample, or one for all.

    A function among ``compile``'s metrics becomes one of these, with the function's name.

    >>> def largest_error(y_true, y_pred):
    ...     return np.abs(y_true - y_pred).max(axis=-1)
    >>> MeanMetricWrapper(largest_error)(np.zeros((2, 2)), np.array([[1.0, 2.0], [3.0, 4.0]]))
    3.0
    """

    def __init__(
        self, fn: Callable[..., Any], name: str | None = None, dtype: npt.DTypeLike | None = None, **kwargs: Any
    ) -> None:
        if not callable(fn):
            raise TypeError(f"fn must be a function of y_true and y_pred; got {type(fn).__name__} {fn!r}")
        super().__init__(name, dtype)
        self.fn = fn
        self.kwargs = kwargs

    def update_state(  # type: ignore[override]  # as in Keras, where the mean takes values and its wrapper targets
        self, y_true: Any, y_pred: Any, sample_weight: npt.ArrayLike | None = None
    ) -> None:
        """Takes in samples."""
        super().update_state(self.fn(y_true, y_pred, **self.kwargs), sample_weight)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal one."""
        return {"name": self.name, "dtype": self.dtype, "fn": self.fn, **self.kwargs}
