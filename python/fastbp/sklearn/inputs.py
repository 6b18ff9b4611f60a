"""Samples and targets as scikit-learn's estimators take them."""

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils.validation import validate_data

from fastbp import _core

Array = npt.NDArray[Any]


def targeted(estimator: Any, x: Any, y: Any, dtype: np.dtype[Any], reset: bool, numeric: bool) -> tuple[Any, Array]:
    """Samples (n, features) and targets (n,) or (n, outputs); ``reset``: the estimator learns what features there are.

    Plain arrays that scikit-learn's checks would find nothing in are taken at once, for on a hundred samples those take
    as long as ten epochs.
    """
    rows = _plain(x, dtype)
    if rows is None or not _is_plain(y) or len(y) != len(rows) or not (reset or _knows(estimator, rows)):
        return validate_data(
            estimator,
            x,
            y,
            accept_sparse=["csr", "csc"],
            multi_output=True,
            y_numeric=numeric,
            dtype=dtype,
            reset=reset,
        )
    if reset:
        estimator.n_features_in_ = rows.shape[1]
        estimator.__dict__.pop("feature_names_in_", None)
    return rows, y


def samples(estimator: Any, x: Any, dtype: np.dtype[Any]) -> Any:
    """Samples (n, features) to predict from."""
    rows = _plain(x, dtype)
    if rows is not None and _knows(estimator, rows):
        return rows
    return validate_data(estimator, x, accept_sparse=["csr", "csc"], dtype=dtype, reset=False)


def _knows(estimator: Any, rows: Array) -> bool:
    """Whether an array, which has no names, has the features that the estimator was fitted to."""
    return not hasattr(estimator, "feature_names_in_") and rows.shape[1] == estimator.n_features_in_


def _plain(x: Any, dtype: np.dtype[Any]) -> Array | None:
    if type(x) is not np.ndarray or x.ndim != 2 or x.dtype.kind not in "biuf" or not x.size:
        return None
    rows = np.asarray(x, dtype)
    return rows if rows.flags.c_contiguous and _core.all_finite(rows) else None


def _is_plain(y: Any) -> bool:
    if type(y) is not np.ndarray or y.ndim not in (1, 2) or not y.size:
        return False
    return y.dtype.kind in "biuU" or (y.dtype.kind == "f" and bool(np.isfinite(y).all()))
