"""``python -m benchmarks.fashion_mnist``: seconds of training until 88 % of Fashion-MNIST's test images are right.

784-256-128-100-10 with ReLU, Adam (learning rate 0.001) and batches of 128, in fastbp and other libraries; each run in
a process of its own, from glorot_uniform weights of its seed.
"""

import argparse
import gzip
import os
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from benchmarks import tables
from benchmarks.apart import apart
from benchmarks.worker import UNSET

Array = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]

DEBIAN = Path("/usr/share/datasets/fashion-mnist")  # package dataset-fashion-mnist
WIDTHS = (784, 256, 128, 100, 10)
BATCH = 128
LEARNING_RATE, EPSILON = 0.001, 1e-7  # Adam's, as Keras has them
TARGET = 0.88
PUBLISHED = 0.8833  # for a 256-128-100 perceptron, in the table of the data set's own README
IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(file: Path) -> npt.NDArray[Any]:
    """An array in the idx format, packed by gzip: two zeros, type, number of dimensions, each as 4 bytes, values."""
    data = gzip.decompress(file.read_bytes())
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in IDX_TYPES:
        raise ValueError(f"{file} is not an idx file: it begins with {data[:4].hex(' ')}")
    shape = np.frombuffer(data, ">i4", data[3], 4)
    values = np.frombuffer(data, IDX_TYPES[data[2]], offset=4 + 4 * len(shape))
    if values.size != np.prod(shape):
        raise ValueError(f"{file} has {values.size} values; its header says {' x '.join(map(str, shape))}")
    return values.reshape(shape)


def load(folder: Path, name: str) -> tuple[Array, Labels]:
    """``train`` or ``t10k``: pixels (n, 784) from 0 to 1, and labels (n)."""
    images = read_idx(folder / f"{name}-images-idx3-ubyte.gz")
    labels = read_idx(folder / f"{name}-labels-idx1-ubyte.gz")
    return images.reshape(len(images), -1).astype(np.float32) / np.float32(255), labels.astype(np.int64)


def glorot_uniform(seed: int) -> list[Array]:
    """Kernel (in, out), bias (out) of every layer."""
    rng = np.random.default_rng(seed)
    weights = []
    for a, b in pairwise(WIDTHS):
        bound = np.sqrt(6 / (a + b))
        weights += [rng.uniform(-bound, bound, (a, b)).astype(np.float32), np.zeros(b, np.float32)]
    return weights


class Peer(Protocol):
    """A network in one library."""

    def __init__(self, x: Array, y: Labels, seed: int) -> None: ...

    def train(self) -> None:
        """One epoch, shuffled."""

    def predict(self, x: Array) -> Array:
        """(n, 10); the greatest is the class."""


class Fastbp:
    """A Sequential."""

    def __init__(self, x: Array, y: Labels, seed: int) -> None:
        import fastbp

        self.x, self.y = x, y
        layers = [fastbp.Dense(width, "relu") for width in WIDTHS[1:-1]]
        self.model = fastbp.Sequential([fastbp.Input(WIDTHS[:1]), *layers, fastbp.Dense(10, "softmax")], seed=seed)
        self.model.compile(fastbp.Adam(LEARNING_RATE, epsilon=EPSILON), "sparse_categorical_crossentropy")
        self.model.set_weights(glorot_uniform(seed))

    def train(self) -> None:
        self.model.fit(self.x, self.y, BATCH, verbose=0)

    def predict(self, x: Array) -> Array:
        return self.model.predict(x, verbose=0)


class Torch:
    """Layers, the fused Adam, and a loop over batches."""

    def __init__(self, x: Array, y: Labels, seed: int) -> None:
        import torch

        self.torch, self.x, self.y = torch, torch.from_numpy(x), torch.from_numpy(y)
        torch.manual_seed(seed)
        layers = [torch.nn.Linear(a, b) for a, b in pairwise(WIDTHS)]
        weights = iter(map(torch.from_numpy, glorot_uniform(seed)))
        with torch.no_grad():
            for layer in layers:
                layer.weight.copy_(next(weights).T)
                layer.bias.copy_(next(weights))
        parts = [part for layer in layers for part in (layer, torch.nn.ReLU())][:-1]
        self.model = torch.nn.Sequential(*parts)
        self.adam = torch.optim.Adam(self.model.parameters(), LEARNING_RATE, eps=EPSILON, fused=True)

    def train(self) -> None:
        for rows in self.torch.randperm(len(self.x)).split(BATCH):
            loss = self.torch.nn.functional.cross_entropy(self.model(self.x[rows]), self.y[rows])
            self.adam.zero_grad()
            loss.backward()
            self.adam.step()

    def predict(self, x: Array) -> Array:
        with self.torch.inference_mode():
            return self.model(self.torch.from_numpy(x)).numpy()


class Keras:
    """A Sequential on JAX. Its first epoch compiles."""

    def __init__(self, x: Array, y: Labels, seed: int) -> None:
        os.environ["KERAS_BACKEND"] = "jax"
        import keras

        self.x, self.y = x, y
        keras.utils.set_random_seed(seed)
        layers = [keras.layers.Dense(width, "relu") for width in WIDTHS[1:-1]]
        self.model = keras.Sequential([keras.Input(WIDTHS[:1]), *layers, keras.layers.Dense(10, "softmax")])
        self.model.compile(keras.optimizers.Adam(LEARNING_RATE, epsilon=EPSILON), "sparse_categorical_crossentropy")
        self.model.set_weights(glorot_uniform(seed))

    def train(self) -> None:
        self.model.fit(self.x, self.y, BATCH, verbose=0)

    def predict(self, x: Array) -> Array:
        return self.model.predict(x, 1000, verbose=0)


