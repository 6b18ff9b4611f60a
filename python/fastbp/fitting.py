"""Fit, evaluate and predict: checks and converts what comes in, counts epochs, calls callbacks.

The loop over batches is the core's; Python is entered at the epochs and the batches that somebody looks at.
"""

from collections.abc import Collection
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp import _data
from fastbp._progress import Verbose, shown
from fastbp.callbacks import CallbackList, History
from fastbp.callbacks.batch_hooks import BatchHooks
from fastbp.sources import Arrays, Batches, Source, is_source, split, unpack
from fastbp.threads import get_num_threads
from fastbp.trainer import Trainer

__all__ = ["evaluate", "fit", "predict", "run_epoch"]

EVALUATE_BATCH = 256  # samples at a time where the user names no batch size: any number gives the same results

Array = npt.NDArray[Any]


def _steps(value: Any, name: str) -> int | None:
    return None if value is None else _data.positive_int(value, name)


def _source(
    model: Any,
    x: Any,
    y: Any,
    sample_weight: Any,
    size: int,
    steps: int | None,
    shuffle: bool = False,
    class_weight: dict[int, float] | None = None,
    inputs: int | None = None,
) -> tuple[Source, int, tuple[Any, Any]]:
    """The batches, how many inputs they have, and (x, y) or the first of them. The model is not touched."""
    if not is_source(x):
        samples, (n, columns) = model._samples(x, y, sample_weight, inputs, class_weight)
        return Arrays(model, samples, n, size, shuffle, steps), columns, (x, y)
    if y is not None or sample_weight is not None:
        raise ValueError("x gives batches: y and sample_weight must be in them, not beside it")
    batches = Batches(model, x, shuffle, steps, class_weight)
    first, target, weight = unpack(batches.first())
    _, (_, columns) = model._samples(first, target, weight, inputs, class_weight)
    return batches, columns, (first, target)


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
    validation_data: Any,
    shuffle: bool,
    class_weight: dict[int, float] | None,
    sample_weight: Any,
    initial_epoch: int,
    steps_per_epoch: int | None,
    validation_steps: int | None,
    validation_batch_size: int | None,
    validation_freq: int | Collection[int],
) -> History:
    """``Sequential.fit``."""
    size = 32 if batch_size is None else _data.positive_int(batch_size, "batch_size")
    epochs = _data.positive_int(epochs, "epochs", least=0)
    initial_epoch = _data.positive_int(initial_epoch, "initial_epoch", least=0)
    steps = _steps(steps_per_epoch, "steps_per_epoch")
    validates = _validates(validation_freq)
    if validation_data is None and validation_split:
        if is_source(x):
            raise ValueError("validation_split needs arrays; x gives batches")
        (x, y, sample_weight), validation_data = split(validation_split, x, y, sample_weight)
    source, inputs, seen = _source(model, x, y, sample_weight, size, steps, shuffle, class_weight)
    validation = None
    if validation_data is not None:
        validation = _validation(model, validation_data, validation_batch_size, validation_steps, inputs)
    model._build(inputs)
    trainer = model._require_trainer()
    trainer.require_trainable()

    history = History()
    hooks = CallbackList(callbacks, model, {"verbose": shown(verbose), "epochs": epochs, "steps": source.steps})
    for callback in hooks.callbacks:
        callback._see(*seen)
    hooks.callbacks.append(history)
    history.set_model(model)
    model.history = history
    model.stop_training = False
    model._initial_epoch = initial_epoch
    batch_hooks = hooks.batch_hooks("train")

    logs: dict[str, Any] = {}
    with hooks:
        hooks.call("on_train_begin", {})
        trainer = model._require_trainer()  # a callback may have restored another state, and the epoch to begin with
        looks = len(hooks.callbacks) > 1 or validation is not None or bool(trainer.own_metrics)
        if looks or not isinstance(source, Arrays) or source.steps != source.batches:
            logs_of_epochs = iter(lambda: run_epoch(trainer, source, batch_hooks, model), None)
        else:
            logs_of_epochs = source.epochs_ahead(trainer, epochs - model._initial_epoch)
        for epoch in range(model._initial_epoch, epochs):
            hooks.call("on_epoch_begin", epoch, {})
            logs = next(logs_of_epochs)
            if validation is not None and validates(epoch + 1):
                logs |= {f"val_{name}": value for name, value in _evaluate(trainer, validation, hooks, model).items()}
            hooks.call("on_epoch_end", epoch, logs)
            if model.stop_training:
                break
        if epochs > 0:  # also if none was left: the process may have ended before this
            trainer.finish()
        hooks.call("on_train_end", logs)
    return history


