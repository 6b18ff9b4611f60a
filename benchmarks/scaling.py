"""``python -m benchmarks.scaling``: what training costs as the work grows, fastbp alone.

Sweeps over width, batch, depth and samples on one thread, then over threads, then two processes that both want all
cores. The cases of a sweep take turns, so that noise hits all alike.
"""

import argparse
import math
import multiprocessing
import multiprocessing.synchronize
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import fastbp
from benchmarks import machine, tables
from benchmarks.peers.fastbp_peer import Peer
from benchmarks.workloads import WORKLOADS, Workload

Times = npt.NDArray[np.float64]  # (rounds, cases), µs

ROUNDS, LEAST_SECONDS = 9, 0.02  # rounds, and the shortest turn in a round
QUICK_ROUNDS, QUICK_LEAST_SECONDS = 2, 0.001
STEPS, FLOPS = 100, 1e9  # of an epoch: so many steps, or fewer where they are this much arithmetic; but two at least
DISTURBED = 0.97  # below this share of a core, times are somebody else's too, and the IQR may not show it
LEARNING_RATE = 1e-6  # nothing diverges, however wide; the arithmetic is the same

EDGES = [w + d for w in range(80, 512, 16) for d in (-1, 0, 1)]  # where a vector of 16 is full, and beside
THREADED = ("narrow46", "tabular", "keras_mlp")


def network(widths: tuple[int, ...], batch: int, samples: int | None = None) -> Workload:
    """A network with Adam on squared error; for steps alone, as many samples as need be."""
    shape = Workload("x".join(map(str, widths)), widths, "relu", batch, batch, "mse", "adam")
    steps = max(2, min(STEPS, int(FLOPS / shape.flops)))
    return replace(shape, samples=samples or steps * batch)


@dataclass(frozen=True)
class Sweep:
    """Networks that differ in one number."""

    name: str
    network: str
    number: str  # what it is called
    unit: str  # what else the time is divided by, or ""
    make: Callable[[int], Workload]
    values: list[int]
    quick: list[int]


SWEEPS = (
    Sweep(
        "width",
        "10-w-w-10, batch 128",
        "w",
        "",
        lambda w: network((10, w, w, 10), 128),
        [*range(8, 65), *EDGES, 511, 512],
        [44, 45, 46, 47, 48, 49],
    ),
    Sweep(
        "octaves of width",
        "10-w-w-10, batch 128",
        "w",
        "",
        lambda w: network((10, w, w, 10), 128),
        [2**i for i in range(3, 13)],
        [8, 16, 32],
    ),
    Sweep(
        "batch",
        "64-256-256-10",
        "batch",
        "sample",
        lambda batch: network((64, 256, 256, 10), batch),
        [2**i for i in range(15)],
        [1, 2, 4],
    ),
    Sweep(
        "depth",
        "64-(64 x d)-8, batch 64",
        "d",
        "layer",
        lambda d: network((64, *[64] * d, 8), 64),
        [1, 2, 3, 4, 6, 8, 12, 16, 24, 32],
        [1, 2, 4],
    ),
    Sweep(
        "samples",
        "16-32-1, batch 100",
        "samples",
        "sample",
        lambda n: network((16, 32, 1), 100, n),
        [1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000],
        [1_000, 2_000, 5_000],
    ),
)


class Case:
    """A network in training, on so many threads at most."""

    def __init__(self, workload: Workload, threads: int = 1) -> None:
        self.workload, self.threads, self.epochs = workload, threads, 1
        self.peer = Peer(workload, *workload.data(), workload.initial_weights())
        self.peer.model.optimizer.learning_rate = LEARNING_RATE

    def train(self) -> float:
        """µs an epoch."""
        with fastbp.num_threads(self.threads):
            started = time.perf_counter()
            self.peer.train(self.epochs, shuffle=True)
            return (time.perf_counter() - started) * 1e6 / self.epochs

    def settle(self, least_seconds: float) -> None:
        """Takes as many epochs a turn as make ``least_seconds``."""
        self.train()
        self.epochs = math.ceil(least_seconds * 1e6 / self.train())

    @property
    def team(self) -> int:
        """The threads that the last call took."""
        return self.peer.model._require_trainer().core.team_size


