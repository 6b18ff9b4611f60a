"""What callbacks share that watch one number of the logs."""

import math
import warnings
from typing import Literal

from fastbp.callbacks.base import Callback, Logs

Mode = Literal["auto", "min", "max"]

RISING = (  # names that end so are better the larger they are
    "acc",
    "accuracy",
    "auc",
    "correlation",
    "f1",
    "f1_score",
    "fbeta_score",
    "io_u",
    "iou",
    "precision",
    "r2",
    "r2_score",
    "recall",
    "similarity",
)


class Monitor(Callback):
    """Watches ``monitor`` in the logs. Better is less or more, by more than ``min_delta``."""

    def __init__(self, monitor: str, mode: Mode, min_delta: float = 0.0) -> None:
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"mode must be 'auto', 'min' or 'max'; got {mode!r}")
        self.monitor = monitor
        self.mode = mode
        self.min_delta = abs(min_delta)
        self.maximize = mode == "max" or (mode == "auto" and monitor.endswith(RISING))
        self.best: float | None = None

    def _watched(self, logs: Logs) -> float | None:
        """The number in the logs; None, with a warning, if it is not there."""
        if self.monitor not in logs:
            warnings.warn(
                f"{type(self).__name__} watches {self.monitor!r}, which is not in the logs; there are: "
                f"{', '.join(logs)}",
                stacklevel=3,
            )
        return logs.get(self.monitor)

    def _improves(self, value: float, on: float | None) -> bool:
        if on is None or (math.isnan(on) and not math.isnan(value)):  # else nothing were better than a NaN
            return True
        return value - self.min_delta > on if self.maximize else value + self.min_delta < on
