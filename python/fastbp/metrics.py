"""Metrics: what is reported beside the loss, computed from sums over all samples, without keeping any."""

from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp import _core, _data
from fastbp._registry import Configurable, Registry, unknown_name
from fastbp.losses import Loss, _as_rows

__all__ = [
    "METRICS",
    "BinaryAccuracy",
    "CategoricalAccuracy",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Metric",
    "SparseCategoricalAccuracy",
    "get",
]


class Metric(Configurable):
    """A metric of the core. It can also be fed by hand: update_state(...), result(), reset_state()."""

    kernel: str
    sparse = False  # whether targets are labels
    kernel_settings: tuple[float, ...] = ()  # the numbers that its kernel takes

    def __init__(self, name: str | None = None) -> None:
        self.name = name or self.kernel
        self.reset_state()

    def kernel_settings_for(self, outputs):
        return []

    def reset_state(self) -> None:
        """Forgets what was seen."""
        self._state: npt.NDArray[np.float64] = np.zeros(1)  # of the kernel; its size depends on the outputs

    def update_state(
        self, y_true: npt.ArrayLike, y_pred: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None
    ) -> None:
        """Takes in the rows of y_pred (n, m) with their targets (n, m), or labels (n)."""
        true, pred = _as_rows(y_true, y_pred, self.sparse)
        weight = None if sample_weight is None else _data.as_sample_weight(sample_weight, len(pred), pred.dtype)
        self._state = self._state + np.array(_core.metric(pred, true, self.kernel, list(self.kernel_settings), weight))

    def result(self) -> float:
        """The metric of all that was seen; 0 if nothing was."""
        return self.result_of(self._state)

    def result_of(self, state: npt.NDArray[np.float64]) -> float:
        """The metric, from the sums of its kernel: here a weighted mean, from Σ weight·value and Σ weight."""
        return float(state[0] / state[1]) if state[-1] else 0.0

    def __call__(
        self, y_true: npt.ArrayLike, y_pred: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None
    ) -> float:
        self.update_state(y_true, y_pred, sample_weight)
        return self.result()

    def __repr__(self) -> str:
        return f"<metric {self.name}>"


class BinaryAccuracy(Metric):
    """The share of outputs on their target's side of 0.5.

    >>> BinaryAccuracy()([[1], [0]], [[0.9], [0.8]])
    0.5
    """

    kernel = "binary_accuracy"


class CategoricalAccuracy(Metric):
    """The share of samples whose largest output is where their largest target is.

    >>> CategoricalAccuracy()([[0, 1], [1, 0]], [[0.2, 0.8], [0.4, 0.6]])
    0.5
    """

    kernel = "categorical_accuracy"


class SparseCategoricalAccuracy(Metric):
    """The share of samples whose largest output is at their label.

    >>> SparseCategoricalAccuracy()([1, 0], [[0.2, 0.8], [0.4, 0.6]])
    0.5
    """

    kernel = "sparse_categorical_accuracy"
    sparse = True


class MeanSquaredError(Metric):
    """The mean of (y_pred - y_true)².

    >>> MeanSquaredError()([[1.0, 2.0]], [[1.0, 5.0]])
    4.5
    """

    kernel = "mean_squared_error"


class MeanAbsoluteError(Metric):
    """The mean of |y_pred - y_true|.

    >>> MeanAbsoluteError()([[1.0, 2.0]], [[1.0, 5.0]])
    1.5
    """

    kernel = "mean_absolute_error"


METRICS: Registry[Metric] = Registry(
    "metric",
    Metric,
    {
        cls.kernel: cls
        for cls in (
            BinaryAccuracy,
            CategoricalAccuracy,
            SparseCategoricalAccuracy,
            MeanSquaredError,
            MeanAbsoluteError,
        )
    },
    aliases={
        "mse": "mean_squared_error",
        "MSE": "mean_squared_error",
        "mae": "mean_absolute_error",
        "MAE": "mean_absolute_error",
    },
)


def get(identifier: Any, loss: Loss | None = None, outputs: int | None = None) -> Metric:
    """The metric of that name, of that class, or the given one; a name becomes the name in the logs.

    "accuracy" (or "acc") is the accuracy that fits the loss: sparse for labels, binary for binary cross-entropy or a
    single output, else categorical.

    >>> get("mae")
    <metric mae>
    """
    if not isinstance(identifier, str):
        return METRICS.get(identifier)
    kernel = identifier
    if identifier in ("accuracy", "acc"):
        if loss is None:
            raise ValueError(
                f"{identifier!r} depends on the loss; name binary_accuracy, categorical_accuracy or "
                "sparse_categorical_accuracy"
            )
        if loss.sparse:
            kernel = SparseCategoricalAccuracy.kernel
        elif loss.name == "binary_crossentropy" or outputs == 1:
            kernel = BinaryAccuracy.kernel
        else:
            kernel = CategoricalAccuracy.kernel
    elif kernel not in METRICS.members and kernel not in METRICS.aliases:
        raise unknown_name("metric", identifier, ["accuracy", *METRICS])
    return type(METRICS.get(kernel))(name=identifier)
