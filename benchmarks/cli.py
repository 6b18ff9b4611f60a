"""The command line of the training and of the inference benchmark."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks import loading, machine, report
from benchmarks.runner import FULL, QUICK, Verify, run
from benchmarks.worker import MissingError, Worker, WorkerError

ALL = "all"


@dataclass(frozen=True)
class Suite:
    """What the two benchmarks differ in."""

    command: str
    description: str
    unit: str  # what the times are for: a "step" or a "call"
    peers: str  # their package
    worker: type[Worker]
    workloads: Mapping[str, Any]
    quick: Callable[[Any], Any]  # a workload cut short
    verifier: Callable[[Any], Verify]  # made from fastbp's worker
    threads: int  # if not given


def arguments(suite: Suite, line: list[str] | None) -> argparse.Namespace:
    others = [name for name in loading.names(suite.peers) if name != report.OURS]
    workloads = list(suite.workloads)
    parser = argparse.ArgumentParser(prog=suite.command, description=suite.description)
    parser.add_argument(
        "--peers", nargs="+", choices=[*others, ALL], default=["numpy"], help="default: numpy; all: what is installed"
    )
    parser.add_argument("--workloads", nargs="+", choices=workloads, default=workloads, help="default: all")
    parser.add_argument(
        "--threads",
        nargs="+",
        type=int,
        metavar="N",
        default=[suite.threads],
        help=f"every library runs with each of these numbers; default: {suite.threads}",
    )
    parser.add_argument("--rounds", type=int, help=f"turns of each side; default: {FULL.rounds}")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter turns: to try it, not to quote it")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there too")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw them there, as SVG or PNG; needs matplotlib")
    options = parser.parse_args(line)
    options.threads = sorted(set(options.threads))
    options.pace = QUICK if options.quick else FULL
    if options.rounds is not None:
        options.pace = replace(options.pace, rounds=options.rounds)
    options.all = ALL in options.peers
    options.peers = others if options.all else list(dict.fromkeys(options.peers))
    if options.pace.rounds < 1:
        parser.error(f"--rounds must be at least 1; got {options.rounds}")
    if options.plot and not find_spec("matplotlib"):
        parser.error(f"--plot needs matplotlib: {loading.INSTALL}")
    for threads in options.threads:
        if not 1 <= threads <= machine.cores():
            parser.error(f"--threads must be 1 to {machine.cores()}, the cores of this machine; got {threads}")
    return options


def main(suite: Suite, line: list[str] | None = None) -> int:
    """The exit code: 1 if a library failed or came to other results, 0 also where one is skipped as not able."""
    options = arguments(suite, line)
    try:
        return benchmark(suite, options)
    except WorkerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def benchmark(suite: Suite, options: argparse.Namespace) -> int:
    found: dict[str, Any] = {"machine": machine.about(), "unit": suite.unit, "rounds": options.pace.rounds}
    results = []
    with ExitStack() as stack:
        workers, found["libraries"] = start(suite, options, stack)
        print(report.heading(found["machine"], found["libraries"]), flush=True)
        verify = suite.verifier(workers[0])
        try:
            for i, name in enumerate(options.workloads, start=1):
                print(f"{i}/{len(options.workloads)}: {name}", file=sys.stderr, flush=True)
                workload = suite.quick(suite.workloads[name]) if options.quick else suite.workloads[name]
                results += run(workload, workers, verify, options.pace)
                found |= report.as_json(results)
                if options.json:  # after every workload, so that nothing is lost
                    options.json.write_text(json.dumps(found, indent=2) + "\n")
        finally:
            for threads in options.threads:
                print("", report.table(results, threads, found["machine"]["peak_gflops"], suite.unit), sep="\n")
            print("", report.summary(results, suite.unit), sep="\n", flush=True)
    if options.plot and any(result.times for result in results):
        from benchmarks import plot

        plot.draw(found, options.plot)
    return 1 if any(result.state == "failed" for result in results) else 0


def start(suite: Suite, options: argparse.Namespace, stack: ExitStack) -> tuple[list[Worker], dict[str, Any]]:
    """A worker for every library and number of threads, fastbp first, and what they say about themselves."""
    workers, libraries = [], {}
    for name in (report.OURS, *options.peers):
        try:
            started = [stack.enter_context(suite.worker(name, threads)) for threads in options.threads]
            abouts = [worker.about() for worker in started]
        except MissingError as error:
            if not options.all:
                raise
            libraries[name] = {"version": str(error)}
        else:
            workers += started
            libraries[name] = abouts[0] | {"threads": [about["threads"] for about in abouts]}
    return workers, libraries
