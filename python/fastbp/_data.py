"""From what users pass to what the core takes, with errors that name what was expected and what came.

An array that already has the network's dtype and contiguous rows is used where it lies; all else is converted once.
"""

import math
import numbers
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp import _core

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class SparseRows:
    """A sparse matrix: row r has ``values[starts[r]:starts[r + 1]]``, in the columns in ``columns`` there."""

    starts: Array  # (n + 1), int64
    columns: Array  # (entries), int32
    values: Array  # (entries)
    shape: tuple[int, int]

    ndim = 2

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the values."""
        return self.values.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> "SparseRows":
        first, last, _ = rows.indices(len(self))
        last = max(first, last)
        starts = self.starts[first : last + 1]
        part = slice(starts[0], starts[-1])
        return SparseRows(starts - starts[0], self.columns[part], self.values[part], (last - first, self.shape[1]))


Inputs = Array | SparseRows


def is_sparse(value: Any) -> bool:
    """Whether ``value`` is one of SciPy's sparse matrices or arrays. SciPy is not imported for it."""
    scipy = sys.modules.get("scipy.sparse")
    return isinstance(value, SparseRows) or (scipy is not None and bool(scipy.issparse(value)))


def as_samples(x: Any) -> Inputs:
    """X as an array of real numbers, or as sparse rows of them if it is one of SciPy's matrices."""
    if isinstance(x, SparseRows):
        return x
    if not is_sparse(x):
        return as_numbers(x, "x")
    if x.dtype.kind not in "biuf":
        raise TypeError(f"x has dtype {x.dtype}; expected real numbers (bool, integer or float)")
    if x.ndim != 2:
        raise ValueError(f"x has {x.ndim} dimension; expected 2: (samples, features)")
    rows = x.tocsr()
    starts = np.array(rows.indptr, np.int64)
    entries = int(starts[-1]) if len(starts) else 0  # SciPy's arrays may be longer
    columns = rows.indices[:entries]
    if columns.dtype != np.int32 and len(columns) and (columns.min() < 0 or columns.max() > np.iinfo(np.int32).max):
        raise ValueError(f"x has entries in columns {columns.min()} to {columns.max()}; expected 0 to 2**31 - 1")
    # Copies: the core follows starts and columns, and they may be changed while it does.
    return SparseRows(starts, np.array(columns, np.int32), rows.data[:entries], x.shape)


def joined(parts: Sequence[Any]) -> Inputs:
    """Batches of x, one below the other."""
    samples = [as_samples(part) for part in parts]
    sparse = [part for part in samples if isinstance(part, SparseRows)]
    dense = [part for part in samples if not isinstance(part, SparseRows)]
    if not sparse:
        return np.concatenate(dense)
    if dense or len({part.shape[1] for part in sparse}) > 1:
        raise ValueError("batches of x must be all sparse, or none, and have the same columns")
    ends = np.cumsum([0, *(part.starts[-1] for part in sparse)])
    starts = [part.starts[:-1] + end for part, end in zip(sparse, ends[:-1], strict=True)]
    return SparseRows(
        np.concatenate([*starts, ends[-1:]]),
        np.concatenate([part.columns for part in sparse]),
        np.concatenate([part.values for part in sparse]),
        (sum(map(len, sparse)), sparse[0].shape[1]),
    )


def taken(x: Inputs, rows: Array) -> Inputs:
    """A copy of some rows, in rising order."""
    return joined([x[row : row + 1] for row in rows.tolist()]) if isinstance(x, SparseRows) else x[rows]


def as_numbers(value: Any, name: str) -> Array:
    """``value`` as an array of real numbers."""
    if is_sparse(value):
        raise TypeError(f"{name} is sparse; expected an array")
    try:
        array = np.asarray(value)
    except ValueError as error:  # rows of different lengths
        raise ValueError(f"{name} is not an array: expected rows of equal length ({error})") from None
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} has dtype {array.dtype}; expected real numbers (bool, integer or float)")
    return array


def as_floats(value: Any, name: str) -> Array:
    """``value`` as an array of float32 or float64: of its own kind if it is one of them."""
    array = as_numbers(value, name)
    return array if array.dtype in (np.float32, np.float64) else array.astype(np.float64)


