"""Saving the model while it is trained."""

import os
from typing import Any

from fastbp._files import checked_path
from fastbp.callbacks.base import Logs, batches_between
from fastbp.callbacks.monitor import Mode, Monitor


class ModelCheckpoint(Monitor):
    """Saves the model, or its weights, after every epoch or every so many batches; if wanted only where it is the best.

    Args:
        filepath: where to, ending in ".safetensors". ``{epoch:02d}`` and names in the logs are filled in, epochs
            counted from 1, and after batches ``{batch}``. Folders are made.
        monitor: the name in the logs that tells which is best.
        verbose: 1 prints what it does.
        save_best_only: whether to save only what is better than all before, also those of earlier fits.
        save_weights_only: by ``model.save_weights``, else by ``model.save``.
        mode: "min", "max", or "auto": max for accuracies and scores, else min.
        save_freq: "epoch", or a number of batches; the logs are then means over the epoch so far.
        initial_value_threshold: what the first to be saved must be better than.

    Raises:
        ValueError: for another ending.
        KeyError: if a name in ``filepath`` is not in the logs.

    >>> ModelCheckpoint("best.safetensors", monitor="val_accuracy", save_best_only=True).maximize
    True
    """

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: Mode = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode)
        self.filepath = checked_path(filepath)
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = save_freq
        self.best = initial_value_threshold
        self._epoch = 0
        self._between = batches_between(save_freq, "save_freq")
        if self._between:
            self.batch_interval = self._between
            self.on_train_batch_end = self._save_batch  # type: ignore[method-assign]  # on it alone: it costs

    def _save_batch(self, batch: int, logs: Logs | None = None) -> None:
        self._save(logs or {}, batch=batch + 1)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch
        if not self._between:
            self._save(logs or {})

    def _save(self, logs: Logs, **numbers: Any) -> None:
        names = {"epoch": self._epoch + 1, **numbers, **logs}
        try:
            path = self.filepath.format(**names)
        except KeyError as error:
            raise KeyError(
                f"{self.filepath!r} names {error}, which is not known; there are: {', '.join(names)}"
            ) from None
        said = f"saving the model to {path}"
        if self.save_best_only and (value := self._watched(logs)) is not None:
            if not self._improves(value, self.best):
                self._say(f"{self.monitor} did not improve from {self.best:.5f}")
                return
            before = "None" if self.best is None else f"{self.best:.5f}"
            said = f"{self.monitor} improved from {before} to {value:.5f}, {said}"
            self.best = value
        self._say(said)
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        (self.model.save_weights if self.save_weights_only else self.model.save)(path, overwrite=True)

    def _say(self, what: str) -> None:
        if self.verbose:
            print(f"Epoch {self._epoch + 1}: {what}")
