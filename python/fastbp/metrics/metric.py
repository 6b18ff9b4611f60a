"""What all metrics are, and what those share that the core computes."""

import re
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp import _core, _data
from fastbp._registry import Configurable
from fastbp.losses.base import _as_dtype, _as_rows

Array = npt.NDArray[Any]
Sums = npt.NDArray[np.float64]  # what a kernel adds up over samples


def snake_case(name: str) -> str:
    """The name of a class as a metric's.

    >>> snake_case("FBetaScore"), snake_case("KLDivergence"), snake_case("AUC")
    ('f_beta_score', 'kl_divergence', 'auc')
    """
    return re.sub(r"(?<=.)(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])", "_", name).lower()


def ratio(a: npt.ArrayLike, b: npt.ArrayLike) -> Array:
    """a / b, and 0 where b is 0."""
    a, b = np.broadcast_arrays(np.asarray(a, np.float64), b)
    return np.divide(a, b, out=np.zeros(a.shape), where=b != 0)


class Metric(Configurable):
    """A value that is computed from all that was seen: update_state(...), result(), reset_state().

    One of your own defines these three, as in Keras; training then calls it batch by batch.

    Args:
        dtype: "float32" or "float64", what values given by hand are converted to; None: they stay as they are.
        name: the name in the logs; None: that of the class.

    >>> class Largest(Metric):
    ...     def reset_state(self):
    ...         self.seen = 0.0
    ...     def update_state(self, y_true, y_pred, sample_weight=None):
    ...         self.seen = max(self.seen, np.max(y_pred))
    ...     def result(self):
    ...         return float(self.seen)
    >>> largest = Largest()
    >>> largest.reset_state()
    >>> largest([[0], [1]], [[0.5], [2.0]]), largest.name
    (2.0, 'largest')
    """

    kernel: str | None = None  # the core's sums that it is computed from; None: update_state sees to it
    sparse = False  # whether the kernel takes labels as targets; without a kernel they come as the loss takes them

    def __init__(self, dtype: npt.DTypeLike | None = None, name: str | None = None) -> None:
        self.name = name or snake_case(type(self).__name__)
        self.dtype = _as_dtype(dtype)

    def reset_state(self) -> None:
        """Forgets what was seen."""
        raise NotImplementedError(f"{type(self).__name__} defines no reset_state")

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Takes in some samples: y_true, y_pred and sample_weight."""
        raise NotImplementedError(f"{type(self).__name__} defines no update_state")

    def result(self) -> Any:
        """The metric of all that was seen."""
        raise NotImplementedError(f"{type(self).__name__} defines no result")

    def kernel_settings_for(self, outputs: int) -> list[float]:
        """The numbers that the kernel takes, for so many outputs; ValueError if it cannot have so many."""
        return []

    def result_of(self, state: Sums) -> Any:
        """The metric, from the sums of the kernel: a float, or an array."""
        raise NotImplementedError(f"{type(self).__name__} has no kernel")

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal one."""
        return {"name": self.name, "dtype": self.dtype} | self._kept()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.update_state(*args, **kwargs)
        return self.result()

    def __repr__(self) -> str:
        return f"<metric {self.name}>"


class KernelMetric(Metric):
    """A metric of the core, from sums over samples of which none is kept."""

    kernel: str
    ignore_class: int | None = None  # the label of samples that do not count

    def __init__(self, name: str | None, dtype: npt.DTypeLike | None) -> None:
        super().__init__(dtype, name)
        self._state: Sums | None = None

    def reset_state(self) -> None:
        """Forgets what was seen."""
        self._state = None

    def update_state(
        self, y_true: npt.ArrayLike, y_pred: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None
    ) -> None:
        """Takes in the rows of y_pred (n, m) with their targets (n, m), or labels (n)."""
        if self.dtype is not None:
            y_pred = _data.as_numbers(y_pred, "y_pred").astype(self.dtype)
        true, pred = _as_rows(y_true, y_pred, self.sparse, self.ignore_class)
        weight = None if sample_weight is None else _data.as_sample_weight(sample_weight, len(pred), pred.dtype)
        settings = self.kernel_settings_for(pred.shape[1])
        sums = np.array(_core.metric(pred, true, self.kernel, settings, weight))
        if self._state is not None and sums.shape != self._state.shape:
            raise ValueError(f"metric {self.name} has seen another number of outputs than {pred.shape[1]}: reset_state")
        self._state = sums if self._state is None else self._state + sums

    def result(self) -> Any:
        """The metric of all that was seen; 0 if nothing was."""
        return 0.0 if self._state is None else self.result_of(self._state)


class MeanOf(KernelMetric):
    """The weighted mean of one value for each sample, from Σ weight·value and Σ weight; 0 if all weights are."""

    def result_of(self, state: Sums) -> float:
        return float(ratio(state[0], state[1]))
