"""A network with its loss, optimiser and metrics, as the core trains it."""

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp import _core, _data
from fastbp.constraints import Constraint, MaxNorm, MinMaxNorm, NonNeg, UnitNorm
from fastbp.layers import Layer
from fastbp.layers.base import Variable
from fastbp.losses import Loss
from fastbp.metrics import Metric
from fastbp.optimizers import Optimizer
from fastbp.regularizers import L1L2
from fastbp.threads import get_num_threads

__all__ = ["Trainer"]

Array = npt.NDArray[Any]
Totals = npt.NDArray[np.float64]  # Σ weight·loss and the number of samples, then the sums of each metric

NO_PENALTY = L1L2()
REDUCTIONS = {"mean_with_sample_weight": "weighted_mean", "sum": "sum"}  # all others are means over the batch


class Trainer:
    """What the core needs to train: it is told of changes, and asked for batches."""

    def __init__(
        self,
        model: Any,
        network: Any,
        optimizer: Optimizer,
        loss: Loss | None,
        metrics: list[tuple[Metric, bool]],
        loss_weight: float,
    ) -> None:
        self.model = model
        self.network = network
        self.optimizer = optimizer
        self.kernel = optimizer.kernel
        self.known: tuple[int, int] | None = None  # the versions of the settings that the core has
        self.penalties_stored = False  # whether the stored gradients have the slopes of the regularisers in them
        self.loss = loss
        self.loss_weight = loss_weight
        self.metrics = [metric for metric, _ in metrics]
        self.own_metrics = [(metric, weighted) for metric, weighted in metrics if metric.kernel is None]
        self.own_constraints: list[tuple[Array, Constraint]] = []
        self.names = ["loss", *(metric.name for metric in self.metrics)]
        core: Any = _core.Trainer32 if model.dtype == np.float32 else _core.Trainer64
        self.core = core(network, {"optimizer": self.kernel, "seed": model.seed} | self._loss_settings(metrics))
        self.places = np.cumsum([2, *self.core.metric_sizes])  # where the sums of each metric begin and end
        optimizer._core = self.core
        self._hand_over_settings()

    # ---- what the core is told ----

    def _loss_settings(self, metrics: list[tuple[Metric, bool]]) -> dict[str, Any]:
        loss, outputs = self.loss, self.network.outputs
        if loss is None:
            return {}
        settings: dict[str, Any] = {
            "metrics": [(m.kernel, m.kernel_settings_for(outputs), weighted) for m, weighted in metrics if m.kernel],
            "reduction": REDUCTIONS.get(loss.reduction, "mean"),
            "loss_weight": self.loss_weight,
        }
        if loss.ignore_class is not None:
            settings["ignored_label"] = loss.ignore_class
        if self.own_metrics:
            settings["own_metrics"] = self._update_own_metrics
        if loss.kernel is None:
            return settings | {"own_loss": loss._compute, "own_loss_sparse": loss.sparse}
        return settings | {
            "loss": loss.kernel,
            "loss_settings": loss.kernel_settings_for(outputs),
            "from_logits": loss.from_logits,
        }

    def _update_own_metrics(self, y_true: Array, y_pred: Array, weight: Array | None) -> None:
        for metric, weighted in self.own_metrics:
            metric.update_state(y_true, y_pred, weight if weighted else None)

    def _require_same_rule(self) -> None:
        if self.optimizer.kernel != self.kernel:
            raise RuntimeError(
                f"the optimiser was compiled as {self.kernel} and is {self.optimizer.kernel} now: compile again"
            )

    def _hand_over_settings(self) -> None:
        """Gives the core what optimiser and layers are set to, where that has changed."""
        versions = (self.optimizer.version, Layer.version)
        if versions == self.known:
            return
        self._require_same_rule()
        optimizer = self.optimizer
        fields = _core.optimizer_fields(self.kernel)[1]
        self.core.set_hyperparameters([getattr(optimizer, field) for field in fields])
        self.core.set_rates(0, [optimizer.learning_rate])
        self.network.set_trainable(self.model._flags())
        shared = (
            "weight_decay",
            "clipvalue",
            "clipnorm",
            "global_clipnorm",
            "gradient_accumulation_steps",
            "use_ema",
            "ema_momentum",
            "ema_overwrite_frequency",
        )
        settings = {name: float(getattr(optimizer, name) or 0) for name in shared}
        self.own_constraints = []
        variables = zip(self.model._variables(), self.network.weights, strict=True)
        self.core.set_update(settings, [self._treatment(variable, view) for variable, view in variables])
        self.known = versions

    def _treatment(self, variable: Variable, view: Array) -> tuple[bool, float, float, bool, str, list[float], int]:
        penalty, constraint = variable.regularizer or NO_PENALTY, variable.constraint
        decays = self.optimizer.uses_weight_decay(variable.name.rpartition("/")[2], view)
        name, numbers, norm = "", [], 0
        if type(constraint) is NonNeg:
            name = "non_neg"
        elif isinstance(constraint, (MaxNorm, UnitNorm, MinMaxNorm)):
            name, numbers = "norm", [constraint.min_value, constraint.max_value, constraint.rate]
            norm = _norm_of(constraint, view)
        elif constraint is not None and variable.trainable:
            self.own_constraints.append((view, constraint))
        return decays, penalty.l1, penalty.l2, penalty.per_sample, name, numbers, norm

    def _hand_over_rates(self, steps: int) -> None:
        if self.optimizer.schedule is not None:
            first = self.core.batches
            self.core.set_rates(first, self.optimizer.schedule.rates(first, steps).tolist())

    def require_trainable(self) -> None:
        """RuntimeError if a weight is NaN or infinite, or the optimiser has become another since compile."""
        self._require_same_rule()
        if self.network.weights_finite():
            return
        for layer in self.model.layers:
            for weight in layer.weights:
                if not np.isfinite(weight).all():
                    raise RuntimeError(
                        f"the weights of layer {layer.name!r} are not finite (a diverged fit? a lower learning rate "
                        "helps); expected finite weights: set_weights, or make the model anew"
                    )

    # ---- what the core does ----

    def train(
        self,
        samples: Any,
        batch_size: int,
        shuffle_epoch: int | None,
        first: int,
        last: int,
        totals: Totals | None = None,
        rate: float | None = None,
    ) -> Totals:
        """Trains on batches [first, last) of an epoch, with the optimiser's learning rate or another.

        Returns ``totals``, of none if not given, and what is added to them.
        """
        self._hand_over_settings()
        if self.own_constraints and last - first > 1:
            for b in range(first, last):
                totals = self.train(samples, batch_size, shuffle_epoch, b, b + 1, totals, rate)
            return self.no_totals() if totals is None else totals
        if rate is None:
            self._hand_over_rates(last - first)
        else:
            self.core.set_rates(self.core.batches, [rate])
        self.core.set_threads(get_num_threads())
        so_far = None if totals is None else totals.tolist()
        totals = np.array(self.core.train(samples, batch_size, shuffle_epoch, first, last, so_far))
        for view, constraint in self.own_constraints:
            view[...] = constraint(view)
        return totals

    def train_epochs(
        self, totals: Totals, samples: Any, batch_size: int, shuffle_epoch: int | None, batches: int
    ) -> None:
        """Trains for whole epochs, of so many batches, without coming back; each adds to its row of ``totals``."""
        self._hand_over_settings()
        if self.own_constraints:
            for epoch, row in enumerate(totals):
                order = None if shuffle_epoch is None else shuffle_epoch + epoch
                row += self.train(samples, batch_size, order, 0, batches)
            return
        self._hand_over_rates(len(totals) * batches)
        self.core.set_threads(get_num_threads())
        self.core.train_epochs(totals, samples, batch_size, shuffle_epoch)

    def apply_gradients(self) -> None:
        """One step by the gradients that are stored."""
        self._hand_over_settings()
        self._hand_over_rates(1)
        self.core.apply_gradients(not self.penalties_stored)
        for view, constraint in self.own_constraints:
            view[...] = constraint(view)

    def finish(self) -> None:
        """After training: running means take the weights' place, if the optimiser keeps them."""
        self.core.take_means()

    def step(self, samples: Any, batch_size: int) -> dict[str, Any]:
        """One step on all samples as one batch."""
        self.require_trainable()
        self.reset_metrics()
        return self.logs(self.train(samples, batch_size, None, 0, 1))

    def measure(self, samples: Any, batch_size: int, first: int, last: int, totals: Totals | None = None) -> Totals:
        """What loss and metrics over batches [first, last) are computed from, added to ``totals``."""
        self._hand_over_settings()
        self.core.set_threads(get_num_threads())
        so_far = None if totals is None else totals.tolist()
        return np.array(self.core.evaluate(samples, batch_size, first, last, so_far))

    def evaluate(self, samples: Any, batch_size: int, first: int, last: int) -> dict[str, Any]:
        """Loss and metrics over batches [first, last)."""
        self.reset_metrics()
        return self.logs(self.measure(samples, batch_size, first, last))

    def gradients(self, samples: Any) -> float:
        """The loss over all samples; its gradients are in the network then."""
        self._hand_over_settings()
        self.core.set_threads(get_num_threads())
        loss, count, *_ = self.core.gradients(samples)
        self.penalties_stored = True
        return float(loss / count)

    # ---- results ----

    def reset_metrics(self) -> None:
        """Forgets what metrics that are computed in Python have seen."""
        for metric, _ in self.own_metrics:
            metric.reset_state()

    def no_totals(self) -> Totals:
        """The sums of no samples."""
        return np.zeros(self.places[-1])

    def logs(self, totals: Totals) -> dict[str, Any]:
        """Sums as the loss and the metrics, by name."""
        values: list[Any] = [float(totals[0] / totals[1]) if totals[1] else 0.0]
        states = pairwise(self.places)
        for metric in self.metrics:
            values.append(metric.result() if metric.kernel is None else metric.result_of(totals[slice(*next(states))]))
        return dict(zip(self.names, values, strict=True))


