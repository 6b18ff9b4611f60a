"""``python -m benchmarks.memory``: the memory that a fit uses, between the least and the most by docs/memory.md.

With ``--big`` instead: training from a file of several gigabytes that is mapped, never read as a whole. Linux only.
"""

import argparse
import gc
import os
import tempfile
import time
from dataclasses import asdict, astuple, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import fastbp
from benchmarks import tables
from benchmarks.apart import apart
from benchmarks.peers.fastbp_peer import Peer
from benchmarks.workloads import WORKLOADS, Workload

MB = 1e6
ALIGNMENT = 64  # bytes: what rows are padded to
PACK = 1152 * 1024  # bytes a thread
LARGE_PAGE = 2**21
SLOTS = {"sgd": 0, "adam": 2}
COLUMNS_OF_FILE = 256

CASES = (
    *(WORKLOADS[name] for name in ("keras_mlp", "tabular", "wide", "fullbatch")),
    Workload("large_batch", (64, 256, 256, 10), "relu", 16384, 32768, "crossentropy", "adam"),
    Workload("many_rows", (8, 16, 1), "relu", 1000, 1_000_000, "mse", "sgd"),
)


@dataclass(frozen=True)
class Memory:
    """The bytes that training takes beside the data: docs/memory.md in Python."""

    values: int
    gradients: int  # of all groups; of one group `fit` touches those of biases, and the pages that they lie in
    slots: int
    workspace: int
    order: int
    packs: int  # reserved, and touched where a product packs
    rounding: int  # to large pages, where the system has them
    alignment: int  # reserved, and never touched

    @property
    def least(self) -> int:
        """What ``fit`` touches, at least."""
        gradients = self.gradients if self.gradients > self.values else 0
        return self.values + gradients + self.slots + self.workspace + self.order

    @property
    def most(self) -> int:
        return self.reserved - self.alignment

    @property
    def reserved(self) -> int:
        return sum(astuple(self))


