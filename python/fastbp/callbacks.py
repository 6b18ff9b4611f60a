"""Callbacks: code of the user's own between epochs and batches, with Keras's hooks.

Hooks for batches cost a trip into Python for every batch, and only callbacks that override them pay it.
"""

import math
import warnings
from collections.abc import Iterable, Mapping
from typing import Any, Literal

__all__ = ["Callback", "CallbackList", "EarlyStopping", "History"]

Logs = Mapping[str, float]


class Callback:
    """The base class. Override what you need; ``self.model`` is the model, ``self.params`` the fit's settings."""

    model: Any = None
    params: Mapping[str, Any] = {}

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


class CallbackList:
    """Several callbacks, called in order. ``call("on_epoch_end", epoch, logs)``."""

    def __init__(self, callbacks: Callback | Iterable[Callback] | None, model: Any, params: Mapping[str, Any]) -> None:
        if callbacks is None:
            self.callbacks = []
        elif isinstance(callbacks, Iterable):
            self.callbacks = list(callbacks)
        else:
            self.callbacks = [callbacks]
        for callback in self.callbacks:
            if not isinstance(callback, Callback):
                raise TypeError(f"expected callbacks derived from fastbp.callbacks.Callback; got {callback!r}")
            callback.set_model(model)
            callback.set_params(params)

    def call(self, hook: str, *args: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, hook)(*args)

    def overrides(self, *hooks: str) -> bool:
        """Whether any callback has a hook of its own."""
        return any(
            getattr(type(callback), hook) is not getattr(Callback, hook) or hook in vars(callback)
            for callback in self.callbacks
            for hook in hooks
        )


class History(Callback):
    """What ``fit`` returns: ``history`` has for every name in the logs the list of its values, ``epoch`` the epochs."""

    def __init__(self) -> None:
        self.epoch: list[int] = []
        self.history: dict[str, list[float]] = {}

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.epoch = []
        self.history = {}

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)


class EarlyStopping(Callback):
    """Stops where the loss is flat: after ``patience`` epochs without an improvement of more than ``min_delta``.

    Args:
        monitor: the name in the logs to watch.
        min_delta: what counts as an improvement.
        patience: how many epochs without one to wait.
        verbose: 1 prints when it stops.
        mode: "min", "max", or "auto": max for accuracies, else min.
        baseline: a value to be better than, before patience starts anew.
        restore_best_weights: whether the model ends with the weights of its best epoch.
        start_from_epoch: epochs before it are not looked at.

    >>> EarlyStopping(patience=3).patience
    3
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0.0,
        patience: int = 0,
        verbose: int = 0,
        mode: Literal["auto", "min", "max"] = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"mode must be 'auto', 'min' or 'max'; got {mode!r}")
        if patience < 0:
            raise ValueError(f"patience must be at least 0; got {patience}")
        self.monitor = monitor
        self.min_delta = abs(min_delta)
        self.patience = patience
        self.verbose = verbose
        self.maximize = mode == "max" or (mode == "auto" and monitor.removeprefix("val_").endswith(("acc", "accuracy")))
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self.on_train_begin()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.wait = 0
        self.stopped_epoch = 0
        self.best_epoch = 0
        self.best = -math.inf if self.maximize else math.inf
        self.best_weights: list[Any] | None = None

    def _improves(self, value: float, on: float) -> bool:
        return value - self.min_delta > on if self.maximize else value + self.min_delta < on

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = logs or {}
        if self.monitor not in logs:
            warnings.warn(
                f"EarlyStopping watches {self.monitor!r}, which is not in the logs; there are: {', '.join(logs)}",
                stacklevel=2,
            )
            return
        if epoch < self.start_from_epoch:
            return
        value = logs[self.monitor]
        if self.restore_best_weights and self.best_weights is None:
            self.best_weights = self.model.get_weights()  # should no epoch be better than this one
            self.best_epoch = epoch
        self.wait += 1
        if self._improves(value, self.best):
            self.best, self.best_epoch = value, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self._improves(value, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.verbose and self.stopped_epoch:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.best_weights is not None:
            if self.verbose:
                print(f"Restoring the weights of epoch {self.best_epoch + 1}")
            self.model.set_weights(self.best_weights)
