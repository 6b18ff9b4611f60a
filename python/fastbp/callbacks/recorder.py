"""What happens in the layers while they learn."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp import _data, _files
from fastbp._page import frame
from fastbp.callbacks.base import Callback, Logs, batches_between
from fastbp.callbacks.findings import findings
from fastbp.callbacks.recorder_page import page

Array = npt.NDArray[Any]

GRID = 48  # points of the decision surface along each of two inputs
FLOORS = {"relu": 0.0, "relu6": 0.0}  # what a unit that does not fire gives, by activation
RANGES = {  # between what the values of a unit lie, by activation
    "sigmoid": (0.0, 1.0),
    "hard_sigmoid": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "hard_tanh": (-1.0, 1.0),
    "softsign": (-1.0, 1.0),
}
EDGE = 0.01  # of the range: a value so close to an end is saturated
MOSTLY = 0.9  # a unit whose values are saturated for that share of the samples is saturated


@dataclass(frozen=True)
class LayerRecord:
    """One layer at one instant. The norms are Euclidean, over all its weights that learn; NaN for what is not known."""

    name: str
    number: int  # in the model, from 1
    weight: float  # norm of the weights
    gradient: float  # norm of the slopes of the loss of the sample
    update: float  # norm of the change of the weights
    ratio: float  # update / weight, for each step
    dead: float  # the share of ReLUs that fire for none of the samples
    saturated: float  # the share of units that are at an end of their range for nearly all samples


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
            one step, or of the whole epoch. With "epoch" nothing is done between epochs; with batches every batch
            costs a trip into Python.
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
        self, every: str | int = "epoch", *, data: tuple[Any, Any] | None = None, samples: int = 256, limit: int = 256
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
        self._lent: list[Any] = []  # layers that have a network of their own for the time of the fit
        self._stride = 1  # doubles when records are dropped
        self._instants = 0  # epochs or batches of this fit
        self._epoch = 0
        self._before: list[Array] | None = None  # the weights before the step or epoch that will be recorded
        self._batches = 0  # trained on by then
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
        self._stride, self._instants, self._before = 1, 0, None
        assert self.sample is not None
        self.extent = None
        if self.model.input_shape[1] == 2 and not _data.is_sparse(self.sample[0]):
            x = np.asarray(self.sample[0], float).reshape(-1, 2)
            least, most = x.min(axis=0), x.max(axis=0)
            margin = np.where(most > least, 0.15 * (most - least), 1.0)
            self.extent = np.array([least - margin, most + margin])
        self._lent = [layer for layer in self.model.layers if layer._network is None]
        self._epoch = self.model._initial_epoch
        self._batches = self._counted()
        self._record(float(self._epoch), {})

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch
        if not self._between:
            self._begin(1)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        for name, value in (logs or {}).items():
            if np.ndim(value) == 0:
                self.history.setdefault(name, []).append(float(value))
                self.epochs.setdefault(name, []).append(epoch)
        if not self._between:
            self._end(epoch + 1.0, logs)

    def _begin_batch(self, batch: int, logs: Logs | None = None) -> None:
        self._begin(self._between or 1)

    def _end_batch(self, batch: int, logs: Logs | None = None) -> None:
        self._end(self._epoch + (batch + 1) / (self.params.get("steps") or batch + 1), logs)

    def _counted(self) -> int:
        return int(self.model._require_trainer().core.batches)

    def _begin(self, between: int) -> None:
        self._instants += 1
        if self._instants % (between * self._stride) == 0:
            self._before, self._batches = self.model.get_weights(), self._counted()

    def _end(self, epoch: float, logs: Logs | None) -> None:
        if self._before is None:
            return
        self._record(epoch, dict(logs or {}))
        self._before = None
        if len(self.records) >= self.limit:
            self.records = self.records[::2]
            self._stride *= 2

    def _release(self) -> None:
        for layer in self._lent:
            layer._network = None  # with a copy of its weights
        self._lent = []

    # ---- what is measured ----

    def _record(self, epoch: float, logs: Logs) -> None:
        assert self.sample is not None
        model, (x, y) = self.model, self.sample
        step = self._counted()
        with np.errstate(all="ignore"):  # a fit that diverges is what it is for
            loss, gradients = model.loss_and_gradients(x, y)
            layers = self._layers(gradients, step - self._batches)
            surface = None if self.extent is None else model(_grid(self.extent)).reshape(GRID, GRID, -1)
        self.records.append(Record(step, epoch, float(loss), layers, logs, surface))

    def _layers(self, gradients: list[Array], steps: int) -> list[LayerRecord]:
        records = []
        values: Any = None if _data.is_sparse(self.sample[0]) else self.model._inputs(self.sample[0])  # type: ignore[index]
        before = self._before or gradients
        at = 0
        for number, layer in enumerate(self.model.layers, 1):
            part = slice(at, at + len(layer.weights))
            at = part.stop
            values = None if values is None else layer(values)
            learns = [v.trainable and layer.trainable for v in layer.variables]
            weights = [w for w, flag in zip(layer.weights, learns, strict=True) if flag]
            slopes = [g for g, flag in zip(gradients[part], learns, strict=True) if flag]
            old = [w for w, flag in zip(before[part], learns, strict=True) if flag]
            dead, saturated = (np.nan, np.nan) if values is None else _idle(layer, values)
            if weights or not np.isnan([dead, saturated]).all():
                update = _norm([w - o for w, o in zip(weights, old, strict=True)]) if self._before else np.nan
                weight = _norm(weights)
                ratio = update / weight / max(steps, 1) if weight else np.nan
                records.append(
                    LayerRecord(str(layer.name), number, weight, _norm(slopes), update, ratio, dead, saturated)
                )
        return records

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


def _norm(arrays: list[Array]) -> float:
    """√Σ w² over all of them; NaN if there are none."""
    if not arrays:
        return float("nan")
    return float(np.sqrt(sum(float((a.astype(np.float64) ** 2).sum()) for a in arrays)))


def _idle(layer: Any, values: Array) -> tuple[float, float]:
    """The shares of a layer's units that are dead, and saturated; NaN where its activation knows no such thing."""
    name = getattr(getattr(layer, "activation", None), "name", None)
    dead = saturated = float("nan")
    if name in FLOORS:
        dead = float((values == FLOORS[name]).all(axis=0).mean())
    if name in RANGES:
        low, high = RANGES[name]
        edge = EDGE * (high - low)
        at_end = (values <= low + edge) | (values >= high - edge)
        saturated = float((at_end.mean(axis=0) >= MOSTLY).mean())
    return dead, saturated


def _grid(extent: Array) -> Array:
    """The points of the surface (GRID², 2), rows from the greatest second input down, as a picture is drawn."""
    (left, bottom), (right, top) = extent
    across, down = np.meshgrid(np.linspace(left, right, GRID), np.linspace(top, bottom, GRID))
    return np.stack([across.ravel(), down.ravel()], axis=1)
