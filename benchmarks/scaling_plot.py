"""``python -m benchmarks.scaling_plot results.json figure.png``: the figure of ``benchmarks.scaling``."""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

BLUE, ORANGE, GREEN, GREY = "#1f5a99", "#c4611a", "#3b8247", "#9a9a9a"


def draw(found: dict[str, Any], file: Path) -> None:
    sweeps = {sweep["name"]: sweep for sweep in found["sweeps"]}
    style = {
        "font.size": 9,
        "axes.titlesize": 10,
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": "#e6e6e6",
        "lines.linewidth": 1.3,
        "lines.markersize": 3.5,
    }
    with plt.rc_context(style):
        figure, axes = plt.subplots(2, 3, figsize=(13, 7), layout="constrained", facecolor="white")
        draw_width(axes[0, 0], sweeps["width"], sweeps["octaves of width"])
        draw_rate(axes[0, 1], sweeps["width"], sweeps["octaves of width"])
        draw_batch(axes[0, 2], sweeps["batch"])
        draw_depth(axes[1, 0], sweeps["depth"])
        draw_samples(axes[1, 1], sweeps["samples"])
        draw_threads(axes[1, 2], found["threads"])
        figure.savefig(file, dpi=130)
        plt.close(figure)


def label(axis: Axes, title: str, x: str, y: str) -> None:
    axis.set_title(title)
    axis.set_xlabel(x)
    axis.set_ylabel(y)


def logarithmic(axis: Axes, x_base: int = 2, y: bool = True) -> None:
    plain = FuncFormatter(lambda value, _: f"{value:,.10g}")
    axis.set_xscale("log", base=x_base)
    axis.xaxis.set_major_formatter(plain)
    if y:
        axis.set_yscale("log")
        low, high = axis.get_ylim()
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 1000 * low else (1,)))
        axis.yaxis.set_major_formatter(plain)
        axis.yaxis.set_minor_formatter(NullFormatter())


def draw_width(axis: Axes, fine: dict[str, Any], octaves: dict[str, Any]) -> None:
    axis.plot(octaves["values"], octaves["us"], "o", color=ORANGE, label="octaves")
    axis.plot(fine["values"], fine["us"], "-", color=BLUE, label="fine steps")
    logarithmic(axis)
    axis.legend(frameon=False)
    label(axis, f"Width: {fine['network']}", "units of a hidden layer, w", "µs a step")


def draw_rate(axis: Axes, fine: dict[str, Any], octaves: dict[str, Any]) -> None:
    axis.plot(octaves["values"], octaves["gflops"], "o", color=ORANGE, label="octaves")
    axis.plot(fine["values"], fine["gflops"], "-", color=BLUE, label="fine steps")
    logarithmic(axis, y=False)
    axis.set_ylim(bottom=0)
    axis.legend(frameon=False, loc="lower right")
    label(axis, "The same: arithmetic a second", "units of a hidden layer, w", "GFLOP/s, one thread")


def draw_batch(axis: Axes, sweep: dict[str, Any]) -> None:
    axis.plot(sweep["values"], sweep["us_per_unit"], "o-", color=BLUE)
    logarithmic(axis)
    label(axis, f"Batch: {sweep['network']}", "samples a batch", "µs a sample")


def draw_depth(axis: Axes, sweep: dict[str, Any]) -> None:
    depths, us = np.array(sweep["values"]), np.array(sweep["us"])
    axis.plot(depths, us[-1] * (depths + 1) / (depths[-1] + 1), "-", color=GREY, label="in proportion to the layers")
    axis.plot(depths, us, "o", color=BLUE)
    logarithmic(axis)
    axis.legend(frameon=False)
    label(axis, f"Depth: {sweep['network']}", "hidden layers, d", "µs a step")


def draw_samples(axis: Axes, sweep: dict[str, Any]) -> None:
    samples = np.array(sweep["values"])
    line = sweep["intercept"] + sweep["slope"] * samples
    axis.plot(samples, line / 1000, "-", color=GREY, label=f"{sweep['slope'] * 1000:.0f} ns a sample")
    axis.plot(samples, np.array(sweep["epoch_us"]) / 1000, "o", color=BLUE)
    logarithmic(axis, x_base=10)
    axis.legend(frameon=False)
    label(axis, f"Samples: {sweep['network']}", "samples", "ms an epoch")


def draw_threads(axis: Axes, results: list[dict[str, Any]]) -> None:
    counts = results[0]["threads"]
    for result, color in zip(results, (BLUE, ORANGE, GREEN), strict=False):
        axis.plot(counts, result["speedup"], "o-", color=color, label=result["workload"])
    cores = counts[-1] // 2
    axis.plot([1, cores], [1, cores], "--", color=GREY, label="as many times as cores")
    logarithmic(axis, y=False)
    axis.set_xticks(counts)
    axis.set_ylim(bottom=0)
    axis.legend(frameon=False)
    label(
        axis, f"Threads: {cores} core{'s' * (cores > 1)}", "threads that a call may take", "times as fast as with one"
    )


if __name__ == "__main__":
    draw(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))
