"""L-BFGS: scipy's, on the core's loss and gradients of all samples at once."""

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import ThreadpoolController

Array = npt.NDArray[Any]


class Flat:
    """Arrays as one vector in float64: a copy of all of them, and the way there and back."""

    def __init__(self, arrays: list[Array]) -> None:
        self.vector = np.empty(sum(a.size for a in arrays))
        parts = np.split(self.vector, np.cumsum([a.size for a in arrays])[:-1])
        self.pairs = [(a, part.reshape(a.shape)) for a, part in zip(arrays, parts, strict=True)]

    def read(self) -> Array:
        """What the arrays hold."""
        for array, part in self.pairs:
            part[...] = array
        return self.vector.copy()

    def write(self, vector: Array) -> None:
        """Lets the arrays hold what a vector does."""
        self.vector[...] = vector
        for array, part in self.pairs:
            array[...] = part


class Evaluations:
    """The loss at a vector of weights, and its slopes, of which one evaluation gives both."""

    def __init__(self, weights: Flat, gradients: Flat, evaluate: Callable[[], float]) -> None:
        self.weights, self.gradients, self.evaluate = weights, gradients, evaluate

    def loss(self, vector: Array) -> float:
        """Scipy asks for this first, then for the slopes there."""
        self.weights.write(vector)
        return self.evaluate()

    def slopes(self, vector: Array) -> Array:
        """Where the loss was asked for last; elsewhere that comes first."""
        if not (vector == self.weights.vector).all():
            self.loss(vector)
        return self.gradients.read()


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()  # looks through all that the process has loaded


def run(estimator: Any, part: Any) -> None:
    """Minimises the loss over all samples, from the weights that the estimator's network has."""
    model = estimator.model_
    trainer, samples, _ = model._prepare(part.x, part.targets, part.weight)
    weights = Flat(model.weights)
    evaluations = Evaluations(weights, Flat(model.gradients), lambda: trainer.gradients(samples))
    # Scipy's vectors are too short to share: threads of its BLAS wait for each other, up to ten times as long as the
    # fit takes where other programs run, and would change the last digits.
    with _libraries().limit(limits=1, user_api="blas"):
        result = minimize(
            evaluations.loss,
            weights.read(),
            method="L-BFGS-B",
            jac=evaluations.slopes,
            options={"maxfun": estimator.max_fun, "maxiter": estimator.max_iter, "gtol": estimator.tol},
        )
    weights.write(result.x)
    estimator.loss_ = float(result.fun) + estimator._offset(part)
    estimator.n_iter_ = min(int(result.nit), estimator.max_iter)
    if estimator.verbose:
        print(f"L-BFGS, {result.nit} iterations, loss = {estimator.loss_:.8f}: {result.message}")
    if result.status != 0:
        warnings.warn(
            f"lbfgs failed to converge after {result.nit} iteration(s) (status={result.status}):\n{result.message}\n\n"
            f"Increase the number of iterations (max_iter={estimator.max_iter}) or scale the data.",
            ConvergenceWarning,
            stacklevel=4,
        )
