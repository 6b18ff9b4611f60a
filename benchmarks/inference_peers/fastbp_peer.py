"""fastbp, as a user would call it."""

from typing import Any

import fastbp
from benchmarks.queries import Query
from benchmarks.workloads import Array


def network(query: Query, weights: list[Array]) -> fastbp.Sequential:
    """The network of a query."""
    inputs, *hidden, outputs = query.widths
    layers = [*(fastbp.Dense(width, "relu") for width in hidden), fastbp.Dense(outputs)]
    model = fastbp.Sequential([fastbp.Input((inputs,)), *layers], seed=0)
    model.set_weights(weights)
    return model


class Peer:
    """A Sequential."""

    def __init__(self, query: Query, weights: list[Array]) -> None:
        self.predict = network(query, weights)

    def prepared(self, x: Array) -> Array:
        return x[0] if len(x) == 1 else x

    @staticmethod
    def about() -> dict[str, Any]:
        return {
            "version": fastbp.__version__,
            "instruction set": fastbp._core.chosen_isa(),
            "threads": fastbp.get_num_threads(),
        }
