"""A process that trains with one library, as told in lines of JSON: one request, one answer.

    {"do": "about"}                                         {"version": ..., ...}
    {"do": "prepare", "workload": {...}}                    {}
    {"do": "train", "epochs": 3, "shuffle": true}           {"seconds": ..., "loss": ...}
    {"do": "save", "file": "weights.npz"}                   {}
    {"do": "quit"}

An answer {"error": ...} says what went wrong.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import peers
from benchmarks.verification import Trained
from benchmarks.workloads import Workload

# Some machines set them to work round old OpenBLAS bugs; they slow a current NumPy.
UNSET = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


class WorkerError(RuntimeError):
    """A library cannot be imported, or failed."""


class Worker:
    """The near side of the pipes: starts the process, asks, and ends it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={key: value for key, value in os.environ.items() if key not in UNSET},
        )

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.process.communicate(json.dumps({"do": "quit"}) + "\n", timeout=2)
        except subprocess.TimeoutExpired:  # it is at work still: this side stopped at an error or Ctrl-C
            self.process.kill()
            self.process.communicate()

    def ask(self, do: str, **details: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps({"do": do, **details}) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise WorkerError(f"the worker for {self.name} has ended") from None
        line = self.process.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else {"error": "the process ended without an answer"}
        if "error" in answer:
            raise WorkerError(f"{self.name} failed when asked to {do!r}:\n{answer['error']}")
        return answer

    def about(self) -> dict[str, Any]:
        return self.ask("about")

    def prepare(self, workload: Workload) -> None:
        self.ask("prepare", workload=asdict(workload))

    def train(self, epochs: int = 1) -> float:
        """Seconds for some shuffled epochs."""
        return float(self.ask("train", epochs=epochs, shuffle=True)["seconds"])

    def trained(self, workload: Workload) -> Trained:
        """What comes of one epoch in order."""
        self.prepare(workload)
        loss = self.ask("train", epochs=1, shuffle=False)["loss"]
        with tempfile.TemporaryDirectory() as folder:  # tens of megabytes are no line of JSON
            file = Path(folder, "weights.npz")
            self.ask("save", file=str(file))
            with np.load(file) as saved:
                return Trained(loss, [saved[key] for key in saved.files])


class Served:
    """The far side: the library's peer, and answers to what is asked of it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.peer: Any = None

    def answer(self, do: str, **details: Any) -> dict[str, Any]:
        if do == "about":
            return peers.load(self.name).about()
        if do == "prepare":
            self.peer = None  # frees the last workload first
            workload = Workload(**details["workload"])
            self.peer = peers.load(self.name)(workload, *workload.data(), workload.initial_weights())
            return {}
        if do == "train":
            started = time.perf_counter()
            loss = self.peer.train(**details)
            return {"seconds": time.perf_counter() - started, "loss": float(loss)}
        if do == "save":
            np.savez(details["file"], *self.peer.weights())
            return {}
        raise ValueError(f"unknown request {do!r}")


def main(name: str) -> None:
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints must not get between the answers
    served = Served(name)
    with answers:
        for line in sys.stdin:
            request = json.loads(line)
            if request["do"] == "quit":
                break
            try:
                answer = served.answer(**request)
            except Exception:
                answer = {"error": traceback.format_exc()}
            print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
