"""A process that runs one library, as told in lines of JSON: one request, one answer.

    {"do": "about"}                                         {"version": ..., ...}
    {"do": "prepare", ...}                                  {}
    {"do": "quit"}

and what training.py and prediction.py add. Instead of an answer:

    {"missing": "torch"}                                    a package that is not installed
    {"unsupported": "takes one sample a call"}              why the library cannot do that
    {"error": "Traceback ..."}                              what went wrong
"""

import json
import os
import subprocess
import sys
import traceback
from typing import Any

from benchmarks.loading import INSTALL, Unsupported

# Some machines set them to work round old OpenBLAS bugs; they slow a current NumPy.
UNSET = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
THREADS = ("FASTBP_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class WorkerError(RuntimeError):
    """A library failed."""


class MissingError(WorkerError):
    """A library is not installed."""


class Worker:
    """The near side of the pipes: starts the process, asks, and ends it."""

    module: str  # the far side: run with the library's name and the number of threads

    def __init__(self, name: str, threads: int) -> None:
        self.name, self.threads = name, threads
        environment = {key: value for key, value in os.environ.items() if key not in UNSET}
        self.process = subprocess.Popen(
            [sys.executable, "-m", self.module, name, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment | dict.fromkeys(THREADS, str(threads)),
        )

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.process.communicate(json.dumps({"do": "quit"}) + "\n", timeout=5)
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
        if "missing" in answer:
            raise MissingError(f"{self.name}: the module {answer['missing']} is not installed: {INSTALL}")
        if "unsupported" in answer:
            raise Unsupported(answer["unsupported"])
        if "error" in answer:
            raise WorkerError(f"{self.name} failed when asked to {do!r}:\n{answer['error'].strip()}")
        return answer

    def about(self) -> dict[str, Any]:
        return self.ask("about")

    # What the two kinds of workers define:

    def prepare(self, workload: Any) -> None:
        """Builds the network and its data."""
        raise NotImplementedError

    def turn(self, units: int) -> float:
        """Seconds for some epochs or calls."""
        raise NotImplementedError


def serve(served: Any, threads: int) -> None:
    """The far side: answers every request by the method of that name."""
    if hasattr(os, "sched_setaffinity"):  # XLA takes as many threads as there are cores, whatever the environment says
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints must not get between the answers
    with answers:
        for line in sys.stdin:
            request = json.loads(line)
            do = request.pop("do")
            if do == "quit":
                break
            try:
                answer = getattr(served, do)(**request) or {}
            except ModuleNotFoundError as error:
                answer = {"missing": error.name}
            except Unsupported as reason:
                answer = {"unsupported": str(reason)}
            except Exception:
                answer = {"error": traceback.format_exc()}
            print(json.dumps(answer), file=answers, flush=True)
