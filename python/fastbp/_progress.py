"""The progress bar, by tqdm: on a terminal or in a notebook, or when asked for."""

import sys
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

Verbose = Literal["auto"] | int


def shown(verbose: Verbose) -> int:
    """What ``verbose`` means here: 0, 1 or 2."""
    if verbose == "auto":
        in_notebook = "ipykernel" in sys.modules
        return 1 if in_notebook or sys.stderr.isatty() else 0
    if isinstance(verbose, bool) or verbose in (0, 1, 2):
        return int(verbose)
    raise ValueError(f"verbose must be 'auto', 0 (silent), 1 (a bar) or 2 (a line each); got {verbose!r}")


def format_logs(logs: Mapping[str, Any]) -> str:
    """Names and numbers, or arrays of some, in one line.

    >>> format_logs({"loss": 0.125, "precision": np.array([1.0, 0.5])})
    'loss: 0.1250 - precision: 1.0000 0.5000'
    """
    shown = {name: " ".join(f"{number:.4f}" for number in np.ravel(value)) for name, value in logs.items()}
    return " - ".join(f"{name}: {numbers}" for name, numbers in shown.items())


class Progress:
    """A bar from step ``initial`` to ``total`` (verbose 1), a line for each (2), or nothing (0)."""

    def __init__(self, verbose: int, total: int, unit: str, initial: int = 0) -> None:
        self.verbose = verbose
        self.total = total
        self.unit = unit
        self._bar: Any = None
        if verbose == 1:
            from tqdm.auto import tqdm

            self._bar = tqdm(total=total, initial=initial, unit=unit)

    def step(self, number: int, logs: Mapping[str, float], seconds: float) -> None:
        """Shows that step ``number`` (from 1) is done."""
        if self._bar is not None:
            self._bar.set_postfix_str(format_logs(logs), refresh=False)
            self._bar.update()
        elif self.verbose == 2:
            print(f"{self.unit.capitalize()} {number}/{self.total} - {seconds:.2f}s - {format_logs(logs)}")

    def close(self) -> None:
        """Leaves the bar as it is."""
        if self._bar is not None:
            self._bar.close()
