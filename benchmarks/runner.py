"""Runs a workload on all sides: verifies each, then times them in turns."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.loading import Unsupported
from benchmarks.verification import Verdict
from benchmarks.worker import Worker, WorkerError


@dataclass(frozen=True)
class Pace:
    """How many rounds, and how long."""

    rounds: int
    least_seconds: float  # the shortest turn in a round
    # s before each turn. OpenBLAS's threads spin on after a product: after 30 ms they still take a fifth to a third
    # from the next side's second thread, after 300 ms nothing.
    rest: float


FULL = Pace(11, 0.1, 0.3)
QUICK = Pace(3, 0.01, 0.01)
Verify = Callable[[Any, Worker], Verdict]


@dataclass
class Result:
    """One library on one workload. Times are µs a step or a call, one for each round; none unless it is ``ok``."""

    workload: Any  # a Workload or a Query
    library: str
    threads: int
    state: str = "ok"  # or "failed": wrong results, or an error; or "skipped": the library cannot do that
    note: str = ""  # what verification found, or why there are no times
    units: int = 1  # epochs or calls in a turn
    times: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return float(np.median(self.times))

    @property
    def iqr(self) -> float:
        """Interquartile range."""
        low, high = np.percentile(self.times, [25, 75])
        return float(high - low)

    @property
    def gflops(self) -> float:
        """FLOPs a second, in 10⁹."""
        return self.workload.flops / self.median / 1000

    def over(self, other: "Result") -> float:
        """How many times as long as the other: the median over rounds, for noise often spans both turns of one."""
        return float(np.median(np.divide(self.times, other.times)))

    def attempt(self, action: "Action", worker: Worker) -> None:
        """Does it while all is well."""
        if self.state != "ok":
            return
        try:
            action(worker, self)
        except Unsupported as reason:
            self.state, self.note = "skipped", str(reason)
        except WorkerError as error:
            self.state, self.note, self.times = "failed", str(error), []


Action = Callable[[Worker, Result], None]


def run(workload: Any, workers: list[Worker], verify: Verify, pace: Pace) -> list[Result]:
    """The workload on all sides. A turn is as many epochs or calls as take that side the pace's ``least_seconds``."""
    results = [Result(workload, worker.name, worker.threads) for worker in workers]
    steps = getattr(workload, "steps", 1)

    def check(worker: Worker, result: Result) -> None:
        verdict = verify(workload, worker)
        result.note = str(verdict)
        if not verdict.passed:
            raise WorkerError(result.note)

    def prepare(worker: Worker, result: Result) -> None:
        worker.prepare(workload)

    def warm_up(worker: Worker, result: Result) -> None:
        for _ in range(2):
            turn(worker, 1, 0)  # some compile first
        # Step by step, for one epoch of a small workload is over before the processor is awake.
        while (seconds := min(turn(worker, result.units, 0) for _ in range(2))) < pace.least_seconds:
            result.units = math.ceil(result.units * min(max(pace.least_seconds / seconds, 1.2), 10))

    def take_turn(worker: Worker, result: Result) -> None:
        result.times.append(turn(worker, result.units, pace.rest) * 1e6 / (result.units * steps))

    for action in (check, prepare, warm_up, *[take_turn] * pace.rounds):
        for worker, result in zip(workers, results, strict=True):
            result.attempt(action, worker)
    return results


def turn(worker: Worker, units: int, rest: float) -> float:
    time.sleep(rest)
    return worker.turn(units)
