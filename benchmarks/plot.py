"""Draws results: ``python -m benchmarks.plot results.json out.svg`` (or .png)."""

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any

from benchmarks.loading import INSTALL
from benchmarks.report import counted

OURS = "#D55E00"
PEERS = ("#0072B2", "#56B4E9", "#009E73", "#E69F00", "#CC79A7", "#999999", "#333333")  # Okabe and Ito's, two greys
GROUP = 0.84  # of the distance between two workloads
WORKLOAD_INCHES, LEGEND_INCHES = 1.25, 1.4  # of width each


def draw(found: dict[str, Any], file: Path) -> None:
    """Two rows of bars by workload, a bar for each library at its best number of threads: time, share of peak."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    rows = best(found["results"])
    if not rows:
        raise ValueError("nothing was timed, so there is nothing to draw")
    workloads = list(dict.fromkeys(row["workload"] for row in rows))
    libraries = list(dict.fromkeys(row["library"] for row in rows))
    colours = dict(zip((name for name in libraries if name != "fastbp"), PEERS * len(libraries), strict=False))
    width = GROUP / len(libraries)
    peak = found["machine"]["peak_gflops"]

    size = max(7.0, WORKLOAD_INCHES * len(workloads)), 7.5
    figure, (times, shares) = plt.subplots(2, sharex=True, figsize=size, height_ratios=(3, 2), layout="constrained")
    for i, library in enumerate(libraries):
        here = [row for row in rows if row["library"] == library]
        places = [workloads.index(row["workload"]) + (i + 0.5) * width - GROUP / 2 for row in here]
        style = {"width": 0.9 * width, "color": colours.get(library, OURS), "label": library, "zorder": 2}
        times.bar(places, [row["median"] for row in here], **style)
        shares.bar(places, [100 * row["gflops"] / (peak * row["threads"]) for row in here], **style)

    times.set_yscale("log")
    times.set_ylim(bottom=10.0 ** floor_of_ten(min(row["median"] for row in rows)))
    times.set_ylabel(f"µs per {found['unit']}, log scale")
    shares.set_ylabel("% of the peak of the cores used")
    shares.set_ylim(0, max(100, shares.get_ylim()[1]))
    ratios = {row["workload"]: f"{row['ratio']:.2f}×" for row in found["summary"]}
    shares.set_xticks(range(len(workloads)), [f"{name}\n{ratios.get(name, '')}" for name in workloads])
    without = "; no bar: failed, or skipped" if len(rows) < len(workloads) * len(libraries) else ""
    shares.set_xlabel(f"below the names: the best peer's time divided by fastbp's{without}")
    for axes in (times, shares):
        axes.grid(axis="y", color="#DDDDDD", zorder=0)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(axis="x", length=0)
        axes.margins(x=0.01)
    numbers = sorted({row["threads"] for row in found["results"]})
    threads = f"the better of {' and '.join(map(str, numbers))} threads" if numbers[1:] else counted(*numbers)
    times.set_title(f"{found['machine']['cpu']}, each library with {threads}", loc="left", fontsize=10)
    columns = min(len(libraries), int(size[0] / LEGEND_INCHES))
    figure.legend(*times.get_legend_handles_labels(), loc="outside upper center", ncols=columns, frameon=False)
    mpl.rcParams["svg.hashsalt"] = "fastbp"  # so that the same results give the same file
    figure.savefig(file, dpi=120, metadata={"Date": None} if file.suffix == ".svg" else None)
    plt.close(figure)


def best(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The fastest row of each library on each workload."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in results:
        key = row["workload"], row["library"]
        if row["times"] and (key not in found or row["median"] < found[key]["median"]):
            found[key] = row
    return list(found.values())


def floor_of_ten(value: float) -> int:
    """The power of ten below it, so that the smallest bar has some length."""
    return math.floor(math.log10(value / 2))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plot", description="Draws results.")
    parser.add_argument("results", type=Path, help="what --json wrote")
    parser.add_argument("out", type=Path, help="an SVG or PNG file to write")
    options = parser.parse_args()
    try:
        draw(json.loads(options.results.read_text()), options.out)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        print(f"error: drawing needs {error.name}: {INSTALL}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
