"""Ending a fit that took its time."""

import time

from fastbp.callbacks.base import Callback, Logs


class TimeBudget(Callback):
    """Stops at the first end of a batch after so many seconds of fit; validation counts.

    It looks at the clock after every batch, which costs a trip into Python for each.

    Args:
        seconds: how long, by a clock that is not set back.

    >>> TimeBudget(60.0).seconds
    60.0
    """

    def __init__(self, seconds: float) -> None:
        if not seconds >= 0.0:
            raise ValueError(f"seconds must be at least 0; got {seconds}")
        self.seconds = float(seconds)
        self._began = 0.0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._began = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if time.monotonic() - self._began >= self.seconds:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.on_train_batch_end(epoch, logs)
