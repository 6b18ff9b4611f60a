"""fastbp: dense neural networks, trained by backpropagation and stochastic gradient descent on CPUs, fast.

The names are Keras's. ``fastbp.reference`` is the same in plain NumPy, to read.

>>> import fastbp
>>> model = fastbp.Sequential([fastbp.Dense(8, activation="relu"), fastbp.Dense(1)], seed=0)
>>> model.compile(optimizer=fastbp.SGD(learning_rate=0.1), loss="mean_squared_error")
>>> history = model.fit([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0], epochs=200)  # y = 2x + 1
>>> model.predict([[1.5]]).round(1)
array([[4.]], dtype=float32)
"""

from fastbp import (
    _threadpoolctl,
    activations,
    callbacks,
    constraints,
    converters,
    datasets,
    initializers,
    layers,
    losses,
    metrics,
    models,
    optimizers,
    plots,
    reference,
    regularizers,
    saving,
    tables,
    threads,
    tracing,
    utils,
)
from fastbp._core import __version__
from fastbp.callbacks import Callback, EarlyStopping, History
from fastbp.config import show_config
from fastbp.converters import from_keras, from_onnx, from_sklearn, from_torch, to_keras, to_torch
from fastbp.initializers import Initializer
from fastbp.layers import Dense, Input, Layer
from fastbp.losses import Loss
from fastbp.metrics import Metric
from fastbp.models import Sequential
from fastbp.optimizers import SGD, Adam, Optimizer
from fastbp.plots import plot_confusion, plot_network, plot_weights
from fastbp.regularizers import Regularizer
from fastbp.saving import load_model
from fastbp.threads import get_num_threads, num_threads, set_num_threads
from fastbp.tracing import Trace, check_gradients, explain

_threadpoolctl.register_once_imported()

__all__ = [
    "SGD",
    "Adam",
    "Callback",
    "Dense",
    "EarlyStopping",
    "History",
    "Initializer",
    "Input",
    "Layer",
    "Loss",
    "Metric",
    "Optimizer",
    "Regularizer",
    "Sequential",
    "Trace",
    "__version__",
    "activations",
    "callbacks",
    "check_gradients",
    "constraints",
    "converters",
    "datasets",
    "explain",
    "from_keras",
    "from_onnx",
    "from_sklearn",
    "from_torch",
    "get_num_threads",
    "initializers",
    "layers",
    "load_model",
    "losses",
    "metrics",
    "models",
    "num_threads",
    "optimizers",
    "plot_confusion",
    "plot_network",
    "plot_weights",
    "plots",
    "reference",
    "regularizers",
    "saving",
    "set_num_threads",
    "show_config",
    "tables",
    "threads",
    "to_keras",
    "to_torch",
    "tracing",
    "utils",
]
