"""Metrics from how many outputs are rightly or wrongly above a threshold."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp import _data
from fastbp.metrics.metric import Array, KernelMetric, Sums, ratio

Thresholds = float | Sequence[float] | None


@dataclass(frozen=True)
class Confusion:
    """Weighted counts of outputs, each (..., thresholds)."""

    true_positives: Array
    false_positives: Array
    true_negatives: Array
    false_negatives: Array

    @property
    def precision(self) -> Array:
        """The share of what is above the threshold that is positive."""
        return ratio(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> Array:
        """The share of positives that is above the threshold: the sensitivity."""
        return ratio(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def specificity(self) -> Array:
        """The share of negatives that is not above the threshold."""
        return ratio(self.true_negatives, self.true_negatives + self.false_positives)


def evenly_spaced(thresholds: list[float]) -> bool:
    """Whether thresholds are 0, 1 / (n - 1), ..., 1."""
    return len(thresholds) > 2 and np.allclose(thresholds, np.linspace(0.0, 1.0, len(thresholds)), atol=1e-7)


MOST_THRESHOLDS = 100_000  # else a few bytes of a file could ask for any amount of memory


def number_of_thresholds(value: Any, least: int) -> int:
    """``value`` as a whole number in that range."""
    number = _data.positive_int(value, "num_thresholds", least)
    if number > MOST_THRESHOLDS:
        raise ValueError(f"num_thresholds must be at most {MOST_THRESHOLDS:,}; got {number}")
    return number


def between_0_and_1(count: int) -> list[float]:
    """So many thresholds strictly between 0 and 1, evenly spaced."""
    return [(i + 1) / (count + 1) for i in range(count)]


class ConfusionMetric(KernelMetric):
    """A metric from the confusion at some thresholds. An output is positive if it is greater than the threshold."""

    kernel = "confusion"
    top_k: int | None = None
    class_id: int | None = None
    by_output = False  # whether each output has counts of its own

    def __init__(self, levels: list[float], evenly: bool, name: str | None, dtype: npt.DTypeLike | None) -> None:
        super().__init__(name, dtype)
        self._order = np.argsort(levels, kind="stable")
        self._levels = [levels[i] for i in self._order]
        if evenly:  # Keras then takes outputs beyond 0 and 1 for these: nothing is above the last threshold
            self._levels[-1] = math.inf
            self._levels[0] = -math.inf if self._levels[0] < 0.0 else self._levels[0]

    def kernel_settings_for(self, outputs: int) -> list[float]:
        if self.class_id is not None and self.class_id >= outputs:
            raise ValueError(f"metric {self.name} has class_id {self.class_id}; there are {outputs} outputs")
        if self.top_k is not None and self.top_k > outputs:
            raise ValueError(f"metric {self.name} has top_k {self.top_k}; there are {outputs} outputs")
        class_id = -1 if self.class_id is None else self.class_id
        return [self.top_k or 0, class_id, self.by_output, len(self._levels), *self._levels]

    def confusion(self, state: Sums, output_weights: Array | None = None) -> Confusion:
        """The counts (thresholds); where each output has its own (outputs, thresholds), or their weighted sum."""
        counts = state.reshape(-1, 2, len(self._levels) + 1)  # by target and how many thresholds are exceeded
        if output_weights is not None:
            counts = np.tensordot(output_weights, counts, 1)
        elif not self.by_output:
            counts = counts[0]
        place = np.argsort(self._order)  # of each threshold among the sorted ones
        below = counts.cumsum(axis=-1)[..., :-1][..., place]
        above = counts[..., ::-1].cumsum(axis=-1)[..., -2::-1][..., place]
        return Confusion(above[..., 1, :], above[..., 0, :], below[..., 0, :], below[..., 1, :])


class ThresholdMetric(ConfusionMetric):
    """A ConfusionMetric at thresholds of the user's: a float for one, an array for several."""

    def __init__(self, thresholds: Thresholds, default: float, name: str | None, dtype: npt.DTypeLike | None) -> None:
        self.thresholds = None if thresholds is None else _data.reals(thresholds, "thresholds", 0.0, 1.0)
        levels = [default] if self.thresholds is None else self.thresholds
        super().__init__(levels, evenly_spaced(levels), name, dtype)

    def value_of(self, confusion: Confusion) -> Array:
        """The metric (thresholds)."""
        raise NotImplementedError

    def result_of(self, state: Sums) -> Any:
        values = self.value_of(self.confusion(state))
        return values if len(values) > 1 else float(values[0])


class _Count(ThresholdMetric):
    def __init__(
        self, thresholds: Thresholds = None, name: str | None = None, dtype: npt.DTypeLike | None = None
    ) -> None:
        super().__init__(thresholds, 0.5, name, dtype)


class TruePositives(_Count):
    """How many outputs with a target that is not 0 are above the threshold (0.5).

    >>> TruePositives()([[0], [1], [1]], [[0.9], [0.8], [0.3]])
    1.0
    >>> TruePositives(thresholds=[0.25, 0.5])([[0], [1], [1]], [[0.9], [0.8], [0.3]])
    array([2., 1.])
    """

    def value_of(self, confusion: Confusion) -> Array:
        return confusion.true_positives


class FalsePositives(_Count):
    """How many outputs with target 0 are above the threshold (0.5).

    >>> FalsePositives()([[0], [1], [0]], [[0.9], [0.8], [0.3]])
    1.0
    """

    def value_of(self, confusion: Confusion) -> Array:
        return confusion.false_positives


