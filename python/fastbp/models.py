"""Models: Sequential, a stack of layers with Keras's methods."""

import math
import os
import weakref
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp import (
    _core,
    _data,
    _parts,
    callbacks,
    exporting,
    fitting,
    learning_rates,
    losses,
    metrics,
    optimizers,
    saving,
    trainer,
)
from fastbp._progress import Verbose
from fastbp._registry import Registry
from fastbp._seeds import fresh_seed
from fastbp.layers import LAYERS, Flatten, Input, Layer
from fastbp.layers.base import Variable
from fastbp.layers.residual import name_layer
from fastbp.saving import load_model
from fastbp.threads import get_num_threads

__all__ = ["Sequential", "load_model"]

Array = npt.NDArray[Any]


class Sequential:
    """A stack of layers.

    Args:
        layers: the layers in order; the first may be an ``Input``.
        name: the model's name.
        dtype: "float32" or "float64", of the weights and of the arithmetic.
        seed: fixes the initial weights and the shuffles; without it a fresh one is drawn.

    >>> from fastbp import Dense
    >>> model = Sequential([Input((2,)), Dense(3, activation="tanh"), Dense(1)], seed=0)
    >>> model.compile(optimizer="sgd", loss="mse")
    >>> history = model.fit([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 2], epochs=100, batch_size=2)
    >>> history.history["loss"][-1] < history.history["loss"][0]
    True
    """

    _isa = ""  # the instruction set of new networks; empty: the one chosen at import

    def __init__(
        self,
        layers: Iterable[Layer | Input] | None = None,
        name: str = "sequential",
        *,
        dtype: npt.DTypeLike = "float32",
        seed: int | None = None,
    ) -> None:
        self.name = name
        self.dtype = np.dtype("float32" if dtype is None else dtype)
        if self.dtype not in (np.float32, np.float64):
            raise ValueError(f"dtype must be float32 or float64; got {self.dtype}")
        self.seed = fresh_seed() if seed is None else _data.positive_int(seed, "seed", least=0)
        if self.seed >= 2**64:
            raise ValueError(f"seed must be below 2**64; got {self.seed}")
        self.stop_training = False
        self.history: callbacks.History | None = None
        self.optimizer: optimizers.Optimizer | None = None
        self.loss: losses.Loss | None = None
        self._loss_weight = 1.0
        self._metrics: list[tuple[Any, bool]] = []  # as compile got them, and whether they are weighted
        self._layers: list[Layer] = []
        self._input: Input | None = None
        self._network: Any = None  # _core.Network32 or _core.Network64, once the width is known
        self._heeded = 0  # the version of ``trainable`` that the network has
        self._trainer: trainer.Trainer | None = None  # made when training needs it
        self.epochs_trained = 0  # counts the shuffles
        self._initial_epoch = 0  # of the fit that runs
        for layer in layers or ():
            self._append(layer)
        self._rebuild()

    # ---- the layers ----

    def add(self, layer: Layer | Input) -> None:
        """Appends a layer. A model that was built keeps the weights that it has."""
        self._append(layer)
        self._rebuild()

    def _append(self, layer: Any) -> None:
        if isinstance(layer, Input):
            if self._input is not None or self._layers:
                raise ValueError("Input must come first, and once")
            self._input = layer
            return
        if not isinstance(layer, Layer):
            known = ", ".join(["Input", *LAYERS])
            raise TypeError(f"expected a layer; got {type(layer).__name__} {layer!r}. Known: {known}")
        if layer._owner is not None and layer._owner() is not None:
            raise ValueError(f"layer {layer.name!r} belongs to a model already; make a new one")
        name_layer(layer, {str(other.name) for other in self._layers})
        layer._owner = weakref.ref(self)
        self._layers.append(layer)

    def pop(self) -> Layer:
        """Removes the last layer and returns it."""
        if not self._layers:
            raise ValueError("the model has no layers")
        layer = self._layers.pop()
        layer._let_go()
        self._rebuild()
        return layer

    @property
    def layers(self) -> list[Layer]:
        """The layers, without the Input."""
        return list(self._layers)

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer of that name, or at that index."""
        if (name is None) == (index is None):
            raise ValueError("give either name or index")
        if index is not None:
            return self._layers[index]
        for layer in self._layers:
            if layer.name == name:
                return layer
        raise ValueError(f"no layer {name!r}; there are: {', '.join(str(layer.name) for layer in self._layers)}")

    # ---- building ----

    @property
    def built(self) -> bool:
        """Whether the width of the input is known, and so the weights exist."""
        return self._network is not None

    def build(self, input_shape: int | tuple[int | None, ...] | None = None) -> None:
        """Makes the weights. ``input_shape`` is (columns,) or (None, columns); needless where there is an Input."""
        if input_shape is not None:
            sizes = input_shape if isinstance(input_shape, (tuple, list)) else (input_shape,)
            sizes = sizes[1:] if sizes and sizes[0] is None else sizes
            if not sizes:
                raise ValueError(f"input_shape is the shape of one sample, as in (None, 64); got {input_shape!r}")
            checked = [_data.positive_int(size, "the width of the input") for size in sizes]
            self._build(math.prod(checked if self._flat else checked[-1:]))
        elif self._input is not None:
            self._build(self._width_of(self._input))
        else:
            raise ValueError("the width of the input is not known: give input_shape, or an Input as the first layer")

    @property
    def _flat(self) -> bool:
        """Whether samples may have any shape, for a Flatten comes before all that needs features."""
        for layer in self._layers:
            if isinstance(layer, Flatten):
                return True
            if layer._outputs(1) != 1 or layer._variables(1):
                return False
        return False

    def _width_of(self, shape: Input) -> int:
        if len(shape.shape) > 1 and self._layers and not self._flat:
            raise ValueError(f"samples of shape {shape.shape} need a Flatten before the first layer with weights")
        return math.prod(shape.shape)

    def _build(self, inputs: int) -> None:
        if self._input is not None and self._width_of(self._input) != inputs:
            raise ValueError(f"x has {inputs} columns; the network expects {self._width_of(self._input)}")
        self._require_layers()
        if self._network is None or self._network.inputs != inputs:
            self._make_network(inputs)

    def _require_layers(self) -> None:
        if not self._layers:
            raise ValueError("the model has no layers; add some")

    def _outputs(self, inputs: int) -> int:
        """The width of the output, for that of the input."""
        self._require_layers()
        for layer in self._layers:
            inputs = layer._outputs(inputs)
        return inputs

    def _rebuild(self) -> None:
        """After a change of the layers."""
        inputs = self._network.inputs if self._network else None
        if self._input is not None:
            inputs = math.prod(self._input.shape)
        self._network = self._trainer = None
        if inputs is not None and self._layers and (self._input is None or len(self._input.shape) == 1 or self._flat):
            self._make_network(inputs)

    def _widths(self, inputs: int) -> Iterator[tuple[Layer, int]]:
        """The layers, and what goes into each."""
        for layer in self._layers:
            yield layer, inputs
            inputs = layer._outputs(inputs)

    def _flags(self) -> list[bool]:
        """Whether each layer of the core learns."""
        return [flag for layer, width in self._widths(self._network.inputs) for flag in layer._flags(width)] or [True]

    def _variables(self) -> list[Variable]:
        """What the weights are, in their order."""
        return [v for layer, width in self._widths(self._network.inputs) for v in layer._variables(width)]

    def _make_network(self, inputs: int) -> None:
        core = _core.Network32 if self.dtype == np.float32 else _core.Network64
        specs = [spec for layer, width in self._widths(inputs) for spec in layer._specs(width)]
        network = core(inputs, specs or [{"kind": "activation", "name": "linear"}], self._isa, self.seed)
        views = iter(network.weights)
        index = 0
        for layer, width in self._widths(inputs):
            layer._take([next(views) for _ in layer._variables(width)], width, self.seed, index)
            index += layer._numbers(width)
        self._network = network
        self._trainer = None
        self._heed_trainable()

    def _heed_trainable(self) -> None:
        """Tells the core which layers learn."""
        self._network.set_trainable(self._flags())
        self._heeded = Layer.version

    def _require_network(self) -> Any:
        if self._network is None:
            self.build()
        return self._network

    @property
    def input_shape(self) -> tuple[None, int]:
        """(None, columns)."""
        return (None, self._require_network().inputs)

    @property
    def output_shape(self) -> tuple[None, int]:
        """(None, outputs)."""
        return (None, self._require_network().outputs)

    # ---- weights ----

    @property
    def weights(self) -> list[Array]:
        """Views of all weights: kernel (in, out), then bias (out), layer by layer."""
        return list(self._require_network().weights)

    def get_weights(self) -> list[Array]:
        """Copies of all weights: kernel (in, out), then bias (out), layer by layer.

        >>> from fastbp import Dense
        >>> [w.shape for w in Sequential([Input((2,)), Dense(3)]).get_weights()]
        [(2, 3), (3,)]
        """
        return [w.copy() for w in self.weights]

    @property
    def trainable_weights(self) -> list[Array]:
        """Those of ``weights`` that training changes."""
        return [w for layer in self._layers for w in layer.trainable_weights]

    @property
    def non_trainable_weights(self) -> list[Array]:
        """The others: of layers that are not ``trainable``, and running means and the like."""
        return [w for layer in self._layers for w in layer.non_trainable_weights]

    @property
    def trainable(self) -> bool:
        """Whether any layer is trained. Setting it sets all layers."""
        return any(layer.trainable for layer in self._layers)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for layer in self._layers:
            layer.trainable = value

    def set_weights(self, weights: Iterable[npt.ArrayLike]) -> None:
        """Sets all weights, in the order of get_weights. Nothing is changed if one does not fit."""
        own = self.weights
        new = [_data.as_numbers(w, f"weights[{i}]") for i, w in enumerate(weights)]
        if len(new) != len(own):
            raise ValueError(f"the model has {len(own)} weight arrays; got {len(new)}")
        for i, (view, values) in enumerate(zip(own, new, strict=True)):
            if view.shape != values.shape:
                raise ValueError(f"weights[{i}] has shape {values.shape}; the model expects {view.shape}")
        with np.errstate(over="ignore"):
            fitted = [values.astype(self.dtype, copy=False) for values in new]
        for i, (values, stored) in enumerate(zip(new, fitted, strict=True)):
            if np.isinf(stored).sum() > np.isinf(values).sum():
                raise ValueError(f"weights[{i}] has values that are too large for {self.dtype}")
        for view, stored in zip(own, fitted, strict=True):
            view[...] = stored

    def count_params(self) -> int:
        """How many numbers the model learns.

        >>> from fastbp import Dense
        >>> Sequential([Input((2,)), Dense(3)]).count_params()
        9
        """
        return sum(w.size for w in self.weights)

    # ---- training ----

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int | str = 1,
        jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Settles how the model is trained. What an earlier optimiser remembered is forgotten.

        Args:
            optimizer: a name or an Optimizer.
            loss: a name, a Loss, or a function that gives losses and slopes; None if only steps of one's own are taken
                (``forward``, ``backward``).
            loss_weights: what the loss is multiplied by, but no penalty and no metric: a number, or a list or dict of
                one.
            metrics: names, Metrics or functions to report; each sample counts once.
            weighted_metrics: the same, with samples counted by their sample_weight.
            run_eagerly: taken for Keras's sake, as the rest: they choose between ways of running a graph, of which
                there is none here, and change nothing.
            steps_per_execution: as run_eagerly.
            jit_compile: as run_eagerly.
            auto_scale_loss: as run_eagerly.
        """
        new_weight = _loss_weight(loss_weights)
        new_optimizer, new_loss = optimizers.get(optimizer), None if loss is None else losses.get(loss)
        pairs = [(m, False) for m in _listed(metrics)] + [(m, True) for m in _listed(weighted_metrics)]
        if new_loss is None and (pairs or loss_weights is not None):
            raise ValueError("metrics and loss_weights need a loss; compile got none")
        names = ["loss", *(_metric(identifier, new_loss, None).name for identifier, _ in pairs if new_loss)]
        if len(set(names)) != len(names):
            raise ValueError(f"metrics must have different names; got {names[1:]}")
        self.optimizer, self.loss, self._metrics = new_optimizer, new_loss, pairs
        self._loss_weight = new_weight
        self._trainer = None

    @property
    def metrics_names(self) -> list[str]:
        """The names in the logs: "loss", then the metrics."""
        return self._require_trainer().names

    def _require_loss(self) -> losses.Loss:
        if self.optimizer is None:
            raise RuntimeError("the model is not compiled: call compile(optimizer=..., loss=...) first")
        if self.loss is None:
            raise RuntimeError(f"the model was compiled without a loss; known: {', '.join(losses.LOSSES)}")
        return self.loss

    def _require_trainer(self, loss: bool = True) -> trainer.Trainer:
        if loss or self.optimizer is None:
            self._require_loss()
        if self._trainer is None:
            assert self.optimizer is not None
            network = self._require_network()
            found = [(_metric(m, self._require_loss(), network.outputs), weighted) for m, weighted in self._metrics]
            self._trainer = trainer.Trainer(self, network, self.optimizer, self.loss, found, self._loss_weight)
        return self._trainer

    def _inputs(self, x: Any, inputs: int | None = None) -> _data.Inputs:
        """X as the core takes it; the model itself is not touched."""
        rows = _data.as_inputs(x, self._network.inputs if self._network else inputs, self.dtype, self._flat)
        if isinstance(rows, _data.SparseRows):
            self._require_layers()
            specs = ((layer, spec) for layer, width in self._widths(rows.shape[1]) for spec in layer._specs(width))
            first, spec = next(specs, (self._layers[0], {"kind": ""}))
            if spec["kind"] != "dense":
                raise ValueError(f"sparse x needs a Dense layer first; the first is {type(first).__name__}")
        return rows

    def _samples(
        self,
        x: Any,
        y: Any,
        sample_weight: Any,
        inputs: int | None = None,
        class_weight: dict[int, float] | None = None,
    ) -> tuple[Any, tuple[int, int]]:
        """The core's samples, and the shape of x; the model itself is not touched."""
        loss = self._require_loss()
        rows = self._inputs(x, inputs)
        outputs = self._outputs(rows.shape[1])
        return trainer.make_samples(rows, y, sample_weight, outputs, loss, class_weight), rows.shape

    def _prepare(
        self, x: Any, y: Any, sample_weight: Any, class_weight: dict[int, float] | None = None
    ) -> tuple[trainer.Trainer, Any, int]:
        """The trainer, the samples as it takes them, and how many. Builds the model once the data are accepted."""
        samples, (n, inputs) = self._samples(x, y, sample_weight, class_weight=class_weight)
        self._build(inputs)
        return self._require_trainer(), samples, n

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Verbose = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Collection[int] = 1,
    ) -> "callbacks.History":
        """Trains: for every batch forward propagation, the slopes backwards, and a step of the optimiser.

        Args:
            x: (n, in), anything np.asarray takes; C-contiguous data of the model's dtype is not copied. Or a sparse
                matrix or array of SciPy's, where the first layer is Dense: it is never made dense. Or an iterable of
                batches (x, y) or (x, y, sample_weight), or an object with batches by number and ``len``.
            y: (n, out), or (n,) for one output, or labels (n,) for sparse losses; None if x gives batches.
            batch_size: samples a step; 32 if not given. The last batch of an epoch may be smaller.
            epochs: the epoch to end before; each is one time through the data.
            verbose: "auto" or 1 a progress bar, 2 a line an epoch, 0 nothing.
            callbacks: a Callback or several.
            validation_split: the share of the data, from its end, that is kept for validation.
            validation_data: (x, y) or (x, y, sample_weight) to validate on, or an iterable of batches.
            shuffle: whether every epoch visits the samples in a new order (batches, if x has them by number). One batch
                of all samples needs none.
            class_weight: what the loss of a sample is multiplied by, by class; sample_weight comes on top.
            sample_weight: (n,), what each sample's loss is multiplied by.
            initial_epoch: the number of the first epoch.
            steps_per_epoch: batches of an epoch, where that is not one time through the data.
            validation_steps: likewise, of a validation.
            validation_batch_size: samples at a time there.
            validation_freq: epochs from one validation to the next, or the numbers, from 1, of those with one.

        Returns:
            History: ``history.history["loss"]`` and so on, a number an epoch.

        Raises:
            ValueError, TypeError: for data or settings that do not fit; the model is as it was.
            RuntimeError: if the model is not compiled, or its weights are not finite.
        """
        return fitting.fit(
            self,
            x,
            y,
            batch_size=batch_size,
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks,
            validation_split=validation_split,
            validation_data=validation_data,
            shuffle=shuffle,
            class_weight=class_weight,
            sample_weight=sample_weight,
            initial_epoch=initial_epoch,
            steps_per_epoch=steps_per_epoch,
            validation_steps=validation_steps,
            validation_batch_size=validation_batch_size,
            validation_freq=validation_freq,
        )

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Verbose = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """The loss and the metrics on some data, or on ``steps`` batches of it.

        Returns:
            The loss; with metrics a list of the loss and them, or with ``return_dict`` a dict.
        """
        logs = fitting.evaluate(
            self,
            x,
            y,
            batch_size=batch_size,
            verbose=verbose,
            sample_weight=sample_weight,
            steps=steps,
            callbacks=callbacks,
        )
        return _results(logs, return_dict)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Verbose = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Array:
        """The outputs for x (n, in), as an array (n, out). NaN in x gives NaN. Random layers do nothing."""
        return fitting.predict(self, x, batch_size=batch_size, verbose=verbose, steps=steps, callbacks=callbacks)

    def __call__(self, x: Any) -> Array:
        """The outputs for x (n, in): the quick call, without callbacks or progress.

        One dimension is one sample (in,), and gives (out,); where the network has one input it is n samples.
        """
        if self._network is not None and (outputs := self._network.quick(x)) is not None:
            return outputs
        rows, single = self._rows_or_sample(x)
        outputs = self._network(rows, 0, get_num_threads())
        return outputs[0] if single else outputs

    def _rows_or_sample(self, x: Any) -> tuple[_data.Inputs, bool]:
        """X as (n, in), and whether it came as one sample. Builds the model once x is accepted."""
        array = _data.as_samples(x)
        inputs = self._network.inputs if self._network else None
        single = not isinstance(array, _data.SparseRows) and array.ndim == 1 and inputs not in (1, None)
        rows = self._inputs([array] if single else array)
        if self._network is None:
            self._build(rows.shape[1])
        return rows, single

    # ---- steps of the user's own ----

    def forward(self, x: Any, training: bool = False) -> Array:
        """The outputs for x (n, in), or for one sample (in,), as ``model(x)``.

        With ``training`` what ``backward`` needs is kept, until the next call.

        A step with a loss of one's own, here ½·(out - 4)²:

        >>> from fastbp import Dense
        >>> model = Sequential([Input((2,)), Dense(1, kernel_initializer="ones")], dtype="float64")
        >>> model.compile("sgd")
        >>> out = model.forward([[1.0, 2.0]], training=True)
        >>> dx = model.backward(out - 4)
        >>> model.apply_gradients()
        >>> model.zero_gradients()
        >>> out.item(), dx.tolist(), model.layers[0].kernel.round(6).tolist()
        (3.0, [[-1.0, -1.0]], [[1.01], [1.02]])
        """
        if not training:
            return self(x)
        if self._network is not None:
            if self._heeded != Layer.version:
                self._heed_trainable()
            if (outputs := self._network.forward(x)) is not None:
                return outputs
        if _data.is_sparse(x):
            raise ValueError("forward with training takes no sparse x; expected an array")
        rows, single = self._rows_or_sample(x)
        if len(rows) == 0:
            raise ValueError("x has no rows")
        outputs = self._network.forward(rows, get_num_threads())
        return outputs[0] if single else outputs

    def backward(self, d: Any) -> Array:
        """From the slope of a loss at each output, in the shape of what ``forward`` gave, to that at each input.

        The slopes with respect to the weights are added to ``gradients``: ``zero_gradients`` begins anew.

        Raises:
            RuntimeError: if no ``forward`` with ``training`` came before.
            ValueError: if d does not have the shape of its outputs.
        """
        if self._network is not None and (dx := self._network.backward(d)) is not None:
            return dx
        n = self._network.samples_forward if self._network else 0
        if n == 0:
            raise RuntimeError("nothing to go back through: call forward(x, training=True) first")
        array = _data.as_numbers(d, "d")
        outputs = self._network.outputs
        single = n == 1 and array.shape == (outputs,)
        if array.shape != (n, outputs) and not single:
            raise ValueError(f"d has shape {array.shape}; the outputs have ({n}, {outputs})")
        dx = self._network.backward(_data.aligned(array.reshape(n, outputs), self.dtype), get_num_threads())
        return dx[0] if single else dx

    @property
    def gradients(self) -> list[Array]:
        """Views of the stored slope of the loss with respect to every weight, in the order of ``weights``.

        ``backward`` adds to them, ``loss_and_gradients`` writes them; ``fit`` may use them for its own.
        """
        return list(self._require_network().gradients)

    def apply_gradients(self) -> None:
        """One step of the compiled optimiser by ``gradients``, which stay as they are.

        As in ``fit``, regularisers add their slopes first (unless ``loss_and_gradients`` has), and constraints come
        last. Penalties that are ``per_sample`` are not divided, for only a loss of one's own knows what it divides by;
        ``loss_and_gradients`` divides them.
        """
        (self._trainer or self._require_trainer(loss=False)).apply_gradients()

    def zero_gradients(self) -> None:
        """Sets all ``gradients`` to 0."""
        self._require_network().zero_gradients()
        if self._trainer is not None:
            self._trainer.penalties_stored = False

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: dict[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """One step on one batch. Returns what evaluate does, measured on the batch before the step."""
        train, samples, n = self._prepare(x, y, sample_weight, class_weight)
        return _results(train.step(samples, n), return_dict)

    def test_on_batch(self, x: Any, y: Any, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """What evaluate does, for one batch."""
        train, samples, n = self._prepare(x, y, sample_weight)
        return _results(train.evaluate(samples, n, 0, 1), return_dict)

    def predict_on_batch(self, x: Any) -> Array:
        """What predict does, for one batch."""
        return self.predict(x, verbose=0)

    def loss_and_gradients(self, x: Any, y: Any, sample_weight: Any = None) -> tuple[float, list[Array]]:
        """The loss of one batch and its slope with respect to every weight; nothing is updated.

        Returns:
            The loss, and the gradients in the order of get_weights.

        >>> from fastbp import Dense
        >>> model = Sequential([Input((1,)), Dense(1, kernel_initializer="ones")])
        >>> model.compile(loss="mse")
        >>> loss, (dw, db) = model.loss_and_gradients([[2.0]], [[5.0]])  # error 2 - 5 = -3
        >>> loss, dw.item(), db.item()  # 3², 2·(-3)·2, 2·(-3)
        (9.0, -12.0, -6.0)
        """
        train, samples, _ = self._prepare(x, y, sample_weight)
        loss = train.gradients(samples)
        return loss, [g.copy() for g in self._network.gradients]

    def find_learning_rate(
        self,
        x: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        batch_size: int | None = None,
        least: float = 1e-6,
        most: float = 10.0,
        steps: int = 200,
        smoothing: float = 0.9,
    ) -> learning_rates.LearningRates:
        """Tries learning rates that rise from batch to batch, and suggests one: a tenth of that of the least loss.

        The model is trained with them for that, until the loss has grown to four times the least, and set back after:
        weights, optimiser and all else that training changes are what they were, bit for bit. The rates of a schedule
        are not looked at.

        Args:
            x: (n, in), as for ``fit``; batches that something else makes are not taken.
            y: the targets, as for ``fit``.
            sample_weight: (n,), what each sample's loss is multiplied by.
            batch_size: samples a step; 32 if not given.
            least: the rate of the first batch.
            most: that of the last; they rise by the same factor from each to the next.
            steps: how many batches, at most; the data begin anew as often as it takes.
            smoothing: of the losses: each is the mean of all, weighted by smoothing^(how many steps away).

        Source: Smith, "Cyclical learning rates for training neural networks", arXiv 1506.01186.

        >>> from fastbp import Dense
        >>> model = Sequential([Dense(8, "tanh"), Dense(1)], seed=0)
        >>> model.compile("sgd", "mse")
        >>> found = model.find_learning_rate([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0])
        >>> 0.001 < found.suggestion < 1
        True
        """
        return learning_rates.find_learning_rate(
            self,
            x,
            y,
            sample_weight,
            batch_size=batch_size,
            least=least,
            most=most,
            steps=steps,
            smoothing=smoothing,
        )

    # ---- files ----

    def save(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Saves layers, weights, and if it is compiled what ``compile`` got and the state of training, to one file.

        ``fastbp.load_model`` makes an equal model of it, which goes on training with the same bits.

        Args:
            filepath: where to, ending in ".safetensors"; an existing file is replaced as a whole or not at all.
            overwrite: whether it may exist.

        Raises:
            ValueError: for another ending, or a part of your own without a name: see ``saving.serialize``.
            FileExistsError: if it exists and ``overwrite`` is False.
        """
        saving.save_model(self, filepath, overwrite)

    def save_weights(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Saves the weights to a file as ``save`` does, for ``load_weights``."""
        saving.save_weights(self, filepath, overwrite)

    def load_weights(
        self, filepath: str | os.PathLike[str], skip_mismatch: bool = False, by_name: bool = False
    ) -> None:
        """Sets the weights to those in a file of this network's shapes. Nothing is changed if one does not fit.

        Layers are matched by their number; their names may differ. A file that ``save`` wrote will do as well.

        Args:
            filepath: the file.
            skip_mismatch: whether layers that do not fit are left as they are, with a warning for each.
            by_name: whether layers are matched by their names instead. Those that are only in the file or only in the
                model are passed over.

        Raises:
            ValueError: if they do not fit, naming layer and shapes, if no layer has the name of one in the file, or if
                it is no such file.
        """
        saving.load_weights(self, filepath, skip_mismatch, by_name)

    def export(self, filepath: str | os.PathLike[str], format: str | None = None, **kwargs: Any) -> None:
        """Writes a file by which other programs compute what ``predict`` does.

        Args:
            filepath: where to; an existing file is replaced as a whole or not at all.
            format: "onnx", "c" or "h"; the ending of ``filepath``, if not given.
            kwargs: of the format. ONNX takes ``labels``, a whole number or a name for each class, and then also has the
                outputs "label" and "probabilities". C takes ``name``, an identifier: "digits" gives a function
                ``digits_predict(x, y)`` of one sample, in float32. If not given it is the model's name.

        Raises:
            ValueError: for another format, or a part that the format cannot express, naming the layer.
            ImportError: if the format's package is missing: ``pip install 'fastbp[onnx]'``.
        """
        exporting.export(self, filepath, format, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """The layers and settings, as JSON has them; ``from_config`` makes such a model of it, with initial weights.

        >>> from fastbp import Dense
        >>> config = Sequential([Input((2,)), Dense(3)], name="small", seed=0).get_config()
        >>> Sequential.from_config(config)
        <Sequential small: <Dense 3 linear>>
        """
        inputs = [self._input] if self._input else [Input(self._network.inputs)] if self._network else []
        config: dict[str, Any] = saving.serialize(
            {"layers": [*inputs, *self._layers], "name": self.name, "dtype": self.dtype.name, "seed": self.seed}
        )
        return config

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> "Sequential":
        """The model that ``get_config`` describes; ``custom_objects`` has what is your own by name: ``load_model``."""
        return cls(**saving.deserialize(dict(config), custom_objects=custom_objects))

    def get_compile_config(self) -> dict[str, Any] | None:
        """What ``compile`` got, as JSON has it; None if the model is not compiled."""
        if self.optimizer is None:
            return None
        config: dict[str, Any] = saving.serialize(self._compiled_parts())
        return config

    def _compiled_parts(self) -> dict[str, Any]:
        made = [(m if isinstance(m, str) else metrics.get(m), weighted) for m, weighted in self._metrics]
        return {
            "optimizer": self.optimizer,
            "loss": self.loss,
            "loss_weights": None if self._loss_weight == 1.0 else self._loss_weight,
            "metrics": [m for m, weighted in made if not weighted],
            "weighted_metrics": [m for m, weighted in made if weighted],
        }

    def compile_from_config(self, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> None:
        """Compiles the model as ``get_compile_config`` says; ``custom_objects`` as in ``load_model``."""
        self.compile(**saving.deserialize(dict(config), custom_objects=custom_objects))

    def __reduce__(self) -> tuple[Any, ...]:
        """For pickle and copy: an equal model, by the bytes that ``save`` would write. Its history is left behind."""
        return saving.from_bytes, (saving.to_bytes(self), saving.custom_objects(self))

    # ---- a look at it ----

    def summary(self, print_fn: Callable[[str], Any] = print) -> None:
        """Prints the layers, their shapes and how many weights each has."""
        rows = [("Layer", "Output shape", "Weights")]
        widths = dict(self._widths(self._network.inputs)) if self._network else {}
        for layer in self._layers:
            activation = getattr(layer, "activation", None)
            kind = type(layer).__name__ + (f", {activation.name}" if activation else "")
            shape = f"(None, {layer._outputs(widths[layer])})" if layer in widths else "?"
            count = f"{layer.count_params():,}" if layer.built else "not built"
            rows.append((f"{layer.name} ({kind})", shape, count))
        columns = [max(len(row[i]) for row in rows) for i in range(3)]
        lines = [f"{a:<{columns[0]}}  {b:<{columns[1]}}  {c:>{columns[2]}}" for a, b, c in rows]
        rule = "-" * len(lines[0])
        total = "not built"
        if self._network:
            trained = sum(w.size for w in self.trainable_weights)
            total = f"{self.count_params():,} weights, {trained:,} of them trained, {self.dtype}"
        print_fn("\n".join([f"Model: {self.name}", rule, lines[0], rule, *lines[1:], rule, f"Total: {total}"]))

    def __repr__(self) -> str:
        return f"<Sequential {self.name}: {', '.join(map(repr, self._layers))}>"


_parts.TABLES["model"] = Registry("model", Sequential, {"Sequential": Sequential})


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _loss_weight(value: Any) -> float:
    """The factor of the one loss, from what Keras takes for several."""
    if value is None:
        return 1.0
    values = list(value.values()) if isinstance(value, Mapping) else _listed(value)
    if len(values) != 1:
        raise ValueError(f"loss_weights must be one number, for the model has one loss; got {value!r}")
    return _data.real(values[0], "loss_weights")


def _metric(identifier: Any, loss: losses.Loss, outputs: int | None) -> metrics.Metric:
    found = metrics.get(identifier, loss, outputs)
    if found.kernel is not None and found.sparse != loss.sparse:
        kinds = ("one value for each output", "labels")
        raise ValueError(
            f"metric {found.name} takes {kinds[found.sparse]} as targets; loss {loss.name} takes {kinds[loss.sparse]}"
        )
    return found


def _results(logs: dict[str, float], return_dict: bool) -> Any:
    if return_dict:
        return logs
    return logs["loss"] if len(logs) == 1 else list(logs.values())
