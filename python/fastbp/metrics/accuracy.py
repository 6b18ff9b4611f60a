"""Accuracies: the share of outputs, or of samples, that are right."""

import numpy.typing as npt

from fastbp import _data
from fastbp.metrics.metric import MeanOf


class Accuracy(MeanOf):
    """The share of outputs that equal their target.

    >>> Accuracy()([[1], [2], [3], [4]], [[0], [2], [3], [4]])
    0.75
    """

    kernel = "accuracy"

    def __init__(self, name: str | None = "accuracy", dtype: npt.DTypeLike | None = None) -> None:
        super().__init__(name, dtype)


class BinaryAccuracy(MeanOf):
    """The share of outputs that are above the threshold where their target is 1, and not where it is 0.

    >>> BinaryAccuracy()([[1], [0]], [[0.9], [0.8]])
    0.5
    """

    kernel = "binary_accuracy"

    def __init__(
        self, name: str | None = "binary_accuracy", dtype: npt.DTypeLike | None = None, threshold: float = 0.5
    ) -> None:
        super().__init__(name, dtype)
        self.threshold = _data.real(threshold, "threshold")

    def kernel_settings_for(self, outputs: int) -> list[float]:
        return [self.threshold]


class CategoricalAccuracy(MeanOf):
    """The share of samples whose largest output is where their largest target is.

    >>> CategoricalAccuracy()([[0, 1], [1, 0]], [[0.2, 0.8], [0.4, 0.6]])
    0.5
    """

    kernel = "categorical_accuracy"

    def __init__(self, name: str | None = "categorical_accuracy", dtype: npt.DTypeLike | None = None) -> None:
        super().__init__(name, dtype)


class SparseCategoricalAccuracy(MeanOf):
    """The share of samples whose largest output is at their label.

    >>> SparseCategoricalAccuracy()([1, 0], [[0.2, 0.8], [0.4, 0.6]])
    0.5
    """

    kernel = "sparse_categorical_accuracy"
    sparse = True

    def __init__(self, name: str | None = "sparse_categorical_accuracy", dtype: npt.DTypeLike | None = None) -> None:
        super().__init__(name, dtype)


class TopKCategoricalAccuracy(MeanOf):
    """The share of samples where fewer than k outputs are larger than that of the largest target.

    >>> TopKCategoricalAccuracy(k=2)([[0, 0, 1], [0, 0, 1]], [[0.1, 0.9, 0.8], [0.2, 0.3, 0.1]])
    0.5
    """

    kernel = "top_k_categorical_accuracy"

    def __init__(
        self, k: int = 5, name: str | None = "top_k_categorical_accuracy", dtype: npt.DTypeLike | None = None
    ) -> None:
        super().__init__(name, dtype)
        self.k = _data.positive_int(k, "k")

    def kernel_settings_for(self, outputs: int) -> list[float]:
        return [self.k]


class SparseTopKCategoricalAccuracy(TopKCategoricalAccuracy):
    """The share of samples where fewer than k outputs are larger than that of their label.

    >>> SparseTopKCategoricalAccuracy(k=2)([2, 2], [[0.1, 0.9, 0.8], [0.2, 0.3, 0.1]])
    0.5
    """

    kernel = "sparse_top_k_categorical_accuracy"
    sparse = True

    def __init__(
        self, k: int = 5, name: str | None = "sparse_top_k_categorical_accuracy", dtype: npt.DTypeLike | None = None
    ) -> None:
        super().__init__(k, name, dtype)
