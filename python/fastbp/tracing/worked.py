"""Networks small enough to follow by hand."""

from fastbp.layers import Dense, Input, Layer
from fastbp.models import Sequential
from fastbp.optimizers import SGD
from fastbp.tracing.trace import Trace, explain

__all__ = ["relu_example", "sigmoid_example"]


def relu_example() -> Trace:
    """Two inputs, three ReLU nodes, one output: the prediction is 7, the target 4.

    The error is 3 and the loss its square, so the slope of the loss at the prediction is 2 · 3 = 6. It comes back
    through the weights −1, 3 and 2; but node 1 is off, for its sum is negative, and its weights have slope 0.

    >>> trace = relu_example()
    >>> trace.weight("output", 2, 0)
    weight from node 2 of hidden_1 to node 0 of output
      slope = value of the node feeding in × slope of the activation at the node fed into × slope of the loss at that \
node = 6 × 1 × 6 = 36
      new weight = weight − learning rate × slope = 2 − 0.01 × 36 = 1.64
    >>> trace.layer("hidden_1").sum_slopes
    array([[-6.,  0., 12.]])
    """
    layers: list[Layer | Input] = [Input((2,)), Dense(3, "relu", name="hidden_1"), Dense(1, name="output")]
    model = Sequential(layers, name="relu_example", dtype="float64")
    model.set_weights([[[1, 1, 2], [2, -2, 2]], [0, 0, 0], [[-1], [3], [2]], [0]])
    model.compile(SGD(learning_rate=0.01), "mean_squared_error")
    return explain(model, [1.0, 2.0], [4.0])


def sigmoid_example() -> Trace:
    """Two inputs, two sigmoid nodes, a sigmoid output. The slope of the sigmoid is s′ = s·(1 − s), from its own value.

    >>> node = sigmoid_example().layer("hidden_1")
    >>> node.values.round(4).tolist(), node.slopes.round(4).tolist()
    ([[0.5, 0.7311]], [[0.25, 0.1966]])
    """
    layers: list[Layer | Input] = [
        Input((2,)),
        Dense(2, "sigmoid", name="hidden_1"),
        Dense(1, "sigmoid", name="output"),
    ]
    model = Sequential(layers, name="sigmoid_example", dtype="float64")
    model.set_weights([[[2, 1], [-1, 0]], [0, 0], [[2], [-1]], [0]])
    model.compile(SGD(learning_rate=0.5), "mean_squared_error")
    return explain(model, [1.0, 2.0], [1.0])
