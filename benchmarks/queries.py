"""What is asked of trained networks: single samples and a large batch."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from benchmarks.workloads import Array, initial_weights


@dataclass(frozen=True)
class Query:
    """A call of a trained network: relu in the hidden layers, nothing on the outputs."""

    name: str
    widths: tuple[int, ...]  # inputs, hidden layers, outputs
    rows: int  # samples a call
    seed: int = 20240229

    aim = None  # none but to be faster

    @property
    def flops(self) -> int:
        """Arithmetic of one call."""
        return self.rows * sum(2 * a * b for a, b in pairwise(self.widths))

    def weights(self) -> list[Array]:
        """As initial_weights, but with biases, so that a library that forgot them would be found out."""
        rng = np.random.default_rng([self.seed, 2])
        drawn = initial_weights(self.widths, self.seed)
        return [w if w.ndim == 2 else rng.standard_normal(w.shape, dtype=np.float32) for w in drawn]

    def data(self, calls: int) -> Array:
        """The inputs of some calls (calls, rows, in)."""
        rng = np.random.default_rng([self.seed, 1])
        return rng.standard_normal((calls, self.rows, self.widths[0]), dtype=np.float32)


QUERIES = {
    query.name: query
    for query in (
        Query("4-64-64-2", (4, 64, 64, 2), 1),
        Query("784-128-10", (784, 128, 10), 1),
        Query("64-256-256-16", (64, 256, 256, 16), 1),
        Query("784-512-512-10", (784, 512, 512, 10), 10000),
    )
}
