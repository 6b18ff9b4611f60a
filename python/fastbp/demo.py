"""The demo: handwritten digits, learnt by the fast core and by plain NumPy, side by side."""

import os
import time
from collections.abc import Sequence

import numpy as np

from fastbp import reference
from fastbp.callbacks import Recorder
from fastbp.datasets import load_digits
from fastbp.layers import Dense, Input
from fastbp.models import Sequential
from fastbp.optimizers import SGD

__all__ = ["main", "text_curve"]

HIDDEN, EPOCHS, BATCH, LEARNING_RATE, MOMENTUM, SEED = 64, 40, 32, 0.05, 0.9, 0
LOSS = "sparse_categorical_crossentropy"
PAGE = "training.html"


def text_curve(values: Sequence[float], height: int = 8) -> str:
    """Positive values as columns of blocks, on a logarithmic scale.

    >>> print(text_curve([100.0, 30.0, 10.0, 1.0], height=2))
        100 █▄
            ███
          1 ████
    """
    logs = np.log10(np.maximum(values, 1e-12))
    low, high = float(logs.min()), float(logs.max())
    eighths = np.rint((logs - low) / ((high - low) or 1.0) * height * 8).astype(int)
    lines = []
    for row in reversed(range(height)):
        label = f"{10**high:.3g}" if row == height - 1 else ""
        blocks = "".join(" ▁▂▃▄▅▆▇█"[eighth] for eighth in np.clip(eighths - 8 * row, 0, 8))
        lines.append(f"{label:>7} {blocks}".rstrip())
    return "\n".join([*lines, f"{10**low:7.3g} " + "█" * len(eighths)])


def main(epochs: int = EPOCHS, html: str | None = None) -> float:
    """Trains, prints what happened, and returns the accuracy on the held-out digits.

    ``html`` is a folder to leave a page on the training in.
    """
    x, y = load_digits()
    x /= 16
    order = np.random.default_rng(SEED).permutation(len(x))
    train, test = order[360:], order[:360]
    x_train, y_train, x_test, y_test = x[train], y[train], x[test], y[test]

    print(f"Handwritten digits: {len(train)} to learn from, {len(test)} held out; 8 x 8 pixels, 10 classes.")
    print(f"Network 64-{HIDDEN}-10, ReLU and softmax, cross-entropy; {epochs} epochs in batches of {BATCH}.\n")

    def new_model() -> Sequential:
        model = Sequential([Input((64,)), Dense(HIDDEN, "relu"), Dense(10, "softmax")], name="digits", seed=SEED)
        model.compile(optimizer=SGD(LEARNING_RATE, momentum=MOMENTUM), loss=LOSS, metrics=["accuracy"])
        return model

    model = new_model()
    recorder = Recorder() if html else None
    if html:
        os.makedirs(html, exist_ok=True)  # fails here, and not after the training
    history = model.fit(x_train, y_train, batch_size=BATCH, epochs=epochs, callbacks=recorder)
    if recorder and html:
        page = os.path.join(html, PAGE)
        recorder.to_html(page)
        print(f"A page on the training: {page}\n")
    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"Loss, epoch 1 to {epochs}:\n{text_curve(history.history['loss'])}\n")

    steps = epochs * -(-len(train) // BATCH)
    again = new_model()
    started = time.perf_counter()
    again.fit(x_train, y_train, batch_size=BATCH, epochs=epochs, verbose=0)
    fast = (time.perf_counter() - started) / steps

    network = reference.Network(
        [64, HIDDEN, 10],
        ["relu", "softmax"],
        LOSS,
        "momentum",
        seed=SEED,
        dtype=np.float32,
        learning_rate=LEARNING_RATE,
        momentum=MOMENTUM,
    )
    started = time.perf_counter()
    losses = network.fit(x_train, y_train, batch_size=BATCH, epochs=epochs)
    plain = (time.perf_counter() - started) / steps
    plain_accuracy = float((network.predict(x_test).argmax(axis=1) == y_test).mean())

    print("                         fastbp      plain NumPy")
    print(f"accuracy on held-out  {accuracy:9.1%}   {plain_accuracy:14.1%}")
    print(f"last epoch's loss     {history.history['loss'][-1]:9.6f}   {losses[-1]:14.6f}")
    print(f"µs a step             {fast * 1e6:9.1f}   {plain * 1e6:14.1f}")
    apart = max(float(np.abs(a - b).max()) for a, b in zip(model.get_weights(), network.weights, strict=True))
    print(f"\nSame weights to start from, same batches: in the end no weight differs by more than {apart:.1e}.")
    print(f"fastbp is {plain / fast:.1f} times as fast as plain NumPy here.")
    print(f"\nTest accuracy: {accuracy:.1%}")
    return float(accuracy)
