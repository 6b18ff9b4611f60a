"""``python -m benchmarks.toolkit``: what layers, optimisers and settings cost beside the plain step, fastbp alone.

All variants of one network take turns, so that noise hits all alike; a figure is the median over rounds of the ratio to
the plain variant in the same round.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import fastbp
from benchmarks import tables
from fastbp import layers, optimizers

INPUTS, UNITS, CLASSES, BATCH, STEPS = 784, 512, 10, 128, 20
PLAIN = "SGD"

Hidden = Callable[[], list[layers.Layer]]


def dense() -> list[layers.Layer]:
    return [layers.Dense(UNITS, "relu")]


def followed_by(layer: Callable[[], layers.Layer]) -> Hidden:
    return lambda: [layers.Dense(UNITS, "relu"), layer()]


def activated(name: str) -> Hidden:
    return lambda: [layers.Dense(UNITS, name)]


def penalized() -> list[layers.Layer]:
    return [layers.Dense(UNITS, "relu", kernel_regularizer="l2")]


SGD = optimizers.SGD
VARIANTS: dict[str, tuple[Hidden, Callable[[], optimizers.Optimizer]]] = {
    PLAIN: (dense, SGD),
    "Dropout": (followed_by(lambda: layers.Dropout(0.2)), SGD),
    "GaussianNoise": (followed_by(lambda: layers.GaussianNoise(0.1)), SGD),
    "BatchNormalization": (followed_by(layers.BatchNormalization), SGD),
    "LayerNormalization": (followed_by(layers.LayerNormalization), SGD),
    "gelu": (activated("gelu"), SGD),
    "silu": (activated("silu"), SGD),
    "tanh": (activated("tanh"), SGD),
    "L2": (penalized, SGD),
    "momentum": (dense, lambda: SGD(momentum=0.9)),
    "Adam": (dense, optimizers.Adam),
    "AdamW": (dense, optimizers.AdamW),
    "Nadam": (dense, optimizers.Nadam),
    "Adamax": (dense, optimizers.Adamax),
    "Adagrad": (dense, optimizers.Adagrad),
    "Adadelta": (dense, optimizers.Adadelta),
    "RMSprop": (dense, optimizers.RMSprop),
    "Lion": (dense, optimizers.Lion),
    "clipnorm": (dense, lambda: SGD(clipnorm=1.0)),
    "use_ema": (dense, lambda: SGD(use_ema=True)),
    "accumulation": (dense, lambda: SGD(gradient_accumulation_steps=2)),
}


def model_of(hidden: Hidden, optimizer: optimizers.Optimizer) -> fastbp.Sequential:
    model = fastbp.Sequential([fastbp.Input((INPUTS,)), *hidden(), *hidden(), layers.Dense(CLASSES, "softmax")], seed=0)
    optimizer.learning_rate = 1e-4
    model.compile(optimizer, "sparse_categorical_crossentropy")
    return model


def microseconds(model: fastbp.Sequential, x: np.ndarray, y: np.ndarray) -> float:
    started = time.perf_counter()
    model.fit(x, y, batch_size=BATCH, epochs=1, verbose=0)
    return (time.perf_counter() - started) / STEPS * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.toolkit", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    fastbp.set_num_threads(options.threads)
    print(tables.about())
    rng = np.random.default_rng(0)
    x = rng.random((BATCH * STEPS, INPUTS), dtype=np.float32)
    y = rng.integers(0, CLASSES, len(x))
    models = {name: model_of(hidden, make()) for name, (hidden, make) in VARIANTS.items()}
    for model in models.values():
        model.fit(x, y, batch_size=BATCH, epochs=1, verbose=0)
    times = np.array([[microseconds(model, x, y) for model in models.values()] for _ in range(options.rounds)])
    for name, model in models.items():
        assert np.isfinite(model.history.history["loss"]).all(), name
    ratios = np.median(times / times[:, :1], axis=0)
    found = {
        name: {"us": float(np.median(column)), "ratio": float(ratio)}
        for name, column, ratio in zip(models, times.T, ratios, strict=True)
    }
    rows = [[name, f"{row['us']:,.0f}", f"{row['ratio']:.2f}"] for name, row in found.items()]
    print(f"{INPUTS}-{UNITS}-{UNITS}-{CLASSES}, batch {BATCH}, {options.threads} thread(s), float32")
    print(tables.table(["variant", "µs a step", "ratio"], rows))
    if options.json:
        tables.write_json(options.json, threads=options.threads, variants=found)


if __name__ == "__main__":
    main()