def take_turns(cases: list[Case], rounds: int, least_seconds: float) -> Times:
    """µs an epoch."""
    for case in cases:
        case.settle(least_seconds)
    return np.array([[case.train() for case in cases] for _ in range(rounds)])


def run_sweep(sweep: Sweep, values: list[int], rounds: int, least_seconds: float) -> dict[str, Any]:
    workloads = [sweep.make(value) for value in values]
    epochs = take_turns([Case(workload) for workload in workloads], rounds, least_seconds)
    steps = epochs / [workload.steps for workload in workloads]
    low, middle, high = np.percentile(steps, [25, 50, 75], axis=0)
    flops = np.array([workload.flops for workload in workloads])
    units = [{"": 1, "sample": w.batch, "layer": len(w.widths) - 1}[sweep.unit] for w in workloads]
    found: dict[str, Any] = {
        "name": sweep.name,
        "network": sweep.network,
        "number": sweep.number,
        "unit": sweep.unit,
        "values": values,
        "us": middle.tolist(),  # a step
        "iqr": (high - low).tolist(),
        "gflops": (flops / middle / 1000).tolist(),
        "us_per_unit": (middle / units).tolist(),
    }
    if sweep.name == "width":
        found["jump"], found["jump_at"] = largest_jump(values, steps, flops)
    if sweep.name == "samples":
        found["epoch_us"] = np.median(epochs, axis=0).tolist()
        found["slope"], found["intercept"], found["deviation"], found["deviation_at"] = straight_line(
            values, np.median(epochs, axis=0)
        )
    return found


def largest_jump(values: list[int], times: Times, flops: npt.NDArray[np.int64]) -> tuple[float, list[int]]:
    """Where time grows most beyond the work: the largest (t'/t) / (f'/f) of neighbours, and who they are.

    The ratio is the median over the rounds, for neighbours were timed one after the other.
    """
    growth = np.median(times[:, 1:] / times[:, :-1], axis=0) / (flops[1:] / flops[:-1])
    at = int(np.argmax(growth))
    return float(growth[at]), values[at : at + 2]


def straight_line(values: list[int], times: Times) -> tuple[float, float, float, int]:
    """The line of least squared relative deviations: slope, intercept, the greatest deviation and where it is."""
    intercept, slope = np.polynomial.polynomial.polyfit(values, times, 1, w=1 / times)
    deviations = times / (intercept + slope * np.array(values)) - 1
    at = int(np.argmax(np.abs(deviations)))
    return float(slope), float(intercept), float(deviations[at]), values[at]


def run_threads(names: Sequence[str], counts: list[int], rounds: int, least_seconds: float) -> list[dict[str, Any]]:
    results = []
    for name in names:
        workload = replace(WORKLOADS[name], samples=20 * WORKLOADS[name].batch)
        cases = [Case(workload, threads) for threads in counts]
        epochs = take_turns(cases, rounds, least_seconds)
        results.append(
            {
                "workload": name,
                "threads": counts,
                "taken": [case.team for case in cases],
                "us": (np.median(epochs, axis=0) / workload.steps).tolist(),
                "speedup": np.median(epochs[:, :1] / epochs, axis=0).tolist(),
            }
        )
    return results


def run_crowd(name: str, rounds: int, least_seconds: float) -> dict[str, Any]:
    """Two processes that each take all cores, beside two that each take half of them."""
    workload = replace(WORKLOADS[name], samples=20 * WORKLOADS[name].batch)
    half, full = max(1, machine.cores() // 2), max(2, machine.cores())
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, spawn, initializer=meet_at, initargs=(spawn.Barrier(2),)) as pool:

        def both(threads: int) -> float:
            turns = [pool.submit(train_beside, workload, threads, least_seconds) for _ in range(2)]
            return float(np.mean([turn.result() for turn in turns]))

        both(half), both(full)
        times = np.array([[both(half), both(full)] for _ in range(rounds)])
    half_us, full_us = np.median(times, axis=0)
    return {
        "workload": name,
        "threads": [half, full],
        "us": [half_us, full_us],
        "ratio": float(np.median(times[:, 1] / times[:, 0])),
    }