def _in_place(array: Array, dtype: np.dtype[Any]) -> bool:
    item = dtype.itemsize
    return (
        array.dtype == dtype
        and array.dtype.isnative
        and array.flags.aligned
        and (array.shape[1] <= 1 or array.strides[1] == item)
        and (array.shape[0] <= 1 or (array.strides[0] >= 0 and array.strides[0] % item == 0))
    )


def _as_rows(array: Array, dtype: np.dtype[Any]) -> Array:
    if _in_place(array, dtype):
        return array
    with np.errstate(over="ignore"):  # what does not fit becomes infinite, and is reported as such
        return aligned(array, dtype)


def aligned(array: Array, dtype: npt.DTypeLike) -> Array:
    """The array, or a copy, as the core reads it: of that dtype, C-contiguous, aligned."""
    return np.require(array, dtype, ["C", "A"])


def require_finite(array: Inputs, name: str) -> None:
    """ValueError naming the first NaN or infinity of a matrix, if there is one."""
    if isinstance(array, SparseRows):
        if not _core.all_finite(array.values[None, :]):
            at = int(np.flatnonzero(~np.isfinite(array.values))[0])
            place = f"row {np.searchsorted(array.starts, at, 'right') - 1}, column {array.columns[at]}"
            raise ValueError(f"{name} must be finite; {place} is {array.values[at]} (as {array.dtype})")
        return
    if _core.all_finite(array):
        return
    for start in range(0, len(array), 4096):  # in pieces: a memory map may be larger than memory
        bad = np.argwhere(~np.isfinite(array[start : start + 4096]))
        if len(bad):
            row, column = int(bad[0][0]) + start, int(bad[0][1])
            raise ValueError(
                f"{name} must be finite; row {row}, column {column} is {array[row, column]} (as {array.dtype})"
            )


def as_inputs(x: Any, inputs: int | None, dtype: np.dtype[Any], flat: bool = False) -> Inputs:
    """X as (n, inputs), sparse where it comes so.

    One dimension is taken as a single column where the network has one input.
    ``flat``: samples of more dimensions are laid out as rows of features.
    """
    array = as_samples(x)
    if not isinstance(array, SparseRows):
        array = _as_matrix(array, inputs, flat)
    if inputs is not None and array.shape[1] != inputs:
        raise ValueError(f"x has {array.shape[1]} columns; the network expects {inputs}")
    if array.shape[1] == 0:
        raise ValueError("x has no columns")
    if isinstance(array, SparseRows):
        return replace(array, values=_as_rows(array.values[None, :], dtype)[0])
    return _as_rows(array, dtype)


def _as_matrix(array: Array, inputs: int | None, flat: bool) -> Array:
    if array.ndim == 1 and inputs in (1, None):
        array = array[:, None]
    if flat and array.ndim > 2:
        array = array.reshape(len(array), -1)
    if array.ndim != 2:
        hint = " (one sample: x[None, :])" if array.ndim == 1 else ""
        hint = " (or a Flatten layer first)" if array.ndim > 2 else hint
        raise ValueError(f"x has {array.ndim} dimensions; expected 2: (samples, features){hint}")
    return array


def as_targets(
    y: Any,
    samples: int,
    outputs: int,
    sparse: bool,
    loss: str,
    dtype: np.dtype[Any],
    ignore_class: int | None = None,
) -> Array:
    """Y as (n, outputs), or for sparse losses as int32 labels (n), of which ``ignore_class`` may be no output's."""
    array = as_numbers(y, "y")
    if array.ndim == 0 or len(array) != samples:
        came = "a single number" if array.ndim == 0 else f"{len(array)} rows"
        raise ValueError(f"x has {samples} rows; y has {came}")
    if sparse:
        return _as_labels(array, outputs, loss, ignore_class)
    if array.ndim == 1 and outputs == 1:
        array = array[:, None]
    if array.shape != (samples, outputs):
        hint = ""
        if loss == "categorical_crossentropy" and array.size == samples:
            hint = "; for labels use loss='sparse_categorical_crossentropy'"
        raise ValueError(f"y has shape {array.shape}; {loss} expects ({samples}, {outputs}){hint}")
    rows = _as_rows(array, dtype)
    require_finite(rows, "y")
    return rows


