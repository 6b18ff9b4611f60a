"""The dense layer."""

from typing import Any

import numpy as np

from fastbp import activations, constraints, initializers, regularizers
from fastbp.layers.activation import activation_specs
from fastbp.layers.base import Layer, Spec, Variable, Weight
from fastbp.layers.regularization import of_values, penalty_specs


class Dense(Layer):
    """y = activation(x·kernel + bias): every input feeds every unit.

    x (batch, in), kernel (in, units), bias (units), y (batch, units).

    Args:
        units: how many outputs.
        activation: its name, or an activation; None is linear.
        use_bias: whether there is a bias.
        kernel_initializer, bias_initializer: what the weights begin with.
        kernel_regularizer, bias_regularizer: penalties on the weights, added to the loss.
        activity_regularizer: a penalty on the outputs, added to the loss as a mean over the batch.
        kernel_constraint, bias_constraint: what the weights are put back to after each step.
        name, trainable: see ``Layer``.

    >>> Dense(32, activation="relu")
    <Dense 32 relu>
    """

    kind = "dense"
    kernel = Weight()
    bias = Weight()

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(name, trainable)
        if not isinstance(units, (int, np.integer)) or isinstance(units, bool) or units < 1:
            raise ValueError(f"units must be a whole number of at least 1; got {units!r}")
        self.units = int(units)
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.activity_regularizer = of_values(activity_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)

    def _outputs(self, inputs: int) -> int:
        return self.units

    def _specs(self, inputs: int) -> list[Spec]:
        activation, *others = activation_specs(self.activation)
        dense = {"kind": "dense", "units": self.units, "use_bias": self.use_bias}
        if activation["kind"] == "activation":  # computed with the product
            dense |= {"name": activation["name"], "settings": activation["settings"]}
        else:
            dense, others = dense | {"name": "linear"}, [activation, *others]
        return [dense, *others, *penalty_specs(self.activity_regularizer)]

    def _variables(self, inputs: int) -> list[Variable]:
        kernel = Variable(
            "kernel",
            (inputs, self.units),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        bias = Variable(
            "bias",
            (self.units,),
            self.bias_initializer,
            regularizer=self.bias_regularizer,
            constraint=self.bias_constraint,
        )
        return [kernel, bias] if self.use_bias else [kernel]

    def _numbers(self, inputs: int) -> int:
        return 2  # also without a bias, so that it changes no other layer's seeds

    def _has(self, name: str) -> bool:
        return name != "bias" or self.use_bias

    def __repr__(self) -> str:
        return f"<Dense {self.units} {self.activation.name}>"
