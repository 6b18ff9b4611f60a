"""fastbp, as a user would call it."""

from typing import Any

import numpy as np
import numpy.typing as npt

import fastbp
from benchmarks.workloads import Array, Workload

LOSSES = {"mse": "mean_squared_error", "crossentropy": "sparse_categorical_crossentropy"}
OUTPUTS = {"mse": "linear", "crossentropy": "softmax"}
OPTIMIZERS = {"sgd": fastbp.SGD, "adam": fastbp.Adam}


class Peer:
    """A Sequential and its data."""

    def __init__(self, workload: Workload, x: Array, y: npt.NDArray[np.generic], weights: list[Array]) -> None:
        self.x, self.y, self.batch = x, y, workload.batch
        inputs, *hidden, outputs = workload.widths
        layers = [fastbp.Dense(width, workload.activation) for width in hidden]
        layers.append(fastbp.Dense(outputs, OUTPUTS[workload.loss]))
        self.model = fastbp.Sequential([fastbp.Input((inputs,)), *layers], seed=0)
        self.model.compile(OPTIMIZERS[workload.optimizer](workload.learning_rate), LOSSES[workload.loss])
        self.model.set_weights(weights)

    def train(self, epochs: int, shuffle: bool) -> float:
        history = self.model.fit(self.x, self.y, self.batch, epochs=epochs, shuffle=shuffle, verbose=0)
        return history.history["loss"][-1]

    def weights(self) -> list[Array]:
        return self.model.get_weights()

    @staticmethod
    def about() -> dict[str, Any]:
        return {
            "version": fastbp.__version__,
            "instruction set": fastbp._core.chosen_isa(),
            "threads": fastbp.get_num_threads(),
        }
