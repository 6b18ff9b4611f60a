"""Runs workloads: verifies each peer against fastbp, then times both in turns."""

import math
import time
from dataclasses import dataclass

import numpy as np

from benchmarks import verification
from benchmarks.verification import Verdict
from benchmarks.worker import Worker
from benchmarks.workloads import Workload

# s before each turn. OpenBLAS's threads spin on after a product: after 30 ms they still take a fifth to a third from
# the next side's second thread, after 300 ms nothing.
REST = 0.3


@dataclass(frozen=True)
class Result:
    """fastbp beside one peer on one workload. Times are µs a step, one for each round; none if not verified."""

    workload: Workload
    peer: str
    verdict: Verdict
    epochs: int  # in a round
    ours: list[float]
    theirs: list[float]

    @property
    def ratio(self) -> float:
        """How many times as long the peer takes: the median over rounds, for noise often spans both turns of one."""
        return float(np.median(np.divide(self.theirs, self.ours)))

    @property
    def gflops(self) -> float:
        """FLOPs a second of fastbp, in 10⁹."""
        return self.workload.flops / float(np.median(self.ours)) / 1000


def verify(workload: Workload, ours: Worker, theirs: Worker) -> Verdict:
    """Trains some steps with both, from the same weights through the same batches."""
    for draw in verification.draws(workload):
        verdict = verification.compare(draw, ours.trained(draw), theirs.trained(draw))
        if verdict.passed:
            break
    return verdict


def run(workload: Workload, ours: Worker, peers: list[Worker], rounds: int, least_seconds: float) -> list[Result]:
    """The workload on all sides. A side's turn takes as many epochs as make ``least_seconds`` for the fastest."""
    verdicts = [verify(workload, ours, peer) for peer in peers]
    sides = [ours, *(peer for peer, verdict in zip(peers, verdicts, strict=True) if verdict.passed)]
    epochs = 0
    times: dict[str, list[float]] = {side.name: [] for side in (ours, *peers)}
    if len(sides) > 1:
        for side in sides:
            side.prepare(workload)
        warm_up = [min(turn(side, 1), turn(side, 1)) for side in sides]
        epochs = max(1, math.ceil(least_seconds / min(warm_up)))
        for _ in range(rounds):
            for side in sides:
                times[side.name].append(turn(side, epochs) * 1e6 / (epochs * workload.steps))
    return [
        Result(workload, peer.name, verdict, epochs, times[ours.name] if verdict.passed else [], times[peer.name])
        for peer, verdict in zip(peers, verdicts, strict=True)
    ]


def turn(side: Worker, epochs: int) -> float:
    time.sleep(REST)
    return side.train(epochs)
