"""The classifier."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassifierMixin
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels

from fastbp.losses import BinaryCrossentropy, Loss, SparseCategoricalCrossentropy
from fastbp.models import Sequential
from fastbp.sklearn.perceptron import REDUCTION, Objective, Part, Perceptron, _descends, own_loss

Array = npt.NDArray[Any]

UNBOUNDED = ("hinge", "squared_hinge", "categorical_hinge")  # losses of outputs that are no probabilities


class MLPClassifier(ClassifierMixin, Perceptron):  # type: ignore[misc]  # scikit-learn has no types
    """A multi-layer perceptron classifier: scikit-learn's arguments, attributes and methods, and more.

    The output is softmax, or a sigmoid for two classes and for each of several labels. What is minimised is
    (Σᵢ weightᵢ·lossᵢ + alpha/2·Σ w²) / Σᵢ weightᵢ over each batch, with the log-loss; w are kernels, not biases.

    Args:
        hidden_layer_sizes: the widths of the hidden layers.
        activation: "identity", "logistic", "tanh", "relu" or any of ``fastbp.activations``; or one for each hidden
            layer.
        solver: "adam", "sgd" or "lbfgs".
        alpha: the strength of the L2 penalty.
        batch_size: samples of a step; "auto": min(200, samples).
        learning_rate: for "sgd". "constant"; "invscaling": learning_rate_init / (t + 1)^power_t after t samples;
            "adaptive": a fifth of it whenever ``n_iter_no_change`` epochs have not helped.
        learning_rate_init: the learning rate to begin with.
        power_t: the exponent of "invscaling".
        max_iter: the most epochs; of "lbfgs", iterations.
        shuffle: whether each epoch visits the samples in a new order.
        random_state: fixes initial weights, shuffles and the split: an int or a RandomState. The weights to begin with
            are those that scikit-learn draws from it.
        tol: the least by which loss or score must get better to count; for "lbfgs" the greatest slope to end with.
        verbose: whether to print a line an epoch.
        warm_start: whether ``fit`` goes on with the network of the fit before.
        momentum: of "sgd", from 0 to 1.
        nesterovs_momentum: whether it is Nesterov's.
        early_stopping: whether to watch data that are held back, and to end with the weights that did best on them:
            True or "score" by accuracy, "loss" by the loss.
        validation_fraction: the share that is held back, unless ``fit`` gets an ``eval_set``.
        beta_1: of "adam".
        beta_2: of "adam".
        epsilon: of "adam".
        n_iter_no_change: after how many epochs without a gain the fit ends.
        max_fun: the most evaluations of "lbfgs".
        loss: "log_loss", or any of ``fastbp.losses`` for probabilities.
        dropout: the share of a hidden layer's values that are dropped in training, or one for each hidden layer.
        batch_norm: whether hidden layers are normalised before their activation.
        class_weight: None, "balanced" or a dict from class to weight, which sample weights are multiplied by.
        optimizer: in place of ``solver``: any of ``fastbp.optimizers``, by name (with ``learning_rate_init``) or as an
            object, of which a copy is used.
        callbacks: ``fastbp.callbacks``; their logs have "loss" and, with held-out data, "val_loss" and "val_score".
        time_budget: seconds after which the fit ends.
        n_threads: the most threads; None: as many as ``fastbp.get_num_threads()`` says.
        dtype: "float32" or "float64", of the arithmetic. None: float32, and float64 with "lbfgs", whose line searches
            need the digits.

    Attributes:
        model_: the network, a ``fastbp.Sequential``.
        classes_: the classes, sorted.
        coefs_, intercepts_: the kernels (in, out) and biases (out) of the layers, as views: they may be written.
        loss_, loss_curve_, best_loss_: the loss of the last epoch, of each, and the least.
        validation_scores_, validation_loss_curve_, best_validation_score_: of the held-out data; None without any.
        n_iter_, t_: epochs of the last fit, and samples seen in all.
        n_features_in_, feature_names_in_, n_layers_, n_outputs_, out_activation_: as scikit-learn's.

    >>> import numpy as np
    >>> x = np.linspace(-1, 1, 40)[:, None]
    >>> model = MLPClassifier((8,), learning_rate_init=0.05, random_state=0).fit(x, x[:, 0] > 0.1)
    >>> model.predict([[-0.5], [0.5]])
    array([False,  True])
    """

    def __init__(
        self,
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
        loss: Any = "log_loss",
        dropout: float | Sequence[float] = 0.0,
        batch_norm: bool = False,
        class_weight: Any = None,
        optimizer: Any = None,
        callbacks: Any = None,
        time_budget: float | None = None,
        n_threads: int | None = None,
        dtype: Any = None,
    ) -> None:
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
        self.loss = loss
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.class_weight = class_weight
        self.optimizer = optimizer
        self.callbacks = callbacks
        self.time_budget = time_budget
        self.n_threads = n_threads
        self.dtype = dtype

    # ---- fitting ----

    @available_if(_descends)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:  # noqa: N803
        """Trains for one epoch, from where the last call ended.

        Args:
            X: the samples (n, features).
            y: the targets (n,), or (n, labels).
            sample_weight: (n,), what each sample's loss counts.
            classes: all classes that there will ever be; the first call needs them.
        """
        if classes is not None:
            labels = unique_labels(classes)
            if not hasattr(self, "classes_"):
                self._learn_targets(y if type_of_target(y).startswith("multilabel") else labels)
            elif not np.array_equal(self.classes_, labels):
                raise ValueError(
                    f"`classes={classes!r}` is not the same as on last call to partial_fit, was: {self.classes_!r}"
                )
        elif not hasattr(self, "classes_"):
            raise ValueError("classes must be passed on the first call to partial_fit.")
        return self._fit(X, y, sample_weight, None, incremental=True)

    # ---- targets ----

    def _learn_targets(self, y: Any) -> None:
        kind = type_of_target(y, input_name="y")
        if kind not in ("binary", "multiclass", "multilabel-indicator"):
            check_classification_targets(y)
            raise ValueError(f"y must be classes (n,) or an indicator of labels (n, labels); got {kind} targets")
        self._is_multilabel = kind == "multilabel-indicator"
        self.classes_ = np.arange(y.shape[1]) if self._is_multilabel else np.unique(y)
        self.n_outputs_ = 1 if len(self.classes_) <= 2 and not self._is_multilabel else len(self.classes_)

    @property
    def _label_binarizer(self) -> LabelBinarizer:
        """What scikit-learn's own classifier has, for skl2onnx looks at it."""
        return LabelBinarizer().fit(np.eye(len(self.classes_), dtype=int) if self._is_multilabel else self.classes_)

    def _require_known(self, y: Array, all_of_them: bool) -> None:
        classes = unique_labels(y)
        if all_of_them and set(classes) != set(self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous call to fit. Previously "
                f"got {self.classes_}, `y` has {classes}"
            )
        if len(np.setdiff1d(classes, self.classes_)):
            raise ValueError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. 'y' has {classes}."
            )

    def _coded(self, y: Array) -> Array:
        if self._is_multilabel:
            return np.asarray(y.toarray() if hasattr(y, "toarray") else y, self._dtype())
        labels = np.searchsorted(self.classes_, y).astype(np.int32)
        if self.n_outputs_ == 1:
            return labels.reshape(-1, 1).astype(self._dtype())
        return labels if self._objective().loss.sparse else np.eye(self.n_outputs_, dtype=self._dtype())[labels]

    def _weighted(self, y: Array, weight: Array | None) -> Array | None:
        if self.class_weight is None:
            return weight
        by_class = compute_sample_weight(self.class_weight, y).astype(self._dtype())
        return by_class if weight is None else by_class * weight

    def _strata(self, part: Part) -> Array | None:
        return part.targets if self.n_outputs_ == 1 else None  # scikit-learn stratifies two classes alone

    def _objective(self) -> Objective:
        out_activation = "softmax" if self.n_outputs_ > 1 and not self._is_multilabel else "logistic"
        if self.loss == "log_loss":
            kind = SparseCategoricalCrossentropy if out_activation == "softmax" else BinaryCrossentropy
            loss: Loss = kind(reduction=REDUCTION)
            factor = 1.0 if out_activation == "softmax" else float(self.n_outputs_)  # over labels: their sum, not mean
        else:
            loss, factor = own_loss(self.loss), 1.0
            if loss.kernel in UNBOUNDED or loss.from_logits:
                raise ValueError(f"loss must be one of probabilities, which the outputs are; got {self.loss!r}")
            if out_activation == "logistic" and (loss.sparse or str(loss.kernel).startswith("categorical")):
                raise ValueError(
                    f"{loss.name} needs an output for each of several classes; two classes have one output"
                )
        return Objective(loss, out_activation, factor, None if self._is_multilabel else "accuracy")

    # ---- from models ----

    @classmethod
    def from_sequential(cls, model: Sequential, classes: Any = None, **arguments: Any) -> Self:
        """A fitted classifier with a copy of a model's layers and weights.

        Args:
            model: a built Sequential that ends in a softmax, or in a sigmoid for two classes or for several labels.
            classes: the classes in the order of the outputs; 0, 1, ... if not given.
            arguments: of the classifier, for further fits.

        >>> from fastbp import Dense, Input, Sequential
        >>> model = Sequential([Input((2,)), Dense(4, "relu"), Dense(3, "softmax")])
        >>> classifier = MLPClassifier.from_sequential(model, classes=["a", "b", "c"])
        >>> classifier.predict_proba([[0.5, 0.5]]).shape, list(classifier.classes_)
        ((1, 3), ['a', 'b', 'c'])
        """
        estimator = cls._of_sequential(model, arguments)
        outputs, ends_in = estimator.n_outputs_, estimator.out_activation_
        if ends_in not in ("softmax", "logistic") or (ends_in == "softmax" and outputs < 2):
            raise ValueError(f"expected a model that ends in a softmax or a sigmoid; got {model!r}")
        labels = np.arange(max(2, outputs)) if classes is None else np.asarray(classes)
        if len(labels) != max(2, outputs) or len(np.unique(labels)) != len(labels) or (np.sort(labels) != labels).any():
            raise ValueError(f"expected {max(2, outputs)} different classes in rising order; got {classes!r}")
        estimator._is_multilabel = ends_in == "logistic" and outputs > 1
        estimator.classes_ = labels
        return estimator

    # ---- prediction ----

    def _decoded(self, outputs: Array) -> Array:
        if self._is_multilabel:
            return (outputs > 0.5).astype(int)
        if self.n_outputs_ > 1:
            return self.classes_[outputs.argmax(axis=1)]
        return self.classes_[((outputs[:, 0] > 0.5) & (len(self.classes_) > 1)).astype(int)]

    def _score_of(self, outputs: Array, part: Part) -> float:
        """The share of samples with all labels right."""
        right = ((outputs > 0.5) == (part.targets > 0.5)).all(axis=1)
        return float(np.average(right, weights=part.weight))

    def predict(self, X: Any) -> Array:  # noqa: N803
        """The class of each sample (n,), or which labels it has (n, labels)."""
        return self._decoded(self._outputs(X))

    def predict_proba(self, X: Any) -> Array:  # noqa: N803
        """The probability of each class (n, classes), in the order of ``classes_``; or of each label."""
        outputs = self._outputs(X)
        return np.hstack([1 - outputs, outputs]) if outputs.shape[1] == 1 else outputs

    def predict_log_proba(self, X: Any) -> Array:  # noqa: N803
        """The logarithm of ``predict_proba``."""
        probabilities = self.predict_proba(X)
        with np.errstate(divide="ignore"):  # of a probability too small for the type: -inf
            return np.log(probabilities, out=probabilities)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
