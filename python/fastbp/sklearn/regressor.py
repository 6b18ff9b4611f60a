"""The regressor."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score

from fastbp.losses import MeanSquaredError, Poisson
from fastbp.models import Sequential
from fastbp.sklearn.perceptron import REDUCTION, Objective, Part, Perceptron, own_loss

Array = npt.NDArray[Any]


class MLPRegressor(RegressorMixin, Perceptron):  # type: ignore[misc]  # scikit-learn has no types
    """A multi-layer perceptron regressor: scikit-learn's arguments, attributes and methods, and more.

    What is minimised is (Σᵢ weightᵢ·lossᵢ + alpha/2·Σ w²) / Σᵢ weightᵢ over each batch; w are kernels, not biases.

    Args:
        loss: "squared_error": ½·(output - y)², summed over outputs; "poisson": y·log(y / output) - y + output, where
            the output is an exponential; or any of ``fastbp.losses``.

    All other arguments and attributes are those of ``MLPClassifier``, but for ``class_weight`` and ``classes_``.

    >>> import numpy as np
    >>> x = np.linspace(-1, 1, 40)[:, None]
    >>> model = MLPRegressor(hidden_layer_sizes=(8,), solver="lbfgs", random_state=0).fit(x, x[:, 0] ** 2)
    >>> model.predict([[0.5]]).round(2)
    array([0.25])
    """

    _numeric_targets = True

    def __init__(
        self,
        loss: Any = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool | str = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        dropout: float | Sequence[float] = 0.0,
        batch_norm: bool = False,
        optimizer: Any = None,
        callbacks: Any = None,
        time_budget: float | None = None,
        n_threads: int | None = None,
        dtype: Any = None,
    ) -> None:
        self.loss = loss
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.optimizer = optimizer
        self.callbacks = callbacks
        self.time_budget = time_budget
        self.n_threads = n_threads
        self.dtype = dtype

    # ---- targets ----

    def _learn_targets(self, y: Array) -> None:
        self.n_outputs_ = 1 if y.ndim == 1 else y.shape[1]

    def _require_known(self, y: Array, all_of_them: bool) -> None:
        outputs = 1 if y.ndim == 1 else y.shape[1]
        if outputs != self.n_outputs_:
            raise ValueError(f"y has {outputs} outputs; the fit before had {self.n_outputs_}")

    def _coded(self, y: Array) -> Array:
        if self.loss == "poisson" and (y < 0).any():
            raise ValueError(f"the poisson loss needs y of at least 0; got {y.min()}")
        return np.asarray(y, self._dtype()).reshape(len(y), -1)

    def _objective(self) -> Objective:
        # Slopes are those of the sum over outputs, as scikit-learn's; our losses are means over them.
        outputs, metric = float(self.n_outputs_), "r2_score"
        if self.loss == "squared_error":
            return Objective(MeanSquaredError(reduction=REDUCTION), "identity", outputs / 2, metric)
        if self.loss == "poisson":
            return Objective(Poisson(reduction=REDUCTION), "exp", outputs, metric)
        loss = own_loss(self.loss)
        if loss.sparse:
            raise ValueError(f"loss must be one of numbers; got {self.loss!r}, which is one of labels")
        return Objective(loss, "identity", 1.0, metric)

    def _offset(self, part: Part) -> float:
        """Of "poisson": Σ over outputs of the mean of y·log(y) - y, where 0·log(0) is 0."""
        if self.loss != "poisson":
            return 0.0
        y = part.targets.astype(np.float64)
        constant = y * np.log(np.where(y > 0, y, 1.0)) - y
        return float(np.average(constant, weights=part.weight, axis=0).sum())

    # ---- from models ----

    @classmethod
    def from_sequential(cls, model: Sequential, **arguments: Any) -> Self:
        """A fitted regressor with a copy of a model's layers and weights.

        Args:
            model: a built Sequential that ends in "linear", or in "exponential" (the loss is "poisson" then).
            arguments: of the regressor, for further fits.

        >>> from fastbp import Dense, Input, Sequential
        >>> regressor = MLPRegressor.from_sequential(Sequential([Input((2,)), Dense(4, "relu"), Dense(1)]))
        >>> regressor.predict([[0.5, 0.5]]).shape, regressor.hidden_layer_sizes
        ((1,), (4,))
        """
        estimator = cls._of_sequential(model, arguments)
        if estimator.out_activation_ not in ("identity", "exp"):
            raise ValueError(f"expected a model that ends in linear or exponential; got {model!r}")
        if estimator.out_activation_ == "exp":
            estimator.loss = "poisson"
        return estimator

    # ---- prediction ----

    def _score_of(self, outputs: Array, part: Part) -> float:
        return float(r2_score(part.targets, outputs, sample_weight=part.weight))

    def predict(self, X: Any) -> Array:  # noqa: N803
        """The target of each sample (n,), or its targets (n, outputs)."""
        outputs = self._outputs(X)
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs
