"""The logs as a table in a file."""

import csv
import os

from fastbp.callbacks.base import Callback, Logs


class CSVLogger(Callback):
    """Writes the logs of every epoch as a line of a file of comma-separated values.

    The columns are the epoch, counted from 0, and the names in the first epoch's logs in alphabetic order; what is
    missing in a later one is "NA". Without validation the ``val_`` columns stand there all the same, as in Keras. The
    file is opened for each line alone, so a fit that is interrupted leaves whole lines.

    Args:
        filename: the file; it is overwritten unless ``append``.
        separator: what stands between the values.
        append: whether to go on with a file that exists, without another head.

    >>> CSVLogger("training.csv", append=True).separator
    ','
    """

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False) -> None:
        self.filename = os.fspath(filename)
        self.separator = separator
        self.append = append
        self._columns: list[str] = []

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._columns = []
        with open(self.filename, "a" if self.append else "w"):  # fails here, and not after an epoch
            pass

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = logs or {}
        if not self._columns:
            names = sorted(logs)
            validated = any(name.startswith("val_") for name in names)
            self._columns = ["epoch", *names, *([] if validated else [f"val_{name}" for name in names])]
        with open(self.filename, "a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self._columns, restval="NA", extrasaction="ignore", delimiter=self.separator)
            if file.tell() == 0:
                writer.writeheader()
            writer.writerow({**logs, "epoch": epoch})