def _norm_of(constraint: MaxNorm | UnitNorm | MinMaxNorm, view: Array) -> int:
    """What norms are taken of: columns (0), rows (1), or all (2)."""
    axes = {axis % view.ndim if -view.ndim <= axis < view.ndim else axis for axis in constraint._axes}
    if not axes <= set(range(view.ndim)):
        raise ValueError(f"{constraint!r} does not fit weights of shape {view.shape}")
    return 2 if len(axes) == view.ndim else axes.pop()


def make_samples(
    x: _data.Inputs, y: Any, sample_weight: Any, outputs: int, loss: Loss, class_weight: dict[int, float] | None = None
) -> Any:
    """The core's samples from x (n, in) in the model's dtype, and y and weights as the user gave them."""
    n = len(x)
    if n == 0:
        raise ValueError("x has no rows")
    targets = _data.as_targets(y, n, outputs, loss.sparse, loss.name, x.dtype, loss.ignore_class)
    weight = None if sample_weight is None else _data.as_sample_weight(sample_weight, n, x.dtype)
    if class_weight is not None:
        weight = _data.by_class(class_weight, targets, weight, x.dtype)
    _data.require_finite(x, "x")
    core: Any = _core.Samples32 if x.dtype == np.float32 else _core.Samples64
    return core(x, loss.prepare_targets(targets), weight)
