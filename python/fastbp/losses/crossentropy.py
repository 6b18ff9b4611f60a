"""Cross-entropies: how surprising the targets are to who believes the predicted probabilities.

After a sigmoid or softmax layer that they undo, the two are computed as one, so logits of any size give finite losses
and slopes. Else probabilities are kept within [1e-7, 1 - 1e-7], as in Keras, with slope 0 beyond.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp import _data
from fastbp.losses.base import Array, Loss, last_axis
from fastbp.losses.regression import each_output

NO_CLASS = -(2.0**31)  # the label that the kernel ignores where none is to be ignored; no target can be it


class _Crossentropy(Loss):
    """What cross-entropies with targets in full share.

    >>> BinaryCrossentropy(label_smoothing=0.5).kernel_settings_for(2)
    [0.5]
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(reduction, name, dtype)
        self.from_logits = bool(from_logits)
        self.label_smoothing = _data.real(label_smoothing, "label_smoothing", 0.0, 1.0)
        self.axis = last_axis(axis)


class BinaryCrossentropy(_Crossentropy):
    """mean_c -(t·log p + (1 - t)·log(1 - p)), where p is the output, or σ(output) with ``from_logits``.

    After a sigmoid layer the two are computed as one, so logits of any size give finite losses and slopes. Else
    p is kept within [1e-7, 1 - 1e-7], as in Keras.

    Args:
        from_logits: whether y_pred is logits.
        label_smoothing: s from 0 to 1; t = y_true·(1 - s) + s / 2.
        axis: -1, the outputs of a sample; nothing else is possible.
        reduction, name, dtype: as for every loss.

    >>> round(BinaryCrossentropy(from_logits=True)([[1.0]], [[-10000.0]]), 3)
    10000.0
    """

    kernel = "binary_crossentropy"


class CategoricalCrossentropy(_Crossentropy):
    """-Σ_c t·log p, where p is the output divided by its sum, or softmax(output) with ``from_logits``.

    After a softmax layer the two are computed as one, so logits of any size give finite losses and slopes. Else
    p is kept within [1e-7, 1 - 1e-7], as in Keras. Arguments as for BinaryCrossentropy, with
    t = y_true·(1 - s) + s / outputs.

    >>> round(CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]]), 4)
    0.6931
    """

    kernel = "categorical_crossentropy"


class SparseCategoricalCrossentropy(Loss):
    """-log p[label]: categorical cross-entropy with the targets given as labels 0, 1, 2 ...

    Args:
        from_logits: whether y_pred is logits.
        ignore_class: the label, be it that of an output or none (-1, 255), of samples that do not count: their loss and
            slope are 0, and the mean is over the others.
        axis: -1, the outputs of a sample; nothing else is possible.
        reduction, name, dtype: as for every loss.

    >>> round(SparseCategoricalCrossentropy()([1], [[0.5, 0.5]]), 4)
    0.6931
    >>> round(SparseCategoricalCrossentropy(ignore_class=-1)([1, -1], [[0.5, 0.5], [0.5, 0.5]]), 4)
    0.6931
    """

    kernel = "sparse_categorical_crossentropy"
    sparse = True

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(reduction, name, dtype)
        self.from_logits = bool(from_logits)
        self.ignore_class = None if ignore_class is None else _as_label(ignore_class)
        self.axis = last_axis(axis)

    def kernel_settings_for(self, outputs: int) -> list[float]:
        return [NO_CLASS if self.ignore_class is None else float(self.ignore_class)]


class BinaryFocalCrossentropy(_Crossentropy):
    """mean_c w·(1 - p_t)^gamma·h, where h is the binary cross-entropy and p_t = t·p + (1 - t)·(1 - p).

    p_t is the probability given to the truth, so outputs that are sure of it count little. After a sigmoid layer, and
    with ``from_logits``, it is right for logits of any size.

    Args:
        apply_class_balancing: whether w = t·alpha + (1 - t)·(1 - alpha); else it is 1.
        alpha: the weight of class 1, from 0 to 1.
        gamma: at least 0, where 0 gives the plain cross-entropy.
        from_logits: whether y_pred is logits.
        label_smoothing: s from 0 to 1; t = y_true·(1 - s) + s / 2.
        axis: -1, the outputs of a sample; nothing else is possible.
        reduction, name, dtype: as for every loss.

    Source: Lin et al., arXiv 1708.02002.

    >>> round(BinaryFocalCrossentropy(gamma=2.0)([[1.0]], [[0.5]]), 4)  # 0.5²·log 2
    0.1733
    """

    kernel = "binary_focal_crossentropy"

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)
        self.apply_class_balancing = bool(apply_class_balancing)
        self.alpha = _data.real(alpha, "alpha", 0.0, 1.0)
        self.gamma = _data.real(gamma, "gamma", 0.0)