class Sklearn:
    """An MLPClassifier. It draws its weights itself: uniform within Glorot's bound, biases too."""

    def __init__(self, x: Array, y: Labels, seed: int) -> None:
        from sklearn.neural_network import MLPClassifier

        self.x, self.y = x, y
        self.model = MLPClassifier(
            WIDTHS[1:-1],
            batch_size=min(BATCH, len(x)),
            learning_rate_init=LEARNING_RATE,
            epsilon=EPSILON,
            alpha=0,
            random_state=seed,
        )

    def train(self) -> None:
        self.model.partial_fit(self.x, self.y, classes=range(10))

    def predict(self, x: Array) -> Array:
        return self.model.predict_proba(x)


PEERS: dict[str, Callable[[Array, Labels, int], Peer]] = {
    "fastbp": Fastbp,
    "torch": Torch,
    "keras": Keras,
    "sklearn": Sklearn,
}


def run(name: str, folder: Path, seed: int, epochs: int, seconds_limit: float) -> dict[str, Any]:
    """Trains epoch by epoch: the seconds of each, without the test in between, and the accuracy after it.

    The peer's name is its library's, too.
    """
    (x, y), (x_test, y_test) = load(folder, "train"), load(folder, "t10k")
    peer = PEERS[name](x, y, seed)
    seconds: list[float] = []
    accuracies: list[float] = []
    while len(seconds) < epochs and sum(seconds) < seconds_limit:
        started = time.perf_counter()
        peer.train()
        seconds.append(time.perf_counter() - started)
        accuracies.append(float(np.mean(peer.predict(x_test).argmax(axis=1) == y_test)))
    found = {"version": sys.modules[name].__version__, "seconds": seconds, "accuracies": accuracies}
    return found | until(TARGET, seconds, accuracies)


def until(target: float, seconds: list[float], accuracies: list[float]) -> dict[str, Any]:
    """The seconds and epochs until an accuracy was reached; None if it was not."""
    for epoch, accuracy in enumerate(accuracies, start=1):
        if accuracy >= target:
            return {"target_seconds": sum(seconds[:epoch]), "target_epochs": epoch}
    return {"target_seconds": None, "target_epochs": None}


def middle(values: list[float | None]) -> float | str:
    """The median, where not reached counts as for ever."""
    found = float(np.median([np.inf if value is None else value for value in values]))
    return found if found < np.inf else "not reached"


def summary(name: str, runs: list[dict[str, Any]]) -> tuple[object, ...]:
    accuracies = [run["accuracies"][-1] for run in runs]
    return (
        f"{name} {runs[0]['version']}",
        middle([run["target_seconds"] for run in runs]),
        middle([run["target_epochs"] for run in runs]),
        middle([run["seconds"][0] for run in runs]),
        middle([float(np.median(run["seconds"][1:] or run["seconds"])) for run in runs]),
        middle([len(run["seconds"]) for run in runs]),
        f"{np.median(accuracies):.4f}",
        f"{min(accuracies):.4f} to {max(accuracies):.4f}",
    )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fashion_mnist", description=__doc__)
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=["fastbp"], help="default: fastbp alone")
    parser.add_argument("--data", type=Path, metavar="FOLDER", default=DEBIAN, help=f"of .gz files; default: {DEBIAN}")
    parser.add_argument("--epochs", type=int, default=15, help="default: 15")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each library; default: 3")
    parser.add_argument(
        "--seconds-limit", type=float, default=float("inf"), help="no further epoch in a run after so many"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there too")
    options = parser.parse_args()
    if options.epochs < 1 or options.seeds < 1 or not options.seconds_limit > 0:
        parser.error("--epochs and --seeds must be at least 1, and --seconds-limit more than 0")
    if not options.data.is_dir():
        parser.error(f"no folder {options.data}: install Debian's package dataset-fashion-mnist, or give --data")
    return options


def main() -> None:
    options = arguments()
    for name in UNSET:
        os.environ.pop(name, None)
    print(tables.about(), end="\n\n", flush=True)
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in options.peers}
    for seed in range(options.seeds):
        for name in options.peers:  # in turns, so that noise hits all alike
            found = apart(run, name, options.data, seed, options.epochs, options.seconds_limit)
            runs[name].append(found)
            print(f"{name}, seed {seed}: {found['accuracies'][-1]:.4f} after {sum(found['seconds']):.1f} s", flush=True)
    columns = ("", f"s to {TARGET:.0%}", "epochs", "s, first epoch", "s, others", "epochs in all", "accuracy", "range")
    print("", tables.table(columns, (summary(name, found) for name, found in runs.items())), sep="\n")
    print(f"\nmedians of {options.seeds} seeds; published for these layers: {PUBLISHED}")
    if options.json:
        tables.write_json(options.json, target=TARGET, published=PUBLISHED, runs=runs)


if __name__ == "__main__":
    main()
