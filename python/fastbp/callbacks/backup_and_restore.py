"""Going on with a fit after the process ended."""

import os

from fastbp import saving
from fastbp._files import remove_left_over
from fastbp.callbacks.base import Callback, Logs, batches_between


class BackupAndRestore(Callback):
    """Saves the state of training as it goes; the same fit, started again after an interruption, goes on from there.

    Weights, the optimiser's slots, steps and learning rate, the seed and the number of epochs are restored, so the
    resumed run takes the same steps, to the bit, as one that was never interrupted. With ``save_freq`` in batches the
    epoch that was interrupted is begun anew from the weights of the last backup, as in Keras. A process that is killed
    while it writes leaves the last backup whole, and beside it a file ending in ".tmp", which the next fit removes.

    Args:
        backup_dir: the folder of the backup; give every fit one of its own. It is made.
        save_freq: "epoch", or a number of batches.
        double_checkpoint: whether to keep the backup before the last, for the case that the last cannot be read.
        delete_checkpoint: whether to delete the backup when the fit has come to its end.

    Raises:
        ValueError: at the beginning of fit, if the backup is of another network or optimiser.

    >>> BackupAndRestore("backup").save_freq
    'epoch'
    """

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: str | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        if not os.fspath(backup_dir):
            raise ValueError("backup_dir is empty; expected the path of a folder")
        self.backup_dir = os.fspath(backup_dir)
        self.save_freq = save_freq
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        self._latest = os.path.join(self.backup_dir, "latest.safetensors")
        self._previous = os.path.join(self.backup_dir, "previous.safetensors")
        self._epoch = 0  # to go on with
        self._between = batches_between(save_freq, "save_freq")
        if self._between:
            self.batch_interval = self._between
            self.on_train_batch_end = self._save_batch  # type: ignore[method-assign]  # on it alone: it costs

    def on_train_begin(self, logs: Logs | None = None) -> None:
        remove_left_over(self._latest)
        found = [path for path in (self._latest, self._previous) if os.path.exists(path)]
        for path in found:
            try:
                self.model._initial_epoch = saving.load_state(self.model, path)
                return
            except (OSError, ValueError):
                if path == found[-1]:
                    raise

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch + 1
        if not self._between:
            self._save()

    def _save_batch(self, batch: int, logs: Logs | None = None) -> None:
        self._save()

    def _save(self) -> None:
        os.makedirs(self.backup_dir, exist_ok=True)
        if self.double_checkpoint and os.path.exists(self._latest):
            os.replace(self._latest, self._previous)
        saving.save_state(self.model, self._latest, self._epoch)

    def on_train_end(self, logs: Logs | None = None) -> None:
        if not self.delete_checkpoint:
            return
        for path in (self._latest, self._previous):
            if os.path.exists(path):
                os.remove(path)
        if os.path.isdir(self.backup_dir) and not os.listdir(self.backup_dir):
            os.rmdir(self.backup_dir)
