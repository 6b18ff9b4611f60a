"""Small helpers with Keras's names."""

import random
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp import _data, _seeds

__all__ = ["PyDataset", "normalize", "set_random_seed", "to_categorical"]


class PyDataset:
    """Batches by number, for ``fit``, ``evaluate`` and ``predict``: (x, y) or (x, y, sample_weight).

    A class of your own defines ``__len__`` and ``__getitem__``. Batches are made in the thread that trains, when they
    are needed.

    Args:
        workers: 1, for there are no other threads.
        use_multiprocessing: False, nor other processes.
        max_queue_size: 10, as in Keras; there is no queue.

    >>> class Squares(PyDataset):
    ...     def __len__(self):
    ...         return 3
    ...
    ...     def __getitem__(self, index):
    ...         x = np.arange(4.0) + 4 * index
    ...         return x, x**2
    >>> Squares().num_batches, Squares()[1][0].tolist()
    (3, [4.0, 5.0, 6.0, 7.0])
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None:
        for name, value, only in (
            ("workers", workers, 1),
            ("use_multiprocessing", use_multiprocessing, False),
            ("max_queue_size", max_queue_size, 10),
        ):
            if value != only:
                raise ValueError(f"{name} must be {only}: batches are made in the thread that trains; got {value!r}")

    @property
    def num_batches(self) -> int:
        """How many batches there are."""
        return len(self)

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} needs a __len__, the number of batches")

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__} needs a __getitem__, the batch of a number")

    def on_epoch_begin(self) -> None:
        """Called before each time through the batches."""

    def on_epoch_end(self) -> None:
        """Called after each time through the batches."""


def set_random_seed(seed: int) -> None:
    """Makes what follows repeatable: seeds Python's ``random``, NumPy's ``np.random`` and fastbp's source of seeds.

    Models and initialisers without a seed of their own then get the same ones in every run, in the order in which
    they are made.

    Args:
        seed: from 0 to 2³² - 1, as NumPy takes it.

    >>> from fastbp import Dense, Sequential
    >>> set_random_seed(7)
    >>> first = Sequential([Dense(1)]).seed
    >>> set_random_seed(7)
    >>> Sequential([Dense(1)]).seed == first
    True
    """
    seed = _data.positive_int(seed, "seed", least=0)
    if seed >= 2**32:
        raise ValueError(f"seed must be below 2**32; got {seed}")
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - what the user calls draws from it
    _seeds.begin(seed)


def to_categorical(x: npt.ArrayLike, num_classes: int | None = None) -> npt.NDArray[np.float64]:
    """Labels 0, 1, 2 ... as rows with a 1 at the label and else 0.

    Args:
        x: whole numbers in any shape; a last axis of length 1 is dropped, unless it is the only one.
        num_classes: the length of the new last axis; if not given, the largest label and 1.

    >>> to_categorical([0, 2])
    array([[1., 0., 0.],
           [0., 0., 1.]])
    """
    labels = _data.as_numbers(x, "x")
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    valid = np.isfinite(labels) & (labels >= 0) & (labels == np.floor(labels))
    if num_classes is None:
        if labels.size == 0:
            raise ValueError("x is empty: num_classes must be given")
        num_classes = int(labels.max(where=valid, initial=0)) + 1
    classes = np.arange(_data.positive_int(num_classes, "num_classes"))
    valid &= labels < num_classes
    if not valid.all():
        raise ValueError(f"x must be labels from 0 to {num_classes - 1}; got {labels[~valid].flat[0]}")
    return (labels[..., None] == classes).astype(np.float64)


def normalize(x: npt.ArrayLike, axis: int = -1, order: Any = 2) -> npt.NDArray[Any]:
    """X divided by its norms along ``axis``: (Σ|x|^order)^(1/order), or what else ``np.linalg.norm`` takes as order.

    What has norm 0 stays as it is.

    >>> normalize([[3.0, 4.0], [0.0, 0.0]])
    array([[0.6, 0.8],
           [0. , 0. ]])
    """
    values = _data.as_floats(x, "x")
    norms = np.linalg.norm(values, order, axis, keepdims=True)
    return values / np.where(norms == 0, np.ones_like(norms), norms)
