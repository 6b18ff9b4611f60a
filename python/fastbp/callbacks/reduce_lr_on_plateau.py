"""A lower learning rate where a fit gets no better."""

from fastbp.callbacks.base import Logs
from fastbp.callbacks.monitor import Mode, Monitor


class ReduceLROnPlateau(Monitor):
    """Multiplies the learning rate by ``factor`` after ``patience`` epochs without an improvement.

    Adds the ``learning_rate`` of the epoch to the logs, and so to the history.

    Args:
        monitor: the name in the logs to watch.
        factor: what the learning rate is multiplied by, below 1.
        patience: how many epochs without an improvement to wait.
        verbose: 1 prints what it does.
        mode: "min", "max", or "auto": max for accuracies and scores, else min.
        min_delta: what counts as an improvement.
        cooldown: how many epochs after a reduction are not counted.
        min_lr: the learning rate goes no lower.

    >>> ReduceLROnPlateau(factor=0.5, patience=2).factor
    0.5
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: Mode = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        if not 0.0 <= factor < 1.0:
            raise ValueError(f"factor must be in [0, 1); got {factor}")
        self.factor = factor
        self.patience = patience
        self.verbose = verbose
        self.cooldown = cooldown
        self.min_lr = min_lr
        self.on_train_begin()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.best = None
        self.wait = 0
        self.cooldown_counter = 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = {} if logs is None else logs
        rate = logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        value = self._watched(logs)
        if value is None:
            return
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.wait = 0
        if self._improves(value, self.best):
            self.best = value
            self.wait = 0
        elif self.cooldown_counter == 0:
            self.wait += 1
            if self.wait >= self.patience and rate > self.min_lr:
                self.model.optimizer.learning_rate = max(rate * self.factor, self.min_lr)
                self.cooldown_counter = self.cooldown
                self.wait = 0
                if self.verbose:
                    print(f"Epoch {epoch + 1}: reducing the learning rate to {self.model.optimizer.learning_rate:.6g}")
