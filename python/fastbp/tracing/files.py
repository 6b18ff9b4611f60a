"""A trace from files: a saved model, and data."""

import os
import zipfile
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp._files import told
from fastbp.saving import load_model
from fastbp.tracing.trace import Trace, explain

__all__ = ["explain_row"]


def explain_row(model: str | os.PathLike[str], data: str | os.PathLike[str], row: int) -> Trace:
    """The step of a saved model on one row of ``x`` and ``y`` in an .npz file.

    Raises:
        ValueError: if a file is none of its kind, or has no such row.
        OSError: if one cannot be read.
        RuntimeError: if the model was not compiled when it was saved.

    >>> import tempfile, fastbp
    >>> model = fastbp.Sequential([fastbp.Input((1,)), fastbp.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model.save(f"{folder}/model.safetensors")
    ...     np.savez(f"{folder}/data.npz", x=[[1.0], [2.0]], y=[3.0, 5.0])
    ...     explain_row(f"{folder}/model.safetensors", f"{folder}/data.npz", 1).inputs.tolist()
    [[2.0]]
    """
    loaded = load_model(model)
    x, y = _arrays(data)
    if not 0 <= row < len(x):
        raise ValueError(f"{os.fspath(data)} has {len(x)} rows; expected a row from 0 to {len(x) - 1}; got {row}")
    with told(os.fspath(data)):
        return explain(loaded, x[row : row + 1], y[row : row + 1])


def _arrays(path: str | os.PathLike[str]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    name = os.fspath(path)
    broken = ValueError(f"{name} is no .npz file with arrays x and y")
    try:
        file = np.load(name, allow_pickle=False)
    except (EOFError, ValueError, zipfile.BadZipFile):
        raise broken from None
    if not isinstance(file, np.lib.npyio.NpzFile):
        raise broken
    with file:
        lacks = [key for key in ("x", "y") if key not in file]
        if lacks:
            raise ValueError(f"{name} has no {' and no '.join(lacks)}; there are: {', '.join(file) or 'none'}")
        try:
            x, y = file["x"], file["y"]
        except (ValueError, zipfile.BadZipFile):
            raise broken from None
    if x.ndim == 0 or y.ndim == 0 or len(x) != len(y) or len(x) == 0:
        raise ValueError(f"{name}: x has shape {x.shape} and y {y.shape}; expected as many rows in both, at least 1")
    return x, y
