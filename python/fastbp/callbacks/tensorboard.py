"""The logs for TensorBoard."""

import os
from typing import Any

from fastbp import _data
from fastbp.callbacks.base import Callback, Logs, batches_between


def _summary_writer() -> Any:
    try:
        from tensorboardX import SummaryWriter
    except ImportError as error:
        raise ImportError(
            "TensorBoard without a writer needs tensorboardX: pip install 'fastbp[tensorboard]'"
        ) from error
    return SummaryWriter


class TensorBoard(Callback):
    """Writes losses, metrics, the learning rate and histograms of the weights where TensorBoard finds them.

    Keras's layout: ``epoch_loss`` and so on by epoch, from 0, ``batch_loss`` by batch, from 1, in the sub-folder
    ``train``; ``epoch_loss`` of the validation data, and ``evaluation_loss_vs_iterations`` by steps of the optimiser,
    in ``validation``.

    Args:
        log_dir: the folder.
        histogram_freq: every how many epochs to write histograms of the weights; 0 for none.
        update_freq: "epoch", or every how many batches to write the means of the epoch so far ("batch" is 1).
        writer: what to write by, instead of tensorboardX's SummaryWriter in ``log_dir``: an object with
            ``add_scalar(tag, value, step)``, ``add_histogram(tag, values, step)`` and ``flush()``. Its tags begin with
            "train/" or "validation/". Who made it closes it.

    Raises:
        ImportError: without a writer, if tensorboardX is missing.

    >>> from fastbp import Dense, Sequential
    >>> class Printer:
    ...     def add_scalar(self, tag, value, step):
    ...         print(step, tag, value)
    ...     def flush(self):
    ...         pass
    >>> model = Sequential([Dense(1, kernel_initializer="ones")])
    >>> model.compile("sgd", "mse")
    >>> _ = model.fit([[1.0]], [3.0], callbacks=TensorBoard(writer=Printer()))
    0 train/epoch_loss 4.0
    0 train/epoch_learning_rate 0.01
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        *,
        update_freq: str | int = "epoch",
        writer: Any = None,
    ) -> None:
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq = _data.positive_int(histogram_freq, "histogram_freq", least=0)
        self.update_freq = 1 if update_freq == "batch" else update_freq
        self.writer = writer
        self._open = None if writer is not None else _summary_writer()  # now, and not after an epoch
        self._writers: dict[str, Any] = {}
        between = batches_between(self.update_freq, "update_freq")
        if between:
            self.batch_interval = between
            self.on_train_batch_end = self._write_batch  # type: ignore[method-assign]  # on it alone: it costs

    def _part(self, part: str) -> tuple[Any, str]:
        """The writer for a part of the data, and what its tags begin with."""
        if self._open is None:
            return self.writer, f"{part}/"
        if part not in self._writers:
            self._writers[part] = self._open(os.path.join(self.log_dir, part))
        return self._writers[part], ""

    def _scalars(self, part: str, form: str, logs: Logs, step: int) -> None:
        writer, before = self._part(part)
        for name, value in logs.items():
            writer.add_scalar(before + form.format(name), value, step)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._batches_seen = 0

    def _write_batch(self, batch: int, logs: Logs | None = None) -> None:
        self._scalars("train", "batch_{}", logs or {}, self._batches_seen)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = logs or {}
        train = {name: value for name, value in logs.items() if not name.startswith("val_")}
        held_out = {name.removeprefix("val_"): value for name, value in logs.items() if name.startswith("val_")}
        train["learning_rate"] = float(self.model.optimizer.learning_rate)
        for part, values in (("train", train), ("validation", held_out)):
            if values:
                self._scalars(part, "epoch_{}", values, epoch)
                self._part(part)[0].flush()
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            writer, before = self._part("train")
            for layer in self.model.layers:
                for name, weight in zip(layer.weight_names, layer.weights, strict=True):
                    writer.add_histogram(f"{before}{layer.name}/{name}/histogram", weight, epoch)
            writer.flush()

    def on_test_end(self, logs: Logs | None = None) -> None:
        steps = self.model._require_trainer().core.iterations
        self._scalars("validation", "evaluation_{}_vs_iterations", logs or {}, steps)
        self._part("validation")[0].flush()

    def _release(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers = {}
