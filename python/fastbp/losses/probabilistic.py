"""Losses of rates and distributions."""

import numpy.typing as npt

from fastbp.losses.base import Array, Loss


class Poisson(Loss):
    """mean_c y_pred - y_true·log(y_pred + 1e-7), where y_true is a count and y_pred its expected value.

    >>> round(Poisson()([[2.0]], [[1.0]]), 4)
    1.0
    """

    kernel = "poisson"


class KLDivergence(Loss):
    """Σ_c y_true·log(y_true / y_pred), with both kept within [1e-7, 1]; slope -y_true / y_pred, or 0 beyond.

    Source: Kullback and Leibler, Ann. Math. Statist. 22, 1951.

    >>> round(KLDivergence()([[0.5, 0.5]], [[0.25, 0.75]]), 4)
    0.1438
    """

    kernel = "kl_divergence"


def poisson(y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> Array:
    """The Poisson loss of each row.

    >>> poisson([[2.0]], [[1.0]]).round(4)
    array([1.])
    """
    return Poisson().per_sample(y_true, y_pred)


def kl_divergence(y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> Array:
    """The Kullback-Leibler divergence of each row.

    >>> kl_divergence([[0.5, 0.5]], [[0.25, 0.75]]).round(4)
    array([0.1438])
    """
    return KLDivergence().per_sample(y_true, y_pred)
