"""The F-scores: precision and recall in one number."""

from typing import Any

import numpy.typing as npt

from fastbp import _data
from fastbp.metrics.metric import KernelMetric, Sums

AVERAGES = (None, "micro", "macro", "weighted")
EPSILON = 1e-7  # what Keras adds to divisors


class FBetaScore(KernelMetric):
    """(1 + β²)·precision·recall / (β²·precision + recall), for each output or as a mean over them.

    Args:
        average: None for an array with the score of each output, "macro" for their mean, "weighted" for their mean by
            the targets' sums, "micro" for the score of all outputs together.
        beta: how much more recall counts than precision.
        threshold: above which an output is positive, in (0, 1]; without one the largest of each sample is.
        name: the name in the logs.
        dtype: what values given by hand are converted to.

    >>> FBetaScore(beta=2.0, threshold=0.5)([[1, 1], [1, 0]], [[0.2, 0.6], [0.9, 0.2]]).round(4)
    array([0.5556, 1.    ])
    """

    kernel = "f_beta_score"

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: npt.DTypeLike | None = None,
    ) -> None:
        super().__init__(name, dtype)
        if average not in AVERAGES:
            raise ValueError(f"average must be one of {', '.join(map(str, AVERAGES))}; got {average!r}")
        self.average = average
        self.beta = _data.positive(beta, "beta")
        self.threshold = None if threshold is None else _data.positive(threshold, "threshold")
        if self.threshold is not None and self.threshold > 1.0:
            raise ValueError(f"threshold must be greater than 0 and at most 1; got {threshold}")

    def kernel_settings_for(self, outputs: int) -> list[float]:
        return [self.threshold or 0.0]

    def result_of(self, state: Sums) -> Any:
        sums = state.reshape(-1, 3)
        if self.average == "micro":
            sums = sums.sum(axis=0, keepdims=True)
        hits, chosen, targets = sums.T
        precision, recall = hits / (chosen + EPSILON), hits / (targets + EPSILON)
        square = self.beta**2
        scores = (1.0 + square) * precision * recall / (square * precision + recall + EPSILON)
        if self.average is None:
            return scores
        if self.average == "weighted":
            return float((scores * targets).sum() / (targets.sum() + EPSILON))
        return float(scores.mean())


class F1Score(FBetaScore):
    """2·precision·recall / (precision + recall), for each output or as a mean over them: FBetaScore with β = 1.

    >>> round(F1Score("macro", threshold=0.5)([[1, 1], [1, 0]], [[0.2, 0.6], [0.9, 0.2]]), 4)
    0.8333
    """

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: npt.DTypeLike | None = None,
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype)
