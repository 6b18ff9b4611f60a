"""The area under a curve that a threshold draws."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from fastbp import _data
from fastbp.metrics.confusion import Confusion, ConfusionMetric, between_0_and_1, evenly_spaced, number_of_thresholds
from fastbp.metrics.metric import Array, Sums, ratio

BEYOND = 1e-7  # how far the first and the last threshold lie outside [0, 1]


def _gains(confusion: Confusion) -> tuple[Array, Array]:
    """Recall and precision on the scale where chance is 0 and perfection is 1 (Flach and Kull, NeurIPS 2015)."""
    hits = confusion.true_positives
    odds = ratio(hits + confusion.false_negatives, confusion.true_negatives + confusion.false_positives)
    recall = np.where(hits == 0.0, 0.0, 1.0 - odds * ratio(confusion.false_negatives, hits))
    precision = 1.0 - odds * ratio(confusion.false_positives, hits)
    return np.maximum(recall, 0.0), precision


CURVES: dict[str, Callable[[Confusion], tuple[Array, Array]]] = {  # x and y
    "ROC": lambda confusion: (1.0 - confusion.specificity, confusion.recall),
    "PR": lambda confusion: (confusion.recall, confusion.precision),
    "PRGAIN": _gains,
}
HEIGHTS: dict[str, Callable[[Array, Array], Array]] = {  # between two points, from those of both
    "interpolation": lambda a, b: (a + b) / 2.0,
    "minoring": np.minimum,
    "majoring": np.maximum,
}


def _area_under_precision(confusion: Confusion) -> Array:
    """The area under precision over recall, where counts and not precision are linear between two thresholds.

    With tp = a + s·p for p = tp + fp, the precision a/p + s is integrated exactly (Davis and Goadrich, ICML 2006).
    """
    hits = confusion.true_positives
    chosen = hits + confusion.false_positives
    gained, slope = hits[..., :-1] - hits[..., 1:], ratio(np.diff(hits), np.diff(chosen))
    start = hits[..., 1:] - slope * chosen[..., 1:]
    some = (chosen[..., :-1] > 0.0) & (chosen[..., 1:] > 0.0)
    grown = np.where(some, ratio(chosen[..., :-1], chosen[..., 1:]), 1.0)
    return ratio(slope * (gained + start * np.log(grown)), (hits + confusion.false_negatives)[..., 1:]).sum(axis=-1)


class AUC(ConfusionMetric):
    """The area under a curve, as a sum over thresholds.

    Args:
        num_thresholds: how many, evenly spaced from just below 0 to just above 1.
        curve: "ROC" (true over false positive rate), "PR" (precision over recall) or "PRGAIN" (the gains of these).
        summation_method: between two thresholds "interpolation", or the lower ("minoring") or the higher
            ("majoring") value. Under "PR" the interpolation is that of the counts.
        name: the name in the logs.
        dtype: what values given by hand are converted to.
        thresholds: those in [0, 1] to use instead.
        multi_label: whether each output has an area of its own, and the result is their mean.
        num_labels: how many outputs there must be then.
        label_weights: the weight of each output, in the mean of the areas or else in the counts.
        from_logits: whether outputs are logits.

    >>> AUC()([[0], [0], [1], [1]], [[0.0], [0.5], [0.3], [0.9]])
    0.75
    """

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: npt.DTypeLike | None = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Sequence[float] | None = None,
        from_logits: bool = False,
    ) -> None:
        self.num_thresholds = number_of_thresholds(num_thresholds, least=2)
        self.curve = _data.one_of(str(curve).upper(), "curve", CURVES)
        self.summation_method = _data.one_of(str(summation_method).lower(), "summation_method", HEIGHTS)
        self.thresholds = None if thresholds is None else _data.reals(thresholds, "thresholds", 0.0, 1.0)
        self.multi_label = bool(multi_label)
        self.num_labels = None if num_labels is None else _data.positive_int(num_labels, "num_labels")
        self.label_weights = None if label_weights is None else _data.reals(label_weights, "label_weights")
        self.from_logits = bool(from_logits)
        if num_labels is not None and not multi_label:
            raise ValueError(f"num_labels is for multi_label=True; got num_labels={num_labels} without")
        self.by_output = self.multi_label or label_weights is not None

        inner = between_0_and_1(num_thresholds - 2) if self.thresholds is None else sorted(self.thresholds)
        evenly = thresholds is None or evenly_spaced([0.0, *inner, 1.0])
        super().__init__([-BEYOND, *inner, 1.0 + BEYOND], evenly, name, dtype)
        if from_logits:  # σ(z) > level where z > log(level / (1 - level))
            levels = np.clip(self._levels, 0.0, 1.0)
            with np.errstate(divide="ignore"):
                self._levels = (np.log(levels) - np.log1p(-levels)).tolist()

    def kernel_settings_for(self, outputs: int) -> list[float]:
        if self.num_labels not in (None, outputs):
            raise ValueError(f"metric {self.name} has num_labels {self.num_labels}; there are {outputs} outputs")
        if self.label_weights is not None and len(self.label_weights) != outputs:
            raise ValueError(
                f"metric {self.name} has {len(self.label_weights)} label_weights; there are {outputs} outputs"
            )
        return super().kernel_settings_for(outputs)

    def result_of(self, state: Sums) -> float:
        weights = None if self.label_weights is None else np.array(self.label_weights)
        confusion = self.confusion(state, None if self.multi_label else weights)
        if (self.curve, self.summation_method) == ("PR", "interpolation"):
            areas = _area_under_precision(confusion)
        else:
            x, y = CURVES[self.curve](confusion)
            areas = (-np.diff(x) * HEIGHTS[self.summation_method](y[..., :-1], y[..., 1:])).sum(axis=-1)
        if self.multi_label and weights is not None:
            return float(ratio(areas @ weights, weights.sum()))
        return float(areas.mean())
