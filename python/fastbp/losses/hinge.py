"""Losses of margins: 0 once a prediction is on its target's side by at least 1."""

import numpy.typing as npt

from fastbp.losses.base import Array, Loss


class Hinge(Loss):
    """mean_c max(1 - y_true·y_pred, 0), with targets -1 and 1; slope -y_true / outputs where that is not 0.

    Targets that are all 0 or 1 are taken for -1 and 1. That is decided for all targets of a call or of a fit, where
    Keras looks at one batch at a time.

    >>> Hinge()([[1.0], [-1.0]], [[0.5], [-2.0]])
    0.25
    """

    kernel = "hinge"

    def prepare_targets(self, y: Array) -> Array:
        """0 and 1 as -1 and 1; other targets as they are.

        >>> import numpy as np
        >>> Hinge().prepare_targets(np.array([0.0, 1.0]))
        array([-1.,  1.])
        """
        return 2.0 * y - 1.0 if ((y == 0) | (y == 1)).all() else y


class SquaredHinge(Hinge):
    """mean_c max(1 - y_true·y_pred, 0)², with targets as for Hinge.

    >>> SquaredHinge()([[1.0], [-1.0]], [[0.5], [-2.0]])
    0.125
    """

    kernel = "squared_hinge"


class CategoricalHinge(Loss):
    """max(1 + max_c (1 - y_true)·y_pred - Σ_c y_true·y_pred, 0), with targets one-hot.

    Outputs that share the greatest share its slope.

    >>> CategoricalHinge()([[0.0, 1.0]], [[0.75, 1.0]])
    0.75
    """

    kernel = "categorical_hinge"


def hinge(y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> Array:
    """The hinge loss of each row.

    >>> hinge([[1.0], [-1.0]], [[0.5], [-2.0]])
    array([0.5, 0. ])
    """
    return Hinge().per_sample(y_true, y_pred)


def squared_hinge(y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> Array:
    """The squared hinge loss of each row.

    >>> squared_hinge([[1.0], [-1.0]], [[0.5], [-2.0]])
    array([0.25, 0.  ])
    """
    return SquaredHinge().per_sample(y_true, y_pred)


def categorical_hinge(y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> Array:
    """The categorical hinge loss of each row.

    >>> categorical_hinge([[0.0, 1.0]], [[0.75, 1.0]])
    array([0.75])
    """
    return CategoricalHinge().per_sample(y_true, y_pred)