class CategoricalFocalCrossentropy(_Crossentropy):
    """-Σ_c alpha·(1 - p)^gamma·t·log p, where p is the output divided by its sum, or softmax(output) from logits.

    So outputs that are sure of the truth count little. After a softmax layer, and with ``from_logits``, it is right
    for logits of any size.

    Args:
        alpha: the weight of all classes, or a list with one for each, at least 0.
        gamma: at least 0, where 0 gives the plain cross-entropy.
        from_logits: whether y_pred is logits.
        label_smoothing: s from 0 to 1; t = y_true·(1 - s) + s / outputs.
        axis: -1, the outputs of a sample; nothing else is possible.
        reduction, name, dtype: as for every loss.

    Source: Lin et al., arXiv 1708.02002.

    >>> round(CategoricalFocalCrossentropy(alpha=1.0)([[0.0, 1.0]], [[0.5, 0.5]]), 4)  # 0.5²·log 2
    0.1733
    """

    kernel = "categorical_focal_crossentropy"
    each_output = "alpha"

    def __init__(
        self,
        alpha: Any = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)
        self.alpha = each_output(alpha, "alpha", 0.0, np.inf)
        self.gamma = _data.real(gamma, "gamma", 0.0)


class CategoricalGeneralizedCrossEntropy(Loss):
    """(1 - y_pred[label]^q) / q, which forgives wrong labels: near cross-entropy for small q, near 1 - p for q near 1.

    Args:
        q: between 0 and 1.
        reduction, name, dtype: as for every loss.

    Source: Zhang and Sabuncu, arXiv 1805.07836.

    >>> CategoricalGeneralizedCrossEntropy(q=0.5)([1], [[0.75, 0.25]])
    1.0
    """

    kernel = "categorical_generalized_cross_entropy"
    sparse = True

    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(reduction, name, dtype)
        self.q = _data.real(q, "q", 0.0, 1.0)
        if self.q in (0.0, 1.0):
            raise ValueError(f"q must be between 0 and 1; got {q}")


def _as_label(value: Any) -> int:
    label = _data.positive_int(value, "ignore_class", least=int(NO_CLASS) + 1)
    if label >= 2**31:
        raise ValueError(f"ignore_class must be less than 2**31; got {label}")
    return label


def binary_crossentropy(
    y_true: npt.ArrayLike,
    y_pred: npt.ArrayLike,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Array:
    """The binary cross-entropy of each row.

    >>> binary_crossentropy([[1.0]], [[0.5]]).round(4)
    array([0.6931])
    """
    return BinaryCrossentropy(from_logits, label_smoothing, axis).per_sample(y_true, y_pred)


def categorical_crossentropy(
    y_true: npt.ArrayLike,
    y_pred: npt.ArrayLike,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Array:
    """The categorical cross-entropy of each row.

    >>> categorical_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]).round(4)
    array([0.6931])
    """
    return CategoricalCrossentropy(from_logits, label_smoothing, axis).per_sample(y_true, y_pred)


def sparse_categorical_crossentropy(
    y_true: npt.ArrayLike,
    y_pred: npt.ArrayLike,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Array:
    """The categorical cross-entropy of each row, with labels as targets.

    >>> sparse_categorical_crossentropy([1], [[0.5, 0.5]]).round(4)
    array([0.6931])
    """
    return SparseCategoricalCrossentropy(from_logits, ignore_class, axis=axis).per_sample(y_true, y_pred)


def binary_focal_crossentropy(
    y_true: npt.ArrayLike,
    y_pred: npt.ArrayLike,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Array:
    """The binary focal cross-entropy of each row.

    >>> binary_focal_crossentropy([[1.0]], [[0.5]]).round(4)
    array([0.1733])
    """
    loss = BinaryFocalCrossentropy(apply_class_balancing, alpha, gamma, from_logits, label_smoothing, axis)
    return loss.per_sample(y_true, y_pred)


def categorical_focal_crossentropy(
    y_true: npt.ArrayLike,
    y_pred: npt.ArrayLike,
    alpha: Any = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Array:
    """The categorical focal cross-entropy of each row.

    >>> categorical_focal_crossentropy([[0.0, 1.0]], [[0.5, 0.5]], alpha=[1.0, 2.0]).round(4)
    array([0.3466])
    """
    return CategoricalFocalCrossentropy(alpha, gamma, from_logits, label_smoothing, axis).per_sample(y_true, y_pred)


def categorical_generalized_cross_entropy(y_true: npt.ArrayLike, y_pred: npt.ArrayLike, q: float) -> Array:
    """The generalised cross-entropy of each row, with labels as targets.

    >>> categorical_generalized_cross_entropy([1], [[0.75, 0.25]], q=0.5)
    array([1.])
    """
    return CategoricalGeneralizedCrossEntropy(q).per_sample(y_true, y_pred)
