"""What happens in the layers while they learn."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp import _data, _files
from fastbp._page import frame
from fastbp.callbacks.base import Callback, Logs, batches_between
from fastbp.callbacks.findings import findings
from fastbp.callbacks.probe import LayerRecord, Probe
from fastbp.callbacks.recorder_page import page

Array = npt.NDArray[Any]

GRID = 48  # points of the decision surface along each of two inputs


@dataclass(frozen=True)
class Record:
    """One instant: the batches trained on so far, epochs as a number with a fraction, logs, and every layer.

    ``surface`` has the outputs over a grid of the inputs, (GRID, GRID, outputs), if there are two.
    """

    step: int
    epoch: float
    loss: float  # of the sample
    layers: list[LayerRecord]
    logs: Logs = field(default_factory=dict)
    surface: Array | None = None


class Recorder(Callback):
    """Keeps what tells how training goes: loss and metrics, and of every layer the norms of weights, gradients and
    updates, their ratio, and the shares of dead ReLUs and of saturated units.

    ``findings()`` says in words what stands out, ``to_html`` draws it all.

    Args:
        every: "epoch", or a number of batches, from one record to the next. The update that is recorded is that of the
            one step, or of the whole epoch. In between nothing is done.
        data: (x, y) to measure gradients and units on; without it ``samples`` rows of the training data (of its first
            batch, if the fit gets batches), taken evenly; sample weights do not count.
        samples: how many rows that are, at most.
        limit: the most records to keep. When there are as many, every other is dropped, and from then on they are
            taken half as often: so time and memory are bounded, however long the fit.

    A record costs two forward passes and one backward over the sample, and a copy of the weights. Smaller ``samples``
    and larger ``every`` make it cheaper; it leaves the fit as it is, bit for bit.

    >>> from fastbp import Dense, Sequential
    >>> model = Sequential([Dense(4, "relu"), Dense(1)], seed=0)
    >>> model.compile("sgd", "mse")
    >>> recorder = Recorder()
    >>> _ = model.fit([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0], epochs=3, callbacks=recorder)
    >>> [record.step for record in recorder.records], recorder.records[0].layers[0].name
    ([0, 1, 2, 3], 'dense')
    """

    def __init__(
        self, every: str | int = "epoch", *, data: tuple[Any, Any] | None = None, samples: int = 128, limit: int = 256
    ) -> None:
        self.every = every
        self._between = batches_between(every, "every")
        self.data = data
        self.samples = _data.positive_int(samples, "samples")
        self.limit = _data.positive_int(limit, "limit", least=4)
        self.records: list[Record] = []
        self.history: dict[str, list[float]] = {}  # by name, of each epoch
        self.epochs: dict[str, list[int]] = {}  # of the values in ``history``, counted from 0
        self.sample: tuple[Any, Any] | None = None  # (x, y) that is measured on
        self.extent: Array | None = None  # [least, greatest] of each of two inputs, over which the surface reaches
        self._stride = 1  # doubles when records are dropped
        self._epochs_seen = 0  # of this fit
        self._epoch = 0
        self._probe: Probe | None = None
        if self._between:
            self.on_train_batch_begin = self._begin_batch  # type: ignore[method-assign]  # on it alone: it costs
            self.on_train_batch_end = self._end_batch  # type: ignore[method-assign]

    # ---- the instants ----

    def _see(self, x: Any, y: Any) -> None:
        x, y = (x, y) if self.data is None else self.data
        x, y = _data.as_samples(x), _data.as_numbers(y, "y")
        n = x.shape[0]
        rows = np.unique(np.linspace(0, n - 1, min(n, self.samples)).astype(int))
        self.sample = (_data.taken(x, rows), y[rows].copy())

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.records, self.history, self.epochs = [], {}, {}
        self._stride, self._epochs_seen, self._batches_seen = 1, 0, 0
        self._set_interval()
        assert self.sample is not None
        x, y = self.sample
        self.extent = None if _data.is_sparse(x) or self.model.input_shape[1] != 2 else _extent(x)
        self._probe = Probe(self.model, x, y)
        self._epoch = self.model._initial_epoch
        self._record(float(self._epoch), {})

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch
        self._epochs_seen += 1
        if self._wants_epoch():
            self._begin()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        for name, value in (logs or {}).items():
            if np.ndim(value) == 0:
                self.history.setdefault(name, []).append(float(value))
                self.epochs.setdefault(name, []).append(epoch)
        if self._wants_epoch():
            self._end(epoch + 1.0, logs)

    def _wants_epoch(self) -> bool:
        return not self._between and self._epochs_seen % self._stride == 0

    def _set_interval(self) -> None:
        if self._between:
            self.batch_interval = self._between * self._stride

    def _begin_batch(self, batch: int, logs: Logs | None = None) -> None:
        self._begin()

    def _end_batch(self, batch: int, logs: Logs | None = None) -> None:
        self._end(self._epoch + (batch + 1) / (self.params.get("steps") or batch + 1), logs)

    def _begin(self) -> None:
        assert self._probe is not None
        self._probe.remember()

    def _end(self, epoch: float, logs: Logs | None) -> None:
        self._record(epoch, dict(logs or {}))
        if len(self.records) >= self.limit:
            self.records = self.records[::2]
            self._stride *= 2
            self._set_interval()

    def _record(self, epoch: float, logs: Logs) -> None:
        assert self._probe is not None
        with np.errstate(all="ignore"):  # a fit that diverges is what it is for
            step, loss, layers = self._probe.look()
            surface = None if self.extent is None else self.model(_grid(self.extent)).reshape(GRID, GRID, -1)
        self.records.append(Record(step, epoch, loss, layers, logs, surface))

    def _release(self) -> None:
        self._probe = None

    # ---- what is said ----

    def findings(self) -> list[str]:
        """What stands out, in words, the gravest first; empty if nothing does.

        Looked for: a loss that is no number, or rises; dead ReLUs; saturated units; updates that are much too large or
        small for their weights; overfitting; a plateau.
        """
        return findings(self)

    def to_html(self, filepath: _files.Path) -> None:
        """Writes a page with the findings, the curves and the layers; for two inputs also the decision surface.

        It is one file, which fetches nothing. An existing file is replaced as a whole or not at all.

        Raises:
            RuntimeError: if nothing is recorded yet.
        """
        _files.replace(filepath, page(self).encode())

    def _repr_html_(self) -> str | None:
        return frame(page(self), "Training") if self.records else None


def _extent(x: Any) -> Array:
    """[least, greatest] of each of two inputs, with a margin."""
    rows = np.asarray(x, float).reshape(-1, 2)
    least, most = rows.min(axis=0), rows.max(axis=0)
    margin = np.where(most > least, 0.15 * (most - least), 1.0)
    return np.array([least - margin, most + margin])


def _grid(extent: Array) -> Array:
    """The points of the surface (GRID², 2), rows from the greatest second input down, as a picture is drawn."""
    (left, bottom), (right, top) = extent
    across, down = np.meshgrid(np.linspace(left, right, GRID), np.linspace(top, bottom, GRID))
    return np.stack([across.ravel(), down.ravel()], axis=1)
