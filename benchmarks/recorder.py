"""``python -m benchmarks.recorder``: what a ``callbacks.Recorder`` costs a step of training.

Fits without one, and with one that records at different intervals, take turns on networks with the same weights, and
must end with the same weights again; a figure is the median over the rounds.
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import fastbp
from benchmarks import tables
from fastbp import Dense, Input, Sequential, callbacks

NEVER = "never"
INTERVALS: list[str | int] = [NEVER, "epoch", 100, 10, 1]  # of batches


@dataclass
class Task:
    """A network, and fits of it."""

    widths: list[int]
    batch: int
    optimizer: str
    steps: int  # of an epoch
    epochs: int


TASKS = {
    "64-32-10, batch 32, SGD": Task([64, 32, 10], 32, "sgd", 200, 10),
    "784-512-512-10, batch 128, Adam": Task([784, 512, 512, 10], 128, "adam", 40, 3),
}


def model_of(task: Task) -> Sequential:
    hidden = [Dense(width, "relu") for width in task.widths[1:-1]]
    model = Sequential([Input((task.widths[0],)), *hidden, Dense(task.widths[-1], "softmax")], seed=0)
    model.compile(task.optimizer, "sparse_categorical_crossentropy")
    model.optimizer.learning_rate = 1e-4
    return model


def microseconds(task: Task, model: Sequential, x: np.ndarray, y: np.ndarray, every: str | int) -> float:
    recorder = [] if every == NEVER else [callbacks.Recorder(every, limit=10**6)]
    began = time.perf_counter()
    model.fit(x, y, batch_size=task.batch, epochs=task.epochs, verbose=0, callbacks=recorder)
    return (time.perf_counter() - began) / (task.epochs * task.steps) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recorder", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    fastbp.set_num_threads(options.threads)
    print(tables.about())
    rng = np.random.default_rng(0)
    found = {}
    for name, task in TASKS.items():
        x = rng.random((task.batch * task.steps, task.widths[0]), dtype=np.float32)
        y = rng.integers(0, task.widths[-1], len(x))
        models = {every: model_of(task) for every in INTERVALS}
        times = [
            [microseconds(task, model, x, y, every) for every, model in models.items()] for _ in range(options.rounds)
        ]
        for every, model in models.items():
            for a, b in zip(model.get_weights(), models[NEVER].get_weights(), strict=True):
                np.testing.assert_array_equal(a, b, err_msg=f"{name}, every {every}")
        found[name] = dict(zip(map(str, INTERVALS), np.median(times[1:], axis=0).tolist(), strict=True))
    rows = [[name, *(f"{us:,.1f}" for us in row.values())] for name, row in found.items()]
    print(f"µs a step, {options.threads} thread(s), float32; a record never, once an epoch, every so many batches")
    print(tables.table(["network", *map(str, INTERVALS)], rows))
    if options.json:
        tables.write_json(options.json, threads=options.threads, microseconds=found)


if __name__ == "__main__":
    main()
