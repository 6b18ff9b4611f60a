"""``fastbp train`` and ``fastbp predict``: from a table to a model in a folder, and from that to predictions."""

import csv
import io
import os
import sys
from collections.abc import Callable, Collection, Sequence
from itertools import cycle
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp import _files
from fastbp.callbacks import Callback, CSVLogger, EarlyStopping, Recorder
from fastbp.callbacks.base import Logs
from fastbp.layers import Dense, Input, Normalization
from fastbp.models import Sequential
from fastbp.optimizers import Adam
from fastbp.saving import load_model
from fastbp.tables.dates import DAY, shown
from fastbp.tables.reading import read_table
from fastbp.tables.schema import Schema

__all__ = ["predict", "train"]

Array = npt.NDArray[Any]

MODEL, SCHEMA, HISTORY, PAGE = "model.safetensors", "schema.json", "history.csv", "page.html"  # in the folder
LOSSES = {"class": "sparse_categorical_crossentropy", "number": "mean_squared_error"}
LEAST_ROWS = 10


class _Lines(Callback):
    """A line at epochs 1, 2, 5, 10, 20, 50 ..., and at the end."""

    def __init__(self, say: Callable[[str], Any]) -> None:
        self.say = say
        self.next, self.factors = 1, cycle((2.0, 2.5, 2.0))
        self.last = ""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = logs or {}
        self.last = f"  epoch {epoch + 1:4}   loss {logs['loss']:.4g}   validation {logs['val_loss']:.4g}"
        if epoch + 1 == self.next:
            self.say(self.last)
            self.last = ""
            self.next = int(self.next * next(self.factors))

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.last:
            self.say(self.last)


def train(
    data: str,
    target: str,
    *,
    out: str | None = None,
    task: str | None = None,
    hidden: Sequence[int] = (64, 32),
    activation: str = "relu",
    epochs: int = 200,
    batch_size: int = 32,
    learning_rate: float = 0.001,
    patience: int = 20,
    validation: float = 0.2,
    seed: int = 0,
    drop: Collection[str] = (),
    categories: Collection[str] = (),
    max_categories: int = 64,
    separator: str = ",",
    say: Callable[[str], Any] = print,
) -> str:
    """Trains on a table, says what it does, and returns the folder that holds the model.

    Raises:
        ImportError, OSError, ValueError: naming the file, and what is wrong with it.
    """
    table = read_table(data, categories, separator)
    folder = out or f"{os.path.splitext(os.path.basename(data))[0]}-model"
    try:
        schema, rows = Schema.of(
            table, target, task=task, drop=drop, categories=categories, max_categories=max_categories, say=say
        )
        if len(rows) < LEAST_ROWS:
            raise ValueError(f"{len(rows)} rows have a target; expected at least {LEAST_ROWS}")
        order = np.random.default_rng(seed).permutation(rows)
        held_out = min(max(1, round(validation * len(rows))), len(rows) - 1)
        learnt, checked = np.sort(order[held_out:]), order[:held_out]
        schema = schema.fitted(table, learnt)
        x, _ = schema.encode(table)
        y = np.zeros(len(x))
        y[rows] = schema.targets(table[target].take(rows))
    except ValueError as error:
        raise ValueError(f"{data}: {error}") from None

    for line in _described(schema, {name: int(column.missing[rows].sum()) for name, column in table.items()}):
        say(line)
    model = _network(schema, hidden, activation, seed, os.path.basename(os.path.normpath(folder)))
    model.compile(Adam(learning_rate), LOSSES[schema.task], metrics=["accuracy"] if schema.classes else None)
    widths = "-".join(map(str, [schema.inputs, *hidden, schema.outputs]))
    say(f"\nNetwork {widths}, {activation}, {model.count_params():,} weights; Adam, rate {learning_rate:g}")
    say(f"{len(learnt)} rows to learn from, {len(checked)} to validate on\n")

    os.makedirs(folder, exist_ok=True)
    # A number is learnt in units of its own spread, so that no learning rate depends on what it is measured in.
    centre, spread = (0.0, 1.0) if schema.classes else (y[learnt].mean(), y[learnt].std() or 1.0)
    scaled = y if schema.classes else (y - centre) / spread
    stop = EarlyStopping("val_loss", patience=patience, restore_best_weights=True)
    recorder = Recorder()
    model.fit(
        x[learnt],
        scaled[learnt],
        batch_size=batch_size,
        epochs=epochs,
        validation_data=(x[checked], scaled[checked]),
        callbacks=[recorder, stop, _Lines(say), CSVLogger(os.path.join(folder, HISTORY))],
        verbose=0,
    )
    if not schema.classes:
        model.add(Normalization(mean=[centre], variance=[spread**2], invert=True, name="unit_of_target"))
    outputs = model.predict(x[checked], verbose=0)
    if not np.isfinite(outputs).all():
        raise ValueError(f"{data}: training diverged; a lower --learning-rate than {learning_rate:g} helps")
    say(f"  kept: epoch {stop.best_epoch + 1}, where validation was best\n")
    for line in _report(schema, outputs, y[checked], y[learnt]):
        say(line)
    recorder.to_html(os.path.join(folder, PAGE))
    schema.save(os.path.join(folder, SCHEMA))
    model.save(os.path.join(folder, MODEL))
    say(f"\nIn {folder}: {MODEL}, {SCHEMA}, {HISTORY}, {PAGE}")
    return folder


def _network(schema: Schema, hidden: Sequence[int], activation: str, seed: int, name: str) -> Sequential:
    scaler = Normalization(mean=schema.mean, variance=schema.variance)
    last = Dense(schema.outputs, "softmax" if schema.classes else None)
    return Sequential(
        [Input((schema.inputs,)), scaler, *(Dense(units, activation) for units in hidden), last], name, seed=seed
    )


