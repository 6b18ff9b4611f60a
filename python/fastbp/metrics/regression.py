"""Metrics of numbers: errors, and how much of the targets' variance is explained."""

import math
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp import _data, losses
from fastbp.metrics.mean_loss import MeanLoss
from fastbp.metrics.metric import KernelMetric, Sums, ratio

AGGREGATIONS = (None, "uniform_average", "variance_weighted_average")


class MeanSquaredError(MeanLoss):
    """The mean of (y_pred - y_true)².

    >>> MeanSquaredError()([[1.0, 2.0]], [[1.0, 5.0]])
    4.5
    """

    def __init__(self, name: str | None = "mean_squared_error", dtype: npt.DTypeLike | None = None) -> None:
        super().__init__(losses.MeanSquaredError(), name, dtype)


class MeanAbsoluteError(MeanLoss):
    """The mean of |y_pred - y_true|.

    >>> MeanAbsoluteError()([[1.0, 2.0]], [[1.0, 5.0]])
    1.5
    """

    def __init__(self, name: str | None = "mean_absolute_error", dtype: npt.DTypeLike | None = None) -> None:
        super().__init__(losses.MeanAbsoluteError(), name, dtype)


class MeanAbsolutePercentageError(MeanLoss):
    """The mean of 100·|y_pred - y_true| / |y_true|, in per cent, where |y_true| is at least 1e-7.

    >>> MeanAbsolutePercentageError()([[100.0, 200.0]], [[90.0, 200.0]])
    5.0
    """

    def __init__(self, name: str | None = "mean_absolute_percentage_error", dtype: npt.DTypeLike | None = None) -> None:
        super().__init__(losses.MeanAbsolutePercentageError(), name, dtype)


class MeanSquaredLogarithmicError(MeanLoss):
    """The mean of (log(1 + y_pred) - log(1 + y_true))², where both are at least 1e-7.

    >>> round(MeanSquaredLogarithmicError()([[0.0]], [[1.0]]), 4)  # (log 2)²
    0.4805
    """

    def __init__(self, name: str | None = "mean_squared_logarithmic_error", dtype: npt.DTypeLike | None = None) -> None:
        super().__init__(losses.MeanSquaredLogarithmicError(), name, dtype)


class LogCoshError(MeanLoss):
    """The mean of log cosh(y_pred - y_true).

    >>> round(LogCoshError()([[0.0]], [[1.0]]), 4)
    0.4338
    """

    def __init__(self, name: str | None = "logcosh", dtype: npt.DTypeLike | None = None) -> None:
        super().__init__(losses.LogCosh(), name, dtype)


class CosineSimilarity(MeanLoss):
    """The mean of Σ_c y_true·y_pred / (|y_true|·|y_pred|): 1 where both point the same way, -1 where opposite.

    ``axis`` is -1, the outputs of a sample; nothing else is possible.

    >>> CosineSimilarity()([[0.0, 2.0], [3.0, 0.0]], [[0.0, 1.0], [0.0, 1.0]])
    0.5
    """

    def __init__(
        self, name: str | None = "cosine_similarity", dtype: npt.DTypeLike | None = None, axis: int = -1
    ) -> None:
        super().__init__(losses.CosineSimilarity(axis), name, dtype)
        self.axis = axis

    def result_of(self, state: Sums) -> float:
        return -super().result_of(state) + 0.0  # the loss is what is to be least; nothing seen is 0, not -0


class RootMeanSquaredError(MeanLoss):
    """The root of the mean of (y_pred - y_true)².

    >>> RootMeanSquaredError()([[1.0, 2.0]], [[4.0, 5.0]])
    3.0
    """

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: npt.DTypeLike | None = None) -> None:
        super().__init__(losses.MeanSquaredError(), name, dtype)

    def result_of(self, state: Sums) -> float:
        return math.sqrt(super().result_of(state))


class R2Score(KernelMetric):
    """1 - Σ (y_true - y_pred)² / Σ (y_true - mean)², for each output; 0 for one whose targets are all the same.

    Args:
        class_aggregation: "uniform_average" for the mean over outputs, "variance_weighted_average" for that by the
            targets' variance, None for an array with the score of each.
        num_regressors: if not 0, p of the adjusted score 1 - (1 - score)·(n - 1) / (n - p - 1), where as in Keras n
            counts all targets: samples · outputs.
        name: the name in the logs.
        dtype: what values given by hand are converted to.

    >>> R2Score()([[1.0], [2.0], [3.0]], [[1.0], [2.0], [2.0]])
    0.5
    """

    kernel = "r2_score"

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: npt.DTypeLike | None = None,
    ) -> None:
        super().__init__(name, dtype)
        if class_aggregation not in AGGREGATIONS:
            known = ", ".join(map(str, AGGREGATIONS))
            raise ValueError(f"class_aggregation must be one of {known}; got {class_aggregation!r}")
        self.class_aggregation = class_aggregation
        self.num_regressors = _data.positive_int(num_regressors, "num_regressors", least=0)

    def result_of(self, state: Sums) -> Any:
        sums, squares, errors = state[2:].reshape(-1, 3).T
        variances = squares - ratio(sums**2, state[1])
        noise = 8 * np.finfo(np.float64).eps * math.sqrt(state[0]) * squares  # what rounding leaves of equal targets
        scores = np.where(variances > noise, 1.0 - ratio(errors, variances), 0.0)
        if self.class_aggregation is None:
            return self._adjusted(scores, state)
        weights = variances if self.class_aggregation == "variance_weighted_average" else np.ones(len(scores))
        return float(self._adjusted(ratio(scores @ weights, weights.sum()), state))

    def _adjusted(self, score: Any, state: Sums) -> Any:
        freedom = state[0] * (len(state) - 2) / 3 - self.num_regressors - 1
        if self.num_regressors == 0 or state[1] == 0.0:
            return score
        if freedom <= 0:
            warnings.warn(
                f"num_regressors={self.num_regressors} leave {freedom:g} degrees of freedom: the score is not adjusted",
                stacklevel=2,
            )
            return score
        return 1.0 - (1.0 - score) * (freedom + self.num_regressors) / freedom
