"""What both estimators are: a network between scikit-learn's conventions and fastbp's core."""

import threading
from abc import abstractmethod
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import pairwise
from numbers import Integral
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from fastbp import _data, losses, optimizers, threads
from fastbp.layers import Activation, BatchNormalization, Dense, Dropout, Input, Layer
from fastbp.losses import Loss
from fastbp.models import Sequential
from fastbp.regularizers import L2
from fastbp.sklearn import descent, inputs, lbfgs, parameters

Array = npt.NDArray[Any]

NON_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and need to be preprocessed."
)


@dataclass
class Objective:
    """What is minimised: the loss of each sample, times ``factor``."""

    loss: Loss
    out_activation: str  # scikit-learn's name
    factor: float = 1.0
    metric: str | None = None  # the name of what ``score`` computes, if the core can


@dataclass
class Part:
    """Some of the data: samples, what the loss takes as their targets, weights."""

    x: Any
    targets: Array
    weight: Array | None

    def __len__(self) -> int:
        return int(self.x.shape[0])


def _descends(estimator: Any) -> bool:
    if estimator.solver == "lbfgs" and estimator.optimizer is None:
        raise AttributeError("partial_fit is only available for stochastic optimizers. lbfgs is not stochastic.")
    return True


class Perceptron(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """The estimators but for what they predict: a subclass says what is minimised, and how targets are coded."""

    # ---- what a subclass says ----

    @abstractmethod
    def _learn_targets(self, y: Array) -> None:
        """Learns what targets there are, and how many outputs they need."""

    @abstractmethod
    def _require_known(self, y: Array, all_of_them: bool) -> None:
        """ValueError if targets are not as those learned."""

    @abstractmethod
    def _coded(self, y: Array) -> Array:
        """The targets as the loss takes them."""

    @abstractmethod
    def _objective(self) -> Objective:
        """What is minimised, once the targets are known."""

    @abstractmethod
    def _score_of(self, outputs: Array, part: Part) -> float:
        """What ``score`` gives for the network's outputs."""

    def _strata(self, part: Part) -> Array | None:
        """What each part of a split shall have the same shares of."""
        return None

    def _offset(self, part: Part) -> float:
        """What scikit-learn's loss has beside ours: a constant of the targets."""
        return 0.0

    _numeric_targets = False

    # ---- fitting ----

    def fit(self, X: Any, y: Any, sample_weight: Any = None, eval_set: Any = None) -> Self:  # noqa: N803
        """Trains on X (n, features), dense or sparse, and y (n,) or (n, outputs).

        Args:
            X: the samples.
            y: the targets.
            sample_weight: (n,), what each sample's loss counts.
            eval_set: (X, y) or (X, y, sample_weight) to validate on after each epoch, instead of a part of X.

        Returns:
            The estimator.

        Raises:
            ValueError, TypeError: for data or arguments that do not fit.
        """
        return self._fit(X, y, sample_weight, eval_set, incremental=False)

    @available_if(_descends)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:  # noqa: N803
        """Trains for one epoch, from where the last call ended.

        Args:
            X: the samples (n, features).
            y: the targets (n,) or (n, outputs).
            sample_weight: (n,), what each sample's loss counts.
        """
        return self._fit(X, y, sample_weight, None, incremental=True)

    def _fit(self, X: Any, y: Any, sample_weight: Any, eval_set: Any, incremental: bool) -> Self:  # noqa: N803
        parameters.check(self)
        if incremental and self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        goes_on = hasattr(self, "model_") and (incremental or self.warm_start)
        known = hasattr(self, "n_outputs_") and (incremental or self.warm_start)
        part = self._part(X, y, sample_weight, known, all_of_them=not incremental, reset=not goes_on)
        held = None if eval_set is None else self._part(*_unpacked(eval_set), known=True)
        objective = self._objective()
        widths = [part.x.shape[1], *parameters.widths(self.hidden_layer_sizes), self.n_outputs_]
        random = _random(self.random_state)
        descends = self.solver != "lbfgs" or self.optimizer is not None
        if goes_on:
            self._require_widths(widths)
            self._settle_weights()
        else:
            initial = self._initial_weights(widths, random)
        if descends and self.early_stopping and held is None:
            part, held = self._split(part, random)
        if not goes_on:
            self._build(widths, objective, initial, random)
        with self._threads():
            if not incremental or self.model_.optimizer is None:
                self._compile(objective)
            if descends:
                descent.run(self, part, held, objective, incremental)
            else:
                lbfgs.run(self, part)
        if not self.model_._network.weights_finite():
            raise ValueError(NON_FINITE)
        return self

    def _part(
        self,
        X: Any,  # noqa: N803
        y: Any,
        sample_weight: Any,
        known: bool,
        all_of_them: bool = False,
        reset: bool = False,
    ) -> Part:
        rows, y = inputs.targeted(self, X, y, self._dtype(), reset, self._numeric_targets)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if known:
            self._require_known(y, all_of_them)
        else:
            self._learn_targets(y)
        weight = None if sample_weight is None else _data.as_sample_weight(sample_weight, rows.shape[0], rows.dtype)
        if weight is not None and not weight.any():
            raise ValueError("Sample weights must contain at least one non-zero number.")
        return Part(rows, self._coded(y), self._weighted(y, weight))

    def _weighted(self, y: Array, weight: Array | None) -> Array | None:
        """What each sample's loss counts."""
        return weight

    def _split(self, part: Part, random: np.random.RandomState) -> tuple[Part, Part]:
        """What to train on, and what to validate on."""
        parts = [part.x, part.targets] if part.weight is None else [part.x, part.targets, part.weight]
        halves = train_test_split(
            *parts, random_state=random, test_size=self.validation_fraction, stratify=self._strata(part)
        )
        trained, held = (Part(*halves[i::2], *[None] * (3 - len(parts))) for i in (0, 1))
        if len(held) < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
            )
        return trained, held

    # ---- the network ----

    def _dtype(self) -> np.dtype[Any]:
        if self.dtype is not None:
            return np.dtype(self.dtype)
        return np.dtype("float64" if self.solver == "lbfgs" and self.optimizer is None else "float32")

    def _hidden_activations(self) -> list[Any]:
        names = parameters.for_each(self.activation, len(parameters.widths(self.hidden_layer_sizes)), "activation")
        return [parameters.activation(name) for name in names]

    def _initial_weights(self, widths: list[int], random: np.random.RandomState) -> list[tuple[Array, Array]]:
        """Uniform in ±√(6 / (inputs + outputs)), or ±√(2 / ...) for sigmoids: the numbers that scikit-learn draws.

        Source: Glorot and Bengio, AISTATS 2010.
        """
        pairs = []
        hidden = self._hidden_activations()
        for i, shape in enumerate(pairwise(widths)):
            function = hidden[min(i, len(hidden) - 1)] if hidden else None
            bound = np.sqrt((2.0 if function and function.name == "sigmoid" else 6.0) / sum(shape))
            pairs.append((random.uniform(-bound, bound, shape), random.uniform(-bound, bound, shape[1])))
        return pairs

    def _layers(self, widths: list[int], out_activation: str) -> list[Layer]:
        """The layers: dense ones, with what was asked for between them."""

        def dense(units: int, activation: Any) -> Dense:
            penalty = L2(self.alpha / 2, per_sample=True) if self.alpha > 0 else None
            return Dense(units, activation, kernel_initializer="zeros", kernel_regularizer=penalty)

        hidden = widths[1:-1]
        layers: list[Layer] = []
        rates = parameters.for_each(self.dropout, len(hidden), "dropout")
        for units, activation, rate in zip(hidden, self._hidden_activations(), rates, strict=True):
            if self.batch_norm:
                layers += [dense(units, "linear"), BatchNormalization(), Activation(activation)]
            else:
                layers.append(dense(units, activation))
            if rate:
                layers.append(Dropout(rate))
        return [*layers, dense(widths[-1], OUT_ACTIVATIONS[out_activation])]

    def _build(
        self,
        widths: list[int],
        objective: Objective,
        initial: list[tuple[Array, Array]],
        random: np.random.RandomState,
    ) -> None:
        layers = self._layers(widths, objective.out_activation)
        seed = int(random.randint(2**31 - 1))
        self.model_ = Sequential([Input((widths[0],)), *layers], dtype=self._dtype(), seed=seed)
        self.coefs_, self.intercepts_ = self._views()
        for views, values in ((self.coefs_, initial), (self.intercepts_, initial)):
            for view, pair in zip(views, values, strict=True):
                view[...] = pair[view.ndim == 1]
        self.n_layers_ = len(widths)
        self.out_activation_ = objective.out_activation
        self.n_iter_ = self.t_ = 0
        for name in ("loss_curve_", "validation_scores_", "validation_loss_curve_", "best_validation_score_"):
            self.__dict__.pop(name, None)

    def _dense(self) -> list[Dense]:
        return [layer for layer in self.model_.layers if isinstance(layer, Dense)]

    def _views(self) -> tuple[list[Array], list[Array]]:
        """The kernels and the biases, where the network has them."""
        kernels, biases = zip(*(layer.weights for layer in self._dense()), strict=True)
        return list(kernels), list(biases)

    def _settle_weights(self) -> None:
        """Takes what was put in place of a kernel or a bias into the network."""
        for own, given in zip(self._views(), (self.coefs_, self.intercepts_), strict=True):
            if len(own) != len(given):
                raise ValueError(f"the network has {len(own)} layers with weights; got {len(given)} arrays for them")
            for i, view in enumerate(own):
                if given[i] is view or (given[i].ctypes.data == view.ctypes.data and given[i].shape == view.shape):
                    continue
                values = _data.as_numbers(given[i], "weights")
                if values.shape != view.shape:
                    raise ValueError(f"weights {i} have shape {values.shape}; the network's have {view.shape}")
                view[...] = values
                given[i] = view

    def _require_widths(self, widths: list[int]) -> None:
        own = [self.model_.input_shape[1], *(layer.units for layer in self._dense())]
        if own != widths:
            raise ValueError(
                f"the network of the fit before has the widths {own}, these data and hidden_layer_sizes ask for "
                f"{widths}: make another estimator, or set warm_start=False"
            )

    def _compile(self, objective: Objective) -> None:
        self.model_.compile(self._optimizer(), objective.loss, loss_weights=objective.factor)

    def _optimizer(self) -> optimizers.Optimizer:
        """A new one: what earlier fits left in an optimiser is no concern of this one."""
        if isinstance(self.optimizer, optimizers.Optimizer):
            return type(self.optimizer).from_config(self.optimizer.get_config())
        if self.optimizer is not None:
            made = optimizers.get(self.optimizer)
            made.learning_rate = self.learning_rate_init
            return made
        if self.solver == "adam":
            return optimizers.Adam(self.learning_rate_init, self.beta_1, self.beta_2, self.epsilon)
        return optimizers.SGD(self.learning_rate_init, self.momentum, self.nesterovs_momentum)

    def _threads(self) -> AbstractContextManager[None]:
        """For a whole fit, so that not each epoch asks the environment how many threads there may be."""
        return threads.num_threads(threads.get_num_threads() if self.n_threads is None else int(self.n_threads))

    # ---- prediction ----

    def _outputs(self, X: Any) -> Array:  # noqa: N803
        """The network's outputs (n, outputs)."""
        check_is_fitted(self)
        rows = inputs.samples(self, X, self._dtype())
        self._settle_weights()
        with self._threads():
            return self.model_.predict(rows, verbose=0)

    # ---- from and to models ----

    def to_sequential(self) -> Sequential:
        """A model of its own with the fitted layers and weights, its outputs those that predictions are made of.

        >>> from fastbp.sklearn import MLPRegressor
        >>> regressor = MLPRegressor(hidden_layer_sizes=(4,), solver="lbfgs").fit([[0.0], [1.0]], [0.0, 1.0])
        >>> regressor.to_sequential().output_shape
        (None, 1)
        """
        check_is_fitted(self)
        self._settle_weights()
        model = Sequential.from_config(self.model_.get_config())
        model.set_weights(self.model_.get_weights())
        return model

    @classmethod
    def _of_sequential(cls, model: Sequential, arguments: dict[str, Any]) -> Self:
        """A fitted estimator with a copy of a model's layers and weights; what targets mean is left to set."""
        dense = [layer for layer in model.layers if isinstance(layer, Dense)]
        if not (model.built and dense and all(layer.use_bias for layer in dense)):
            raise ValueError(f"expected a built Sequential with dense layers that have biases; got {model!r}")
        last = getattr(model.layers[-1], "activation", None)
        names = {ours: name for name, ours in OUT_ACTIVATIONS.items()}
        if last is None or last.name not in names:
            raise ValueError(f"expected the last activation to be one of {', '.join(names)}; got {model.layers[-1]!r}")
        hidden = {
            "hidden_layer_sizes": tuple(layer.units for layer in dense[:-1]),
            "activation": [layer.activation.name for layer in dense[:-1]],
            "dtype": model.dtype.name,
        }
        estimator = cls(**(hidden | arguments))
        estimator.model_ = Sequential.from_config(model.get_config())
        estimator.model_.set_weights(model.get_weights())
        estimator.coefs_, estimator.intercepts_ = estimator._views()
        estimator.n_layers_ = len(dense) + 1
        estimator.n_features_in_ = model.input_shape[1]
        estimator.n_outputs_ = model.output_shape[1]
        estimator.out_activation_ = names[last.name]
        estimator.n_iter_ = estimator.t_ = 0
        return estimator

    # ---- copies ----

    def __getstate__(self) -> dict[str, Any]:
        if hasattr(self, "model_"):
            self._settle_weights()
        state: dict[str, Any] = super().__getstate__()
        return {name: value for name, value in state.items() if name not in ("coefs_", "intercepts_")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if hasattr(self, "model_"):
            self.coefs_, self.intercepts_ = self._views()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


class _Generator(threading.local):
    """A generator for each thread: to make one takes as long as ten epochs of a small network, for NumPy asks the
    system for a seed first.
    """

    def __init__(self) -> None:
        self.state = np.random.RandomState(0)


_generator = _Generator()


def _random(seed: Any) -> np.random.RandomState:
    """``check_random_state``, for as long as no other fit of this thread begins."""
    if not isinstance(seed, Integral):
        return check_random_state(seed)
    _generator.state.seed(int(seed))
    return _generator.state


REDUCTION = "mean_with_sample_weight"  # scikit-learn divides by the sum of the weights


def own_loss(identifier: Any) -> Loss:
    """The loss of ``fastbp.losses`` that was asked for; its mean is scikit-learn's, unless it is given as an object."""
    loss = losses.get(identifier)
    if loss is not identifier:
        loss.reduction = REDUCTION
    return loss


OUT_ACTIVATIONS = {"identity": "linear", "logistic": "sigmoid", "softmax": "softmax", "exp": "exponential"}


def _unpacked(eval_set: Any) -> tuple[Any, Any, Any]:
    if not isinstance(eval_set, (tuple, list)) or len(eval_set) not in (2, 3):
        raise ValueError(f"eval_set must be (X, y) or (X, y, sample_weight); got {type(eval_set).__name__}")
    return (*eval_set, None)[:3]
