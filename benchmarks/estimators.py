"""``python -m benchmarks.estimators``: fits of ``fastbp.sklearn``'s estimators beside scikit-learn's own.

Both get the same data, arguments and random state. First they are fitted in float64 without shuffling, and must end
with the same weights; then they take turns, fastbp in float32 as it is by default, and a figure is the median over the
rounds of the ratio within a round. Each turn is a rest, fits of one epoch for a while, and the fit that counts.
"""

import argparse
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse
from sklearn import datasets, neural_network
from sklearn.exceptions import ConvergenceWarning

import fastbp
import fastbp.sklearn
from benchmarks import fashion_mnist, tables

Data = tuple[Any, Any]
REST = 0.3  # seconds before a turn: the threads of NumPy's BLAS keep spinning for a while after a product
WARM = 0.05  # seconds of work then: a processor that has slept is half as fast for the first 10 to 20 ms


@dataclass
class Task:
    """A fit of both estimators."""

    data: Callable[[], Data]
    estimator: str
    epochs: int
    arguments: dict[str, Any]
    aim: float  # times scikit-learn's speed


def bundled(name: str) -> Data:
    """One of scikit-learn's data sets, each column with mean 0 and variance 1; numbers to predict likewise."""
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    deviation = x.std(axis=0)
    x = (x - x.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    return x, (y - y.mean()) / y.std() if name == "diabetes" else y


def text(documents: int = 4000, words: int = 20_000, length: int = 100, topics: int = 20, seed: int = 0) -> Data:
    """Bags of words like those of newsgroups: words by Zipf's law, three in ten by the document's topic."""
    rng = np.random.default_rng(seed)
    topic = rng.integers(0, topics, documents)
    common = 1 / np.arange(1.0, words + 1)
    own = np.array([rng.permutation(words)[:200] for _ in range(topics)])
    by_topic = rng.random((documents, length)) < 0.3
    columns = np.where(
        by_topic,
        own[topic[:, None], rng.integers(0, own.shape[1], (documents, length))],
        rng.choice(words, (documents, length), p=common / common.sum()),
    )
    rows = np.repeat(np.arange(documents), length)
    x = sparse.csr_matrix((np.ones(documents * length), (rows, columns.ravel())), shape=(documents, words))
    x.data = np.log1p(x.data)
    return x, topic


def images() -> Data:
    """The first 10,000 of Fashion-MNIST's training images."""
    x, y = fashion_mnist.load(fashion_mnist.DEBIAN, "train")
    return x[:10_000].astype(np.float64), y[:10_000]


TASKS = {
    "iris": Task(lambda: bundled("iris"), "MLPClassifier", 200, {}, 20),
    "wine": Task(lambda: bundled("wine"), "MLPClassifier", 200, {}, 20),
    "breast_cancer": Task(lambda: bundled("breast_cancer"), "MLPClassifier", 100, {}, 20),
    "diabetes": Task(lambda: bundled("diabetes"), "MLPRegressor", 100, {}, 20),
    "iris, batch 10": Task(lambda: bundled("iris"), "MLPClassifier", 50, {"batch_size": 10, "solver": "sgd"}, 20),
    "iris, lbfgs": Task(lambda: bundled("iris"), "MLPClassifier", 200, {"solver": "lbfgs"}, 5),
    "digits": Task(lambda: bundled("digits"), "MLPClassifier", 50, {}, 5),
    "digits, two layers": Task(lambda: bundled("digits"), "MLPClassifier", 30, {"hidden_layer_sizes": (256, 128)}, 5),
    "fashion_mnist": Task(images, "MLPClassifier", 4, {"hidden_layer_sizes": (256, 128, 100), "batch_size": 128}, 5),
    "text, sparse": Task(text, "MLPClassifier", 3, {}, 10),
    "text, sparse, sgd": Task(text, "MLPClassifier", 3, {"solver": "sgd"}, 10),
}


def fit(module: Any, task: Task, data: Data, epochs: int, **more: Any) -> tuple[Any, float]:
    """The fitted estimator, and how long it took."""
    arguments = {"max_iter": epochs, "n_iter_no_change": 10**6, "random_state": 0} | task.arguments | more
    if arguments.get("solver") == "lbfgs":
        del arguments["n_iter_no_change"]
    kind = getattr(module, task.estimator)
    time.sleep(REST)
    began = time.perf_counter()
    while time.perf_counter() - began < WARM:
        kind(**arguments | {"max_iter": 1}).fit(*data)
    estimator = kind(**arguments)
    began = time.perf_counter()
    estimator.fit(*data)
    return estimator, time.perf_counter() - began


def verify(name: str, task: Task, data: Data) -> None:
    """The same weights from the same batches; L-BFGS, whose searches enlarge rounding, after few iterations."""
    theirs = fit(neural_network, task, data, 2, shuffle=False)[0]
    ours = fit(fastbp.sklearn, task, data, 2, shuffle=False, dtype="float64")[0]
    for own, other in zip(ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-6, atol=1e-8, err_msg=name)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.estimators", description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    fastbp.set_num_threads(options.threads)
    warnings.simplefilter("ignore", ConvergenceWarning)
    print(tables.about())
    found: dict[str, dict[str, float]] = {}
    for name in options.tasks:
        task = TASKS[name]
        try:
            data = task.data()
        except FileNotFoundError as error:
            print(f"{name}: skipped: {error}")
            continue
        verify(name, task, data)
        times = np.array(
            [
                [fit(module, task, data, task.epochs)[1] for module in (fastbp.sklearn, neural_network)]
                for _ in range(options.rounds)
            ]
        )
        ours, theirs = np.median(times, axis=0)
        ratio = float(np.median(times[:, 1] / times[:, 0]))
        found[name] = {"fastbp_s": float(ours), "sklearn_s": float(theirs), "ratio": ratio, "aim": task.aim}
        print(f"  {name}: {ratio:.1f}", flush=True)
    rows = [
        [name, f"{1e3 * row['fastbp_s']:,.1f}", f"{1e3 * row['sklearn_s']:,.1f}", f"{row['ratio']:.1f}", row["aim"]]
        for name, row in found.items()
    ]
    print(tables.table(["fit", "fastbp, ms", "scikit-learn, ms", "ratio", "aim"], rows))
    if options.json:
        tables.write_json(options.json, fits=found)


if __name__ == "__main__":
    main()
