"""A process that trains with one library. What it is asked, besides what worker.py says:

{"do": "prepare", "workload": {...}}                    {}
{"do": "train", "epochs": 3, "shuffle": true}           {"seconds": ..., "loss": ...}
{"do": "save", "file": "weights.npz"}                   {}
"""

import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import loading
from benchmarks.verification import Trained
from benchmarks.worker import Worker, serve
from benchmarks.workloads import Workload

PEERS = "benchmarks.peers"


class Trainer(Worker):
    """The near side."""

    module = "benchmarks.training"

    def prepare(self, workload: Workload) -> None:
        self.ask("prepare", workload=asdict(workload))

    def turn(self, units: int) -> float:
        """Seconds for some shuffled epochs."""
        return float(self.ask("train", epochs=units, shuffle=True)["seconds"])

    def trained(self, workload: Workload) -> Trained:
        """What comes of one epoch in order."""
        self.prepare(workload)
        loss = self.ask("train", epochs=1, shuffle=False)["loss"]
        with tempfile.TemporaryDirectory() as folder:  # tens of megabytes are no line of JSON
            file = Path(folder, "weights.npz")
            self.ask("save", file=str(file))
            with np.load(file) as saved:
                return Trained(loss, [saved[key] for key in saved.files])


class Training:
    """The far side: the library's peer."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.peer: Any = None

    def about(self) -> dict[str, Any]:
        return loading.load(PEERS, self.name).about()

    def prepare(self, workload: dict[str, Any]) -> None:
        self.peer = None  # frees the last workload first
        known = Workload(**workload)
        self.peer = loading.load(PEERS, self.name)(known, *known.data(), known.initial_weights())

    def train(self, epochs: int, shuffle: bool) -> dict[str, float]:
        started = time.perf_counter()
        loss = self.peer.train(epochs, shuffle)
        return {"seconds": time.perf_counter() - started, "loss": float(loss)}

    def save(self, file: str) -> None:
        np.savez(file, *self.peer.weights())


if __name__ == "__main__":
    serve(Training(sys.argv[1]), int(sys.argv[2]))
