"""scikit-learn's multi-layer perceptrons."""

from typing import Any

import numpy as np
import numpy.typing as npt
import sklearn
from sklearn.neural_network import MLPClassifier, MLPRegressor

from benchmarks import blas
from benchmarks.workloads import Array, Workload

EPSILON = 1e-7  # Adam's, as in Keras


class Peer:
    """An estimator and its data.

    Its squared error is Σ_outputs (a - y)² / 2 in the slopes, while the workload's is the mean over outputs: slopes are
    outputs / 2 times as steep. So SGD's rate is divided by that, and Adam's epsilon, which slopes are compared with, is
    multiplied by it; the rest of Adam does not depend on the slopes' scale. The loss it tells is half the mean.
    """

    def __init__(self, workload: Workload, x: Array, y: npt.NDArray[np.generic], weights: list[Array]) -> None:
        squares = workload.loss == "mse"
        self.x, self.y = x, y.ravel() if squares and y.shape[1] == 1 else y
        self.loss_scale = 2 if squares else 1
        steepness = workload.widths[-1] / 2 if squares else 1
        rate = workload.learning_rate / (steepness if workload.optimizer == "sgd" else 1)
        self.model = (MLPRegressor if squares else MLPClassifier)(
            hidden_layer_sizes=workload.widths[1:-1],
            activation=workload.activation,
            solver=workload.optimizer,
            alpha=0,
            batch_size=workload.batch,
            learning_rate_init=rate,
            momentum=0,
            epsilon=EPSILON * steepness,
            random_state=np.random.RandomState(0),
        )
        self.classes = {} if squares else {"classes": np.arange(workload.widths[-1])}
        # The first call draws weights and takes a step; both are undone.
        self.model.partial_fit(self.x[: workload.batch], self.y[: workload.batch], **self.classes)
        own = [array for pair in zip(self.model.coefs_, self.model.intercepts_, strict=True) for array in pair]
        for array, w in zip(own, weights, strict=True):
            array[...] = w
        del self.model._optimizer  # with what it remembers of that step

    def train(self, epochs: int, shuffle: bool) -> float:
        self.model.shuffle = shuffle
        for _ in range(epochs):
            self.model.partial_fit(self.x, self.y, **self.classes)
        return self.model.loss_ * self.loss_scale

    def weights(self) -> list[Array]:
        return [array for pair in zip(self.model.coefs_, self.model.intercepts_, strict=True) for array in pair]

    @staticmethod
    def about() -> dict[str, Any]:
        return {"version": sklearn.__version__, "threads": blas.threads()}
