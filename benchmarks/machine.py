"""The machine that a benchmark ran on."""

import os
import platform
from pathlib import Path
from typing import Any

from fastbp import _core


def cpu_model() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def about() -> dict[str, Any]:
    """What to know of it; its peak is measured now, for it depends on the clock, which depends on the neighbours."""
    return {
        "cpu": cpu_model(),
        "cores": cores(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "instruction set": _core.chosen_isa(),
        "peak_gflops": _core.peak_flops() / 1e9,  # fused multiply-adds of one core in float32, two FLOPs each
    }
