"""Stochastic descent as scikit-learn ends it: until neither loss nor score gets better."""

import math
import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from fastbp import metrics
from fastbp.callbacks import CallbackList, TimeBudget
from fastbp.fitting import run_epoch
from fastbp.optimizers import SGD
from fastbp.sources import Arrays
from fastbp.trainer import Trainer

LEAST_RATE = 1e-6  # below which "adaptive" ends the fit


class Watch:
    """Data that are held back, and how the network does on them."""

    def __init__(self, estimator: Any, held: Any, objective: Any) -> None:
        model = estimator.model_
        self.estimator, self.held = estimator, held
        scores = []
        if objective.metric is not None:
            scores.append((metrics.get(objective.metric, objective.loss, estimator.n_outputs_), True))
        # A trainer of its own, for training need not measure the score.
        self.trainer = Trainer(model, model._network, SGD(), objective.loss, scores, objective.factor)
        self.samples = model._samples(held.x, held.targets, held.weight)[0]

    def look(self) -> tuple[float, float]:
        """Loss and score now."""
        n = len(self.held)
        size = min(n, 256)
        loss, *scores = self.trainer.evaluate(self.samples, size, 0, -(-n // size)).values()
        if scores and math.isfinite(loss):
            return loss, scores[0]
        outputs = self.estimator.model_.predict(self.held.x, verbose=0)
        return loss, self.estimator._score_of(outputs, self.held) if np.isfinite(outputs).all() else math.nan


class Patience:
    """Counts the epochs without a gain of ``tol``, and keeps the best weights where it watches held-out data."""

    def __init__(self, estimator: Any, keeps_weights: bool) -> None:
        self.estimator, self.keeps_weights = estimator, keeps_weights
        self.weights = estimator.model_.get_weights() if keeps_weights else []

    def ended(self, value: float, best: float, rises: bool) -> float:
        """After an epoch: the best value so far."""
        estimator = self.estimator
        sign = 1.0 if rises else -1.0
        worse = sign * value < sign * best + estimator.tol
        estimator._no_improvement = estimator._no_improvement + 1 if worse else 0
        if sign * value <= sign * best:
            return best
        if self.keeps_weights:
            self.weights = estimator.model_.get_weights()
        return value


def run(estimator: Any, part: Any, held: Any, objective: Any, incremental: bool) -> None:
    """Trains an estimator's network for ``max_iter`` epochs at most, or for one if ``incremental``."""
    model, n = estimator.model_, len(part)
    trainer, samples, _ = model._prepare(part.x, part.targets, part.weight)
    source = Arrays(model, samples, n, _batch_size(estimator, n), bool(estimator.shuffle))
    watch = Watch(estimator, held, objective) if held is not None else None
    hooks = CallbackList(_callbacks(estimator), model, {"verbose": 0, "epochs": estimator.max_iter})
    batch_hooks = hooks.batch_hooks("train")
    offset = estimator._offset(part)
    _begin(estimator, watch is not None)
    patience = Patience(estimator, bool(estimator.early_stopping))
    model.stop_training = False
    estimator.n_iter_ = 0
    most = 1 if incremental else estimator.max_iter
    if watch is None and not hooks.callbacks and not estimator.verbose and _schedule(estimator) != "invscaling":
        # Without any gain the fit ends after n_iter_no_change and one.
        epochs = source.epochs_ahead(trainer, most, lambda: estimator.n_iter_no_change + 1 - estimator._no_improvement)
    else:
        epochs = iter(lambda: run_epoch(trainer, source, batch_hooks, model), None)
    logs: dict[str, Any] = {}
    with hooks:
        hooks.call("on_train_begin", {})
        try:
            for epoch in range(most):
                hooks.call("on_epoch_begin", epoch, {})
                logs = next(epochs)
                logs["loss"] += offset
                _note(estimator, logs, n)
                if watch is not None:
                    logs["val_loss"], logs["val_score"] = watch.look()
                    logs["val_loss"] += estimator._offset(held)
                    _note_validation(estimator, logs)
                _judge(estimator, logs, patience)
                hooks.call("on_epoch_end", epoch, logs)
                if _is_done(estimator) or model.stop_training:
                    break
            else:
                if not incremental:
                    warnings.warn(
                        f"Stochastic Optimizer: Maximum iterations ({estimator.max_iter}) reached and the optimization "
                        "hasn't converged yet.",
                        ConvergenceWarning,
                        stacklevel=4,
                    )
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=4)
        trainer.finish()
        hooks.call("on_train_end", logs)
    if patience.keeps_weights:
        model.set_weights(patience.weights)


def _batch_size(estimator: Any, n: int) -> int:
    if estimator.batch_size == "auto":
        return min(200, n)
    if estimator.batch_size > n:
        warnings.warn(
            "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped", stacklevel=5
        )
    return min(int(estimator.batch_size), n)


def _callbacks(estimator: Any) -> list[Any]:
    given = estimator.callbacks
    callbacks = [] if given is None else list(given) if isinstance(given, (list, tuple)) else [given]
    return callbacks if estimator.time_budget is None else [*callbacks, TimeBudget(estimator.time_budget)]


def _begin(estimator: Any, watched: bool) -> None:
    """What the first fit of a network begins, and later ones go on with."""
    if not hasattr(estimator, "loss_curve_"):
        estimator.loss_curve_ = []
        estimator.best_loss_ = None
        estimator.validation_scores_ = estimator.validation_loss_curve_ = None
        estimator.best_validation_score_ = None
        estimator._no_improvement = 0
    if estimator.best_loss_ is None and not estimator.early_stopping:
        estimator.best_loss_ = math.inf
    if watched and estimator.validation_scores_ is None:
        estimator.validation_scores_, estimator.validation_loss_curve_ = [], []
        estimator.best_validation_score_, estimator._best_validation_loss = -math.inf, math.inf


def _note(estimator: Any, logs: dict[str, Any], n: int) -> None:
    estimator.n_iter_ += 1
    estimator.t_ += n
    estimator.loss_ = logs["loss"]
    estimator.loss_curve_.append(estimator.loss_)
    if estimator.verbose:
        print(f"Iteration {estimator.n_iter_}, loss = {estimator.loss_:.8f}")
    if _schedule(estimator) == "invscaling":
        rate = estimator.learning_rate_init / (estimator.t_ + 1) ** estimator.power_t
        estimator.model_.optimizer.learning_rate = rate


def _note_validation(estimator: Any, logs: dict[str, Any]) -> None:
    estimator.validation_loss_curve_.append(logs["val_loss"])
    estimator.validation_scores_.append(logs["val_score"])
    if estimator.verbose:
        print(f"Validation score: {logs['val_score']:f}")


def _judge(estimator: Any, logs: dict[str, Any], patience: Patience) -> None:
    """Compares the epoch with the best before."""
    if not estimator.early_stopping:
        estimator.best_loss_ = patience.ended(logs["loss"], estimator.best_loss_, rises=False)
    elif estimator.early_stopping == "loss":
        before = estimator._best_validation_loss
        estimator._best_validation_loss = patience.ended(logs["val_loss"], before, rises=False)
        if estimator._best_validation_loss < before:
            estimator.best_validation_score_ = logs["val_score"]
    else:
        best = patience.ended(logs["val_score"], estimator.best_validation_score_, rises=True)
        estimator.best_validation_score_ = best


def _schedule(estimator: Any) -> str | None:
    """What scikit-learn's ``sgd`` does with the learning rate."""
    return estimator.learning_rate if estimator.solver == "sgd" and estimator.optimizer is None else None


def _is_done(estimator: Any) -> bool:
    if estimator._no_improvement <= estimator.n_iter_no_change:
        return False
    what = "Validation score" if estimator.early_stopping else "Training loss"
    if estimator.early_stopping == "loss":
        what = "Validation loss"
    message = (
        f"{what} did not improve more than tol={estimator.tol:f} for {estimator.n_iter_no_change} consecutive epochs."
    )
    optimizer = estimator.model_.optimizer
    if _schedule(estimator) == "adaptive" and optimizer.learning_rate > LEAST_RATE:
        optimizer.learning_rate /= 5
        estimator._no_improvement = 0
        if estimator.verbose:
            print(f"{message} Setting learning rate to {optimizer.learning_rate:f}")
        return False
    if estimator.verbose:
        print(f"{message} Stopping.")
    return True