def _as_labels(array: Array, outputs: int, loss: str, ignore_class: int | None) -> Array:
    if array.size != len(array):
        raise ValueError(f"y has shape {array.shape}; {loss} expects labels of shape ({len(array)},)")
    labels = array.reshape(-1)
    if labels.dtype.kind == "f":
        require_finite(aligned(array.reshape(-1, 1), np.float64), "y")
    impossible = (labels < 0) | (labels >= outputs)
    bad = np.flatnonzero(impossible if ignore_class is None else impossible & (labels != ignore_class))
    if len(bad) == 0 and labels.dtype.kind == "f":
        bad = np.flatnonzero(labels != np.floor(labels))
    if len(bad):
        raise ValueError(
            f"{loss} expects labels from 0 to {outputs - 1}, one for each output; row {bad[0]} is {labels[bad[0]]}"
        )
    return aligned(labels, np.int32)


def as_sample_weight(weight: Any, samples: int, dtype: np.dtype[Any]) -> Array:
    """sample_weight as (n)."""
    array = as_numbers(weight, "sample_weight")
    if array.shape not in ((samples,), (samples, 1)):
        raise ValueError(f"sample_weight has shape {array.shape}; expected ({samples},)")
    column = _as_rows(array.reshape(-1, 1), dtype)
    require_finite(column, "sample_weight")
    return np.ascontiguousarray(column[:, 0])


def by_class(class_weight: Any, targets: Array, weight: Array | None, dtype: np.dtype[Any]) -> Array:
    """Sample weights by the class of each target, times those there are. A class that is not named counts 1."""
    if not isinstance(class_weight, Mapping):
        raise TypeError(f"class_weight must be a dict from class to weight; got {type(class_weight).__name__}")
    labels = targets.argmax(axis=1) if targets.ndim == 2 and targets.shape[1] > 1 else targets.reshape(-1).round()
    weights = np.ones(len(labels), dtype)
    for label, value in class_weight.items():
        weights[labels == label] = real(value, f"class_weight[{label!r}]", least=0.0)
    return weights if weight is None else weights * weight


def positive_int(value: Any, name: str, least: int = 1) -> int:
    """``value`` as a whole number of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be a whole number; got {type(value).__name__} {value!r}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}; got {value}")
    return int(value)


def real(value: Any, name: str, least: float = -math.inf, most: float = math.inf) -> float:
    """``value`` as a finite float from ``least`` to ``most``."""
    is_number = type(value) is float or (
        isinstance(value, numbers.Real) and not isinstance(value, bool)
    )  # most are floats
    if not is_number:
        raise TypeError(f"{name} must be a number; got {type(value).__name__} {value!r}")
    number = float(value)
    if not (math.isfinite(number) and least <= number <= most):
        bounds = [f"at {word} {bound:g}" for word, bound in (("least", least), ("most", most)) if math.isfinite(bound)]
        raise ValueError(f"{name} must be {' and '.join(['finite', *bounds])}; got {value}")
    return number


def positive(value: Any, name: str) -> float:
    """``value`` as a finite float greater than 0."""
    number = real(value, name)
    if number <= 0.0:
        raise ValueError(f"{name} must be greater than 0; got {value}")
    return number


def truth(value: Any, name: str) -> bool:
    """``value`` if it is True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False; got {type(value).__name__} {value!r}")
    return bool(value)


def one_of(value: Any, name: str, known: Collection[str]) -> str:
    """``value`` if it is one of a few words."""
    if not (isinstance(value, str) and value in known):
        raise ValueError(f"{name} must be one of {', '.join(known)}; got {value!r}")
    return value


def reals(values: Any, name: str, least: float = -math.inf, most: float = math.inf) -> list[float]:
    """``values``, one or a sequence that is not empty, as finite floats from ``least`` to ``most``."""
    numbers = [real(value, name, least, most) for value in (values if np.ndim(values) else [values])]
    if not numbers:
        raise ValueError(f"{name} is empty; expected at least one number")
    return numbers
