"""One step of training, looked at number by number."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastbp import _core, _data
from fastbp._files import Path, replace
from fastbp.losses import Loss
from fastbp.models import Sequential
from fastbp.tracing.cross_check import require_equal
from fastbp.tracing.derivation import Derivation, shown
from fastbp.tracing.deriving import derive_node, derive_weight
from fastbp.tracing.layer_trace import LayerTrace
from fastbp.tracing.page import frame, page
from fastbp.tracing.text import backward_text, forward_text, loss_text, update_text
from fastbp.tracing.twin import twin
from fastbp.tracing.update import Update
from fastbp.tracing.walk import Walk

__all__ = ["Step", "Trace", "explain"]

Array = npt.NDArray[Any]


class Step(NamedTuple):
    """A moment of a step of training: "forward", "loss", "backward" or "update", and of which layer, if of one.

    >>> Step("update", None, "Every weight takes its step.").phase
    'update'
    """

    phase: str
    layer: LayerTrace | None
    text: str


def explain(model: Sequential, x: Any, y: Any, sample_weight: Any = None) -> "Trace":
    """Shows one step of training on a sample or a small batch, every number of it from the core that trains.

    The model is not changed: the step is taken by a copy that is as far in its training.

    Args:
        model: a compiled model with a loss.
        x: (n, in), or one sample (in,).
        y: the targets, as ``train_on_batch`` takes them; of one sample also (out,) or a label.
        sample_weight: (n,), what each sample's loss is multiplied by.

    Raises:
        ValueError, TypeError: for data that do not fit.
        RuntimeError: if the model is not compiled with a loss, or its weights are not finite; or if the slopes that
            were derived layer by layer are not those of the whole network.

    >>> from fastbp import SGD, Dense, Input
    >>> model = Sequential([Input((1,)), Dense(1, kernel_initializer="ones", name="output")])
    >>> model.compile(SGD(learning_rate=0.1), "mse")
    >>> trace = explain(model, [[2.0]], [[5.0]])
    >>> trace.weight("output", 0, 0)
    weight from input 0 to node 0 of output
      slope = value of the node feeding in × slope of the activation at the node fed into × slope of the loss at that \