def _described(schema: Schema, missing: dict[str, int]) -> list[str]:
    """The columns as a table."""
    rows = [("column", "kind", "inputs", "missing", "")]
    for feature in schema.features:
        count = missing[feature.name]
        if feature.kind == "category":
            names = ["(missing)" if category is None else category for category in feature.categories]
            detail = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
        elif feature.kind == "date":
            detail = ", ".join([f"days since {shown(feature.origin)}", *feature.parts[1:]])
            detail += f"; missing become {shown(feature.origin + DAY * feature.fill)}, the median" if count else ""
        else:
            detail = f"missing become {feature.fill:.6g}, the median" if count else ""
        rows.append((feature.name, feature.kind, str(feature.width), str(count or ""), detail))
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    lines = [
        f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}  {d:>{widths[3]}}  {e}".rstrip()
        for a, b, c, d, e in rows
    ]
    found = f"{len(schema.classes)} classes: {', '.join(schema.classes[:10])}" if schema.classes else "a number"
    more = ", ..." if len(schema.classes) > 10 else ""
    return [*lines, f"{schema.target}: the target, {found}{more}"]


def _scores(schema: Schema, outputs: Array, y: Array) -> dict[str, float]:
    if schema.classes:
        own = outputs[np.arange(len(y)), y.astype(int)]
        return {
            "accuracy": float((outputs.argmax(axis=1) == y).mean()),
            "cross-entropy": float(-np.log(np.maximum(own, 1e-7)).mean()),
        }
    error = outputs[:, 0] - y
    spread = ((y - y.mean()) ** 2).mean()
    scores = {
        "root mean squared error": float(np.sqrt((error**2).mean())),
        "mean absolute error": float(abs(error).mean()),
    }
    return scores | ({"R²": float(1 - (error**2).mean() / spread)} if spread else {})


def _report(schema: Schema, outputs: Array, y: Array, learnt: Array) -> list[str]:
    """The scores, beside those of what ignores all columns."""
    if schema.classes:
        shares = np.bincount(learnt.astype(int), minlength=schema.outputs) / len(learnt)
        trivial = f"always {schema.classes[int(shares.argmax())]!r}"
        baseline = _scores(schema, np.tile(shares, (len(y), 1)), y)
    else:
        trivial = f"always {learnt.mean():.6g}, the mean"
        baseline = _scores(schema, np.full((len(y), 1), learnt.mean()), y)
    lines = [f"{'On the validation rows':<26}{'model':>12}   {trivial}"]
    for name, score in _scores(schema, outputs, y).items():
        form = ".1%" if name == "accuracy" else ".4g"
        lines.append(f"{name:<26}{score:>12{form}}   {baseline[name]:{form}}")
    return lines


def predict(
    model: str,
    data: str,
    *,
    out: str = "predictions.csv",
    separator: str = ",",
    say: Callable[[str], Any] = print,
    warn: Callable[[str], Any] = lambda line: print(line, file=sys.stderr),
) -> None:
    """Writes the predictions for a table: the class and the probabilities of all, or the number.

    Args:
        model: the folder that ``train`` left, or the model in it.
        data: the table; columns may come in any order.
        out: the CSV to write.
        separator: what stands between the values of a CSV that is read.
        say: is told what was done, and the scores if the table has the target.
        warn: is told of categories and columns that training did not have.

    Raises:
        ImportError, OSError, ValueError: naming the file, and what is wrong with it.
    """
    folder = model if os.path.isdir(model) else os.path.dirname(model)
    path = os.path.join(folder, MODEL) if os.path.isdir(model) else model
    schema_path = os.path.join(folder, SCHEMA)
    if os.path.exists(model) and not os.path.exists(schema_path):
        raise ValueError(
            f"{model}: there is no {SCHEMA} {'in' if folder == model else 'beside'} it; expected what train left"
        )
    schema = Schema.load(schema_path if os.path.exists(model) else model)
    network = load_model(path)
    shapes = (network.input_shape[1], network.output_shape[1])
    if shapes != (schema.inputs, schema.outputs):
        raise ValueError(
            f"{path} has {shapes[0]} inputs and {shapes[1]} outputs; {SCHEMA} beside it has {schema.inputs} "
            f"and {schema.outputs}"
        )
    table = read_table(data, schema.text, separator)
    try:
        x, remarks = schema.encode(table)
    except ValueError as error:
        raise ValueError(f"{data}: {error}") from None
    known = np.flatnonzero(~table[schema.target].missing) if schema.target in table else np.empty(0, int)
    y = known
    try:
        if len(known):
            y = schema.targets(table[schema.target].take(known))
    except ValueError as error:  # predictions need no targets
        remarks.append(f"no scores, for {error}")
        known = known[:0]
    for remark in remarks:
        warn(f"fastbp: {data}: {remark}")
    outputs = network.predict(x, verbose=0)
    _files.replace(out, _as_csv(schema, outputs).encode())
    say(f"{len(x)} predictions of {schema.target!r} in {out}")
    if len(known):
        for name, score in _scores(schema, outputs[known], y).items():
            say(f"{name:<26}{score:{'.1%' if name == 'accuracy' else '.4g'}}")


def _as_csv(schema: Schema, outputs: Array) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([schema.target, *(f"probability of {name}" for name in schema.classes)])
    for row in outputs:
        numbers = [str(number) for number in row]
        writer.writerow([schema.classes[int(row.argmax())], *numbers] if schema.classes else numbers)
    return text.getvalue()
