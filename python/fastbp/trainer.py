"""The Python half of training: checks and converts what comes in, counts epochs, calls callbacks.

The loop over batches is the core's; Python is entered once an epoch, or once a batch where a callback wants it.
"""

import math
import time
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp import _core, _data
from fastbp._progress import Progress, Verbose
from fastbp.callbacks import CallbackList, History
from fastbp.losses import Loss
from fastbp.metrics import Metric
from fastbp.optimizers import Optimizer
from fastbp.threads import get_num_threads

__all__ = ["Trainer"]

EVALUATE_BATCH = 256  # samples at a time where the user names no batch size: any number gives the same results

Array = npt.NDArray[Any]
Totals = npt.NDArray[np.float64]  # Σ weight·loss and the number of samples, then the sums of each metric


class Trainer:
    """A network with its loss, optimiser and metrics, as the core trains it."""

    def __init__(
        self, model: Any, network: Any, optimizer: Optimizer, loss: Loss | None, metrics: list[tuple[Metric, bool]]
    ) -> None:
        self.model = model
        self.network = network
        self.optimizer = optimizer
        self.kernel = optimizer.kernel
        self.settings: dict[str, Any] = {}  # those of the optimiser that the core has
        self.loss = loss
        self.metrics = [metric for metric, _ in metrics]
        self.names = ["loss", *(metric.name for metric in self.metrics)]
        core: Any = _core.Trainer32 if model.dtype == np.float32 else _core.Trainer64
        self.core = core(
            network,
            loss.kernel if loss else "",
            loss.kernel_settings_for(network.outputs) if loss else [],
            loss is not None and loss.from_logits,
            self.kernel,
            [(metric.kernel, metric.kernel_settings_for(network.outputs), weighted) for metric, weighted in metrics],
            model.seed,
        )
        self.places = np.cumsum([2, *self.core.metric_sizes])  # where the sums of each metric begin and end

    def _require_same_rule(self) -> None:
        if self.optimizer.kernel != self.kernel:
            raise RuntimeError(
                f"the optimiser was compiled as {self.kernel} and is {self.optimizer.kernel} now: compile again"
            )

    def _hand_over_settings(self) -> None:
        """Gives the core the optimiser's settings, where they have changed."""
        settings = vars(self.optimizer)
        if settings != self.settings:
            self._require_same_rule()
            fields = _core.optimizer_fields(self.kernel)[1]
            self.core.set_hyperparameters([getattr(self.optimizer, field) for field in fields])
            self.settings = settings.copy()

    def require_trainable(self) -> None:
        """RuntimeError if a weight is NaN or infinite, or the optimiser has become another since compile."""
        self._require_same_rule()
        if self.network.weights_finite():
            return
        for layer in self.model.layers:
            for weight in layer.weights:
                if not np.isfinite(weight).all():
                    raise RuntimeError(
                        f"the weights of layer {layer.name!r} are not finite (a diverged fit? a lower learning rate "
                        "helps); expected finite weights: set_weights, or make the model anew"
                    )

    def train(self, samples: Any, batch_size: int, shuffle_epoch: int | None, first: int, last: int) -> Totals:
        """Trains on batches [first, last) of an epoch."""
        self._hand_over_settings()
        self.core.set_threads(get_num_threads())
        return np.array(self.core.train(samples, batch_size, shuffle_epoch, first, last))

    def apply_gradients(self) -> None:
        """One step by the gradients that are stored."""
        self._hand_over_settings()
        self.core.apply_gradients()

    def step(self, samples: Any, batch_size: int) -> dict[str, float]:
        """One step on all samples as one batch."""
        self.require_trainable()
        return self.logs(self.train(samples, batch_size, None, 0, 1))

    def measure(self, samples: Any, batch_size: int, first: int, last: int) -> Totals:
        """What loss and metrics over batches [first, last) are computed from."""
        self.core.set_threads(get_num_threads())
        return np.array(self.core.evaluate(samples, batch_size, first, last))

    def evaluate(self, samples: Any, batch_size: int, first: int, last: int) -> dict[str, float]:
        """Loss and metrics over batches [first, last)."""
        return self.logs(self.measure(samples, batch_size, first, last))

    def gradients(self, samples: Any) -> float:
        """The loss over all samples; its gradients are in the network then."""
        self.core.set_threads(get_num_threads())
        loss, count, *_ = self.core.gradients(samples)
        return float(loss / count)

    def logs(self, totals: Totals) -> dict[str, float]:
        """Sums as the loss and the metrics, by name."""
        values = [float(totals[0] / totals[1]) if totals[1] else 0.0]
        for i, metric in enumerate(self.metrics):
            values.append(metric.result_of(totals[self.places[i] : self.places[i + 1]]))
        return dict(zip(self.names, values, strict=True))

    def no_totals(self) -> Totals:
        """The sums of no samples."""
        return np.zeros(self.places[-1])