node = 2 × 1 × (−6) = −12
      new weight = weight − learning rate × slope = 1 − 0.1 × (−12) = 2.2
    """
    if model.loss is None:
        model._require_loss()
    return Trace(model, x, y, sample_weight)


class Trace:
    """One step of training on a batch, as ``explain`` recorded it. Printed, it is a text.

    Attributes:
        layers: a ``LayerTrace`` for each layer, in the order in which they work: those of a residual block, named
            "block/layer", before the block itself, which is the sum of what they make of x and x.
        inputs, targets, prediction: of the batch.
        losses: of each sample, unweighted.
        shares: what each sample's loss is multiplied by in the loss of the batch, 1 / n without weights.
        loss_before, loss_after: of the batch before and after the step, penalties included; random layers draw the same
            numbers in both.
        learning_rate: of the step.
        update: the step of the optimiser.

    >>> from fastbp import Dense, Input
    >>> model = Sequential([Input((1,)), Dense(1, kernel_initializer="ones")])
    >>> model.compile("sgd", "mse")
    >>> trace = Trace(model, [[2.0]], [[5.0]], sample_weight=None)
    >>> trace.loss_before, [step.phase for step in trace.steps()]
    (9.0, ['forward', 'loss', 'backward', 'update'])
    """

    def __init__(self, model: Sequential, x: Any, y: Any, sample_weight: Any) -> None:
        looked_at, stepped = twin(model), twin(model)
        rows, single = (x.toarray(), False) if _data.is_sparse(x) else looked_at._rows_or_sample(x)
        y, sample_weight = ([y], None if sample_weight is None else [sample_weight]) if single else (y, sample_weight)
        trainer, samples, n = looked_at._prepare(rows, y, sample_weight)
        trainer.require_trainable()
        rows = np.asarray(looked_at._inputs(rows))
        loss = looked_at._require_loss()
        old, draws = looked_at.get_weights(), looked_at._network.draws
        trainer._hand_over_settings()

        self.model_name, self.loss_name, self.optimizer = model.name, loss.name, repr(model.optimizer)
        walk = Walk(looked_at, rows)
        self.logits = walk.logits
        self.inputs, self.prediction = walk.parts[0].x if walk.parts else rows, walk.prediction
        self.targets = loss.prepare_targets(
            _data.as_targets(y, n, self.prediction.shape[1], loss.sparse, loss.name, rows.dtype, loss.ignore_class)
        )
        self.loss = loss
        self.losses, slopes = _values_and_slopes(loss, self.targets, walk.outputs, walk.logits)
        self.shares, divisor = _shares(loss, self.targets, sample_weight, n)
        self.shares = self.shares * model._loss_weight
        self.loss_slopes = slopes  # at what the loss is computed from, unweighted

        def slopes_of(outputs: Array) -> Array:
            slopes = _values_and_slopes(loss, self.targets, outputs, walk.logits)[1]
            return (slopes * self.shares[:, None]).astype(rows.dtype)

        self.input_slopes = walk.back(slopes_of(walk.outputs))

        self.loss_before, gradients = trainer.gradients(samples), looked_at._network.gradients
        gradients = [g.copy() for g in gradients]
        stepped.train_on_batch(rows, y, sample_weight)
        self.update = Update(looked_at, stepped, old, gradients, divisor)
        stepped._network.draws = draws
        self.loss_after = stepped.loss_and_gradients(rows, y, sample_weight)[0]
        self.learning_rate = self.update.learning_rate
        self.layers = self._layers(walk)
        require_equal(walk, self.update.weights, slopes_of)

    def _layers(self, walk: Walk) -> list[LayerTrace]:
        found: list[LayerTrace] = []
        x, first = self.inputs, 0
        for number, place in enumerate(walk.places):
            parts = [part for part in walk.parts if part.layer == number]
            # Of a block the layers within it have taken all weights but the projection.
            count = sum(len(part.weights) for part in parts) if place.start is not None else len(place.variables)
            weights = {k: self.update.weights[k] for k in range(first, first + count)}
            first += count
            found.append(LayerTrace(place, parts, x, weights))
            x = found[-1].outputs
        for block in found:
            if block.start is not None:
                found[block.start].begun.append(block)
        slopes = self.loss_slopes * self.shares[:, None]
        for layer in reversed(found):
            layer.set_passing(slopes)
            slopes = layer.fed_slopes
        return found

    # ---- one number ----

    def layer(self, layer: int | str) -> LayerTrace:
        """The layer of that name or number."""
        if isinstance(layer, str):
            for candidate in self.layers:
                if candidate.name == layer:
                    return candidate
            raise ValueError(f"no layer {layer!r}; there are: {', '.join(each.name for each in self.layers)}")
        if not -len(self.layers) <= layer < len(self.layers):
            raise ValueError(f"layer must be a number below {len(self.layers)}, or a name; got {layer}")
        return self.layers[layer]

    def weight(self, layer: int | str, i: int, j: int | None = None, name: str = "kernel") -> Derivation:
        """How weight (i, j) of a layer got its slope and its new value: from node i of what feeds in to node j.

        ``name`` is that of the array; those of one dimension take i alone.
        """
        return derive_weight(self, self.layer(layer), (i,) if j is None else (i, j), name)

    def bias(self, layer: int | str, j: int) -> Derivation:
        """How the bias of node j got its slope and its new value: it is a weight whose node feeding in is always 1."""
        return self.weight(layer, j, name="bias")

    def node(self, layer: int | str, j: int) -> Derivation:
        """How node j of a layer got its value, and the slope of the loss at it."""
        return derive_node(self, self.layer(layer), j)

    # ---- the whole ----

    def feeding(self, layer: LayerTrace) -> tuple[str, Array]:
        """What feeds into a layer, and into a residual block as a whole: its name, "" of the input; and its values."""
        number = self.layers.index(layer) if layer.start is None else layer.start
        return (self.layers[number - 1].name, self.layers[number - 1].outputs) if number else ("", self.inputs)

    def steps(self) -> Iterator[Step]:
        """What happens, in order: forward layer by layer, the loss, backward layer by layer, the update."""
        for layer in self.layers:
            yield Step("forward", layer, forward_text(layer))
        yield Step("loss", None, loss_text(self))
        for layer in reversed(self.layers):
            yield Step("backward", layer, backward_text(layer))
        yield Step("update", None, update_text(self))

    def __str__(self) -> str:
        n = len(self.inputs)
        parts = [f"One step of {self.model_name} on {n} sample{'s' * (n > 1)}, loss {self.loss_name}"]
        heading = ""
        for step in self.steps():
            if step.phase != heading:
                heading = step.phase
                parts.append(f"\n{heading.capitalize()}")
            parts.append(step.text)
        return "\n".join(parts)

    def __repr__(self) -> str:
        change = f"loss {shown(self.loss_before)} to {shown(self.loss_after)}"
        n = len(self.inputs)
        return f"<Trace of {self.model_name}: {n} sample{'s' * (n != 1)}, {change}>"

    def to_html(self, filepath: Path) -> None:
        """Writes a page on which the step is seen to happen: one file, which needs no network.

        Of wide layers the nodes that count most are drawn, and maps of all weights. An existing file is replaced as a
        whole or not at all.
        """
        replace(filepath, page(self).encode())

    def _repr_html_(self) -> str:
        """The page, for notebooks."""
        return frame(self)

    def to_dict(self) -> dict[str, Any]:
        """All numbers, of which JSON can be made."""
        return {
            "model": self.model_name,
            "loss": self.loss_name,
            "optimizer": self.optimizer,
            "learning_rate": self.learning_rate,
            "loss_before": self.loss_before,
            "loss_after": self.loss_after,
            "inputs": self.inputs.tolist(),
            "targets": self.targets.tolist(),
            "prediction": self.prediction.tolist(),
            "losses": self.losses.tolist(),
            "shares": self.shares.tolist(),
            "layers": [layer.to_dict() for layer in self.layers],
        }


def _values_and_slopes(loss: Loss, targets: Array, outputs: Array, logits: bool) -> tuple[Array, Array]:
    """The loss of each sample, and its slope at each output, or at the sums."""
    if not logits:
        return loss._compute(targets, outputs)
    settings = loss.kernel_settings_for(outputs.shape[1])
    return _core.loss(outputs, targets, str(loss.kernel), True, settings)


def _shares(loss: Loss, targets: Array, sample_weight: Any, n: int) -> tuple[Array, float]:
    """What each sample's loss is multiplied by, and what penalties that are per_sample are divided by."""
    counts = np.ones(n) if loss.ignore_class is None else (targets != loss.ignore_class).astype(float)
    weights = counts * (1.0 if sample_weight is None else np.asarray(sample_weight, float).reshape(-1))
    divisor = {"sum": 1.0, "mean_with_sample_weight": float(weights.sum())}.get(loss.reduction, float(counts.sum()))
    return (weights / divisor if divisor else 0.0 * weights), divisor
