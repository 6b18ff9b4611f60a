"""The base of all callbacks."""

from collections.abc import Mapping
from typing import Any

from fastbp import _data

Logs = dict[str, Any]  # numbers by name; a callback may add some


class Callback:
    """The base class. Override what you need; ``self.model`` is the model, ``self.params`` the fit's settings.

    ``on_train_batch_begin`` and ``on_train_batch_end`` are called for every ``batch_interval``-th batch that the
    callback has been in: for all, unless a class or an object says otherwise. The core runs those between without a
    trip into Python.

    >>> from fastbp import Dense, Sequential
    >>> class Loss(Callback):
    ...     batch_interval = 2
    ...     def on_train_batch_end(self, batch, logs=None):
    ...         print(batch, f"{logs['loss']:.2f}")
    >>> model = Sequential([Dense(1, kernel_initializer="ones")])
    >>> model.compile("sgd", "mse")
    >>> _ = model.fit([[0.0]] * 5, [2.0] * 5, batch_size=1, callbacks=Loss())
    1 3.92
    3 3.77
    """

    model: Any = None
    params: Mapping[str, Any] = {}
    batch_interval: int = 1
    _batches_seen: int = 0  # of training

    def set_model(self, model: Any) -> None:
        self.model = model

    def set_params(self, params: Mapping[str, Any]) -> None:
        self.params = params

    def on_train_begin(self, logs: Logs | None = None) -> None: ...
    def on_train_end(self, logs: Logs | None = None) -> None: ...
    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None: ...
    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None: ...
    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None: ...
    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None: ...

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self.on_batch_end(batch, logs)

    def on_test_begin(self, logs: Logs | None = None) -> None: ...
    def on_test_end(self, logs: Logs | None = None) -> None: ...
    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None: ...
    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None: ...
    def on_predict_begin(self, logs: Logs | None = None) -> None: ...
    def on_predict_end(self, logs: Logs | None = None) -> None: ...
    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None: ...
    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None: ...

    def _see(self, x: Any, y: Any) -> None:
        """Is shown the training data, or their first batch, before a fit begins."""

    def _release(self) -> None:
        """Closes what is open: called when fit, evaluate or predict ends, however it ends."""


def batches_between(value: Any, name: str) -> int | None:
    """How many batches lie between two actions; None for "epoch", between epochs."""
    if value == "epoch":
        return None
    try:
        return _data.positive_int(value, name)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{error}. Expected 'epoch' or a number of batches") from None
