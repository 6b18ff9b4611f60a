"""fastbp, as a user would call it."""

from typing import Any

import fastbp
from benchmarks.queries import Query
from benchmarks.workloads import Array


class Peer:
    """A Sequential."""

    def __init__(self, query: Query, weights: list[Array]) -> None:
        inputs, *hidden, outputs = query.widths
        layers = [*(fastbp.Dense(width, "relu") for width in hidden), fastbp.Dense(outputs)]
        self.predict = fastbp.Sequential([fastbp.Input((inputs,)), *layers], seed=0)
        self.predict.set_weights(weights)

    def prepared(self, x: Array) -> Array:
        return x[0] if len(x) == 1 else x

    @staticmethod
    def about() -> dict[str, Any]:
        return {
            "version": fastbp.__version__,
            "instruction set": fastbp._core.chosen_isa(),
            "threads": fastbp.get_num_threads(),
        }
