"""``python -m benchmarks``: trains the workloads with fastbp and other libraries, and prints how long each takes."""

import argparse
import json
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from benchmarks import machine, peers, report
from benchmarks.runner import run
from benchmarks.worker import Worker, WorkerError
from benchmarks.workloads import WORKLOADS

OURS = "fastbp"
ROUNDS, LEAST_SECONDS = 11, 0.1  # rounds, and the shortest turn in a round
QUICK_ROUNDS, QUICK_LEAST_SECONDS, QUICK_STEPS = 3, 0.01, 20


def arguments() -> argparse.Namespace:
    others = [name for name in peers.names() if name != OURS]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--peers", nargs="+", choices=others, default=["numpy"], help="default: numpy")
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=list(WORKLOADS), help="default: all")
    parser.add_argument("--rounds", type=int, help=f"turns of each side; default: {ROUNDS}")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and samples: to try it, not to quote it")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there too")
    options = parser.parse_args()
    options.rounds = options.rounds if options.rounds is not None else QUICK_ROUNDS if options.quick else ROUNDS
    if options.rounds < 1:
        parser.error(f"--rounds must be at least 1; got {options.rounds}")
    return options


def main() -> int:
    options = arguments()
    least_seconds = QUICK_LEAST_SECONDS if options.quick else LEAST_SECONDS
    results = []
    with ExitStack() as stack:
        ours, *others = (stack.enter_context(Worker(name)) for name in (OURS, *options.peers))
        here, libraries = machine.about(), {side.name: side.about() for side in (ours, *others)}
        print(report.heading(here, libraries), report.columns(), sep="\n\n", flush=True)
        for name in options.workloads:
            workload = WORKLOADS[name]
            if options.quick:
                workload = replace(workload, samples=min(workload.samples, QUICK_STEPS * workload.batch))
            for result in run(workload, ours, others, options.rounds, least_seconds):
                results.append(result)
                print(report.row(result), flush=True)
    if options.json:
        found = {
            "machine": here,
            "libraries": libraries,
            "rounds": options.rounds,
            "results": [report.as_json(result) for result in results],
        }
        options.json.write_text(json.dumps(found, indent=2) + "\n")
    return 0 if all(result.verdict.passed for result in results) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except WorkerError as error:
        sys.exit(f"error: {error}")
