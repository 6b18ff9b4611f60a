"""Ending a fit that diverged."""

import math

from fastbp.callbacks.base import Callback, Logs


class TerminateOnNaN(Callback):
    """Stops when the loss becomes NaN or infinite: after the batch in which it does.

    It looks at the loss after every batch, which costs a trip into Python for each. Without it a fit goes on, and the
    next one says that the weights are not finite.

    Args:
        raise_error: whether to raise instead, which leaves out ``on_train_end`` of all callbacks.
        restore_weights: whether the model is given back the weights from before the epoch, which are finite.

    Raises:
        RuntimeError: with ``raise_error``.

    >>> TerminateOnNaN().raise_error
    False
    """

    def __init__(self, raise_error: bool = False, *, restore_weights: bool = False) -> None:
        self.raise_error = raise_error
        self.restore_weights = restore_weights

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._diverged = False

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        if self.restore_weights:
            self._weights = self.model.get_weights()

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        loss = (logs or {}).get("loss", 0.0)
        if math.isfinite(loss):
            return
        self._diverged = True
        self._restore()
        if self.raise_error:
            raise RuntimeError(f"the loss is {loss} after batch {batch}; expected a finite number")
        print(f"Batch {batch}: the loss is {loss}, training ends")
        self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self._diverged:
            self._restore()  # again, for running means took the weights' place

    def _restore(self) -> None:
        if self.restore_weights:
            self.model.set_weights(self._weights)
