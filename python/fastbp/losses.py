"""Losses: how far a prediction is from its target, sample by sample.

The loss of a batch is Σᵢ weightᵢ·lossᵢ / batch size, as in Keras's default reduction.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp import _core, _data
from fastbp._registry import Configurable, Registry

__all__ = [
    "LOSSES",
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "Loss",
    "MeanSquaredError",
    "SparseCategoricalCrossentropy",
    "binary_crossentropy",
    "categorical_crossentropy",
    "get",
    "mean_squared_error",
    "sparse_categorical_crossentropy",
]


def _as_rows(y_true: npt.ArrayLike, y_pred: npt.ArrayLike, sparse: bool) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """y_true as the kernels take it: (n, m) of y_pred's dtype, or labels (n)."""
    pred = _data.as_floats(y_pred, "y_pred")
    shape = pred.shape
    if pred.size == 0:
        raise ValueError(f"y_pred is empty: its shape is {shape}")
    pred = _data.aligned(pred.reshape(-1, shape[-1] if pred.ndim > 1 else 1), pred.dtype)
    true = _data.as_numbers(y_true, "y_true")
    if not sparse:
        if true.shape != shape and not (pred.shape[1] == 1 and true.size == pred.size):
            raise ValueError(f"y_true has shape {true.shape}; y_pred has {shape}")
        return _data.aligned(true.reshape(pred.shape), pred.dtype), pred
    if true.size != len(pred):
        raise ValueError(f"y_true has {true.size} labels; y_pred has {len(pred)} rows")
    with np.errstate(invalid="ignore"):  # a NaN becomes a whole number, and is found by being none
        labels = _data.aligned(true.reshape(-1), np.int32)
    if (labels != true.reshape(-1)).any():
        raise ValueError(f"labels must be whole numbers in [0, {pred.shape[1]}); got {true.dtype} values that are not")
    if labels.size and (labels.min() < 0 or labels.max() >= pred.shape[1]):
        raise ValueError(f"labels must be in [0, {pred.shape[1]}); got {labels.min()} to {labels.max()}")
    return labels, pred


class Loss(Configurable):
    """A loss of the core. Called on (y_true, y_pred, sample_weight) it gives the batch's loss as a float."""

    name: str
    sparse = False  # whether targets are labels
    kernel_settings: tuple[float, ...] = ()  # the numbers that its kernel takes

    reduction = "sum_over_batch_size"
    ignore_class = None

    @property
    def kernel(self):
        return self.name

    def kernel_settings_for(self, outputs):
        return []

    def prepare_targets(self, y):
        return y

    def __init__(self, from_logits: bool = False) -> None:
        self.from_logits = bool(from_logits)

    def per_sample(self, y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> npt.NDArray[Any]:
        """The loss of each row: y_pred (n, m) and y_true (n, m), or labels (n), give (n,)."""
        true, pred = _as_rows(y_true, y_pred, self.sparse)
        return _core.loss(pred, true, self.name, self.from_logits, list(self.kernel_settings))[0]

    def __call__(
        self, y_true: npt.ArrayLike, y_pred: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None
    ) -> float:
        values = self.per_sample(y_true, y_pred).astype(np.float64)
        if sample_weight is not None:
            values *= _data.as_sample_weight(sample_weight, len(values), values.dtype)
        return float(values.sum() / len(values))

    def __repr__(self) -> str:
        return f"<loss {self.name}{' from logits' if self.from_logits else ''}>"


class MeanSquaredError(Loss):
    """mean_c (y_pred - y_true)²; slope 2·(y_pred - y_true) / outputs.

    >>> MeanSquaredError()([[1.0, 2.0]], [[1.0, 5.0]])
    4.5
    """

    name = "mean_squared_error"

    def __init__(self) -> None:
        super().__init__()


class BinaryCrossentropy(Loss):
    """mean_c -(t·log p + (1 - t)·log(1 - p)), where p is the output, or σ(output) with ``from_logits``.

    After a sigmoid layer the two are computed as one, so logits of any size give finite losses and slopes. Else
    p is kept within [1e-7, 1 - 1e-7], as in Keras.

    >>> round(BinaryCrossentropy(from_logits=True)([[1.0]], [[-10000.0]]), 3)
    10000.0
    """

    name = "binary_crossentropy"


class CategoricalCrossentropy(Loss):
    """-Σ_c t·log p, where p is the output divided by its sum, or softmax(output) with ``from_logits``.

    After a softmax layer the two are computed as one, so logits of any size give finite losses and slopes. Else
    p is kept within [1e-7, 1 - 1e-7], as in Keras.

    >>> round(CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]]), 4)
    0.6931
    """

    name = "categorical_crossentropy"


class SparseCategoricalCrossentropy(Loss):
    """-log p[label]: categorical cross-entropy with the targets given as labels 0, 1, 2 ...

    >>> round(SparseCategoricalCrossentropy()([1], [[0.5, 0.5]]), 4)
    0.6931
    """

    name = "sparse_categorical_crossentropy"
    sparse = True


def mean_squared_error(y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> npt.NDArray[Any]:
    """The mean squared error of each row.

    >>> mean_squared_error([[1.0, 2.0]], [[1.0, 5.0]])
    array([4.5])
    """
    return MeanSquaredError().per_sample(y_true, y_pred)


def binary_crossentropy(y_true: npt.ArrayLike, y_pred: npt.ArrayLike, from_logits: bool = False) -> npt.NDArray[Any]:
    """The binary cross-entropy of each row.

    >>> binary_crossentropy([[1.0]], [[0.5]]).round(4)
    array([0.6931])
    """
    return BinaryCrossentropy(from_logits).per_sample(y_true, y_pred)


def categorical_crossentropy(
    y_true: npt.ArrayLike, y_pred: npt.ArrayLike, from_logits: bool = False
) -> npt.NDArray[Any]:
    """The categorical cross-entropy of each row.

    >>> categorical_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]).round(4)
    array([0.6931])
    """
    return CategoricalCrossentropy(from_logits).per_sample(y_true, y_pred)


def sparse_categorical_crossentropy(
    y_true: npt.ArrayLike, y_pred: npt.ArrayLike, from_logits: bool = False
) -> npt.NDArray[Any]:
    """The categorical cross-entropy of each row, with labels as targets.

    >>> sparse_categorical_crossentropy([1], [[0.5, 0.5]]).round(4)
    array([0.6931])
    """
    return SparseCategoricalCrossentropy(from_logits).per_sample(y_true, y_pred)


LOSSES: Registry[Loss] = Registry(
    "loss",
    Loss,
    {
        cls.name: cls
        for cls in (MeanSquaredError, BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy)
    },
    aliases={"mse": "mean_squared_error", "MSE": "mean_squared_error", "bce": "binary_crossentropy"},
)


def get(identifier: Any) -> Loss:
    """The loss of that name, of that class, or the given one.

    >>> get("mse")
    <loss mean_squared_error>
    """
    return LOSSES.get(identifier)
