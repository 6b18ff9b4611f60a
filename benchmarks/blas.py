"""What NumPy computes with."""

from typing import Any

import numpy as np


def about() -> dict[str, Any]:
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {"version": np.__version__, "BLAS": f"{blas['name']} {blas['version']}", "threads": threads()}


def threads() -> int | str:
    try:
        import threadpoolctl
    except ImportError:
        return "unknown"
    pools = threadpoolctl.threadpool_info()
    return max((pool["num_threads"] for pool in pools if pool["user_api"] == "blas"), default="unknown")
