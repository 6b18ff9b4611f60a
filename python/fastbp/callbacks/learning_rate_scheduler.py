"""A learning rate for every epoch."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from fastbp.callbacks.base import Callback, Logs


class LearningRateScheduler(Callback):
    """Sets the learning rate before every epoch to ``schedule(epoch, learning_rate)``, or ``schedule(epoch)``.

    Adds the ``learning_rate`` of the epoch to the logs, and so to the history.

    Args:
        schedule: from the number of the epoch, from 0, and the learning rate so far to the one to use.
        verbose: 1 prints it.

    Raises:
        ValueError: if ``schedule`` does not give a float.

    >>> from fastbp import Dense, Sequential
    >>> model = Sequential([Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> halve = LearningRateScheduler(lambda epoch, rate: rate / 2 if epoch else rate)
    >>> model.fit([[1.0]], [1.0], epochs=3, callbacks=halve).history["learning_rate"]
    [0.01, 0.005, 0.0025]
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        self.schedule = schedule
        self.verbose = verbose
        try:
            inspect.signature(schedule).bind(0, 0.0)
            self._takes_rate = True
        except TypeError:
            self._takes_rate = False

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        optimizer = self.model.optimizer
        args: tuple[Any, ...] = (epoch, float(optimizer.learning_rate)) if self._takes_rate else (epoch,)
        rate = self.schedule(*args)
        if not isinstance(rate, (float, np.floating)):
            raise ValueError(f"schedule must give the learning rate as a float; got {type(rate).__name__} {rate!r}")
        optimizer.learning_rate = float(rate)
        if self.verbose:
            print(f"Epoch {epoch + 1}: setting the learning rate to {rate:.6g}")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)
