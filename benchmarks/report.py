"""What is printed, and what is written as JSON."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from benchmarks.runner import Result

OURS = "fastbp"
NOISY = 0.2  # an interquartile range of this share of the median: something else was running, and the ratio is off


def heading(machine: Mapping[str, Any], libraries: Mapping[str, Mapping[str, Any]]) -> str:
    lines = {
        "machine": f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}",
        "peak": f"{machine['peak_gflops']:.0f} GFLOP/s a core, measured: float32, {machine['instruction set']}",
        "python": machine["python"],
    }
    for name, about in libraries.items():
        lines[name] = ", ".join(told(key, value) for key, value in about.items())
    width = max(map(len, lines)) + 1
    return "\n".join(f"{name:<{width}}{text}" for name, text in lines.items())


def told(key: str, value: Any) -> str:
    if key == "version":
        return str(value)
    return f"{key} {' and '.join(map(str, value)) if isinstance(value, list) else value}"


def table(results: Iterable[Result], threads: int, peak: float, unit: str) -> str:
    """A row for every library on every workload at that number of threads."""
    rows = [("workload", "library", f"µs/{unit}", "IQR", "GFLOP/s", "of peak", "x fastbp", "")]
    results = [result for result in results if result.threads == threads]
    for result in results:
        rows.append((result.workload.name, result.library, *cells(result, results, peak)))
    return f"{counted(threads)}\n" + aligned(rows, left={0, 1, 7})


def cells(result: Result, results: list[Result], peak: float) -> tuple[str, ...]:
    if result.state != "ok":
        reason = result.note.splitlines()[-1]
        return "", "", "", "", "", f"FAILED: {reason}" if result.state == "failed" else f"skipped: {reason}"
    share = result.gflops / (peak * result.threads)
    against = ours(results, result)
    ratio = f"{result.over(against):.2f}" if against else ""
    times = number(result.median), number(result.iqr)
    return *times, f"{result.gflops:.1f}", f"{share:.0%}", ratio, "noisy" if noisy(result) else ""


def summary(results: Iterable[Result], unit: str) -> str:
    """For every workload the best peer and fastbp, each at its best number of threads."""
    found = bests(results)
    aims = "aim" if any(best["fastbp"].workload.aim for best in found.values()) else ""
    rows = [("workload", "best peer", "threads", f"µs/{unit}", "fastbp threads", f"µs/{unit}", "ratio", aims, "")]
    for name, best in found.items():
        peer, own, aim = best["peer"], best["fastbp"], best["fastbp"].workload.aim
        ratio = peer.over(own)
        row = name, peer.library, str(peer.threads), number(peer.median), str(own.threads), number(own.median)
        rows.append((*row, f"{ratio:.2f}", f"{aim:g}" if aim else "", "below" if aim and ratio < aim else ""))
    return "best peer beside fastbp, each with its best number of threads\n" + aligned(rows, left={0, 1, 8})


def bests(results: Iterable[Result]) -> dict[str, dict[str, Result]]:
    """By workload, the fastest of the peers' results and the fastest of ours; only where there are both."""
    timed = [result for result in results if result.times]
    found = {}
    for name in dict.fromkeys(result.workload.name for result in timed):
        here = [result for result in timed if result.workload.name == name]
        own = [result for result in here if result.library == OURS]
        peers = [result for result in here if result.library != OURS]
        if own and peers:
            found[name] = {"fastbp": min(own, key=median), "peer": min(peers, key=median)}
    return found


def median(result: Result) -> float:
    return result.median


def ours(results: Iterable[Result], beside: Result) -> Result | None:
    """What fastbp did on the same workload with as many threads."""
    for result in results:
        same = (result.workload, result.threads) == (beside.workload, beside.threads)
        if same and result.library == OURS and result.times:
            return result
    return None


def aligned(rows: list[tuple[str, ...]], left: set[int]) -> str:
    """The rows in columns, under a line; those of the numbers in ``left`` are set to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def counted(threads: int) -> str:
    return "1 thread" if threads == 1 else f"{threads} threads"


def noisy(result: Result) -> bool:
    return result.iqr > NOISY * result.median


def number(value: float) -> str:
    """Three significant digits, but all of a whole number's."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def as_json(results: list[Result]) -> dict[str, Any]:
    return {
        "results": [row_as_json(result, ours(results, result)) for result in results],
        "summary": [
            {
                "workload": name,
                "aim": best["fastbp"].workload.aim,
                "ratio": best["peer"].over(best["fastbp"]),
                **{side: {"library": r.library, "threads": r.threads, "us": r.median} for side, r in best.items()},
            }
            for name, best in bests(results).items()
        ],
    }


def row_as_json(result: Result, against: Result | None) -> dict[str, Any]:
    row = asdict(result) | {"workload": result.workload.name, "flops": result.workload.flops}
    if result.times:
        row |= {"median": result.median, "iqr": result.iqr, "gflops": result.gflops, "noisy": noisy(result)}
        row["ratio"] = result.over(against) if against else None
    return row
