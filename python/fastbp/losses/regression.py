"""Losses of numbers: how far a prediction is from its target, or points elsewhere."""

from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp import _data
from fastbp.losses.base import Array, Loss, last_axis


class MeanSquaredError(Loss):
    """mean_c (y_pred - y_true)²; slope 2·(y_pred - y_true) / outputs.

    >>> MeanSquaredError()([[1.0, 2.0]], [[1.0, 5.0]])
    4.5
    """

    kernel = "mean_squared_error"


class MeanAbsoluteError(Loss):
    """mean_c |y_pred - y_true|; slope ±1 / outputs, or 0 where they are equal.

    >>> MeanAbsoluteError()([[1.0, 2.0]], [[1.0, 5.0]])
    1.5
    """

    kernel = "mean_absolute_error"


class MeanAbsolutePercentageError(Loss):
    """100·mean_c |y_pred - y_true| / |y_true|, in per cent, where |y_true| is at least 1e-7.

    >>> MeanAbsolutePercentageError()([[100.0, 200.0]], [[90.0, 200.0]])
    5.0
    """

    kernel = "mean_absolute_percentage_error"


class MeanSquaredLogarithmicError(Loss):
    """mean_c (log(1 + y_pred) - log(1 + y_true))², where both are at least 1e-7; the slope is 0 below.

    >>> round(MeanSquaredLogarithmicError()([[0.0]], [[1.0]]), 4)  # (log 2)²
    0.4805
    """

    kernel = "mean_squared_logarithmic_error"


class Huber(Loss):
    """mean_c of ½·e² where |e| = |y_pred - y_true| is at most ``delta``, else of delta·(|e| - ½·delta).

    So outliers have no more slope than ±delta. Source: Huber, Ann. Math. Statist. 35, 1964.

    >>> Huber(delta=1.0)([[0.0, 0.0]], [[0.5, 3.0]])  # (0.125 + 2.5) / 2
    1.3125
    """

    kernel = "huber"
    default_name = "huber_loss"

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(reduction, name, dtype)
        self.delta = _data.positive(delta, "delta")


class LogCosh(Loss):
    """mean_c log cosh(y_pred - y_true), about ½·e² for small errors e and |e| - log 2 for large; slope tanh(e).

    >>> round(LogCosh()([[0.0]], [[1.0]]), 4)
    0.4338
    """

    kernel = "log_cosh"


class Quantile(Loss):
    """mean_c max(q·(y_true - y_pred), (q - 1)·(y_true - y_pred)): its least is at the q-quantile of the targets.

    Args:
        quantile: q between 0 and 1, or a list with one for each output.
        reduction, name, dtype: as for every loss.

    Source: Koenker and Bassett, Econometrica 46, 1978.

    >>> Quantile(0.75)([[4.0], [4.0]], [[3.0], [5.0]])  # 0.75·1 too low, 0.25·1 too high
    0.5
    >>> Quantile([0.25, 0.75]).per_sample([[4.0, 4.0]], [[3.0, 3.0]])
    array([0.5])
    """

    kernel = "quantile"
    each_output = "quantile"

    def __init__(
        self,
        quantile: Any = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(reduction, name, dtype)
        self.quantile = each_output(quantile, "quantile", 0.0, 1.0)


class CosineSimilarity(Loss):
    """-Σ_c y_true·y_pred / (|y_true|·|y_pred|): -1 where both point the same way, 1 where they are opposite.

    1 / |y| is at most 1e7, so a row of zeros gives 0.

    >>> CosineSimilarity()([[0.0, 2.0], [3.0, 0.0]], [[0.0, 1.0], [0.0, 1.0]])
    -0.5
    """

    kernel = "cosine_similarity"

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(reduction, name, dtype)
        self.axis = last_axis(axis)


def each_output(value: Any, name: str, least: float, most: float) -> float | list[float]:
    """A number, or a list of one for each output, as floats within bounds."""
    if np.ndim(value):
        return [_data.real(one, name, least, most) for one in value]
    return _data.real(value, name, least, most)


def mean_squared_error(y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> Array:
    """The mean squared error of each row.

    >>> mean_squared_error([[1.0, 2.0]], [[1.0, 5.0]])
    array([4.5])
    """
    return MeanSquaredError().per_sample(y_true, y_pred)


def mean_absolute_error(y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> Array:
    """The mean absolute error of each row.

    >>> mean_absolute_error([[1.0, 2.0]], [[1.0, 5.0]])
    array([1.5])
    """
    return MeanAbsoluteError().per_sample(y_true, y_pred)


def mean_absolute_percentage_error(y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> Array:
    """The mean absolute percentage error of each row.

    >>> mean_absolute_percentage_error([[100.0, 200.0]], [[90.0, 200.0]])
    array([5.])
    """
    return MeanAbsolutePercentageError().per_sample(y_true, y_pred)


def mean_squared_logarithmic_error(y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> Array:
    """The mean squared logarithmic error of each row.

    >>> mean_squared_logarithmic_error([[0.0]], [[1.0]]).round(4)
    array([0.4805])
    """
    return MeanSquaredLogarithmicError().per_sample(y_true, y_pred)


def huber(y_true: npt.ArrayLike, y_pred: npt.ArrayLike, delta: float = 1.0) -> Array:
    """Huber's loss of each row.

    >>> huber([[0.0, 0.0]], [[0.5, 3.0]])
    array([1.3125])
    """
    return Huber(delta).per_sample(y_true, y_pred)


def log_cosh(y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> Array:
    """The mean log cosh of the errors of each row.

    >>> log_cosh([[0.0]], [[1.0]]).round(4)
    array([0.4338])
    """
    return LogCosh().per_sample(y_true, y_pred)


def quantile(y_true: npt.ArrayLike, y_pred: npt.ArrayLike, quantile: Any = 0.5) -> Array:
    """The quantile loss of each row.

    >>> quantile([[4.0], [4.0]], [[3.0], [5.0]], 0.75)
    array([0.75, 0.25])
    """
    return Quantile(quantile).per_sample(y_true, y_pred)


def cosine_similarity(y_true: npt.ArrayLike, y_pred: npt.ArrayLike, axis: int = -1) -> Array:
    """Minus the cosine between target and prediction of each row.

    >>> cosine_similarity([[0.0, 2.0]], [[3.0, 4.0]])
    array([-0.8])
    """
    return CosineSimilarity(axis).per_sample(y_true, y_pred)
