"""A loss of the user's own, in NumPy."""

from collections.abc import Callable
from typing import Any

import numpy as np

from fastbp.losses.base import Array, Loss

Function = Callable[[Array, Array], Any]


class CustomLoss(Loss):
    """A loss computed by a function of yours. Its config holds the function itself, so no JSON can be made of it.

    Args:
        function: called with y_true (n, m), or labels (n), and y_pred (n, m), gives the loss of each row (n,) and its
            slope with respect to y_pred (n, m).
        name: by default the function's.
        sparse: whether targets are labels.
        reduction, dtype: as for every loss.

    Raises:
        TypeError: when called, if the function does not return a pair of arrays of numbers.
        ValueError: if their shapes are others.

    >>> def fourth_power(y_true, y_pred):
    ...     error = y_pred - y_true
    ...     return (error**4).sum(axis=1), 4 * error**3
    >>> CustomLoss(fourth_power)([[1.0], [0.0]], [[3.0], [0.0]])
    8.0
    """

    def __init__(
        self,
        function: Function,
        name: str | None = None,
        sparse: bool = False,
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        if not callable(function):
            raise TypeError(f"function must be callable; got {type(function).__name__} {function!r}")
        super().__init__(reduction, name or getattr(function, "__name__", type(function).__name__), dtype)
        self.function = function
        self.sparse = bool(sparse)

    def _compute(self, true: Array, pred: Array) -> tuple[Array, Array]:
        rows, columns = pred.shape
        wanted = f"{self.name} must return the losses ({rows},) and their slopes ({rows}, {columns})"
        found = self.function(true, pred)
        if not isinstance(found, (tuple, list)) or len(found) != 2:
            raise TypeError(f"{wanted}; got {type(found).__name__}")
        values, slopes = (np.asarray(part) for part in found)
        if values.dtype.kind not in "biuf" or slopes.dtype.kind not in "biuf":
            raise TypeError(f"{wanted}, both of real numbers; got {values.dtype} and {slopes.dtype}")
        if values.shape != (rows,) or slopes.shape != pred.shape:
            raise ValueError(f"{wanted}; got shapes {values.shape} and {slopes.shape}")
        return values.astype(pred.dtype, copy=False), np.ascontiguousarray(slopes, pred.dtype)
