"""L-BFGS: scipy's, on the core's loss and gradients of all samples at once."""

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning

Array = npt.NDArray[Any]


def run(estimator: Any, part: Any) -> None:
    """Minimises the loss over all samples, from the weights that the estimator's network has."""
    model = estimator.model_
    trainer, samples, _ = model._prepare(part.x, part.targets, part.weight)
    weights, gradients = model.weights, model.gradients
    ends = np.cumsum([w.size for w in weights])[:-1]

    def set_weights(flat: Array) -> None:
        for view, values in zip(weights, np.split(flat, ends), strict=True):
            view[...] = values.reshape(view.shape)

    def loss_and_slopes(flat: Array) -> tuple[float, Array]:
        set_weights(flat)
        loss = trainer.gradients(samples)
        return loss, np.concatenate([g.ravel() for g in gradients], dtype=np.float64)

    start = np.concatenate([w.ravel() for w in weights], dtype=np.float64)
    result = minimize(
        loss_and_slopes,
        start,
        method="L-BFGS-B",
        jac=True,
        options={"maxfun": estimator.max_fun, "maxiter": estimator.max_iter, "gtol": estimator.tol},
    )
    set_weights(result.x)
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
