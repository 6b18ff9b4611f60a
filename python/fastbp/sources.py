"""Where batches come from: arrays, or iterables of batches."""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from fastbp import _data
from fastbp.trainer import Totals, Trainer

__all__ = ["Arrays", "Batches", "Source", "is_source", "split", "unpack"]

LONGEST = 1000  # batches of whole epochs that the core is asked for at once: as many as make the trip there cheap

Run = Callable[[Trainer, Totals], Totals]  # some batches: what they add to the sums so far


def is_source(x: Any) -> bool:
    """Whether ``x`` gives batches, and is no array: a generator, an iterable, or batches by number (a PyDataset)."""
    if isinstance(x, Sequence) or hasattr(x, "__array__") or _data.is_sparse(x):  # memoryviews are sequences as well
        return False
    return hasattr(x, "__iter__") or (hasattr(x, "__getitem__") and hasattr(x, "__len__"))


def unpack(batch: Any) -> tuple[Any, Any, Any]:
    """A batch as (x, y, sample_weight); what it lacks is None."""
    if not isinstance(batch, (tuple, list)):
        return batch, None, None
    if not 1 <= len(batch) <= 3:
        raise ValueError(f"a batch must be (x, y) or (x, y, sample_weight); got {len(batch)} parts")
    return (*batch, None, None)[:3]


class Source:
    """Batches, epoch after epoch. ``runs`` gives what to do for the next parts of one epoch."""

    steps: int | None  # batches of an epoch, where that is known

    def runs(self, trains: bool, stretch: Callable[[], int]) -> Iterator[tuple[int, Run]]:
        """Each is so many batches, ``stretch()`` at most, which is asked before each."""
        raise NotImplementedError

    def epoch_done(self, trains: bool) -> None:
        """After each epoch."""