def padded(columns: int) -> int:
    """The bytes of a row of float32."""
    return -(-columns * 4 // ALIGNMENT) * ALIGNMENT


def rounding(size: int) -> int:
    """What a buffer of so many bytes takes in large pages beyond them: as many as come nearest, if that is more."""
    return max(0, (size + LARGE_PAGE // 2) // LARGE_PAGE * LARGE_PAGE - size)


def expected(workload: Workload, threads: int = 1) -> Memory:
    """The formula, for training with biases in float32, at least 12 samples a batch."""
    inputs, *outputs = workload.widths
    values = sum((a + 1) * padded(b) for a, b in pairwise(workload.widths))
    plan = fastbp._core.plan_of(min(workload.batch, workload.samples), values)
    chunk, groups, row = plan["chunk"], plan["groups"], padded(plan["chunk"])
    columns = inputs + sum(outputs) + 2 * max(outputs) + 2 * outputs[-1] + 4
    workspace = columns * row + chunk * sum(map(padded, outputs))
    shared = [(a, b) for a, b in pairwise(workload.widths) if 2**17 <= a * padded(b) <= 2**22]
    workspace += sum(b * padded(a // 3) for a, b in shared)
    workspaces, slots = (threads if groups > 1 else 1), SLOTS[workload.optimizer]
    buffers = [values] * (1 + groups + slots) + [workspace] * workspaces + [PACK] * threads
    return Memory(
        values=values,
        gradients=groups * values,
        slots=values * slots,
        workspace=workspace * workspaces,
        order=4 * workload.samples,
        packs=threads * PACK,
        rounding=sum(map(rounding, buffers)),
        alignment=sum(LARGE_PAGE for size in buffers if size >= LARGE_PAGE // 2),
    )


def status(name: str) -> int:
    """A line of /proc/self/status, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def measured(workload: Workload) -> tuple[int, int]:
    """What making a model and one epoch add to this process: the greatest resident size, and what is reserved."""
    fastbp.set_num_threads(1)  # stacks of threads are none of ours
    x, y, weights = *workload.data(), workload.initial_weights()
    small = replace(workload, batch=1, samples=1)
    Peer(small, x[:1], y[:1], weights).train(1, shuffle=True)  # what the first fit imports
    gc.collect()  # its model and trainer know each other
    resident, reserved = status("VmRSS"), status("VmData")
    peer = Peer(workload, x, y, weights)
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak: initial weights are drawn in float64
    peer.train(1, shuffle=True)
    return status("VmHWM") - resident, status("VmData") - reserved


def train_mapped(file: Path, limit: int | None = None) -> dict[str, float]:
    """One shuffled epoch from a file of float32 rows: seconds, and what was added to the memory that no file backs.

    With a limit every request for more such memory than that fails.
    """
    x = np.memmap(file, np.float32, "r").reshape(-1, COLUMNS_OF_FILE)
    model = fastbp.Sequential([fastbp.Input((COLUMNS_OF_FILE,)), fastbp.Dense(16, "relu"), fastbp.Dense(1)], seed=0)
    model.compile("sgd", "mse")
    model.fit(x[:1], x[:1, 0], verbose=0)  # what the first fit imports
    grown: list[int] = []

    class Watch(fastbp.Callback):
        """Looks while the fit holds all that it has."""

        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            grown.append(status("RssAnon") - before)

    if limit is not None:
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (status("VmData") + limit, resource.RLIM_INFINITY))
    before = status("RssAnon")
    started = time.perf_counter()
    model.fit(x, x[:, 0], batch_size=256, verbose=0, callbacks=[Watch()])  # the targets are a column of the file
    return {"rows": len(x), "seconds": time.perf_counter() - started, "grown": grown[0], "order": 4 * len(x)}


def arguments() -> argparse.Namespace:
    names = [case.name for case in CASES]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--big", action="store_true", help="train from a mapped file instead")
    parser.add_argument("--gigabytes", type=float, default=4.0, help="size of that file; default: 4")
    parser.add_argument("--folder", type=Path, help="where it is made, sparse; default: the folder of temporary files")
    parser.add_argument("--workloads", nargs="+", choices=names, default=names, help="default: all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there too")
    return parser.parse_args()


def compare(names: list[str]) -> list[dict[str, Any]]:
    os.environ["MALLOC_MMAP_THRESHOLD_"] = "131072"  # glibc then gives what is freed back at once
    results = []
    for case in CASES:
        if case.name in names:
            used, reserved = apart(measured, case)
            found = expected(case)
            results.append(
                {"workload": case.name}
                | asdict(found)
                | {"least": found.least, "used": used, "most": found.most}
                | {"reserved": found.reserved, "measured_reserved": reserved}
            )
    return results


def report(results: list[dict[str, Any]]) -> str:
    parts = ("values", "slots", "workspace", "order", "least", "used", "most", "reserved", "measured_reserved")
    columns = ("MB", *(name.replace("_", " ") for name in parts))
    return tables.table(columns, ([found["workload"], *(found[name] / MB for name in parts)] for found in results))


def big(gigabytes: float, folder: Path | None) -> dict[str, float]:
    with tempfile.TemporaryDirectory(dir=folder) as place:
        file = Path(place, "x.f32")
        make_sparse(file, int(gigabytes * 1e9))
        return apart(train_mapped, file)


def make_sparse(file: Path, size: int) -> None:
    """Zeros that take no room on the disk; as many whole rows as fit."""
    file.touch()
    os.truncate(file, size // (4 * COLUMNS_OF_FILE) * (4 * COLUMNS_OF_FILE))


def main() -> None:
    options = arguments()
    print(tables.about(), end="\n\n")
    if options.big:
        found = big(options.gigabytes, options.folder)
        print(
            f"{found['rows']:,} rows of {COLUMNS_OF_FILE} float32 from a file of {options.gigabytes:g} GB: an epoch in "
            f"{found['seconds']:.1f} s; {found['grown'] / MB:.1f} MB of memory that no file backs were added, "
            f"{found['order'] / MB:.1f} of them the order of the rows"
        )
    else:
        found = compare(options.workloads)
        print(report(found))
    if options.json:
        tables.write_json(options.json, results=found)


if __name__ == "__main__":
    main()
