"""``python -m benchmarks``: trains the workloads with fastbp and other libraries, and prints how long each takes."""

import sys
from dataclasses import replace
from functools import cache

from benchmarks import machine, training, verification
from benchmarks.cli import Suite, main
from benchmarks.runner import Verify
from benchmarks.training import Trainer
from benchmarks.workloads import WORKLOADS, Workload

QUICK_STEPS = 20


def quick(workload: Workload) -> Workload:
    return replace(workload, samples=min(workload.samples, QUICK_STEPS * workload.batch))


def verifier(ours: Trainer) -> Verify:
    reference = cache(ours.trained)
    return lambda workload, worker: verification.agreeing(workload, reference, worker.trained)


SUITE = Suite(
    command="python -m benchmarks",
    description="Trains the workloads with fastbp and other libraries, and prints how long each takes.",
    unit="step",
    peers=training.PEERS,
    worker=Trainer,
    workloads=WORKLOADS,
    quick=quick,
    verifier=verifier,
    threads=machine.cores(),
)

if __name__ == "__main__":
    sys.exit(main(SUITE))
