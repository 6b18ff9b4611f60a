"""What all losses share: targets and predictions as rows, the kernel that computes them, reductions."""

from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp import _core, _data
from fastbp._registry import Configurable

Array = npt.NDArray[Any]

REDUCTIONS = ("sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none")


def _as_rows(
    y_true: npt.ArrayLike, y_pred: npt.ArrayLike, sparse: bool, ignore_class: int | None = None
) -> tuple[Array, Array]:
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
    counted = labels[labels != ignore_class]
    if counted.size and (counted.min() < 0 or counted.max() >= pred.shape[1]):
        also = "" if ignore_class is None else f" or {ignore_class}, which is ignored"
        raise ValueError(f"labels must be in [0, {pred.shape[1]}){also}; got {counted.min()} to {counted.max()}")
    return labels, pred


def _as_reduction(reduction: str | None) -> str:
    return _data.one_of("none" if reduction is None else reduction, "reduction", REDUCTIONS)


def _as_dtype(dtype: Any) -> str | None:
    if dtype is None:
        return None
    try:
        name = np.dtype(dtype).name
    except TypeError:
        name = ""
    if name not in ("float32", "float64"):
        raise ValueError(f"dtype must be None, float32 or float64; got {dtype!r}")
    return name


def last_axis(axis: Any) -> int:
    """``axis`` if it is that of the outputs, the only one that a loss can be along here."""
    if isinstance(axis, bool) or axis != -1:
        raise ValueError(f"axis must be -1, the outputs of a sample; got {axis!r}")
    return -1


class Loss(Configurable):
    """A loss of the core. Called on (y_true, y_pred, sample_weight) it gives the loss of a batch.

    y_pred is (n, m), y_true (n, m), or labels (n) for sparse losses; one dimension is n samples of one output.

    Args:
        reduction: what becomes of weightᵢ·lossᵢ: "sum_over_batch_size" or "mean" is their sum over the number of
            samples (that count: see ``ignore_class``), "mean_with_sample_weight" their sum over the sum of the weights,
            "sum" the sum, and None or "none" leaves them as they are, (n,). A mean of nothing is 0.
        name: by default that of the loss.
        dtype: float32 or float64, what y_pred is converted to; None takes it as it is. Training is in the model's.

    >>> from fastbp import losses
    >>> losses.get("mse").reduction
    'sum_over_batch_size'
    """

    kernel: str | None = None  # the core's function; None: computed in Python
    default_name = ""  # where it is not the kernel's
    sparse = False  # whether targets are labels
    from_logits = False  # whether y_pred is logits
    ignore_class: int | None = None  # the label of samples that do not count
    each_output = ""  # the setting that may be one number for each output

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = None, dtype: Any = None
    ) -> None:
        self.reduction = _as_reduction(reduction)
        self.name = name or self.default_name or self.kernel or type(self).__name__
        self.dtype = _as_dtype(dtype)

    def prepare_targets(self, y: Array) -> Array:
        """The targets as the kernel takes them, from all targets of a fit or of a call; most losses change nothing.

        >>> from fastbp import losses
        >>> losses.get("hinge").prepare_targets(np.array([0, 1]))
        array([-1.,  1.])
        """
        return y

    def kernel_settings_for(self, outputs: int) -> list[float]:
        """The numbers that the kernel takes, for so many outputs: the attributes of their names.

        >>> from fastbp import losses
        >>> losses.get("huber").kernel_settings_for(3)
        [1.0]
        """
        settings: list[float] = []
        for name in _core.settings_of("loss", self.kernel) if self.kernel else ():
            value = getattr(self, name)
            if name != self.each_output:
                settings.append(float(value))
                continue
            values = value if isinstance(value, list) else [value] * outputs
            if len(values) != outputs:
                raise ValueError(f"{name} has {len(values)} values; expected one for each of {outputs} outputs")
            settings += values
        return settings

    def _rows(self, y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> tuple[Array, Array]:
        pred = _data.as_floats(y_pred, "y_pred")
        true = self.prepare_targets(_data.as_numbers(y_true, "y_true"))
        return _as_rows(true, pred.astype(self.dtype or pred.dtype, copy=False), self.sparse, self.ignore_class)

    def _compute(self, true: Array, pred: Array) -> tuple[Array, Array]:
        """Losses and slopes of rows as the kernels take them."""
        return _core.loss(pred, true, str(self.kernel), self.from_logits, self.kernel_settings_for(pred.shape[1]))

    def values_and_slopes(self, y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> tuple[Array, Array]:
        """The loss of each row (n,), and its slope with respect to y_pred (n, m), unweighted.

        >>> from fastbp import losses
        >>> values, slopes = losses.get("mse").values_and_slopes([[1.0, 2.0]], [[1.0, 5.0]])
        >>> values, slopes
        (array([4.5]), array([[0., 3.]]))
        """
        return self._compute(*self._rows(y_true, y_pred))

    def per_sample(self, y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> Array:
        """The loss of each row: y_pred (n, m) and y_true (n, m), or labels (n), give (n,)."""
        return self.values_and_slopes(y_true, y_pred)[0]

    def __call__(self, y_true: npt.ArrayLike, y_pred: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None) -> Any:
        """A float, or without a reduction what each row gives (n,)."""
        true, pred = self._rows(y_true, y_pred)
        values = self._compute(true, pred)[0]
        counts = np.ones(len(values)) if self.ignore_class is None else (true != self.ignore_class).astype(np.float64)
        weights = counts
        if sample_weight is not None:
            weights = counts * _data.as_sample_weight(sample_weight, len(values), np.dtype(np.float64))
        if self.reduction == "none":
            return (values * weights).astype(values.dtype)
        total = float((values * weights).sum())
        if self.reduction == "sum":
            return total
        divisor = float((weights if self.reduction == "mean_with_sample_weight" else counts).sum())
        return total / divisor if divisor else 0.0

    def __repr__(self) -> str:
        return f"<loss {self.name}{' from logits' if self.from_logits else ''}>"