class TrueNegatives(_Count):
    """How many outputs with target 0 are not above the threshold (0.5).

    >>> TrueNegatives()([[0], [1], [0]], [[0.9], [0.8], [0.3]])
    1.0
    """

    def value_of(self, confusion: Confusion) -> Array:
        return confusion.true_negatives


class FalseNegatives(_Count):
    """How many outputs with a target that is not 0 are not above the threshold (0.5).

    >>> FalseNegatives()([[0], [1], [1]], [[0.9], [0.8], [0.3]])
    1.0
    """

    def value_of(self, confusion: Confusion) -> Array:
        return confusion.false_negatives


class _Share(ThresholdMetric):
    def __init__(
        self,
        thresholds: Thresholds = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: npt.DTypeLike | None = None,
    ) -> None:
        super().__init__(thresholds, 0.5 if top_k is None else -math.inf, name, dtype)
        self.top_k = None if top_k is None else _data.positive_int(top_k, "top_k")
        self.class_id = None if class_id is None else _data.positive_int(class_id, "class_id", least=0)


class Precision(_Share):
    """True positives / all positives; 0 if there are none.

    Args:
        thresholds: above which an output is positive (0.5), in [0, 1]; several give an array.
        top_k: only the k largest outputs of a sample can be positive, and are where ``thresholds`` is not given.
        class_id: the one output that counts.
        name: the name in the logs.
        dtype: what values given by hand are converted to.

    >>> Precision()([[0], [1], [1]], [[0.9], [0.8], [0.3]])
    0.5
    >>> Precision(top_k=1)([[0, 1], [1, 0]], [[0.2, 0.3], [0.1, 0.4]])
    0.5
    """

    def value_of(self, confusion: Confusion) -> Array:
        return confusion.precision


class Recall(_Share):
    """True positives / all whose target is not 0; 0 if there are none.

    Args:
        thresholds: above which an output is positive (0.5), in [0, 1]; several give an array.
        top_k: only the k largest outputs of a sample can be positive, and are where ``thresholds`` is not given.
        class_id: the one output that counts.
        name: the name in the logs.
        dtype: what values given by hand are converted to.

    >>> Recall()([[0], [1], [1]], [[0.9], [0.8], [0.3]])
    0.5
    """

    def value_of(self, confusion: Confusion) -> Array:
        return confusion.recall


class _Best(ConfusionMetric):
    """The best of one share over the thresholds where another has at least a given value; 0 if none has."""

    def __init__(
        self, least: float, num_thresholds: int, class_id: int | None, name: str | None, dtype: npt.DTypeLike | None
    ) -> None:
        self.num_thresholds = number_of_thresholds(num_thresholds, least=1)
        self.class_id = None if class_id is None else _data.positive_int(class_id, "class_id", least=0)
        self._least = least
        levels = [0.5] if num_thresholds == 1 else [0.0, *between_0_and_1(num_thresholds - 2), 1.0]
        super().__init__(levels, num_thresholds > 1, name, dtype)

    def shares_of(self, confusion: Confusion) -> tuple[Array, Array]:
        """The share that counts, and the one that must have the value."""
        raise NotImplementedError

    def result_of(self, state: Sums) -> float:
        share, condition = self.shares_of(self.confusion(state))
        return float(share[condition >= self._least].max(initial=0.0))


class SensitivityAtSpecificity(_Best):
    """The highest sensitivity among thresholds with at least that specificity.

    >>> SensitivityAtSpecificity(0.5)([[0], [0], [0], [1], [1]], [[0.0], [0.3], [0.8], [0.3], [0.8]])
    0.5
    """

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: npt.DTypeLike | None = None,
    ) -> None:
        self.specificity = _data.real(specificity, "specificity", 0.0, 1.0)
        super().__init__(self.specificity, num_thresholds, class_id, name, dtype)

    def shares_of(self, confusion: Confusion) -> tuple[Array, Array]:
        return confusion.recall, confusion.specificity


class SpecificityAtSensitivity(_Best):
    """The highest specificity among thresholds with at least that sensitivity.

    >>> round(SpecificityAtSensitivity(0.5)([[0], [0], [0], [1], [1]], [[0.0], [0.3], [0.8], [0.3], [0.8]]), 4)
    0.6667
    """

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: npt.DTypeLike | None = None,
    ) -> None:
        self.sensitivity = _data.real(sensitivity, "sensitivity", 0.0, 1.0)
        super().__init__(self.sensitivity, num_thresholds, class_id, name, dtype)

    def shares_of(self, confusion: Confusion) -> tuple[Array, Array]:
        return confusion.specificity, confusion.recall


class PrecisionAtRecall(_Best):
    """The highest precision among thresholds with at least that recall.

    >>> PrecisionAtRecall(0.5)([[0], [0], [0], [1], [1]], [[0.0], [0.3], [0.8], [0.3], [0.8]])
    0.5
    """

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: npt.DTypeLike | None = None,
    ) -> None:
        self.recall = _data.real(recall, "recall", 0.0, 1.0)
        super().__init__(self.recall, num_thresholds, class_id, name, dtype)

    def shares_of(self, confusion: Confusion) -> tuple[Array, Array]:
        return confusion.precision, confusion.recall


class RecallAtPrecision(_Best):
    """The highest recall among thresholds with at least that precision.

    >>> RecallAtPrecision(0.8)([[0], [0], [1], [1]], [[0.0], [0.5], [0.3], [0.9]])
    0.5
    """

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: npt.DTypeLike | None = None,
    ) -> None:
        self.precision = _data.real(precision, "precision", 0.0, 1.0)
        super().__init__(self.precision, num_thresholds, class_id, name, dtype)

    def shares_of(self, confusion: Confusion) -> tuple[Array, Array]:
        return confusion.recall, confusion.precision