class Arrays(Source):
    """Batches of arrays, which the core goes through by itself. Epochs of fewer steps go on where the last ended."""

    def __init__(
        self, model: Any, samples: Any, n: int, size: int, shuffle: bool = False, steps: int | None = None
    ) -> None:
        self.model, self.samples, self.n, self.size = model, samples, n, min(size, n)
        self.shuffle = shuffle and size < n  # one batch is a sum, whose order does not matter
        self.batches = -(-n // self.size)  # of one time through the data
        self.steps = self.batches if steps is None else steps
        self.at = 0

    def runs(self, trains: bool, stretch: Callable[[], int]) -> Iterator[tuple[int, Run]]:
        left = self.steps or 0
        if not trains:
            self.at = 0
        while left:
            count = min(left, self.batches - self.at, stretch())
            first, last = self.at, self.at + count
            left, self.at = left - count, last % self.batches
            order = self.model.epochs_trained if self.shuffle else None
            yield count, partial(self._train, order, first, last) if trains else partial(self._measure, first, last)
            if trains and self.at == 0:
                self.model.epochs_trained += 1

    def _train(self, order: int | None, first: int, last: int, trainer: Trainer, totals: Totals) -> Totals:
        return trainer.train(self.samples, self.size, order, first, last, totals)

    def _measure(self, first: int, last: int, trainer: Trainer, totals: Totals) -> Totals:
        return trainer.measure(self.samples, self.size, first, last, totals)

    def epochs_ahead(
        self, trainer: Trainer, most: int, sure: Callable[[], float] = lambda: math.inf
    ) -> Iterator[dict[str, Any]]:
        """The logs of ``most`` epochs, where nobody looks at the network in between.

        The core is ahead of who reads them, by no more epochs than ``sure`` says will be read.
        """
        while most > 0:
            count = int(max(1, min(most, sure(), LONGEST // self.batches)))
            most -= count
            yield from self.train_epochs(trainer, count)

    def train_epochs(self, trainer: Trainer, epochs: int) -> Iterator[dict[str, Any]]:
        """The logs of whole epochs, for which the core trains without coming back before the first of them.

        If that is stopped, what is raised comes after the logs of the epochs that were done.
        """
        totals = np.zeros((epochs, len(trainer.no_totals())))
        try:
            order = self.model.epochs_trained if self.shuffle else None
            trainer.train_epochs(totals, self.samples, self.size, order, self.batches)
        finally:
            done = [trainer.logs(each) for each in totals if each[1] == self.n]
            self.model.epochs_trained += len(done)
            yield from done


class Batches(Source):
    """Batches that something else makes: an iterable of (x, y) or (x, y, sample_weight), or an object that has them
    by number, with ``len``. An iterator is used up; anything else begins anew in every epoch.
    """

    END = object()

    def __init__(
        self,
        model: Any,
        batches: Any,
        shuffle: bool = False,
        steps: int | None = None,
        class_weight: dict[int, float] | None = None,
    ) -> None:
        self.model, self.batches, self.shuffle, self.class_weight = model, batches, shuffle, class_weight
        self.by_number = hasattr(batches, "__getitem__") and hasattr(batches, "__len__")
        self.steps = len(batches) if steps is None and hasattr(batches, "__len__") else steps
        self.limit = steps
        self.current: Iterator[Any] | None = None
        self.ends = hasattr(batches, "__next__")  # an iterator does not begin anew
        if self.steps == 0:
            raise ValueError("x has no batches")

    def _begin(self) -> Iterator[Any]:
        if not self.by_number:
            return iter(self.batches)
        order = np.arange(len(self.batches))
        if self.shuffle:
            order = np.random.default_rng([self.model.seed, self.model.epochs_trained]).permutation(order)
        return (self.batches[int(i)] for i in order)

    def first(self) -> Any:
        """The first batch, which will come again."""
        if self.by_number:
            return self.batches[0]
        iterator = self._begin()
        try:
            batch = next(iterator)
        except StopIteration:
            raise ValueError("x has no batches") from None
        self.current = _chain(batch, iterator)
        return batch

    def runs(self, trains: bool, stretch: Callable[[], int]) -> Iterator[tuple[int, Run]]:
        self._tell("on_epoch_begin")
        done = 0
        while self.limit is None or done < self.limit:
            fresh = self.current is None
            if self.current is None:
                self.current = self._begin()
            batch = next(self.current, self.END)
            if batch is not self.END:
                done += 1
                yield 1, self._run(batch, trains)
                continue
            self.current = None
            if fresh or (self.ends and done == 0):
                raise ValueError("x ran out of batches: expected some for each epoch, or an iterable that begins anew")
            if self.limit is None or self.ends:
                break

    def _run(self, batch: Any, trains: bool) -> Run:
        x, y, weight = unpack(batch)
        samples, (n, _) = self.model._samples(x, y, weight, class_weight=self.class_weight if trains else None)
        if trains:
            return lambda trainer, totals: trainer.train(samples, n, None, 0, 1, totals)
        return lambda trainer, totals: trainer.measure(samples, n, 0, 1, totals)

    def epoch_done(self, trains: bool) -> None:
        self.model.epochs_trained += trains
        self._tell("on_epoch_end")

    def _tell(self, hook: str) -> None:
        if hasattr(self.batches, hook):
            getattr(self.batches, hook)()


def _chain(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest


def split(share: float, x: Any, y: Any, sample_weight: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The data, and the last ``share`` of it, as Keras splits it."""
    if not 0.0 < share < 1.0:
        raise ValueError(f"validation_split must be in [0, 1); got {share}")
    x, y = _data.as_samples(x), _data.as_numbers(y, "y")
    n = x.shape[0] if x.ndim else 0
    if y.ndim == 0 or len(y) != n:
        raise ValueError(f"x has {n} rows; y has {f'{len(y)} rows' if y.ndim else 'a single number'}")
    at = math.floor(n * (1.0 - share))
    if at == 0 or at == n:
        raise ValueError(f"validation_split={share} of {n} samples leaves none to {'train' if at == 0 else 'validate'}")
    weights: tuple[Any, Any] = (None, None)
    if sample_weight is not None:
        w = _data.as_numbers(sample_weight, "sample_weight")
        if w.ndim == 0 or len(w) != n:
            raise ValueError(f"sample_weight has shape {w.shape}; expected ({n},)")
        weights = (w[:at], w[at:])
    return (x[:at], y[:at], weights[0]), (x[at:], y[at:], weights[1])
