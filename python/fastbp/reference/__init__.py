"""Backpropagation in plain NumPy: what the fast core computes, written to be read.

Open network.py to see how a network learns. One step of training is

1. forward propagation: x → z = x·w + b → a = f(z), layer by layer, to a prediction;
2. the loss: how far the prediction is from the target;
3. backpropagation: the slope of the loss with respect to every weight, one layer at a time backwards. The slope of a
   weight is the product of three numbers: the value of the node that feeds into it (x), the slope of the activation at
   the node that it feeds into (f'(z)), and the slope of the loss with respect to that node's value (da);
4. the update: every weight moves against its slope, by slope times learning rate.

The same networks, losses, optimisers, shuffles and initial weights as in the core, in float64 unless asked otherwise. A
gradient is called d + its variable. This module imports nothing of the core, so the two can be compared.

>>> import numpy as np
>>> x, w, b = np.array([[1.0, 2.0]]), np.array([[0.5], [0.25]]), np.array([0.0])
>>> dense_forward(x, w, b)
array([[1.]])
>>> dx, dw, db = dense_backward(np.array([[6.0]]), x, w)
>>> dw.tolist()  # node value times slope: 1·6 and 2·6
[[6.0], [12.0]]
"""

from fastbp.reference import activations, layers, losses, network, optimizers, random
from fastbp.reference.activations import ACTIVATIONS
from fastbp.reference.layers import dense_backward, dense_forward
from fastbp.reference.losses import LOSSES, one_hot
from fastbp.reference.network import Network
from fastbp.reference.optimizers import OPTIMIZERS
from fastbp.reference.random import initial_kernel, philox4x32, shuffled_order

__all__ = [
    "ACTIVATIONS",
    "LOSSES",
    "OPTIMIZERS",
    "Network",
    "activations",
    "dense_backward",
    "dense_forward",
    "initial_kernel",
    "layers",
    "losses",
    "network",
    "one_hot",
    "optimizers",
    "philox4x32",
    "random",
    "shuffled_order",
]