def make_samples(x: Array, y: Any, sample_weight: Any, outputs: int, loss: Loss) -> Any:
    """The core's samples from x (n, in) in the model's dtype, and y and sample_weight as the user gave them."""
    n = len(x)
    if n == 0:
        raise ValueError("x has no rows")
    targets = _data.as_targets(y, n, outputs, loss.sparse, loss.name, x.dtype)
    weight = None if sample_weight is None else _data.as_sample_weight(sample_weight, n, x.dtype)
    _data.require_finite(x, "x")
    core: Any = _core.Samples32 if x.dtype == np.float32 else _core.Samples64
    return core(x, targets, weight)


def _split(share: float, x: Any, y: Any, sample_weight: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The data, and the last ``share`` of it, as Keras splits it."""
    if not 0.0 < share < 1.0:
        raise ValueError(f"validation_split must be in [0, 1); got {share}")
    x, y = _data.as_numbers(x, "x"), _data.as_numbers(y, "y")
    n = x.shape[0] if x.ndim else 0
    if y.ndim == 0 or len(y) != n:
        raise ValueError(f"x has {n} rows; y has {f'{len(y)} rows' if y.ndim else 'a single number'}")
    at = math.floor(n * (1.0 - share))
    if at == 0 or at == n:
        raise ValueError(f"validation_split={share} of {n} samples leaves none to {'train' if at == 0 else 'validate'}")
    weights: tuple[Any, Any] = (None, None)
    if sample_weight is not None:
        w = _data.as_numbers(sample_weight, "sample_weight")
        if w.ndim == 0 or len(w) != n:
            raise ValueError(f"sample_weight has shape {w.shape}; expected ({n},)")
        weights = (w[:at], w[at:])
    return (x[:at], y[:at], weights[0]), (x[at:], y[at:], weights[1])


def fit(
    model: Any,
    x: Any,
    y: Any,
    *,
    batch_size: int | None,
    epochs: int,
    verbose: Verbose,
    callbacks: Any,
    validation_split: float,
    validation_data: tuple[Any, ...] | None,
    shuffle: bool,
    sample_weight: Any,
    initial_epoch: int,
) -> History:
    """``Sequential.fit``."""
    size = 32 if batch_size is None else _data.positive_int(batch_size, "batch_size")
    epochs = _data.positive_int(epochs, "epochs", least=0)
    initial_epoch = _data.positive_int(initial_epoch, "initial_epoch", least=0)
    if validation_data is not None and not (
        isinstance(validation_data, (tuple, list)) and len(validation_data) in (2, 3)
    ):
        raise ValueError("validation_data must be (x, y) or (x, y, sample_weight)")
    if validation_data is None and validation_split:
        (x, y, sample_weight), validation_data = _split(validation_split, x, y, sample_weight)

    samples, (n, inputs) = model._samples(x, y, sample_weight)
    size = min(size, n)
    validation = None
    if validation_data is not None:
        try:
            validation, (held_out, _) = model._samples(*(*validation_data, None)[:3], inputs=inputs)
        except (TypeError, ValueError) as error:
            raise type(error)(f"validation data: {error}") from None
        validation_batches = -(-held_out // EVALUATE_BATCH)
    model._build(inputs)
    trainer = model._require_trainer()
    trainer.require_trainable()

    batches = -(-n // size)
    progress = Progress(verbose, epochs, "epoch", initial_epoch)
    history = History()
    params = {"verbose": progress.verbose, "epochs": epochs, "steps": batches}
    hooks = CallbackList(callbacks, model, params)
    hooks.callbacks.append(history)
    history.set_model(model)
    model.history = history
    model.stop_training = False
    per_batch = hooks.overrides("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")

    hooks.call("on_train_begin", {})
    logs: dict[str, float] = {}
    with progress:
        for epoch in range(initial_epoch, epochs):
            started = time.perf_counter()
            hooks.call("on_epoch_begin", epoch, {})
            order = model.epochs_trained if shuffle else None
            if per_batch:
                logs = _train_by_batch(trainer, samples, size, order, batches, hooks, model)
            else:
                logs = trainer.logs(trainer.train(samples, size, order, 0, batches))
            model.epochs_trained += 1
            if validation is not None:
                found = _evaluate(trainer, validation, EVALUATE_BATCH, validation_batches, hooks)
                logs |= {f"val_{name}": value for name, value in found.items()}
            hooks.call("on_epoch_end", epoch, logs)
            progress.step(epoch + 1, logs, time.perf_counter() - started)
            if model.stop_training:
                break
    hooks.call("on_train_end", logs)
    return history


def _train_by_batch(
    trainer: Trainer, samples: Any, size: int, order: int | None, batches: int, hooks: CallbackList, model: Any
) -> dict[str, float]:
    """An epoch with the hooks of every batch; its logs so far are what on_train_batch_end gets."""
    totals = trainer.no_totals()
    for batch in range(batches):
        hooks.call("on_train_batch_begin", batch, {})
        totals += trainer.train(samples, size, order, batch, batch + 1)
        hooks.call("on_train_batch_end", batch, trainer.logs(totals))
        if model.stop_training:
            break
    return trainer.logs(totals)


def _evaluate(trainer: Trainer, samples: Any, size: int, batches: int, hooks: CallbackList) -> dict[str, float]:
    hooks.call("on_test_begin", {})
    if hooks.overrides("on_test_batch_begin", "on_test_batch_end"):
        totals = trainer.no_totals()
        for batch in range(batches):
            hooks.call("on_test_batch_begin", batch, {})
            totals += trainer.measure(samples, size, batch, batch + 1)
            hooks.call("on_test_batch_end", batch, trainer.logs(totals))
        logs = trainer.logs(totals)
    else:
        logs = trainer.evaluate(samples, size, 0, batches)
    hooks.call("on_test_end", logs)
    return logs


def evaluate(
    model: Any, x: Any, y: Any, *, batch_size: int | None, verbose: Verbose, sample_weight: Any, callbacks: Any
) -> dict[str, float]:
    """``Sequential.evaluate``."""
    size = EVALUATE_BATCH if batch_size is None else _data.positive_int(batch_size, "batch_size")
    trainer, samples, n = model._prepare(x, y, sample_weight)
    size = min(size, n)
    batches = -(-n // size)
    started = time.perf_counter()
    with Progress(verbose, 1, "evaluation") as progress:
        hooks = CallbackList(callbacks, model, {"verbose": progress.verbose, "steps": batches})
        logs = _evaluate(trainer, samples, size, batches, hooks)
        progress.step(1, logs, time.perf_counter() - started)
    return logs


def predict(model: Any, x: Any, *, batch_size: int | None, verbose: Verbose, callbacks: Any) -> Array:
    """``Sequential.predict``."""
    size = 0 if batch_size is None else _data.positive_int(batch_size, "batch_size")
    rows = _data.as_inputs(x, model._network.inputs if model._network else None, model.dtype)
    if model._network is None:
        model._build(rows.shape[1])
    size = min(size, len(rows))  # a workspace is as large as a batch
    steps = -(-len(rows) // (size or EVALUATE_BATCH))
    started = time.perf_counter()
    with Progress(verbose, 1, "prediction") as progress:
        hooks = CallbackList(callbacks, model, {"verbose": progress.verbose, "steps": steps})
        hooks.call("on_predict_begin", {})
        if hooks.overrides("on_predict_batch_begin", "on_predict_batch_end"):
            result = _predict_by_batch(model, rows, size or EVALUATE_BATCH, hooks)
        else:
            result = model._network(rows, size, get_num_threads())
        hooks.call("on_predict_end", {})
        progress.step(1, {}, time.perf_counter() - started)
    return result


def _predict_by_batch(model: Any, rows: Array, size: int, hooks: CallbackList) -> Array:
    parts = [np.empty((0, model._network.outputs), rows.dtype)]
    for batch, first in enumerate(range(0, len(rows), size)):
        hooks.call("on_predict_batch_begin", batch, {})
        parts.append(model._network(rows[first : first + size], size))
        hooks.call("on_predict_batch_end", batch, {"outputs": parts[-1]})
    return np.concatenate(parts)
