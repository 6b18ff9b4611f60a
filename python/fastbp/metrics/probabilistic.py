"""Metrics of rates and distributions: the means of the losses of the same names."""

import numpy.typing as npt

from fastbp import losses
from fastbp.metrics.mean_loss import MeanLoss


class Poisson(MeanLoss):
    """The mean of y_pred - y_true·log(y_pred + 1e-7).

    >>> round(Poisson()([[2.0]], [[1.0]]), 4)
    1.0
    """

    def __init__(self, name: str | None = "poisson", dtype: npt.DTypeLike | None = None) -> None:
        super().__init__(losses.Poisson(), name, dtype)


class KLDivergence(MeanLoss):
    """The mean of Σ_c y_true·log(y_true / y_pred), with both kept within [1e-7, 1].

    >>> round(KLDivergence()([[0.5, 0.5]], [[0.25, 0.75]]), 4)
    0.1438
    """

    def __init__(self, name: str | None = "kl_divergence", dtype: npt.DTypeLike | None = None) -> None:
        super().__init__(losses.KLDivergence(), name, dtype)


class BinaryCrossentropy(MeanLoss):
    """The mean of -(t·log p + (1 - t)·log(1 - p)), where p is the output, or σ(output) with ``from_logits``.

    Targets are t = y_true·(1 - s) + s / 2 for s = ``label_smoothing``.

    >>> round(BinaryCrossentropy()([[1.0]], [[0.5]]), 4)
    0.6931
    """

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: npt.DTypeLike | None = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(losses.BinaryCrossentropy(from_logits, label_smoothing), name, dtype)
        self.from_logits = bool(from_logits)
        self.label_smoothing = float(label_smoothing)


class CategoricalCrossentropy(MeanLoss):
    """The mean of -Σ_c t·log p, where p is the output over its sum, or softmax(output) with ``from_logits``.

    Targets are t = y_true·(1 - s) + s / outputs for s = ``label_smoothing``. ``axis`` is -1, the outputs of a sample;
    nothing else is possible.

    >>> round(CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]]), 4)
    0.6931
    """

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: npt.DTypeLike | None = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
    ) -> None:
        super().__init__(losses.CategoricalCrossentropy(from_logits, label_smoothing, axis), name, dtype)
        self.from_logits = bool(from_logits)
        self.label_smoothing = float(label_smoothing)
        self.axis = axis


class SparseCategoricalCrossentropy(MeanLoss):
    """The mean of -log p[label], where p is the output over its sum, or softmax(output) with ``from_logits``.

    Samples with the label ``ignore_class`` do not count. ``axis`` is -1, the outputs of a sample; nothing else is
    possible.

    >>> round(SparseCategoricalCrossentropy()([1], [[0.5, 0.5]]), 4)
    0.6931
    """

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: npt.DTypeLike | None = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        loss = losses.SparseCategoricalCrossentropy(from_logits, ignore_class, axis=axis)
        super().__init__(loss, name, dtype)
        self.from_logits = bool(from_logits)
        self.ignore_class = loss.ignore_class
        self.axis = axis
