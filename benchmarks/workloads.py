"""The workloads: networks, their training settings, and data and initial weights drawn from a seed."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

LEARNING_RATES = {"sgd": 0.01, "adam": 0.001}  # Keras's defaults


def initial_weights(widths: tuple[int, ...], seed: int) -> list[Array]:
    """Kernel (in, out) and bias (out) of every layer. He's scale keeps the signal's size through deep stacks."""
    rng = np.random.default_rng([seed, 0])
    weights = []
    for a, b in pairwise(widths):
        weights.append(rng.standard_normal((a, b), dtype=np.float32) * np.float32(np.sqrt(2 / a)))
        weights.append(np.zeros(b, np.float32))
    return weights


@dataclass(frozen=True)
class Workload:
    """A dense network and how it is trained. The last layer is softmax for cross-entropy, linear for squared error."""

    name: str
    widths: tuple[int, ...]  # inputs, hidden layers, outputs
    activation: str  # of the hidden layers: "relu" or "tanh"
    batch: int
    samples: int  # a whole number of batches, so that no peer needs a ragged last one
    loss: str  # "mse" or "crossentropy", the latter from labels 0, 1, 2 ...
    optimizer: str  # "sgd" or "adam"
    aim: float | None = None  # how many times as fast as the best peer fastbp is to be
    seed: int = 20240229

    def __post_init__(self) -> None:
        if self.samples % self.batch:
            raise ValueError(f"{self.name}: {self.samples} samples are not a whole number of batches of {self.batch}")

    @property
    def learning_rate(self) -> float:
        return LEARNING_RATES[self.optimizer]

    @property
    def steps(self) -> int:
        """Steps an epoch."""
        return self.samples // self.batch

    @property
    def flops(self) -> int:
        """Arithmetic of one step: three products a layer (z, dw, dx), but no dx in the first."""
        products = [2 * a * b for a, b in pairwise(self.widths)]
        return self.batch * (3 * sum(products) - products[0])

    def initial_weights(self) -> list[Array]:
        return initial_weights(self.widths, self.seed)

    def data(self) -> tuple[Array, npt.NDArray[np.generic]]:
        """X (samples, in) and y (samples, out), or labels (samples).

        Targets are drawn too, not computed from x by a product: so they are the same in every process, whatever its
        BLAS.
        """
        rng = np.random.default_rng([self.seed, 1])
        x = rng.standard_normal((self.samples, self.widths[0]), dtype=np.float32)
        if self.loss == "crossentropy":
            return x, rng.integers(self.widths[-1], size=self.samples, dtype=np.int32)
        return x, rng.standard_normal((self.samples, self.widths[-1]), dtype=np.float32)


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("digits", (64, 32, 10), "relu", 32, 1792, "crossentropy", "sgd", 8),
        Workload("keras_hello", (784, 128, 10), "relu", 32, 19200, "crossentropy", "sgd", 3),
        Workload("keras_mlp", (784, 512, 512, 10), "relu", 128, 12800, "crossentropy", "adam", 1.8),
        Workload("narrow46", (10, 46, 46, 10), "relu", 128, 12800, "mse", "adam", 6),
        Workload("tabular", (32, 256, 256, 1), "relu", 256, 51200, "mse", "adam", 2),
        Workload("wide", (1024, 2048, 2048, 1024), "relu", 256, 2560, "mse", "sgd", 1.35),
        Workload("online", (32, 64, 64, 4), "relu", 1, 2000, "mse", "sgd", 2.5),
        Workload("higgs300", (28, 300, 300, 300, 300, 300, 1), "tanh", 100, 10000, "mse", "adam", 2),
        Workload("fullbatch", (4, 32, 16, 4), "tanh", 10000, 200000, "mse", "adam", 8),
        Workload("deep", (64, *[64] * 12, 8), "relu", 64, 6400, "mse", "sgd", 3),
    )
}
