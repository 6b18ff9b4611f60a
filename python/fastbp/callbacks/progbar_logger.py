"""The progress display."""

import time

from fastbp._progress import Progress
from fastbp.callbacks.base import Callback, Logs


class ProgbarLogger(Callback):
    """Shows progress as ``verbose`` of fit, evaluate or predict says. They have one at the end of their callbacks.

    Given among the callbacks, it takes that one's place: before others, or as a class of one's own.

    >>> from fastbp import Dense, Sequential
    >>> model = Sequential([Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> class Short(ProgbarLogger):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         print(f"{epoch + 1} of {self.params['epochs']}")
    >>> _ = model.fit([[1.0]], [1.0], epochs=2, callbacks=Short())
    1 of 2
    2 of 2
    """

    _progress: Progress | None = None
    _began = 0.0

    def _begin(self, unit: str, total: int, initial: int = 0) -> None:
        if self._progress is None:  # else this is a validation, within a fit
            self._progress = Progress(self.params["verbose"], total, unit, initial)
            self._began = time.perf_counter()

    def _end(self, unit: str, number: int, logs: Logs) -> None:
        if self._progress is not None and self._progress.unit == unit:
            now = time.perf_counter()
            self._progress.step(number, logs, now - self._began)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._begin("epoch", self.params["epochs"], epoch)
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._end("epoch", epoch + 1, logs or {})

    def on_test_begin(self, logs: Logs | None = None) -> None:
        self._begin("evaluation", 1)

    def on_test_end(self, logs: Logs | None = None) -> None:
        self._end("evaluation", 1, logs or {})

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        self._begin("prediction", 1)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        self._end("prediction", 1, {})

    def _release(self) -> None:
        if self._progress is not None:
            self._progress.close()
            self._progress = None