barrier: multiprocessing.synchronize.Barrier
cases: dict[int, Case] = {}


def meet_at(shared: multiprocessing.synchronize.Barrier) -> None:
    """Where the two processes wait for each other."""
    global barrier
    barrier = shared


def train_beside(workload: Workload, threads: int, least_seconds: float) -> float:
    """µs a step, while the other process does the same."""
    if threads not in cases:
        cases[threads] = Case(workload, threads)
        cases[threads].settle(10 * least_seconds)  # long, for their ends do not meet
    barrier.wait()
    return cases[threads].train() / workload.steps


def thread_counts(cores: int) -> list[int]:
    """Octaves up to all cores, all cores, and twice as many."""
    return sorted({2**i for i in range(cores.bit_length())} | {cores, 2 * cores})


def report_sweep(found: dict[str, Any]) -> str:
    columns = [found["number"], "µs/step", "IQR", "GFLOP/s"]
    cells = [found["values"], found["us"], found["iqr"], found["gflops"]]
    if found["unit"]:
        columns.append(f"µs/{found['unit']}")
        cells.append(found["us_per_unit"])
    lines = [f"{found['name']}: {found['network']}", "", tables.table(columns, zip(*cells, strict=True))]
    if "jump" in found:
        low, high = found["jump_at"]
        lines.append(f"largest growth of time beyond that of the work: {found['jump']:.2f}, from {low} to {high}")
    if "slope" in found:
        lines.append(
            f"an epoch takes {found['intercept']:.0f} µs + {found['slope'] * 1000:.1f} ns a sample; "
            f"the greatest deviation is {found['deviation']:+.1%}, at {found['deviation_at']:,}"
        )
    return "\n".join(lines)


def report_threads(results: list[dict[str, Any]]) -> str:
    rows = [
        (result["workload"], *cells)
        for result in results
        for cells in zip(result["threads"], result["taken"], result["us"], result["speedup"], strict=True)
    ]
    columns = ("threads", "at most", "taken", "µs/step", "faster")
    return f"threads\n\n{tables.table(columns, rows)}"


def report_crowd(found: dict[str, Any]) -> str:
    (half, full), (half_us, full_us) = found["threads"], found["us"]
    return (
        f"two processes, {found['workload']}: {full_us:.0f} µs a step with {full} threads each, "
        f"{half_us:.0f} with {half} each, ratio {found['ratio']:.2f}"
    )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few cases and rounds: to try it, not to quote it")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there too")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw them there (needs matplotlib)")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    rounds, least_seconds = (QUICK_ROUNDS, QUICK_LEAST_SECONDS) if options.quick else (ROUNDS, LEAST_SECONDS)
    print(f"{tables.about()}\nfastbp {fastbp.__version__}, instruction set {fastbp._core.chosen_isa()}\n", flush=True)
    sweeps = []
    wall, own = time.perf_counter(), time.process_time()
    for sweep in SWEEPS:
        sweeps.append(run_sweep(sweep, sweep.quick if options.quick else sweep.values, rounds, least_seconds))
        print(report_sweep(sweeps[-1]), end="\n\n", flush=True)
    share = (time.process_time() - own) / (time.perf_counter() - wall)
    if share < DISTURBED:
        print(f"other programs ran: the sweeps had a core for {share:.0%} of the time; run them again\n", flush=True)
    threaded = THREADED[:1] if options.quick else THREADED
    threads = run_threads(threaded, thread_counts(machine.cores()), rounds, least_seconds)
    print(report_threads(threads), end="\n\n", flush=True)
    crowd = run_crowd("narrow46" if options.quick else "keras_mlp", rounds, least_seconds)
    print(report_crowd(crowd))
    found = {"share_of_core": share, "sweeps": sweeps, "threads": threads, "crowd": crowd}
    if options.json:
        tables.write_json(options.json, fastbp=fastbp.__version__, rounds=rounds, **found)
    if options.plot:
        from benchmarks import scaling_plot  # needs matplotlib

        scaling_plot.draw(found, options.plot)


if __name__ == "__main__":
    main()
