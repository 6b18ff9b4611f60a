"""Metrics of margins: the means of the losses of the same names."""

import numpy.typing as npt

from fastbp import losses
from fastbp.metrics.mean_loss import MeanLoss


class Hinge(MeanLoss):
    """The mean of max(1 - y_true·y_pred, 0), with targets -1 and 1, where 0 counts as -1.

    >>> Hinge()([[1.0], [-1.0]], [[0.5], [-2.0]])
    0.25
    """

    def __init__(self, name: str | None = "hinge", dtype: npt.DTypeLike | None = None) -> None:
        super().__init__(losses.Hinge(), name, dtype)


class SquaredHinge(MeanLoss):
    """The mean of max(1 - y_true·y_pred, 0)², with targets -1 and 1, where 0 counts as -1.

    >>> SquaredHinge()([[1.0], [-1.0]], [[0.5], [-2.0]])
    0.125
    """

    def __init__(self, name: str | None = "squared_hinge", dtype: npt.DTypeLike | None = None) -> None:
        super().__init__(losses.SquaredHinge(), name, dtype)


class CategoricalHinge(MeanLoss):
    """The mean of max(1 + max_c (1 - y_true)·y_pred - Σ_c y_true·y_pred, 0), with targets one-hot.

    >>> CategoricalHinge()([[0.0, 1.0]], [[0.75, 1.0]])
    0.75
    """

    def __init__(self, name: str | None = "categorical_hinge", dtype: npt.DTypeLike | None = None) -> None:
        super().__init__(losses.CategoricalHinge(), name, dtype)
