"""A process that asks one library's trained networks. What it is asked, besides what worker.py says:

{"do": "prepare", "query": {...}}                       {}
{"do": "predict", "calls": 1000}                        {"seconds": ...}
{"do": "save", "calls": 100, "file": "outputs.npy"}     {}
"""

import sys
import tempfile
import time
from dataclasses import asdict
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import loading
from benchmarks.queries import Query
from benchmarks.worker import Worker, serve
from benchmarks.workloads import Array

PEERS = "benchmarks.inference_peers"


class Predictor(Worker):
    """The near side."""

    module = "benchmarks.prediction"

    def prepare(self, workload: Query) -> None:
        self.ask("prepare", query=asdict(workload))

    def turn(self, units: int) -> float:
        """Seconds for some calls."""
        return float(self.ask("predict", calls=units)["seconds"])

    def outputs(self, query: Query, calls: int) -> Array:
        """What comes of some calls, each with inputs of its own (calls, rows, out)."""
        self.prepare(query)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "outputs.npy")
            self.ask("save", calls=calls, file=str(file))
            found: Array = np.load(file)
            return found


class Prediction:
    """The far side: the library's peer."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.peer: Any = None
        self.query: Query

    def about(self) -> dict[str, Any]:
        return loading.load(PEERS, self.name).about()

    def prepare(self, query: dict[str, Any]) -> None:
        self.peer = None
        self.query = Query(**query)
        self.peer = loading.load(PEERS, self.name)(self.query, self.query.weights())

    def predict(self, calls: int) -> dict[str, float]:
        predict, x = self.peer.predict, self.peer.prepared(self.query.data(1)[0])
        started = time.perf_counter()
        for _ in repeat(None, calls):
            predict(x)
        return {"seconds": time.perf_counter() - started}

    def save(self, calls: int, file: str) -> None:
        outputs = [np.asarray(self.peer.predict(self.peer.prepared(x))).copy() for x in self.query.data(calls)]
        np.save(file, np.reshape(outputs, (calls, self.query.rows, self.query.widths[-1])))


if __name__ == "__main__":
    serve(Prediction(sys.argv[1]), int(sys.argv[2]))
