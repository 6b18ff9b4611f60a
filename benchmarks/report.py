"""What is printed, and what is written as JSON."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.runner import Result

COLUMNS = ("workload", "fastbp µs/step", "IQR", "GFLOP/s", "peer", "peer µs/step", "IQR", "peer/fastbp")
WIDTHS = (12, 14, 8, 8, 12, 12, 8, 11)
TEXT = {"workload", "peer"}  # set to the left
NOISY = 0.2  # an interquartile range of this share of the median: something else was running, and the ratio is off


def heading(machine: Mapping[str, Any], libraries: Mapping[str, Mapping[str, Any]]) -> str:
    lines = {"machine": f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}", "python": machine["python"]}
    for name, about in libraries.items():
        lines[name] = ", ".join(str(value) if key == "version" else f"{key} {value}" for key, value in about.items())
    return "\n".join(f"{name:<12}{text}" for name, text in lines.items())


def columns() -> str:
    names = line(COLUMNS)
    return f"{names}\n{'-' * len(names)}"


def row(result: Result) -> str:
    if not result.verdict.passed:
        return f"{result.workload.name:<{WIDTHS[0]}} FAILED against {result.peer}: {result.verdict}"
    ours, theirs = (spread(times) for times in (result.ours, result.theirs))
    cells = (result.workload.name, *map(number, ours), f"{result.gflops:.1f}", result.peer, *map(number, theirs))
    return line((*cells, f"{result.ratio:.2f}")) + ("  noisy" if noisy(result) else "")


def line(cells: tuple[str, ...]) -> str:
    pairs = zip(COLUMNS, WIDTHS, cells, strict=True)
    return " ".join(f"{cell:<{width}}" if name in TEXT else f"{cell:>{width}}" for name, width, cell in pairs).rstrip()


def spread(times: list[float]) -> tuple[float, float]:
    """Median and interquartile range."""
    low, middle, high = np.percentile(times, [25, 50, 75])
    return float(middle), float(high - low)


def noisy(result: Result) -> bool:
    return any(iqr > NOISY * median for median, iqr in map(spread, (result.ours, result.theirs)))


def number(value: float) -> str:
    """Three significant digits, but all of a whole number's."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def as_json(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = {
        "workload": result.workload.name,
        "peer": result.peer,
        "verified": result.verdict.passed,
        "verification": str(result.verdict),
    }
    if result.verdict.passed:
        ours, theirs = spread(result.ours), spread(result.theirs)
        found |= {
            "steps": result.workload.steps,
            "epochs": result.epochs,
            "flops_per_step": result.workload.flops,
            "fastbp_us": result.ours,
            "fastbp_us_median": ours[0],
            "fastbp_us_iqr": ours[1],
            "fastbp_gflops": result.gflops,
            "peer_us": result.theirs,
            "peer_us_median": theirs[0],
            "peer_us_iqr": theirs[1],
            "ratio": result.ratio,
            "noisy": noisy(result),
        }
    return found
