"""``python -m benchmarks.inference``: calls networks in fastbp and other libraries, and prints how long that takes."""

import sys
from functools import cache

from benchmarks import prediction, verification
from benchmarks.cli import Suite, main
from benchmarks.prediction import Predictor
from benchmarks.queries import QUERIES, Query
from benchmarks.runner import Verify
from benchmarks.verification import Verdict
from benchmarks.worker import Worker


def verifier(ours: Predictor) -> Verify:
    reference = cache(ours.outputs)

    def verify(query: Query, worker: Worker) -> Verdict:
        calls = verification.calls(query)
        return verification.compare_outputs(query, reference(query, calls), worker.outputs(query, calls))

    return verify


SUITE = Suite(
    command="python -m benchmarks.inference",
    description="Calls networks in fastbp and other libraries from Python, and prints how long that takes.",
    unit="call",
    peers=prediction.PEERS,
    worker=Predictor,
    workloads=QUERIES,
    quick=lambda query: query,
    verifier=verifier,
    threads=1,
)

if __name__ == "__main__":
    sys.exit(main(SUITE))