def _validates(frequency: int | Collection[int]) -> Any:
    """Whether there is validation after an epoch, counted from 1."""
    if isinstance(frequency, Collection):
        chosen = {_data.positive_int(epoch, "an epoch of validation_freq") for epoch in frequency}
        return lambda epoch: epoch in chosen
    every = _data.positive_int(frequency, "validation_freq")
    return lambda epoch: epoch % every == 0


def _validation(model: Any, data: Any, batch_size: int | None, steps: int | None, inputs: int) -> Source:
    size = EVALUATE_BATCH if batch_size is None else _data.positive_int(batch_size, "validation_batch_size")
    steps = _steps(steps, "validation_steps")
    if is_source(data):
        parts = (data, None, None)
    elif isinstance(data, (tuple, list)) and len(data) in (2, 3):
        parts = (*data, None)[:3]
    else:
        raise ValueError("validation_data must be (x, y) or (x, y, sample_weight), or an iterable of such batches")
    try:
        return _source(model, *parts, size, steps, inputs=inputs)[0]
    except (TypeError, ValueError) as error:
        raise type(error)(f"validation data: {error}") from None


def run_epoch(trainer: Trainer, source: Source, hooks: BatchHooks, model: Any) -> dict[str, Any]:
    """One epoch, with the hooks for batches that are wanted; its logs so far are what on_..._batch_end gets."""
    totals = trainer.no_totals()
    trainer.reset_metrics()
    done = 0
    for count, run in source.runs(hooks.trains, hooks.stretch):
        hooks.begin(done)
        totals = run(trainer, totals)
        done += count
        called = hooks.end(done - 1, count, partial(trainer.logs, totals))
        if called and hooks.trains and model.stop_training:
            break
    source.epoch_done(hooks.trains)
    return trainer.logs(totals)


def _evaluate(trainer: Trainer, source: Source, hooks: CallbackList, model: Any) -> dict[str, Any]:
    hooks.call("on_test_begin", {})
    logs = run_epoch(trainer, source, hooks.batch_hooks("test"), model)
    hooks.call("on_test_end", logs)
    return logs


def evaluate(
    model: Any,
    x: Any,
    y: Any,
    *,
    batch_size: int | None,
    verbose: Verbose,
    sample_weight: Any,
    steps: int | None,
    callbacks: Any,
) -> dict[str, Any]:
    """``Sequential.evaluate``."""
    size = EVALUATE_BATCH if batch_size is None else _data.positive_int(batch_size, "batch_size")
    source, inputs, _ = _source(model, x, y, sample_weight, size, _steps(steps, "steps"))
    model._build(inputs)
    trainer = model._require_trainer()
    with CallbackList(callbacks, model, {"verbose": shown(verbose), "steps": source.steps}) as hooks:
        return _evaluate(trainer, source, hooks, model)


def predict(
    model: Any, x: Any, *, batch_size: int | None, verbose: Verbose, steps: int | None, callbacks: Any
) -> Array:
    """``Sequential.predict``."""
    size = 0 if batch_size is None else _data.positive_int(batch_size, "batch_size")
    limit = _steps(steps, "steps")
    if is_source(x):
        parts = [unpack(batch)[0] for _, batch in zip(range(limit or 2**62), _each(x), strict=False)]
        if not parts:
            raise ValueError("x has no batches")
        x = _data.joined(parts)
        limit = None
    rows = model._inputs(x)
    if model._network is None:
        model._build(rows.shape[1])
    if limit is not None:
        rows = rows[: limit * (size or 32)]
    size = min(size, len(rows))  # a workspace is as large as a batch
    count = -(-len(rows) // (size or EVALUATE_BATCH))
    with CallbackList(callbacks, model, {"verbose": shown(verbose), "steps": count}) as hooks:
        hooks.call("on_predict_begin", {})
        if hooks.overrides("on_predict_batch_begin", "on_predict_batch_end"):
            result = _predict_by_batch(model, rows, size or EVALUATE_BATCH, hooks)
        else:
            result = model._network(rows, size, get_num_threads())
        hooks.call("on_predict_end", {})
    return result


def _each(batches: Any) -> Any:
    return batches if hasattr(batches, "__iter__") else (batches[i] for i in range(len(batches)))


def _predict_by_batch(model: Any, rows: _data.Inputs, size: int, hooks: CallbackList) -> Array:
    parts = [np.empty((0, model._network.outputs), rows.dtype)]
    for batch, first in enumerate(range(0, len(rows), size)):
        hooks.call("on_predict_batch_begin", batch, {})
        parts.append(model._network(rows[first : first + size], size))
        hooks.call("on_predict_batch_end", batch, {"outputs": parts[-1]})
    return np.concatenate(parts)
